from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fxgpt_core.candles.providers.files import checked_candle_file
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.candles.resample import resample
from fxgpt_core.features.matrix import FEATURES, WARM_UP, features, features_by_symbol
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.validation.warm_up import MOST_DRIFT, warm_up_drift

H1 = Timeframe.H1


@pytest.fixture(scope="module")
def sample() -> pl.DataFrame:
    return SampleProvider().candles("EURUSD", H1)


@pytest.fixture(scope="module")
def matrix(sample: pl.DataFrame) -> pl.DataFrame:
    return features(sample, H1)


def test_there_are_sixty_features_each_once_and_in_order(matrix: pl.DataFrame) -> None:
    assert len(FEATURES) == len(set(FEATURES)) == 60
    assert matrix.columns == ["open_time", "known_at", *FEATURES]
    assert set(matrix.select(FEATURES).dtypes) == {pl.Float64}


@pytest.mark.parametrize("timeframe", [H1, Timeframe.H4, Timeframe.D1])
def test_each_row_is_known_at_its_candle_s_close(sample: pl.DataFrame, timeframe: Timeframe) -> None:
    candles = sample if timeframe is H1 else resample(sample, H1, timeframe)
    matrix = features(candles, timeframe)
    assert matrix["open_time"].equals(candles["open_time"])
    assert set((matrix["known_at"] - matrix["open_time"]).to_list()) == {timeframe.duration}


def test_the_warm_up_is_null_and_everything_after_it_finite(matrix: pl.DataFrame) -> None:
    warm_up, rest = matrix.head(WARM_UP).select(FEATURES), matrix.tail(-WARM_UP).select(FEATURES)
    assert set(warm_up.null_count().row(0)) == {WARM_UP}
    assert set(rest.null_count().row(0)) == {0}
    assert all(rest.select(pl.all().is_finite().all()).row(0))


def test_fewer_candles_than_the_warm_up_give_nulls_only(sample: pl.DataFrame) -> None:
    short = features(sample.head(50), H1)
    assert set(short.select(FEATURES).null_count().row(0)) == {50}


def test_every_prefix_gives_bit_equal_rows(sample: pl.DataFrame, matrix: pl.DataFrame) -> None:
    for cut in [*range(WARM_UP, WARM_UP + 40), 777, 1024, 2048, 3001, 4096, 4999]:
        assert features(sample.head(cut), H1).equals(matrix.head(cut)), cut


def test_candles_appended_in_pieces_give_bit_equal_rows(sample: pl.DataFrame, matrix: pl.DataFrame) -> None:
    pieces = pl.concat([sample.slice(0, 4000), *(sample.slice(row, 1) for row in range(4000, 4100))], rechunk=False)
    assert pieces.n_chunks() > 1
    assert features(pieces, H1).equals(matrix.head(4100))


@pytest.mark.parametrize("scale", [0.01, 1 / 128, 128.0, 150.0])
def test_the_scale_of_the_price_and_of_the_volume_does_not_matter(
    sample: pl.DataFrame, matrix: pl.DataFrame, scale: float
) -> None:
    scaled = sample.with_columns(pl.col("open", "high", "low", "close") * scale, pl.col("volume") * 7.0)
    difference = (features(scaled, H1).select(FEATURES) - matrix.select(FEATURES)).tail(-WARM_UP).select(pl.all().abs().max())
    # Wilder's directions compare two moves; where these are equal, a scale that rounds makes one of them the larger.
    exact = scale in (1 / 128, 128.0)
    assert max(difference.row(0) if exact else difference.drop("dmi_14", "adx_14").row(0)) < 1e-7
    assert max(difference.select("dmi_14", "adx_14").row(0)) < 1e-2


def test_the_start_of_the_series_is_forgotten(sample: pl.DataFrame, matrix: pl.DataFrame) -> None:
    later = features(sample.tail(-500), H1).select(FEATURES).tail(-WARM_UP)
    whole = matrix.select(FEATURES).tail(-500 - WARM_UP)
    spread = whole.select(pl.all().std()).row(0)
    difference = (later - whole).select(pl.all().abs().max()).row(0)
    assert all(gap <= 2e-2 * width for gap, width in zip(difference, spread, strict=True))


@pytest.mark.shared_data
@pytest.mark.parametrize("timeframe", [H1, Timeframe.H4, Timeframe.D1])
@pytest.mark.parametrize("symbol", ["EURUSD", "GBPUSD", "USDJPY", "AUDUSD"])
def test_the_start_of_a_real_series_is_forgotten_behind_the_warm_up(shared_data: Path, symbol: str, timeframe: Timeframe) -> None:
    hours = checked_candle_file(shared_data / "fx" / "oanda_h1" / f"{symbol}_h1.parquet", H1)
    candles = hours if timeframe is H1 else resample(hours, H1, timeframe)
    (found,) = warm_up_drift(lambda part: features(part, timeframe, warm_up=0), candles, (WARM_UP,), starts=30)
    assert 0.0 < found.drift <= MOST_DRIFT, f"{found.column} drifts by {found.drift}"


@pytest.mark.parametrize("feature", FEATURES)
def test_every_feature_moves(sample: pl.DataFrame, feature: str) -> None:
    spread = pl.Series(np.random.default_rng(3).uniform(0.5e-4, 2e-4, len(sample)))
    found = features(sample.with_columns(spread=spread), H1)[feature].drop_nulls()
    assert found.n_unique() > (1 if feature == "roll_nights" else 5)


