"""Freak windows planted into real candles: what a detector of anomalies has to find."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays

FloatArray = npt.NDArray[np.float64]
Prices = npt.NDArray[np.float64]
Freak = Callable[[Prices, slice, float, np.random.Generator], None]


def burst(prices: Prices, rows: slice, unit: float, rng: np.random.Generator) -> None:
    """A saw: closes jump 5 to 8 units up and down in turn, for 10 candles, with wicks as long again."""
    n = rows.stop - rows.start
    signs = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    _walk(prices, rows, signs * rng.uniform(5.0, 8.0, n) * unit, 6.0 * unit)


def frozen(prices: Prices, rows: slice, unit: float, rng: np.random.Generator) -> None:
    """A feed that stands still: every price is the close before, then the market is back where it would have been."""
    prices[rows] = prices[rows.start - 1, 3]


def spike(prices: Prices, rows: slice, unit: float, rng: np.random.Generator) -> None:
    """One close 15 units away, and back at the next."""
    sign = rng.choice((-1.0, 1.0))
    row = rows.stop - 2
    prices[row, 3] *= np.exp(sign * 15.0 * unit)
    prices[row + 1, 0] = prices[row, 3]
    _whole(prices, slice(row, row + 2))


def staircase(prices: Prices, rows: slice, unit: float, rng: np.random.Generator) -> None:
    """One step of one unit in one direction after the other, without wicks: each candle is ordinary, the run of them is not."""
    n = rows.stop - rows.start
    _walk(prices, rows, np.full(n, rng.choice((-1.0, 1.0)) * unit), 0.0)


def shuffled(prices: Prices, rows: slice, unit: float, rng: np.random.Generator) -> None:
    """The day turned round: its last candles come first, so that the quiet hours are busy and the busy ones quiet."""
    part = prices[rows][::-1]
    bodies = np.log(part[:, 3] / part[:, 0])
    above, below = np.log(part[:, 1] / part[:, [0, 3]].max(axis=1)), np.log(part[:, [0, 3]].min(axis=1) / part[:, 2])
    _walk(prices, rows, bodies, 0.0)
    prices[rows, 1] *= np.exp(above)
    prices[rows, 2] *= np.exp(-below)


FREAKS: Final[dict[str, tuple[Freak, int]]] = {
    "burst": (burst, 10),
    "frozen": (frozen, 12),
    "spike": (spike, 2),
    "staircase": (staircase, 24),
    "day reversed": (shuffled, 24),
}
"""By name: what is done to the prices, and to how many candles."""


def planted(candles: CandleArrays, name: str, last: int, seed: int) -> CandleArrays:
    """The candles up to and with row `last`, whose latest are a freak of this name."""
    freak, n = FREAKS[name]
    part = candles.slice(0, last + 1)
    prices = np.column_stack((part.open, part.high, part.low, part.close))
    rows = slice(last + 1 - n, last + 1)
    unit = float(np.abs(np.diff(np.log(part.close[max(0, rows.start - 241) : rows.start]))).mean())
    freak(prices, rows, unit, np.random.default_rng(seed))
    opened, high, low, close = (np.ascontiguousarray(column) for column in prices.T)
    return replace(part, open=opened, high=high, low=low, close=close)


def _walk(prices: Prices, rows: slice, moves: FloatArray, wick: float) -> None:
    """Candles that open at the close before and move by these log-returns, with wicks of this length."""
    close = prices[rows.start - 1, 3] * np.exp(np.cumsum(moves))
    prices[rows, 3] = close
    prices[rows, 0] = np.concatenate((prices[rows.start - 1 : rows.start, 3], close[:-1]))
    prices[rows, 1] = prices[rows][:, [0, 3]].max(axis=1) * np.exp(wick)
    prices[rows, 2] = prices[rows][:, [0, 3]].min(axis=1) * np.exp(-wick)


def _whole(prices: Prices, rows: slice) -> None:
    prices[rows, 1] = prices[rows].max(axis=1)
    prices[rows, 2] = prices[rows].min(axis=1)


def area_under_curve(freaks: FloatArray, others: FloatArray) -> float:
    """The probability that a freak has the higher score than another window, ties counted half (Hanley & McNeil 1982)."""
    ascending = np.sort(others)
    below = np.searchsorted(ascending, freaks, "left") + np.searchsorted(ascending, freaks, "right")
    return float(below.mean() / (2.0 * len(others)))
