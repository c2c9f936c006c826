"""What the paper broker asks and bids in one candle, by what was known at its close."""

import sqlite3
from dataclasses import dataclass

import numpy as np

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.charges import Charges, KnownCandle, charged_last
from fxgpt_core.market.conversion import Closes, conversion_series
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.positions import Candle
from fxgpt_core.market.symbols import symbol


@dataclass(frozen=True)
class PlayedCandle:
    """One complete candle of a symbol: times in µs since the epoch, prices of the bid in quote currency.

    `spread` is what the ask was above the bid at the close, None where the provider does not tell; `cross` the closes of the
    symbol that joins the quote currency and the account's, None where none is needed or known.
    """

    symbol: str
    open_time_us: int
    known_at_us: int
    open: float
    high: float
    low: float
    close: float
    spread: float | None = None
    cross: Closes | None = None


@dataclass(frozen=True)
class QuotedCandle:
    """A candle as the fill rule takes it, and what a unit pays for the nights before it, in quote currency.

    `unknown`: why its conversion is not known, empty if it is. The last one known counts then; without one it is NaN.
    """

    candle: Candle
    swap_long: float = 0.0
    swap_short: float = 0.0
    unknown: str = ""


def quoted(played: PlayedCandle, before: sqlite3.Row | None, costs: Costs | Charges, currency: str) -> QuotedCandle:
    """A candle by the costs of its symbol, for an account in `currency`; `before` is the book's mark of the candle before it.

    Raises `BadInputError` for a spread that is negative or not finite.
    """
    prices = (float(played.open), float(played.high), float(played.low), float(played.close))
    conversion, unknown = _conversion(played, before, currency)
    if isinstance(costs, Costs):
        return QuotedCandle(Candle(0, *prices, 0.0, 0.0, conversion), unknown=unknown)
    last = KnownCandle(played.open_time_us, played.known_at_us, played.close, played.spread)
    # The candle before was known when this one opened, at the latest.
    earlier = None
    if before is not None:
        earlier = KnownCandle(before["open_time_us"], played.open_time_us, before["close"], before["told_spread"])
    charged = charged_last(symbol(played.symbol), last, earlier, costs)
    candle = Candle(0, *prices, float(charged.open_spread[0]), float(charged.spread[0]), conversion)
    return QuotedCandle(candle, float(charged.swap_long[0]), float(charged.swap_short[0]), unknown)


def _conversion(played: PlayedCandle, before: sqlite3.Row | None, currency: str) -> tuple[float, str]:
    """What a unit of quote currency was worth when the candle was known; else the last one known, NaN if none, and why."""
    closes = Closes(symbol(played.symbol), np.array([played.known_at_us]), np.array([played.close]))
    try:
        return float(conversion_series(closes, currency, played.cross)[0]), ""
    except BadInputError as error:
        known = None if before is None else before["conversion"]
        return np.nan if known is None else float(known), str(error)