def test_only_the_spread_s_own_features_read_it(sample: pl.DataFrame, matrix: pl.DataFrame) -> None:
    other = features(sample.with_columns(spread=pl.col("high") - pl.col("low")), H1)
    assert [name for name in FEATURES if not other[name].equals(matrix[name])] == ["spread", "spread_ratio"]
    assert matrix.tail(-WARM_UP).select("spread", "spread_ratio").unique().rows() == [(0.0, 0.0)]


def test_a_spread_that_is_missing_counts_as_none(sample: pl.DataFrame) -> None:
    some = pl.when(pl.int_range(pl.len()) % 3 > 0).then(1e-4)
    holed, filled = (features(sample.with_columns(spread=column), H1) for column in (some, some.otherwise(0.0)))
    assert holed.equals(filled)


def test_behind_a_hole_the_features_warm_up_again(sample: pl.DataFrame, matrix: pl.DataFrame) -> None:
    # A week is missing: the closes on both sides of it are no neighbours.
    holed = pl.concat([sample.head(1000), sample.slice(1120, 800)])
    found = features(holed, H1)
    assert found.head(1000).equals(matrix.head(1000))
    assert set(found.slice(1000, WARM_UP).select(FEATURES).null_count().row(0)) == {WARM_UP}
    behind = found.slice(1000 + WARM_UP)
    assert set(behind.null_count().row(0)) == {0}
    by_itself = features(sample.slice(1120, 800), H1).slice(WARM_UP)
    difference = (behind.select(FEATURES) - by_itself.select(FEATURES)).select(pl.all().abs().max()).row(0)
    width = behind.select(pl.col(FEATURES).std()).row(0)
    assert all(gap <= 2e-2 * sd for gap, sd in zip(difference, width, strict=True))


def test_a_weekend_and_a_holiday_are_no_holes(sample: pl.DataFrame) -> None:
    monday = sample["open_time"].dt.weekday() == 1
    assert features(sample.filter(~monday), H1).null_count()["atr"][0] == WARM_UP


def dead(sample: pl.DataFrame, start: int) -> pl.DataFrame:
    """The sample with a frozen price and no volume from a row on: a dead feed after a lively one."""
    price = sample["close"][start - 1]
    frozen = pl.int_range(pl.len()) >= start
    # Volumes over many magnitudes leave rounding dust in a running sum: a ratio of two such sums would be noise.
    volume = np.random.default_rng(10).lognormal(0.0, 6.0, len(sample))
    return sample.with_columns(
        pl.when(frozen).then(price).otherwise(pl.col(name)).alias(name) for name in ("open", "high", "low", "close")
    ).with_columns(volume=pl.when(frozen).then(0.0).otherwise(pl.Series(volume)))


def test_a_frozen_price_without_volume_stays_finite_and_its_windows_go_to_exactly_zero(sample: pl.DataFrame) -> None:
    candles = dead(sample, 400).head(600)
    assert candles["volume"].rolling_sum(20)[-1] != 0.0, "this series no longer leaves dust: choose another seed"
    matrix = features(candles, H1).tail(-WARM_UP).select(FEATURES)
    assert all(matrix.select(pl.all().is_finite().all()).row(0))
    still = matrix.tail(90).select(
        "volatility_20",
        "volatility_ratio",
        "realised_100",
        "semivariance_20",
        "parkinson_20",
        "garman_klass_20",
        "close_position",
        "body",
        "efficiency_20",
        "stochastic_14",
        "obv",
        "vwap",
        "cmf",
        "volume_ratio",
        "bollinger_upper",
    )
    assert max(still.drop("bollinger_upper").select(pl.all().abs().max()).row(0)) == 0.0
    assert still["bollinger_upper"].abs().max() == pytest.approx(0.0, abs=1e-12)


def test_a_feed_without_volume_has_zero_volume_features(sample: pl.DataFrame) -> None:
    matrix = features(sample.with_columns(volume=pl.lit(0.0)), H1).tail(-WARM_UP)
    assert matrix.select("obv", "vwap", "cmf", "volume_ratio").unique().rows() == [(0.0,) * 4]


def test_the_timeframe_only_moves_known_at(sample: pl.DataFrame, matrix: pl.DataFrame) -> None:
    other = features(sample, Timeframe.M5)
    assert other.drop("known_at").equals(matrix.drop("known_at"))
    assert other["known_at"][0] == sample["open_time"][0] + timedelta(minutes=5)


def test_many_symbols_lazily_are_each_symbol_by_itself(sample: pl.DataFrame, matrix: pl.DataFrame) -> None:
    # Another symbol whose candles lie between: no window may reach over into it.
    other = sample.tail(-700).with_columns(pl.col("open", "high", "low", "close") * 137.0)
    together = pl.concat([sample.with_columns(symbol=pl.lit("EURUSD")), other.with_columns(symbol=pl.lit("EURJPY"))])
    lazy = features_by_symbol(together.sort("open_time").lazy(), H1)
    assert lazy.collect_schema() == lazy.collect().schema
    found = lazy.filter(pl.col("symbol") == "EURUSD", pl.col("open_time") >= sample["open_time"][3000]).collect()
    assert found.drop("symbol").equals(matrix.tail(-3000))
    assert lazy.filter(pl.col("symbol") == "EURJPY").collect().drop("symbol").equals(features(other, H1))


def test_threads_change_nothing(sample: pl.DataFrame, matrix: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fxgpt_core.features.matrix.ROWS_FOR_THREADS", 0)
    assert features(sample, H1).equals(matrix)
