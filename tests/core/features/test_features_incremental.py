"""Features of later candles, added to those known: the same as computing all again, at the price of the new rows."""

from pathlib import Path

import polars as pl
import pytest

from fxgpt_core.candles.providers.files import checked_candle_file
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.errors import BadInputError
from fxgpt_core.features.incremental import MEMORY, extended
from fxgpt_core.features.matrix import FEATURES, features
from fxgpt_core.market.timeframes import Timeframe

H1 = Timeframe.H1
TOLERANCE = 1e-9


@pytest.fixture(scope="module")
def sample() -> pl.DataFrame:
    return SampleProvider().candles("EURUSD", H1)


@pytest.fixture(scope="module")
def whole(sample: pl.DataFrame) -> pl.DataFrame:
    return features(sample, H1)


def agree(found: pl.DataFrame, whole: pl.DataFrame) -> bool:
    """Is every feature within the tolerance of its column's largest value, and finite in the same rows?"""
    values, expected = found.select(FEATURES), whole.select(FEATURES)
    largest = expected.select(pl.all().abs().max()).row(0)
    difference = (values - expected).select(pl.all().abs().max().fill_null(0.0)).row(0)
    same_rows = values.select(pl.all().is_finite()).equals(expected.select(pl.all().is_finite()))
    return same_rows and all(gap <= TOLERANCE * width for gap, width in zip(difference, largest, strict=True))


@pytest.mark.parametrize("n_known", [0, 1, 150, 199, 200, 201, MEMORY - 1, MEMORY, MEMORY + 1, 2500, 4976, 4999, 5000])
def test_extended_features_are_those_of_the_whole_series(sample: pl.DataFrame, whole: pl.DataFrame, n_known: int) -> None:
    found = extended(whole.head(n_known), sample, H1)
    assert found.select("open_time", "known_at").equals(whole.select("open_time", "known_at"))
    assert found.head(n_known).equals(whole.head(n_known))
    assert agree(found, whole)


def test_candle_by_candle_is_the_same_as_at_once(sample: pl.DataFrame, whole: pl.DataFrame) -> None:
    found = whole.head(4900)
    for n_candles in range(4901, 5001):
        found = extended(found, sample.head(n_candles), H1)
    assert agree(found, whole)


@pytest.mark.shared_data
def test_a_year_of_real_minutes_is_extended_to_what_is_computed_at_once(shared_data: Path) -> None:
    minutes = checked_candle_file(shared_data / "fx" / "histdata_m1" / "EURUSD_m1_202001_202012.parquet", Timeframe.M1)
    whole = features(minutes, Timeframe.M1)
    assert len(minutes) == 372_275
    for n_known in (MEMORY + 1, len(minutes) // 2, len(minutes) - 1440, len(minutes) - 1):
        found = extended(whole.head(n_known), minutes, Timeframe.M1)
        assert found["open_time"].equals(whole["open_time"])
        assert agree(found, whole), f"extended from {n_known} rows"


def test_features_of_other_candles_are_refused(sample: pl.DataFrame, whole: pl.DataFrame) -> None:
    with pytest.raises(BadInputError, match="4999 rows of features do not belong to the first of 5000 candles"):
        extended(whole.tail(4999), sample, H1)
    with pytest.raises(BadInputError, match="5000 rows of features do not belong to the first of 4000 candles"):
        extended(whole, sample.head(4000), H1)
