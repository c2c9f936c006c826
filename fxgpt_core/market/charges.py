"""What a broker charges, and the costs that follow from it for each candle of a series, or for the one that came last."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.charge_values import read_charges, require_charges
from fxgpt_core.market.conversion import Closes, conversion_series
from fxgpt_core.market.costs import DEFAULT_COMMISSION, Costs, FxCosts
from fxgpt_core.market.fills import Terms
from fxgpt_core.market.spreads import known_spreads, session_spreads
from fxgpt_core.market.swaps import SwapRates, swap_per_unit
from fxgpt_core.market.symbols import Symbol

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LOT_UNITS = 100_000
"""Units of a standard lot of a currency pair."""
MARKUP = 0.01


@dataclass(frozen=True)
class Charges:
    """What an account is charged. The defaults are usual for a retail account: an assumption to be replaced by the account's own.

    `commission` is a fraction of the notional and `commission_per_lot` money in account currency for 100,000 units, each side.
    `slippage` is a share of the spread, and so is `impact`, of an order of `depth` units. `swap` without interest of the two
    currencies is what a broker adds to both sides. `stop_out`: equity over margin at which positions are closed. The spread is
    known from the candles, or that of `market.spreads`, × `spread_multiplier`. Raises `BadInputError` for numbers no account is
    charged, which `market.charge_values` tells one by one.
    """

    account_currency: str = "USD"
    commission: float = DEFAULT_COMMISSION
    commission_per_lot: float = 0.0
    slippage: float = 0.25
    impact: float = 0.5
    depth: float = 5_000_000.0
    swap: SwapRates = field(default_factory=lambda: SwapRates(MARKUP, MARKUP))
    stop_out: float = 0.5
    spread_multiplier: float = 1.0

    def __post_init__(self) -> None:
        require_charges(vars(self))

    @property
    def unit_commission(self) -> float:
        """Money in account currency for one unit, each side."""
        return self.commission_per_lot / LOT_UNITS

    def to_json(self) -> dict[str, Any]:
        """An object of every charge, of which `from_json` makes the same charges."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: object) -> "Charges":
        """The charges an object names, the others at their defaults. Raises `BadInputError` for other names and values."""
        return cls(**read_charges(values))


def account_charges(currency: str | None, values: Mapping[str, Any] | None) -> Charges:
    """What an account in `currency` is charged, where `values` name its own numbers, and at the defaults where they do not.

    Without `currency` the account is kept in that of `values`, or in the default. Raises `BadInputError` where both name one and
    they differ, and as `Charges.from_json` does.
    """
    given = Charges.from_json({} if values is None else values)
    if currency is None:
        return given
    asked = Charges.from_json({"account_currency": currency})
    if values and "account_currency" in values and given.account_currency != asked.account_currency:
        raise BadInputError(
            f"an account in {asked.account_currency} is asked for, and its charges are in {given.account_currency}; an account "
            "is kept in one currency; give the same, or name it once"
        )
    return replace(given, account_currency=asked.account_currency)


def charges_of_proposal(proposal: Mapping[str, Any]) -> Charges | None:
    """What a stored parameter set was searched under; None: flat costs, by the rules of PARITY."""
    return Charges.from_json(proposal["charges"]) if proposal.get("charges") else None


@dataclass(frozen=True)
class KnownCandle:
    """What costs depend on of one candle: when it opened and was known (UTC µs), its close, and its spread (None: not told)."""

    open_time_us: int
    known_at_us: int
    close: float
    spread: float | None = None


def charged(
    closes: Closes,
    open_time_us: IntArray,
    charges: Charges,
    *,
    spread: FloatArray | None = None,
    cross: Closes | None = None,
) -> FxCosts:
    """The costs of each candle float64[N]: `closes` and open times of the traded symbol, `spread` as candles tell it (NaN: not).

    A candle's own spread is that of its close, so that at its open counts that of the candle before; where a candle tells none,
    what is usual at its open and in its middle. `cross`: closes of the symbol that joins quote and account currency. Raises
    `BadInputError` as the functions of `market.spreads`, `swaps` and `conversion` do.
    """
    if len(open_time_us) != len(closes.close):
        raise BadInputError(
            f"{len(open_time_us)} open times found for {len(closes.close)} closes; give those of the same candles"
        )
    return _charged(closes, open_time_us, charges, spread, conversion_series(closes, charges.account_currency, cross))


def charged_last(symbol: Symbol, last: KnownCandle, before: KnownCandle | None, charges: Charges) -> FxCosts:
    """The costs of one candle, a number each, as `charged` has them for a series that ends with it; its conversion is left at 1.

    Of what came earlier only the candle `before` counts; None where there is none. Raises `BadInputError` as the functions of
    `market.spreads` and `swaps` do.
    """
    rows = [last] if before is None else [before, last]
    open_time_us, known_at_us = (np.array([getattr(row, name) for row in rows]) for name in ("open_time_us", "known_at_us"))
    spread = np.array([math.nan if row.spread is None else row.spread for row in rows])
    closes = Closes(symbol, known_at_us, np.array([row.close for row in rows]))
    return _charged(closes, open_time_us, charges, spread, np.ones(1)).select(slice(-1, None))


def terms_of(costs: Costs | FxCosts | Charges, cash: float, leverage: float) -> Terms:
    """An account with `cash`, and what it is charged, as the fill rule takes them: by the rules of PARITY if costs are flat."""
    if isinstance(costs, Costs):
        return Terms(cash, leverage, parity=True, entry_spread=float(costs.spread), commission=float(costs.commission))
    return Terms(
        cash,
        leverage,
        parity=False,
        commission=float(costs.commission),
        unit_commission=float(costs.unit_commission),
        slippage=float(costs.slippage),
        impact=float(costs.impact),
        depth=float(costs.depth),
        stop_out=float(costs.stop_out),
    )


def _charged(
    closes: Closes, open_time_us: IntArray, charges: Charges, spread: FloatArray | None, conversion: FloatArray
) -> FxCosts:
    at_open = session_spreads(closes.symbol, open_time_us)
    within = session_spreads(closes.symbol, open_time_us + (closes.known_at_us - open_time_us) // 2)
    if spread is not None:
        before = np.concatenate(([np.nan], spread[:-1]))
        at_open = known_spreads(before, at_open)
        within = known_spreads(spread, within)
    swap_long, swap_short = swap_per_unit(open_time_us, closes.close, closes.symbol, charges.swap)
    return FxCosts(
        spread=within * charges.spread_multiplier,
        open_spread=at_open * charges.spread_multiplier,
        swap_long=swap_long,
        swap_short=swap_short,
        conversion=conversion,
        commission=charges.commission,
        unit_commission=charges.unit_commission,
        slippage=charges.slippage,
        impact=charges.impact,
        depth=charges.depth,
        stop_out=charges.stop_out,
    )
