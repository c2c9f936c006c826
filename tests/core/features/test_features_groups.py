"""Every feature against a formula written out with numpy or pandas, one window at a time."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from fxgpt_core.candles.arrays import CandleArrays, candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.features.matrix import FEATURES, WARM_UP, features
from fxgpt_core.market.timeframes import Timeframe

ROWS = 1500
Column = np.ndarray


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return SampleProvider().candles("EURUSD", Timeframe.H1).head(ROWS)


@pytest.fixture(scope="module")
def candles(frame: pl.DataFrame) -> CandleArrays:
    return candle_arrays(frame, Timeframe.H1)


@pytest.fixture(scope="module")
def matrix(frame: pl.DataFrame) -> pl.DataFrame:
    return features(frame, Timeframe.H1)


def windows(values: Column, n: int, measure: Callable[[Column], Column]) -> Column:
    """`measure` over the last n values at each row, NaN before there are n."""
    out = np.full(len(values), np.nan)
    out[n - 1 :] = measure(sliding_window_view(values, n))
    return out


def mean(rows: Column) -> Column:
    return rows.mean(axis=-1)


def total(rows: Column) -> Column:
    return rows.sum(axis=-1)


def move(values: Column) -> Column:
    return np.concatenate(([np.nan], np.diff(values)))


def by_recursion(values: Column, weight: float) -> Column:
    """Exponential smoothing written as its recursion, started at the first number."""
    out = np.full(len(values), np.nan)
    level = np.nan
    for row, value in enumerate(values):
        level = value if np.isnan(level) else weight * value + (1.0 - weight) * level
        out[row] = level
    return out


def rsi(c: CandleArrays, n: int) -> Column:
    """Wilder's RSI as he wrote it: 100 − 100/(1 + RS), here brought to [-1, 1]."""
    change = move(c.close)
    gain = by_recursion(np.where(np.isnan(change), np.nan, np.maximum(change, 0.0)), 1.0 / n)
    loss = by_recursion(np.where(np.isnan(change), np.nan, np.maximum(-change, 0.0)), 1.0 / n)
    with np.errstate(divide="ignore"):  # no loss yet in the first rows, which the comparison leaves out
        strength = gain / loss
    return (100.0 - 100.0 / (1.0 + strength) - 50.0) / 50.0


def macd(c: CandleArrays) -> tuple[Column, Column]:
    close = pd.Series(c.close)
    line = close.ewm(span=12, adjust=False).mean() - close.ewm(span=26, adjust=False).mean()
    return line.to_numpy(), line.ewm(span=9, adjust=False).mean().to_numpy()


def atr(c: CandleArrays) -> Column:
    before = np.concatenate(([np.nan], c.close[:-1]))
    ranges = np.stack([c.high - c.low, np.abs(c.high - before), np.abs(c.low - before)])
    return by_recursion(np.nanmax(ranges, axis=0), 1.0 / 14.0)


def place(c: CandleArrays) -> Column:
    height = np.where(c.high > c.low, c.high - c.low, np.inf)
    return ((c.close - c.low) - (c.high - c.close)) / height


def vwap(c: CandleArrays) -> Column:
    typical = (c.high + c.low + c.close) / 3.0
    return windows(typical * c.volume, 20, total) / windows(c.volume, 20, total)


def deviation(c: CandleArrays, n: int) -> Column:
    return windows(move(np.log(c.close)), n, lambda rows: rows.std(axis=-1))


def bollinger(c: CandleArrays, side: float) -> Column:
    band = windows(c.close, 20, mean) + side * 2.0 * windows(c.close, 20, lambda rows: rows.std(axis=-1))
    return side * (band - c.close) / c.close


def local(c: CandleArrays) -> list[pd.Timestamp]:
    stamps = pd.to_datetime(c.open_time_us, unit="us", utc=True)
    return [stamp.astimezone(ZoneInfo("America/New_York")).tz_localize(None) + pd.Timedelta(hours=7) for stamp in stamps]


