"""What the paper broker asks and bids in one candle, by what was known at its close, or in one quote."""

import math
import sqlite3
from dataclasses import dataclass, replace

import numpy as np

from fxgpt_core.brokers.broker import Quote
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
    `quoted_at_us` is when it was told, of a quote only.
    """

    candle: Candle
    swap_long: float = 0.0
    swap_short: float = 0.0
    unknown: str = ""
    quoted_at_us: int | None = None


def quote_of(name: str, bid: float, ask: float, time_us: int, cross: Closes | None = None) -> PlayedCandle:
    """A quote as a candle of one price, known at once. Raises `BadInputError` for prices that are none, or crossed."""
    if not 0.0 < bid <= ask < math.inf:
        raise BadInputError(f"{name} was quoted {bid} to {ask}; 0 < bid <= ask is needed: leave such a quote out")
    return PlayedCandle(name, time_us, time_us, bid, bid, bid, bid, ask - bid, cross)


def close_of(mark: sqlite3.Row, time_us: int) -> Closes:
    """What a joining symbol was last marked at in the book, as its close known at a time."""
    return Closes(symbol(mark["symbol"]), np.array([time_us]), np.array([mark["close"]]))


def mark_as_quote(mark: sqlite3.Row) -> Quote | None:
    """The last price of a symbol in the book; None while its worth in the account's money is not known."""
    bid, spread = mark["close"], mark["spread"]
    return None if mark["conversion"] is None else Quote(spread, mark["conversion"], bid, bid + spread, mark["quoted_at_us"])


def quoted_now(played: PlayedCandle, before: sqlite3.Row | None, costs: Costs | Charges, currency: str) -> QuotedCandle:
    """A quote by the costs of its symbol, as `quoted`; its spread is its own from the first moment on."""
    as_candle = quoted(played, before, costs, currency)
    candle = as_candle.candle._replace(open_spread=as_candle.candle.spread)
    return replace(as_candle, candle=candle, quoted_at_us=played.open_time_us)


def quoted(played: PlayedCandle, before: sqlite3.Row | None, costs: Costs | Charges, currency: str) -> QuotedCandle:
    """A candle by the costs of its symbol, for an account in `currency`; `before` is the book's mark of the candle before it.

    Raises `BadInputError` for a spread that is negative or not finite.
    """
    prices = (float(played.open), float(played.high), float(played.low), float(played.close))
    conversion, unknown = _conversion(played, before, currency)
    if isinstance(costs, Costs):
        return QuotedCandle(Candle(0, *prices, 0.0, 0.0, conversion), unknown=unknown)
    last = KnownCandle(played.open_time_us, played.known_at_us, played.close, played.spread)
    # The candle before was known when this one opened, at the latest; a quote is known in the moment it opens.
    known_us = min(played.open_time_us, played.known_at_us - 1)
    earlier = None
    if before is not None:
        earlier = KnownCandle(before["open_time_us"], known_us, before["close"], before["told_spread"])
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
