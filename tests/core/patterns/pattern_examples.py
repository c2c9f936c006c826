"""Candles for the tests of patterns: drawn by hand along straight lines, random, and real."""

from collections.abc import Sequence

import numpy as np

from fxgpt_core.candles.arrays import CandleArrays, candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.market.timeframes import HOUR_US, Timeframe

MONDAY_US = 1_515_362_400_000_000  # 2018-01-07 22:00 UTC: the FX week begins


def open_hours(n: int) -> np.ndarray:
    """int64[n]: hours of the FX week in winter, so that no hole lies between them."""
    hour = np.arange(n)
    return MONDAY_US + (hour // 120 * 168 + hour % 120) * HOUR_US


def candles_of(close: np.ndarray, shadow: float = 0.0, volume: np.ndarray | None = None) -> CandleArrays:
    """Candles that open at the close before, with shadows of a length."""
    opened = np.concatenate((close[:1], close[:-1]))
    high, low = np.maximum(opened, close) + shadow, np.minimum(opened, close) - shadow
    return CandleArrays(
        open_hours(len(close)), opened, high, low, close, np.ones(len(close)) if volume is None else volume, Timeframe.H1
    )


def drawn(corners: Sequence[tuple[int, float]]) -> np.ndarray:
    """Closes along straight lines between corners (row, price)."""
    rows, prices = zip(*corners, strict=True)
    return np.interp(np.arange(rows[-1] + 1), rows, prices)


def random_walk(n: int, seed: int) -> CandleArrays:
    """Hourly candles of four steps each, of 0.1 % a candle, with small gaps between them and a volume of their own."""
    rng = np.random.default_rng(seed)
    path = 1.1 * np.exp(np.cumsum(rng.standard_normal(4 * n) * 0.0005)).reshape(n, 4)
    close = path[:, -1]
    opened = np.concatenate((path[:1, 0], close[:-1])) * np.exp(0.0002 * rng.standard_normal(n))
    high, low = np.maximum(path.max(axis=1), opened), np.minimum(path.min(axis=1), opened)
    return CandleArrays(open_hours(n), opened, high, low, close, rng.gamma(4.0, 250.0, n), Timeframe.H1)


def sample(n: int = 5000) -> CandleArrays:
    """The first n of the 5,000 real candles that the project ships."""
    return candle_arrays(SampleProvider().candles("EURUSD", Timeframe.H1).head(n), Timeframe.H1)


def upside_down(candles: CandleArrays, around: float) -> CandleArrays:
    """The candles mirrored at a price; exact where the prices and the mirror are dyadic."""
    return CandleArrays(
        candles.open_time_us, 2 * around - candles.open, 2 * around - candles.low, 2 * around - candles.high,
        2 * around - candles.close, candles.volume, candles.timeframe,
    )  # fmt: skip