def circle(positions: list[float], period: int, wave: Callable[[Column], Column]) -> Column:
    return wave(2.0 * np.pi * np.array(positions) / period)


ORACLES: dict[str, Callable[[CandleArrays], Column]] = {
    **{f"return_{n}": lambda c, n=n: np.concatenate((np.full(n, np.nan), np.log(c.close[n:]) - np.log(c.close[:-n])))
       for n in (1, 2, 3, 5, 8, 13, 20)},
    **{f"sma_{n}": lambda c, n=n: np.log(c.close) - np.log(windows(c.close, n, mean)) for n in (5, 10, 20, 50, 100)},
    **{f"ema_{n}": lambda c, n=n: np.log(c.close) - np.log(by_recursion(c.close, 2.0 / (n + 1))) for n in (5, 10, 20, 30, 50)},
    **{f"rsi_{n}": lambda c, n=n: rsi(c, n) for n in (7, 14, 21)},
    "macd": lambda c: macd(c)[0] / c.close,
    "macd_signal": lambda c: macd(c)[1] / c.close,
    "macd_hist": lambda c: (macd(c)[0] - macd(c)[1]) / c.close,
    "efficiency_20": lambda c: windows(move(c.close), 20, total) / windows(np.abs(move(c.close)), 20, total),
    "atr": lambda c: atr(c) / c.close,
    "bollinger_upper": lambda c: bollinger(c, 1.0),
    "bollinger_lower": lambda c: bollinger(c, -1.0),
    "volatility_20": lambda c: deviation(c, 20),
    "volatility_ratio": lambda c: (deviation(c, 10) - deviation(c, 50)) / (deviation(c, 10) + deviation(c, 50)),
    "parkinson_20": lambda c: np.sqrt(windows(np.log(c.high / c.low) ** 2, 20, mean) / (4.0 * np.log(2.0))),
    "close_position": place,
    "obv": lambda c: windows(np.sign(move(c.close)) * c.volume, 20, total) / windows(c.volume, 20, total),
    "vwap": lambda c: np.log(c.close) - np.log(vwap(c)),
    "cmf": lambda c: windows(place(c) * c.volume, 20, total) / windows(c.volume, 20, total),
    "hour_sin": lambda c: circle([stamp.hour for stamp in local(c)], 24, np.sin),
    "hour_cos": lambda c: circle([stamp.hour for stamp in local(c)], 24, np.cos),
    "weekday_sin": lambda c: circle([stamp.weekday() for stamp in local(c)], 7, np.sin),
    "weekday_cos": lambda c: circle([stamp.weekday() for stamp in local(c)], 7, np.cos),
    "month_sin": lambda c: circle([stamp.month - 1 for stamp in local(c)], 12, np.sin),
    "month_cos": lambda c: circle([stamp.month - 1 for stamp in local(c)], 12, np.cos),
}  # fmt: skip


def test_every_feature_has_an_oracle() -> None:
    assert set(ORACLES) == set(FEATURES)


@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_equals_its_formula_written_out(feature: str, candles: CandleArrays, matrix: pl.DataFrame) -> None:
    expected = ORACLES[feature](candles)[WARM_UP:]
    assert matrix[feature].to_numpy()[WARM_UP:] == pytest.approx(expected, rel=1e-7, abs=1e-11)


def test_minutes_move_the_hour_on_its_circle() -> None:
    half_hours = SampleProvider().candles("EURUSD", Timeframe.H1).with_columns(pl.col("open_time") + pl.duration(minutes=30))
    shifted = features(half_hours, Timeframe.M30)["hour_sin"][WARM_UP]
    hour = half_hours["open_time"][WARM_UP].astimezone(ZoneInfo("America/New_York")).hour + 7.5
    assert shifted == pytest.approx(np.sin(2 * np.pi * hour / 24))
