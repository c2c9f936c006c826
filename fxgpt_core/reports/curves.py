"""The lines of the charts, thinned so that no peak and no trough is lost."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.reports.contents import BacktestReport

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SPANS = 3_000
"""Into how many spans a line is cut at most: more than a screen has columns of dots."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A line through K points: `time_us` int64[K], `value` float64[K]."""

    time_us: IntArray
    value: FloatArray


@dataclass(frozen=True, eq=False)
class Ranges:
    """K spans of at most `candles` candles each, from when the first opened: lowest low and highest high, float64[K]."""

    time_us: IntArray
    low: FloatArray
    high: FloatArray
    candles: int


def equity(report: BacktestReport) -> Curve:
    """The equity at closes, from the cash at the first open."""
    return _from_start(report, report.result.equity, report.result.cash)


def buy_and_hold(report: BacktestReport) -> Curve:
    """What the cash had become in the symbol, bought at the first open without leverage and costs, at closes."""
    candles, cash = report.candles, report.result.cash
    return _from_start(report, cash * candles.close / candles.open[0], cash)


def drawdown(report: BacktestReport) -> Curve:
    """How far the equity at closes is below its peak so far, the cash counted, in percent: 0 or negative."""
    equity_, cash = report.result.equity, report.result.cash
    peak = np.maximum(np.maximum.accumulate(equity_), cash)
    return _from_start(report, 100.0 * (equity_ / peak - 1.0), 0.0)


def closes(candles: CandleArrays) -> Curve:
    """The closes, each at the open time of its candle, where its trades stand too."""
    return thinned(Curve(candles.open_time_us, candles.close))


def price_ranges(candles: CandleArrays) -> Ranges:
    """The range of the price in each span."""
    edges = spans(len(candles))
    starts = edges[:-1]
    return Ranges(
        time_us=candles.open_time_us[starts],
        low=np.minimum.reduceat(candles.low, starts),
        high=np.maximum.reduceat(candles.high, starts),
        candles=int(np.diff(edges).max()),
    )


def thinned(curve: Curve) -> Curve:
    """First and last point, and of each span the lowest and the highest, in order of time."""
    edges = spans(len(curve.value)).tolist()
    pairs = list(pairwise(edges))
    lowest = [start + int(np.argmin(curve.value[start:stop])) for start, stop in pairs]
    highest = [start + int(np.argmax(curve.value[start:stop])) for start, stop in pairs]
    rows = np.unique([0, *lowest, *highest, len(curve.value) - 1])
    return Curve(curve.time_us[rows], curve.value[rows])


def spans(n: int) -> IntArray:
    """int64[K+1]: the edges of K = min(n, `SPANS`) spans of n ≥ 1 rows, as equal as whole rows allow."""
    n_spans = min(n, SPANS)
    return np.arange(n_spans + 1, dtype=np.int64) * n // n_spans


def _from_start(report: BacktestReport, values: FloatArray, start: float) -> Curve:
    candles = report.candles
    return thinned(Curve(np.concatenate([candles.open_time_us[:1], candles.known_at_us]), np.concatenate([[start], values])))
