"""Candles for the runs in which defects are planted."""

import numpy as np

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.market.timeframes import HOUR_US, Timeframe

MONDAY_US = 1_515_369_600_000_000  # 2018-01-08 00:00 UTC


def random_candles(rng: np.random.Generator, n: int) -> CandleArrays:
    """Hourly candles of a random walk of 0.3 % a candle, with a gap of some 0.2 % at each open."""
    close = np.exp(np.cumsum(rng.normal(0, 0.003, n)))
    open_ = np.concatenate([[1.0], close[:-1]]) * (1 + rng.normal(0, 0.002, n))
    high = np.maximum(open_, close) * (1 + rng.uniform(0, 0.003, n))
    low = np.minimum(open_, close) * (1 - rng.uniform(0, 0.003, n))
    times = MONDAY_US + np.arange(n, dtype=np.int64) * HOUR_US
    return CandleArrays(times, open_, high, low, close, np.ones(n), Timeframe.H1)
