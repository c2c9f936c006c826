"""From a symbol's quote currency to the currency of the account, as it was known at each candle's close."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.sessions import LONGEST_CLOSURE, open_market_us
from fxgpt_core.market.symbols import SYMBOLS, Symbol
from fxgpt_core.market.timeframes import HOUR_US

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

CURRENCIES = frozenset(currency for symbol in SYMBOLS.values() for currency in (symbol.base, symbol.quote))


@dataclass(frozen=True, eq=False)
class Closes:
    """The closes float64[N] of a symbol and when each was known (int64[N], UTC µs, ascending). Raises `BadInputError`."""

    symbol: Symbol
    known_at_us: IntArray
    close: FloatArray

    def __post_init__(self) -> None:
        times, close = self.known_at_us, self.close
        if len(times) != len(close) or (np.diff(times) <= 0).any() or not (np.isfinite(close) & (close > 0.0)).all():
            raise BadInputError(
                f"{len(close)} closes of {self.symbol.name} at {len(times)} times found; as many finite prices above 0 as times, "
                "and ascending times, are needed; check the candles"
            )


CONVERTING_CANDLES = "converting_candles"
"""The role, in the lineage of a search, of the candles whose closes turn profits into the account's currency."""


def joining_symbol(symbol: Symbol, account_currency: str) -> Symbol | None:
    """The symbol whose price turns the quote currency into that of the account; None where `symbol`'s own price does.

    EURGBP in an account of dollars needs GBPUSD. Raises `BadInputError` where fxgpt knows none.
    """
    if account_currency in (symbol.base, symbol.quote):
        return None
    for one in SYMBOLS.values():
        if {one.base, one.quote} == {symbol.quote, account_currency}:
            return one
    raise BadInputError(
        f"no symbol joins {symbol.quote}, the quote currency of {symbol.name}, with an account in {account_currency!r}; known "
        f"currencies: {', '.join(sorted(CURRENCIES))}; keep the account in one of them"
    )


def conversion_series(
    closes: Closes, account_currency: str, cross: Closes | None = None, stale_after: timedelta = LONGEST_CLOSURE
) -> FloatArray:
    """float64[N]: what one unit of the quote currency was worth in the account's currency when each close was known.

    1 where both are the same, 1 / close where the account is kept in the base currency; else by `cross`, the closes of
    `joining_symbol`, the last one known at or before each time. Raises `BadInputError` when `cross` is another symbol, is missing
    or not needed, begins too late, or is older than `stale_after` of open market.
    """
    needed = joining_symbol(closes.symbol, account_currency)
    if (cross.symbol if cross else None) != needed:
        given = f"the closes of {cross.symbol.name}" if cross else "no other closes"
        wanted = f"the closes of {needed.name}" if needed else "none"
        raise BadInputError(
            f"{given} found to convert {closes.symbol.name} into {account_currency}; needed: {wanted}; give exactly that"
        )
    if cross is None:
        return np.ones(len(closes.close)) if account_currency == closes.symbol.quote else 1.0 / closes.close
    price = _as_of(cross, closes.known_at_us, stale_after)
    return price if cross.symbol.quote == account_currency else 1.0 / price


def _as_of(cross: Closes, known_at_us: IntArray, stale_after: timedelta) -> FloatArray:
    row = np.searchsorted(cross.known_at_us, known_at_us, side="right") - 1
    early = np.flatnonzero(row < 0)
    if len(early):
        raise BadInputError(
            f"{cross.symbol.name} has no close known at {_iso(int(known_at_us[early[0]]))} or before; the conversion needs one "
            f"for every candle; give {cross.symbol.name} from an earlier day, or begin later"
        )
    age_us = open_market_us(known_at_us) - open_market_us(cross.known_at_us[row])
    stale = np.flatnonzero(age_us > stale_after // timedelta(microseconds=1))
    if len(stale):
        first, name = stale[0], cross.symbol.name
        raise BadInputError(
            f"the last close of {name} known at {_iso(int(known_at_us[first]))} is {age_us[first] / HOUR_US:.1f} hours of open "
            f"market old; at most {stale_after / timedelta(hours=1):g} are allowed; fill the hole in {name}"
        )
    return cross.close[row]


def _iso(time_us: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)).strftime("%Y-%m-%d %H:%M")
