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
    sample = SampleProvider().candles("EURUSD", Timeframe.H1).head(ROWS)
    # The sample has no spread: one is planted, in which every seventh candle has none.
    spread = np.random.default_rng(4).lognormal(np.log(0.8e-4), 0.4, ROWS)
    return sample.with_columns(pl.Series("spread", np.where(np.arange(ROWS) % 7 == 0, 0.0, spread)))


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


def smoothed(values: Column, weight: float, n: int) -> Column:
    """Exponential smoothing written as its recursion, started with the mean of the first n numbers."""
    out = np.full(len(values), np.nan)
    first = int(np.isnan(values).sum()) + n - 1
    out[first] = values[first - n + 1 : first + 1].mean()
    for row in range(first + 1, len(values)):
        out[row] = weight * values[row] + (1.0 - weight) * out[row - 1]
    return out


def ema(values: Column, n: int) -> Column:
    return smoothed(values, 2.0 / (n + 1), n)


def rsi(c: CandleArrays, n: int) -> Column:
    """Wilder's RSI as he wrote it: 100 − 100/(1 + RS), here brought to [-1, 1]."""
    change = move(c.close)
    gain = smoothed(np.where(np.isnan(change), np.nan, np.maximum(change, 0.0)), 1.0 / n, n)
    loss = smoothed(np.where(np.isnan(change), np.nan, np.maximum(-change, 0.0)), 1.0 / n, n)
    return (100.0 - 100.0 / (1.0 + gain / loss) - 50.0) / 50.0


def macd(c: CandleArrays) -> tuple[Column, Column]:
    line = ema(c.close, 12) - ema(c.close, 26)
    return line, ema(line, 9)


def true_range(c: CandleArrays) -> Column:
    before = np.concatenate(([np.nan], c.close[:-1]))
    return np.stack([c.high - c.low, np.abs(c.high - before), np.abs(c.low - before)]).max(axis=0)


def atr(c: CandleArrays) -> Column:
    return smoothed(true_range(c), 1.0 / 14.0, 14)


def wilder_sum(values: Column) -> Column:
    """Wilder's running sum of 14: a fourteenth of it is dropped, the new value added; begun with the sum of 13 values."""
    out = np.full(len(values), np.nan)
    level = values[1:14].sum()
    for row in range(14, len(values)):
        out[row] = level = level - level / 14.0 + values[row]
    return out


def directional(c: CandleArrays) -> tuple[Column, Column]:
    """+DI and −DI, as fractions."""
    up, down = move(c.high), -move(c.low)
    plus = wilder_sum(np.where((up > down) & (up > 0.0), up, 0.0))
    minus = wilder_sum(np.where((down > up) & (down > 0.0), down, 0.0))
    return plus / wilder_sum(true_range(c)), minus / wilder_sum(true_range(c))


def adx(c: CandleArrays) -> Column:
    plus, minus = directional(c)
    return smoothed(np.abs(plus - minus) / (plus + minus), 1.0 / 14.0, 14)


def stochastic(c: CandleArrays) -> Column:
    highest = windows(c.high, 14, lambda rows: rows.max(axis=-1))
    lowest = windows(c.low, 14, lambda rows: rows.min(axis=-1))
    return 2.0 * (c.close - lowest) / (highest - lowest) - 1.0


def aroon(c: CandleArrays) -> Column:
    """(candles since the lowest low − candles since the highest high) / 25; of equal ones the latest counts."""
    since_high = windows(c.high, 26, lambda rows: rows[:, ::-1].argmax(axis=-1))
    since_low = windows(c.low, 26, lambda rows: rows[:, ::-1].argmin(axis=-1))
    return (since_low - since_high) / 25.0


def slope(c: CandleArrays) -> Column:
    return windows(
        c.close, 20, lambda rows: np.array([np.polynomial.Polynomial.fit(range(20), row, 1).convert().coef[1] for row in rows])
    )


def semivariance(c: CandleArrays) -> Column:
    def measure(rows: Column) -> Column:
        return ((rows * rows * (rows > 0.0)).sum(axis=-1) - (rows * rows * (rows < 0.0)).sum(axis=-1)) / (rows * rows).sum(
            axis=-1
        )

    return windows(move(np.log(c.close)), 20, measure)


def garman_klass(c: CandleArrays) -> Column:
    """Their estimator of equation (19), from normalised highs u, lows d and closes c."""
    u, d, closed = np.log(c.high / c.open), np.log(c.low / c.open), np.log(c.close / c.open)
    return np.sqrt(windows(0.5 * (u - d) ** 2 - (2.0 * np.log(2.0) - 1.0) * closed**2, 20, mean))


def session(c: CandleArrays, zone: str, first: int, last: int) -> Column:
    stamps = [stamp.astimezone(ZoneInfo(zone)) for stamp in pd.to_datetime(c.open_time_us, unit="us", utc=True)]
    hours = np.array([stamp.hour + stamp.minute / 60.0 for stamp in stamps])
    return np.where((hours >= first) & (hours < last), (last - hours) / (last - first), 0.0)


