"""Where the prices of a rehearsal come from: currencies that walk at random by a seed, and candles of one's own, played on."""

import math
from typing import Final, NamedTuple, Protocol

import numpy as np

from fxgpt_core.brokers.ctrader_simulator.bars import MINUTE_VOLATILITY, Minutes
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.market.spreads import session_spreads
from fxgpt_core.market.symbols import SYMBOLS, Symbol
from fxgpt_core.market.timeframes import MINUTE_US

STARTING_DOLLARS: Final = {
    "USD": 1.0, "EUR": 1.10, "GBP": 1.27, "JPY": 1 / 150, "CHF": 1.13, "AUD": 0.66, "NZD": 0.61, "CAD": 0.73, "XAU": 2400.0,
}  # fmt: skip
"""What a unit of each currency is worth in dollars when a walk begins."""
WEEK_US: Final = 7 * 24 * 60 * MINUTE_US
PRICES_OF_CANDLE: Final = 4


class Price(NamedTuple):
    """A quote of a symbol by name."""

    symbol: str
    bid: float
    ask: float


class PriceSource(Protocol):
    """Where quotes come from."""

    def after(self, seconds: float, now_us: int) -> list[Price]:
        """The quotes that come `seconds` of the market after those before; `now_us` is the time of the venue."""
        ...


def quoted_spread(symbol: Symbol, now_us: int) -> float:
    """The usual spread of a symbol at a time, not below a point."""
    usual = float(session_spreads(symbol, np.array([now_us], dtype=np.int64))[0])
    return max(usual, 10.0**-symbol.digits)


class CurrencyWalk:
    """Every symbol as the ratio of two currencies, each of which walks at random: crosses fit together."""

    def __init__(self, names: tuple[str, ...], seed: int) -> None:
        self._symbols = [SYMBOLS[name] for name in names]
        self._chance = np.random.default_rng(seed)
        self._dollars = dict(STARTING_DOLLARS)

    def after(self, seconds: float, now_us: int) -> list[Price]:
        """A quote of every symbol."""
        spread = MINUTE_VOLATILITY / math.sqrt(2.0) * math.sqrt(seconds / 60.0)
        for currency in self._dollars:
            self._dollars[currency] *= math.exp(self._chance.normal(0.0, spread))
        found = []
        for one in self._symbols:
            bid = round(self._dollars[one.base] / self._dollars[one.quote], one.digits)
            found.append(Price(one.name, bid, bid + quoted_spread(one, now_us)))
        return found


class CandlePlay:
    """The candles of one symbol played as quotes: open, the extreme nearer to it, the other one, close.

    The candles are taken to be those of now, a whole number of weeks later: what lies before now is the past. The last price
    stays when they are at an end.
    """

    def __init__(self, symbol: Symbol, candles: CandleArrays, now_us: int) -> None:
        self._symbol, self._candles = symbol, candles
        weeks = max(0, math.ceil((now_us - int(candles.open_time_us[-1])) / WEEK_US))
        self._shift_us = weeks * WEEK_US
        self._start = min(int(np.searchsorted(candles.open_time_us + self._shift_us, now_us)), len(candles) - 1)
        self._elapsed_s = 0.0
        self._played = 0

    @property
    def remaining(self) -> int:
        """Candles that have not been played to their end."""
        return len(self._candles) - self._start - self._played // PRICES_OF_CANDLE

    def past(self) -> Minutes:
        """The candles before now, as minutes at which they open."""
        rows = slice(0, self._start)
        found = self._candles
        prices = np.column_stack((found.open[rows], found.high[rows], found.low[rows], found.close[rows]))
        time = (found.open_time_us[rows] + self._shift_us) // MINUTE_US
        return Minutes(time, prices, np.maximum(1, found.volume[rows]).astype(np.int64))

    def after(self, seconds: float, now_us: int) -> list[Price]:
        """The quotes that have come due; the last one again where none has."""
        self._elapsed_s += seconds
        due = 1 + int(self._elapsed_s / (self._candles.timeframe.us / 1e6 / PRICES_OF_CANDLE))
        first = min(self._played, max(0, due - 1))
        self._played = min(due, (len(self._candles) - self._start) * PRICES_OF_CANDLE)
        return [self._price(number, now_us) for number in range(min(first, self._played - 1), self._played)]

    def _price(self, number: int, now_us: int) -> Price:
        row, place = divmod(number, PRICES_OF_CANDLE)
        row += self._start
        found = self._candles
        open_, high, low, close = (float(column[row]) for column in (found.open, found.high, found.low, found.close))
        nearer_low = open_ - low <= high - open_
        bid = (open_, low if nearer_low else high, high if nearer_low else low, close)[place]
        told = math.nan if found.spread is None else float(found.spread[row])
        return Price(self._symbol.name, bid, bid + (quoted_spread(self._symbol, now_us) if math.isnan(told) else told))
