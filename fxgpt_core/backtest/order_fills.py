"""When and at what price an order of the book fills within one candle.

Candles are single prices. A missing price is NaN.
Every operation and its order are those that backtesting.py 0.6.6 shows in its results, to the last bit; keep fastmath off.
"""

import math
from typing import NamedTuple

import numpy as np

from fxgpt_core.backtest.order_account import Fill, Records, Terms
from fxgpt_core.compiled import inlined, uncounted
from fxgpt_core.market.fills import entry_price

QUOTE = np.dtype([(name, np.float64) for name in ("open", "high", "low", "close")], align=True)
"""One candle in quote currency."""


class Candle(NamedTuple):
    """One candle, and the close `before` it."""

    open: float
    high: float
    low: float
    before: float


class Entry(NamedTuple):
    """An order for an entry: `side` 1 or -1, `size` whole units or a fraction of the margin; the prices may be missing."""

    side: int
    size: float
    limit: float
    stop: float
    stop_loss: float
    take_profit: float


class Entered(NamedTuple):
    """The fill of an entry: `price` without the relative spread, `paid` with it, and the number of the candle."""

    price: float
    paid: float
    candle: int


@inlined
def candle_at(quotes: Records, i: int) -> Candle:
    """Candle `i` > 0."""
    return Candle(quotes[i].open, quotes[i].high, quotes[i].low, quotes[i - 1].close)


@inlined
def is_market(entry: Entry) -> bool:
    """Whether neither a limit nor a stop has to be reached."""
    return math.isnan(entry.limit) and math.isnan(entry.stop)


@inlined
def stop_reached(entry: Entry, candle: Candle) -> bool:
    """Whether the candle touches the stop of a stop or stop-limit order."""
    return candle.high >= entry.stop if entry.side > 0 else candle.low <= entry.stop


@inlined
def limit_reached(entry: Entry, candle: Candle, terms: Terms) -> bool:
    """Whether the candle touches the limit, and not, when its stop is reached only now, a limit that lay before the stop.

    With `limit_or_better` the price that must touch it includes the spread.
    """
    price = candle.low if entry.side > 0 else candle.high
    if terms.limit_or_better:
        price = entry_price(entry.side, price, terms.spread)
    if entry.side > 0:
        return price <= entry.limit and not entry.limit <= entry.stop
    return price >= entry.limit and not entry.limit >= entry.stop


@uncounted
def entered(entry: Entry, candle: Candle, terms: Terms, i: int) -> Entered:
    """The fill in candle `i` of an entry whose stop and limit, if any, are reached in it."""
    price = _price_met(entry, candle, terms)
    paid = entry_price(entry.side, price, terms.spread)
    if terms.limit_or_better and not math.isnan(entry.limit):
        paid = _better(entry.side, paid, entry.limit)
    return Entered(price, paid, i - 1 if terms.trade_on_close and is_market(entry) else i)


@uncounted
def _price_met(entry: Entry, candle: Candle, terms: Terms) -> float:
    if is_market(entry):
        return candle.before if terms.trade_on_close else candle.open
    price = candle.open
    if not math.isnan(entry.stop):
        price = _stop_price(entry, candle, terms)
    return price if math.isnan(entry.limit) else _better(entry.side, price, entry.limit)


@inlined
def _stop_price(entry: Entry, candle: Candle, terms: Terms) -> float:
    """What a stop order pays: its stop, or the open that gapped over it; backtesting.py does not always look at the open."""
    if terms.limit_or_better:
        return _worse(entry.side, candle.open, entry.stop)
    if math.isnan(entry.limit):
        return _worse(entry.side, candle.before if terms.trade_on_close else candle.open, entry.stop)
    return entry.stop


@inlined
def _better(side: int, price: float, other: float) -> float:
    return min(price, other) if side > 0 else max(price, other)


@inlined
def _worse(side: int, price: float, other: float) -> float:
    return max(price, other) if side > 0 else min(price, other)


@inlined
def closed_at_market(candle: Candle, terms: Terms, i: int) -> Fill:
    """The fill in candle `i` of an order to close."""
    return Fill(candle.before, i - 1) if terms.trade_on_close else Fill(candle.open, i)
