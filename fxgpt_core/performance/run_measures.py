"""The measures of one run, compiled: a search takes them of hundreds of windows a trial.

Sums are taken in the order of numpy's, in halves down to blocks of 128 that eight running sums share, so that many small
numbers keep their digits (Higham, The accuracy of floating point summation, 1993).
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core.compiled import compiled, uncounted
from fxgpt_core.market.timeframes import HOUR_US
from fxgpt_core.performance.ratios import RATIO_LIMIT

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_BLOCK = 128
_DEPTH = 128
_ADD = -1


class Run(NamedTuple):
    """T trades in the order of their exits: `profit` after costs and `costs`, float64[T] in account currency, `held_us` int64[T].

    `equity` float64[N] at closes, begun with `cash`; `day_ends` int64[P]: the last row of each FX day; `days_a_year` of these;
    `risk_free_rate` is a fraction a year.
    """

    profit: FloatArray
    costs: FloatArray
    held_us: IntArray
    equity: FloatArray
    cash: float
    day_ends: IntArray
    days_a_year: float
    risk_free_rate: float


@compiled
def run_measures(run: Run) -> FloatArray:
    """float64[20]: the fields of `Metrics` in their order."""
    found = np.zeros(20)
    returns = day_returns(run.equity, run.cash, run.day_ends)
    money, fraction = deepest_fall(run.equity, run.cash)
    total = run.equity[-1] - run.cash if len(run.equity) > 0 else 0.0
    found[0], found[1] = total, 100.0 * total / run.cash
    found[5], found[6], found[18] = money, 100.0 * fraction, len(returns)
    if len(run.profit) > 0:
        excess, a_year = returns - run.risk_free_rate / run.days_a_year, run.days_a_year
        spread, mean = _deviation(excess), _total(excess) / len(excess)
        sharpe = _ratio(mean, spread) if spread > 0.0 else 0.0
        below = np.minimum(excess, 0.0)
        found[2], found[19] = _held(sharpe * math.sqrt(a_year)), sharpe
        found[3] = _held(_ratio(mean, math.sqrt(_total(below * below) / len(below))) * math.sqrt(a_year))
        found[4] = _ratio(_total(returns) / len(returns) * a_year, fraction)
        _measure_trades(run, found)
    return found


@compiled
def day_returns(equity: FloatArray, cash: float, day_ends: IntArray) -> FloatArray:
    """float64[P]: what became of the equity on each day, as a fraction of it; 0 where there was nothing to begin with."""
    found, opening = np.zeros(len(day_ends)), cash
    for day in range(len(day_ends)):
        closing = equity[day_ends[day]]
        if opening > 0.0:
            found[day] = (closing - opening) / opening
        opening = closing
    return found


@compiled
def deepest_fall(equity: FloatArray, cash: float) -> tuple[float, float]:
    """The deepest fall from a peak in money, and as a fraction of it."""
    peak, money, fraction = cash, 0.0, 0.0
    for value in equity:
        peak = max(peak, value)
        money = max(money, peak - value)
        # A quotient takes longer than all the rest, and few falls are deeper than those before.
        if peak - value > fraction * peak:
            fraction = 1.0 - value / peak
    return money, fraction


@compiled
def _measure_trades(run: Run, found: FloatArray) -> None:
    profit, n = run.profit, len(run.profit)
    won = profit > 0.0
    wins, losses, before = profit[won], profit[~won], profit + run.costs
    costs = _total(run.costs)
    found[7] = len(wins) / n
    found[8] = _ratio(_total(wins), -_total(losses))
    found[9], found[10], found[11] = n, len(wins), len(losses)
    found[12] = _total(wins) / len(wins) if len(wins) > 0 else 0.0
    found[13] = -(_total(losses) / len(losses)) if len(losses) > 0 else 0.0
    found[14], found[15] = _total(profit) / n, costs
    found[16] = run.held_us.sum() / n / HOUR_US
    found[17] = min(max(_ratio(costs, _total(before[before > 0.0])), 0.0), 1.0)


@compiled
def _deviation(values: FloatArray) -> float:
    """`ratios.deviation`."""
    if len(values) < 2 or values.min() == values.max():
        return 0.0
    far = values - _total(values) / len(values)
    return math.sqrt(_total(far * far) / (len(values) - 1))


@uncounted
def _ratio(above: float, below: float) -> float:
    """`ratios.ratio`."""
    if below > 0.0:
        return _held(above / below)
    return math.copysign(RATIO_LIMIT, above) if above != 0.0 else 0.0


@uncounted
def _held(value: float) -> float:
    """`ratios.held`."""
    return min(max(value, -RATIO_LIMIT), RATIO_LIMIT)


@compiled
def _total(values: FloatArray) -> float:
    if len(values) <= _BLOCK:
        return 0.0 + _block(values, 0, len(values))
    # No function that calls itself: numba cannot keep one on disk, and what it loads of it crashes.
    first, size, n = np.empty(_DEPTH, np.int64), np.empty(_DEPTH, np.int64), 1
    sums, found = np.empty(_DEPTH), 0
    first[0], size[0] = 0, len(values)
    while n > 0:
        n -= 1
        start, length = first[n], size[n]
        if length == _ADD:
            found -= 1
            sums[found - 1] += sums[found]
        elif length <= _BLOCK:
            sums[found] = _block(values, start, length)
            found += 1
        else:
            half = length // 2
            half -= half % 8
            size[n], first[n + 1], size[n + 1], first[n + 2], size[n + 2] = _ADD, start + half, length - half, start, half
            n += 3
    return float(sums[0])


@uncounted
def _block(values: FloatArray, first: int, n: int) -> float:
    if n < 8:
        total = -0.0
        for i in range(first, first + n):
            total += values[i]
        return total
    a, b, c, d = values[first], values[first + 1], values[first + 2], values[first + 3]
    e, f, g, h = values[first + 4], values[first + 5], values[first + 6], values[first + 7]
    whole = first + n - n % 8
    for i in range(first + 8, whole, 8):
        a, b, c, d = a + values[i], b + values[i + 1], c + values[i + 2], d + values[i + 3]
        e, f, g, h = e + values[i + 4], f + values[i + 5], g + values[i + 6], h + values[i + 7]
    total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for i in range(whole, first + n):
        total += values[i]
    return float(total)
