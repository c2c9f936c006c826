"""Synthetic shocks: the same candles, or costs, with something done to them from one row on. Pure; only the past sets a size.

`row` is the first candle that differs; all before it stay to the bit. A shocked candle is still one: prices are positive, high
and low enclose open and close. Every function raises `BadInputError` for rows it cannot be done to, and for a size that is none.
"""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from fxgpt_core.backtest.conditions import Conditions
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.costs import FxCosts

FloatArray = npt.NDArray[np.float64]

PRICES = ("open", "high", "low", "close")


def daily_range(candles: CandleArrays, row: int, days: int = 20) -> float:
    """Mean of log(high / low) over the last `days` FX days that were complete before `row`; raises `BadInputError` below that."""
    day = candles.fx_day[: row + 1]
    begins = np.flatnonzero(np.diff(day, prepend=day[0] - 1))
    if days < 1 or len(begins) <= days:
        raise BadInputError(
            f"{len(begins) - 1} complete FX days lie before row {row}, {days} are needed for a daily range; take a later row"
        )
    first, end = begins[-1 - days], begins[-1]
    starts = begins[-1 - days : -1] - first
    high = np.maximum.reduceat(candles.high[first:end], starts)
    low = np.minimum.reduceat(candles.low[first:end], starts)
    return float(np.mean(np.log(high / low)))


def jump(conditions: Conditions, row: int, move: float) -> Conditions:
    """The price opens `row` exp(`move`) times as high as it did and stays there: a gap, of which all that follows is part."""
    _check_rows(conditions.candles, row, 1)
    shift = np.full(len(conditions.candles) - row, _checked(move, "move", -math.inf))
    return conditions.with_candles(_moved(conditions.candles, row, (shift, shift, shift, shift)))


def flash_crash(conditions: Conditions, row: int, move: float, length: int) -> Conditions:
    """Within `length` candles the price goes exp(`move`) times as far and comes back, along two straight lines of log price.

    A single candle becomes a spike: its open and close stay. Nothing is changed behind it.
    """
    _check_rows(conditions.candles, row, length)
    edges = _checked(move, "move", -math.inf) * (1.0 - np.abs(2.0 * np.arange(length + 1) / length - 1.0))
    lowest, highest = np.minimum(edges[:-1], edges[1:]), np.maximum(edges[:-1], edges[1:])
    if length % 2:
        # The turn lies inside the middle candle.
        lowest[length // 2], highest[length // 2] = min(lowest[length // 2], move), max(highest[length // 2], move)
    return conditions.with_candles(_moved(conditions.candles, row, (edges[:-1], highest, lowest, edges[1:])))


def wilder(conditions: Conditions, row: int, times: float, length: int) -> Conditions:
    """Every move of log price within `length` candles is `times` as large, gaps between them too; what follows is joined on."""
    candles = conditions.candles
    _check_rows(candles, row, length)
    excess, anchor = _checked(times, "times", 0.0) - 1.0, math.log(candles.close[row - 1])
    after = np.full(len(candles) - row - length, excess * (math.log(candles.close[row + length - 1]) - anchor))
    within = slice(row, row + length)
    shifts = [np.concatenate([excess * (np.log(getattr(candles, name)[within]) - anchor), after]) for name in PRICES]
    return conditions.with_candles(_moved(candles, row, (shifts[0], shifts[1], shifts[2], shifts[3])))


def frozen(conditions: Conditions, row: int, length: int) -> Conditions:
    """The feed repeats the last close for `length` candles, without volume; the next candle has the true price again."""
    candles = conditions.candles
    _check_rows(candles, row, length)
    columns = {name: getattr(candles, name).copy() for name in (*PRICES, "volume")}
    for name in PRICES:
        columns[name][row : row + length] = candles.close[row - 1]
    columns["volume"][row : row + length] = 0.0
    return conditions.with_candles(replace(candles, **columns))


def missing(conditions: Conditions, row: int, length: int) -> Conditions:
    """`length` candles are not there; the swap of their nights is paid at the next one."""
    candles, costs = conditions.candles, conditions.costs
    _check_rows(candles, row, length)
    gone = slice(row, row + length)
    if isinstance(costs, FxCosts):
        swap_long, swap_short = (_owed(swap, len(candles), gone) for swap in (costs.swap_long, costs.swap_short))
        costs = replace(costs, swap_long=swap_long, swap_short=swap_short)
    left = np.delete(np.arange(len(candles)), gone)
    return replace(conditions, candles=candles.select(left), costs=costs.select(left))


def wide_spread(conditions: Conditions, row: int, times: float, length: int) -> Conditions:
    """The spread is `times` as wide in `length` candles, at their opens too.

    Raises `BadInputError` for flat costs, which know no single candle.
    """
    candles, costs = conditions.candles, conditions.costs
    _check_rows(candles, row, length)
    if not isinstance(costs, FxCosts):
        raise BadInputError("flat costs have one spread for all candles; give FxCosts to widen it in some")
    wider = np.ones(len(candles))
    wider[row : row + length] = _checked(times, "times", 0.0)
    open_spread = costs.open_spread * wider if len(costs.open_spread) else costs.open_spread
    return replace(conditions, costs=replace(costs, spread=costs.spread * wider, open_spread=open_spread))


def _moved(candles: CandleArrays, row: int, shifts: tuple[FloatArray, ...]) -> CandleArrays:
    """Candles with log prices shifted from `row` on: open, high, low, close, float64[M] each, M not beyond the end."""
    columns, stop = {name: getattr(candles, name).copy() for name in PRICES}, row + len(shifts[0])
    with np.errstate(over="ignore"):
        for name, shift in zip(PRICES, shifts, strict=True):
            columns[name][row:stop] *= np.exp(shift)
    parts = np.stack([columns[name][row:stop] for name in PRICES])
    if not (np.isfinite(parts).all() and (parts > 0.0).all()):
        raise BadInputError(f"a shock from row {row} on leaves prices that are no longer positive and finite; make it smaller")
    # The exponential of two equal shifts may differ in its last bit.
    columns["high"][row:stop], columns["low"][row:stop] = parts.max(axis=0), parts.min(axis=0)
    return replace(candles, **columns)


def _owed(swap: FloatArray, n: int, gone: slice) -> FloatArray:
    """Swap with what the candles `gone` would have paid added to the first one behind them."""
    owed = np.broadcast_to(swap, n).copy()
    owed[gone.stop] += owed[gone].sum()
    return owed


def _check_rows(candles: CandleArrays, row: int, length: int) -> None:
    if length < 1 or not 1 <= row < row + length < len(candles):
        raise BadInputError(
            f"a shock of {length} candles from row {row} found for {len(candles)} candles; at least one is needed, with a candle "
            "before the first and one behind the last; choose another row or a shorter shock"
        )


def _checked(size: float, name: str, above: float) -> float:
    if not (math.isfinite(size) and size > above):
        raise BadInputError(f"{name} is {size}; it must be finite{' and above 0' if above == 0.0 else ''}; correct the shock")
    return size