def spread_of(c: CandleArrays) -> Column:
    # The fixture's, which the arrays do not carry.
    drawn = np.random.default_rng(4).lognormal(np.log(0.8e-4), 0.4, ROWS)
    return np.where(np.arange(ROWS) % 7 == 0, 0.0, drawn)


def against_mean(values: Column, n: int) -> Column:
    return (values - windows(values, n, mean)) / (values + windows(values, n, mean))


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
    "gap": lambda c: np.log(c.open) - np.log(np.concatenate(([np.nan], c.close[:-1]))),
    **{f"sma_{n}": lambda c, n=n: c.close / windows(c.close, n, mean) - 1.0 for n in (5, 10, 20, 50, 100)},
    **{f"ema_{n}": lambda c, n=n: c.close / ema(c.close, n) - 1.0 for n in (5, 10, 20, 30, 50)},
    **{f"rsi_{n}": lambda c, n=n: rsi(c, n) for n in (7, 14, 21)},
    "macd": lambda c: macd(c)[0] / c.close,
    "macd_signal": lambda c: macd(c)[1] / c.close,
    "macd_hist": lambda c: (macd(c)[0] - macd(c)[1]) / c.close,
    "efficiency_20": lambda c: windows(move(c.close), 20, total) / windows(np.abs(move(c.close)), 20, total),
    "slope_20": lambda c: slope(c) / c.close,
    "dmi_14": lambda c: directional(c)[0] - directional(c)[1],
    "adx_14": adx,
    "stochastic_14": stochastic,
    "stochastic_slow_14": lambda c: windows(stochastic(c), 3, mean),
    "aroon_25": aroon,
    "atr": lambda c: atr(c) / c.close,
    "bollinger_upper": lambda c: bollinger(c, 1.0),
    "bollinger_lower": lambda c: bollinger(c, -1.0),
    "volatility_20": lambda c: deviation(c, 20),
    "volatility_ratio": lambda c: (deviation(c, 10) - deviation(c, 50)) / (deviation(c, 10) + deviation(c, 50)),
    "realised_100": lambda c: np.sqrt(windows(move(np.log(c.close)) ** 2, 100, mean)),
    "semivariance_20": semivariance,
    "garman_klass_20": garman_klass,
    "parkinson_20": lambda c: np.sqrt(windows(np.log(c.high / c.low) ** 2, 20, mean) / (4.0 * np.log(2.0))),
    "close_position": place,
    "body": lambda c: (c.close - c.open) / np.where(c.high > c.low, c.high - c.low, np.inf),
    "obv": lambda c: windows(np.sign(move(c.close)) * c.volume, 20, total) / windows(c.volume, 20, total),
    "vwap": lambda c: c.close / vwap(c) - 1.0,
    "volume_ratio": lambda c: against_mean(c.volume, 20),
    "spread": lambda c: spread_of(c) / c.close,
    "spread_ratio": lambda c: against_mean(spread_of(c), 100),
    "cmf": lambda c: windows(place(c) * c.volume, 20, total) / windows(c.volume, 20, total),
    "hour_sin": lambda c: circle([stamp.hour for stamp in local(c)], 24, np.sin),
    "hour_cos": lambda c: circle([stamp.hour for stamp in local(c)], 24, np.cos),
    "weekday_sin": lambda c: circle([stamp.weekday() for stamp in local(c)], 7, np.sin),
    "weekday_cos": lambda c: circle([stamp.weekday() for stamp in local(c)], 7, np.cos),
    "month_sin": lambda c: circle([stamp.month - 1 for stamp in local(c)], 12, np.sin),
    "month_cos": lambda c: circle([stamp.month - 1 for stamp in local(c)], 12, np.cos),
    "session_sydney": lambda c: session(c, "Australia/Sydney", 7, 16),
    "session_tokyo": lambda c: session(c, "Asia/Tokyo", 9, 18),
    "session_london": lambda c: session(c, "Europe/London", 8, 17),
    "session_new_york": lambda c: session(c, "America/New_York", 8, 17),
    "to_roll": lambda c: np.array([(24.0 - stamp.hour) / 24.0 for stamp in local(c)]),
    "roll_nights": lambda c: np.array([1.0 if stamp.day_name() == "Wednesday" else 1.0 / 3.0 for stamp in local(c)]),
}  # fmt: skip


def test_every_feature_has_an_oracle() -> None:
    assert set(ORACLES) == set(FEATURES)


@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_equals_its_formula_written_out(feature: str, candles: CandleArrays, matrix: pl.DataFrame) -> None:
    expected = ORACLES[feature](candles)[WARM_UP:]
    assert matrix[feature].to_numpy()[WARM_UP:] == pytest.approx(expected, rel=1e-9, abs=1e-9 * np.abs(expected).max())


def test_minutes_move_the_hour_on_its_circle() -> None:
    half_hours = SampleProvider().candles("EURUSD", Timeframe.H1).with_columns(pl.col("open_time") + pl.duration(minutes=30))
    shifted = features(half_hours, Timeframe.M30)["hour_sin"][WARM_UP]
    hour = half_hours["open_time"][WARM_UP].astimezone(ZoneInfo("America/New_York")).hour + 7.5
    assert shifted == pytest.approx(np.sin(2 * np.pi * hour / 24))
