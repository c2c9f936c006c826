"""The values an account's charges can have, and how a JSON object names them."""

import math
from collections.abc import Mapping
from typing import Any, Final

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.costs import MAX_COST
from fxgpt_core.market.swaps import MAX_RATE, SwapRates

MAX_STOP_OUT: Final = 30.0
"""At this equity over margin an account of the usual leverage of 30 could hold no more than it owns: percent, most likely."""

WANTED: Final = {
    "account_currency": "three letters, such as EUR",
    "commission": f"a fraction of the notional, each side, in [0, {MAX_COST}): 0.00002 is 0.002 %",
    "commission_per_lot": "money in account currency for 100,000 units, each side, at least 0",
    "slippage": "a share of the spread, at least 0",
    "impact": "a share of the spread for an order of depth units, at least 0",
    "depth": "units, above 0",
    "swap": (
        'an object {"long": 0.031, "short": -0.012} of fractions of the notional a year, both between '
        f"-{MAX_RATE} and {MAX_RATE}, positive where it is paid"
    ),
    "stop_out": f"equity over margin, in [0, {MAX_STOP_OUT:g}): 0.5 is 50 %, 0 is never",
    "spread_multiplier": "how many times the spread is paid, at least 0",
}
"""What each charge is, with its unit and its bounds."""

NUMBERS: Final = tuple(name for name in WANTED if name not in ("account_currency", "swap"))
_BELOW: Final = {"commission": MAX_COST, "stop_out": MAX_STOP_OUT}


def require_charges(values: Mapping[str, Any]) -> None:
    """Raises `BadInputError` where the currency or one of the `NUMBERS` among `values` cannot be that of an account."""
    currency = values["account_currency"]
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper()):
        raise _cannot_be("account_currency", currency)
    for name in NUMBERS:
        value = values[name]
        enough = value > 0.0 if name == "depth" else value >= 0.0
        if not (enough and value < _BELOW.get(name, math.inf)):
            raise _cannot_be(name, value)


def read_charges(values: object) -> dict[str, Any]:
    """The charges a JSON object names, as `Charges` takes them; a currency may be in small letters.

    Raises `BadInputError` for what is no object, has other names than those of `WANTED`, or values of another type.
    """
    if not isinstance(values, Mapping):
        raise BadInputError(f"charges are {_type(values)}; an object of names and values is needed, of {_allowed()}")
    unknown = sorted(set(map(str, values)) - set(WANTED))
    if unknown:
        raise BadInputError(f"charges name {', '.join(unknown)}; allowed are {_allowed()}; correct the name, or remove it")
    return {name: _typed(name, value) for name, value in values.items()}


def _typed(name: str, value: object) -> str | float | SwapRates:
    try:
        if name == "swap":
            return _swap_rates(value)
        return _currency(value) if name == "account_currency" else _number(value)
    except (TypeError, OverflowError) as error:
        raise _cannot_be(name, value) from error


def _currency(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("letters are needed")
    return value.upper()


def _swap_rates(value: object) -> SwapRates:
    if not isinstance(value, Mapping) or set(value) != {"long", "short"}:
        raise TypeError("both sides are needed, and nothing else")
    return SwapRates(_number(value["long"]), _number(value["short"]))


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("a number is needed")
    return float(value)


def _cannot_be(name: str, value: object) -> BadInputError:
    return BadInputError(
        f"{name} of the charges is {value!r}; needed: {WANTED[name]}; correct it, or leave it out for the default"
    )


def _allowed() -> str:
    return "; ".join(f"{name} ({wanted})" for name, wanted in WANTED.items())


def _type(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
