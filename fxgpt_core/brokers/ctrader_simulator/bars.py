"""Trendbars of a venue: minutes of its own quotes behind a seeded past, put together into every period the protocol knows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fxgpt_core.brokers.ctrader_simulator.codes import Period
from fxgpt_core.brokers.ctrader_simulator.records import VenueQuote
from fxgpt_core.brokers.ctrader_simulator.shapes import relative
from fxgpt_core.brokers.ctrader_simulator.symbol_terms import SymbolTerms
from fxgpt_core.market.sessions import fx_clock_us
from fxgpt_core.market.timeframes import DAY_US, MINUTE_US

MINUTES: Final = {
    Period.M1: 1, Period.M2: 2, Period.M3: 3, Period.M4: 4, Period.M5: 5, Period.M10: 10, Period.M15: 15, Period.M30: 30,
    Period.H1: 60, Period.H4: 240, Period.H12: 720, Period.D1: 1440,
}  # fmt: skip
ON_FX_CLOCK: Final = frozenset({Period.H4, Period.H12, Period.D1, Period.W1, Period.MN1})
PAST_DAYS: Final = 30
MINUTE_VOLATILITY: Final = 0.00012
_MONDAY: Final = 3


@dataclass
class Minutes:
    """Minutes of a symbol: int64[N] open times (minutes since the epoch), float64[N,4] open, high, low, close, int64[N] ticks."""

    time: NDArray[np.int64]
    prices: NDArray[np.float64]
    ticks: NDArray[np.int64]


class BarStore:
    """The minutes of every symbol; a past is made when a symbol's first bar is asked for or its first quote comes."""

    def __init__(self, symbols: Mapping[int, SymbolTerms], seed: int, now_us: Callable[[], int]) -> None:
        self._symbols, self._seed, self._now_us = symbols, seed, now_us
        self._past: dict[int, Minutes] = {}
        self._recent: dict[int, list[list[float]]] = {}
        self._given: dict[int, Minutes] = {}

    def give(self, symbol_id: int, past: Minutes) -> None:
        """Let a symbol's past be these minutes in place of seeded ones."""
        self._given[symbol_id] = past
        self._past.pop(symbol_id, None)

    def add(self, quote: VenueQuote) -> None:
        """Take a quote into the forming minute; bars are made of the bid."""
        rows, minute = self._recent.setdefault(quote.symbol_id, []), quote.time_us // MINUTE_US
        if quote.symbol_id not in self._past:
            self._past[quote.symbol_id] = self._past_before(quote.symbol_id, minute, quote.bid)
        if rows and minute <= rows[-1][0]:
            row = rows[-1]
            row[2], row[3], row[4] = max(row[2], quote.bid), min(row[3], quote.bid), quote.bid
            row[5] += 1
        else:
            rows.append([minute, quote.bid, quote.bid, quote.bid, quote.bid, 1])

    def minutes(self, symbol_id: int) -> Minutes:
        """All minutes of a symbol, the forming one last; none before its first quote."""
        past = self._past.get(symbol_id)
        if past is None:
            return Minutes(np.empty(0, np.int64), np.empty((0, 4)), np.empty(0, np.int64))
        recent = np.array(self._recent[symbol_id])
        return Minutes(
            np.concatenate((past.time, recent[:, 0].astype(np.int64))),
            np.concatenate((past.prices, recent[:, 1:5])),
            np.concatenate((past.ticks, recent[:, 5].astype(np.int64))),
        )

    def bars(self, symbol_id: int, period: Period) -> Minutes:
        """Bars of a period, oldest first: up to H1 from the epoch on, from H4 on by the FX day of 17:00 New York."""
        found = self.minutes(symbol_id)
        if len(found.time) == 0:
            return found
        key, start = _grid(found.time, period)
        first = np.concatenate(([0], np.flatnonzero(np.diff(key)) + 1))
        last = np.concatenate((first[1:], [len(key)])) - 1
        prices = np.column_stack(
            (
                found.prices[first, 0],
                np.maximum.reduceat(found.prices[:, 1], first),
                np.minimum.reduceat(found.prices[:, 2], first),
                found.prices[last, 3],
            )
        )
        return Minutes(start[first], prices, np.add.reduceat(found.ticks, first))

    def forming(self, symbol_id: int, period: int) -> dict[str, Any]:
        """ProtoOATrendbar of the bar that is forming now."""
        return {**trendbar(self.bars(symbol_id, Period(period)), -1), "period": period}

    def _past_before(self, symbol_id: int, minute: int, price: float) -> Minutes:
        """A seeded past that ends at a price, in the minutes in which the market was open."""
        if symbol_id in self._given:
            return self._given[symbol_id]
        terms = self._symbols[symbol_id]
        time = np.arange(minute - PAST_DAYS * 1440, minute, dtype=np.int64)
        always = terms.schedule == ((0, 7 * 86_400),)
        time = time if always else time[_is_fx_week(time)]
        chance = np.random.default_rng([self._seed, symbol_id])
        steps = chance.normal(0.0, MINUTE_VOLATILITY, len(time))
        # Walked backwards from the price at which the present begins.
        close = price * np.exp(-np.concatenate((np.cumsum(steps[::-1])[::-1][1:], [0.0])))
        open_ = np.concatenate((close[:1], close[:-1]))
        reach = np.abs(chance.normal(0.0, MINUTE_VOLATILITY / 2, (2, len(time)))) * price
        prices = np.column_stack((open_, np.maximum(open_, close) + reach[0], np.minimum(open_, close) - reach[1], close))
        return Minutes(time, np.round(prices, terms.digits), chance.integers(1, 200, len(time)))


def trendbar(bars: Minutes, row: int) -> dict[str, Any]:
    """ProtoOATrendbar of one bar: the low, and what the other prices are above it."""
    open_, high, low, close = (relative(float(price)) for price in bars.prices[row])
    return {
        "volume": int(bars.ticks[row]),
        "low": low,
        "deltaOpen": open_ - low,
        "deltaHigh": high - low,
        "deltaClose": close - low,
        "utcTimestampInMinutes": int(bars.time[row]),
    }


def _grid(time: NDArray[np.int64], period: Period) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """int64[N] twice: which bar each minute belongs to, and the minute in which that bar begins."""
    if period not in ON_FX_CLOCK:
        size = MINUTES[period]
        return time // size, time // size * size
    clock = fx_clock_us(time * MINUTE_US)
    if period in MINUTES:
        size_us = MINUTES[period] * MINUTE_US
        return clock // size_us, time - clock % size_us // MINUTE_US
    days = clock // DAY_US
    if period is Period.W1:
        week = (days + _MONDAY) // 7
        return week, time - (clock - (week * 7 - _MONDAY) * DAY_US) // MINUTE_US
    month = days.astype("datetime64[D]").astype("datetime64[M]")
    begins = month.astype("datetime64[D]").astype(np.int64) * DAY_US
    return month.astype(np.int64), time - (clock - begins) // MINUTE_US


def _is_fx_week(time: NDArray[np.int64]) -> NDArray[np.bool_]:
    clock = fx_clock_us(time * MINUTE_US)
    return (clock // DAY_US + _MONDAY) % 7 < 5
