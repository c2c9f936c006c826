"""Leaks planted on purpose among the honest features: the look-ahead check must name each, and only it."""

from collections.abc import Callable

import polars as pl
import pytest

from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.candles.resample import resample
from fxgpt_core.features.matrix import features
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.validation.lookahead import lookahead_differences

H1 = Timeframe.H1
CLOSE = pl.col("close")

LEAKS = {
    "shift(-1)": CLOSE.shift(-1) / CLOSE,
    "shift(-24)": CLOSE.shift(-24) / CLOSE,
    "centred rolling window": CLOSE.rolling_mean(21, center=True),
    "centred window that fills its edges": CLOSE.rolling_mean(21, center=True, min_samples=1),
    "whole-column z-score": (CLOSE - CLOSE.mean()) / CLOSE.std(),
    "whole-column min-max": (CLOSE - CLOSE.min()) / (CLOSE.max() - CLOSE.min()),
    "whole-column rank": CLOSE.rank() / pl.len(),
    "filled backwards": pl.when(pl.int_range(pl.len()) % 7 == 3).then(None).otherwise(CLOSE).backward_fill(),
    "filled between neighbours": pl.when(pl.int_range(pl.len()) % 7 == 3).then(None).otherwise(CLOSE).interpolate(),
    "the day's close on each of its hours": CLOSE.last().over(pl.col("open_time").dt.date()),
    "the target among the features": (CLOSE.shift(-24) / CLOSE).log(),
    "smoothed in both directions": CLOSE.ewm_mean(span=20, adjust=False).reverse().ewm_mean(span=20, adjust=False).reverse(),
}


@pytest.fixture(scope="module")
def sample() -> pl.DataFrame:
    return SampleProvider().candles("EURUSD", H1).head(2000)


def test_the_features_raise_no_alarm(sample: pl.DataFrame) -> None:
    report = lookahead_differences(lambda candles: features(candles, H1), sample, range(300, 2000, 137))
    assert report.clean
    assert len(report.columns_compared) == 61


@pytest.mark.parametrize("timeframe", [Timeframe.H4, Timeframe.D1])
def test_the_features_of_resampled_candles_raise_no_alarm(timeframe: Timeframe) -> None:
    longer = resample(SampleProvider().candles("EURUSD", H1), H1, timeframe)
    assert lookahead_differences(lambda candles: features(candles, timeframe), longer).clean


@pytest.mark.parametrize("leak", LEAKS)
def test_a_planted_leak_is_the_only_one_named(sample: pl.DataFrame, leak: str) -> None:
    def leaky(candles: pl.DataFrame) -> pl.DataFrame:
        return features(candles, H1).with_columns(candles.select(leak=LEAKS[leak]))

    report = lookahead_differences(leaky, sample)
    assert [found.column for found in report.differences] == ["leak"]
    assert report.differences[0].max_difference > 0.0


def test_dropping_rows_whose_future_is_unknown_is_named(sample: pl.DataFrame) -> None:
    def leaky(candles: pl.DataFrame) -> pl.DataFrame:
        return features(candles, H1).filter(candles.select(CLOSE.shift(-1).is_not_null()).to_series())

    assert [found.column for found in lookahead_differences(leaky, sample).differences] == ["(rows)"]


def by_left_label(candles: pl.DataFrame) -> pl.Series:
    """The close of the 4-hour candle an hour lies in, on each of its hours: known only when the four hours are over."""
    longer = candles.group_by_dynamic("open_time", every="4h").agg(longer=CLOSE.last())
    return candles.join_asof(longer, on="open_time")["longer"]


def from_a_clock_ahead(candles: pl.DataFrame) -> pl.Series:
    """A second feed whose New York stamps were taken for UTC: its closes come five hours early."""
    second = candles.select(pl.col("open_time") - pl.duration(hours=5), second="close")
    return candles.join_asof(second, on="open_time")["second"]


def by_the_scaler_of_a_later_fold(candles: pl.DataFrame) -> pl.Series:
    """Scaled with the mean and deviation of a later fold's train window, a fixed span of dates."""
    later = candles.filter(pl.col("open_time").dt.date() >= pl.date(2017, 7, 20))["close"]
    return (candles["close"] - (later.mean() or 0.0)) / (later.std() or 1.0)


def over_stacked_symbols(candles: pl.DataFrame) -> pl.Series:
    """A window over two symbols stacked in one column: the second's first rows see the last of the first."""
    stacked = pl.concat([candles["close"], candles["close"] * 1.3])
    return stacked.rolling_mean(20, min_samples=1).tail(len(candles))


@pytest.mark.parametrize("leak", [by_left_label, from_a_clock_ahead, by_the_scaler_of_a_later_fold, over_stacked_symbols])
def test_a_leak_between_series_folds_or_symbols_is_the_only_one_named(
    sample: pl.DataFrame, leak: Callable[[pl.DataFrame], pl.Series]
) -> None:
    def leaky(candles: pl.DataFrame) -> pl.DataFrame:
        return features(candles, H1).with_columns(leak(candles).alias("leak"))

    report = lookahead_differences(leaky, sample)
    assert [found.column for found in report.differences] == ["leak"]
