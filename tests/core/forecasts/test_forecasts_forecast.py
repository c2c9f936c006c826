"""Forecasts as arrays: what they refuse, and that nothing is lost on the way to a table and back."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import LEVELS, Forecasts, joined, realised

HOUR = 3_600_000_000
STEPS = np.arange(1, 25, dtype=np.int32)


def some(n: int = 3, first: int = 10 * HOUR, seed: int = 0) -> Forecasts:
    rng = np.random.default_rng(seed)
    return Forecasts(
        symbol="EURUSD",
        timeframe="1h",
        known_at_us=first + HOUR * np.arange(n, dtype=np.int64),
        close=rng.uniform(1.0, 1.2, n),
        steps=STEPS,
        levels=LEVELS,
        values=np.sort(rng.normal(size=(n, 24, 21)), axis=2) * 1e-3,
        scale=rng.uniform(1e-4, 1e-2, (n, 24)),
    )


def same(a: Forecasts, b: Forecasts) -> bool:
    arrays = ("known_at_us", "close", "steps", "levels", "values", "scale")
    alike = all(getattr(a, name).tobytes() == getattr(b, name).tobytes() for name in arrays)
    return alike and all(getattr(a, name).dtype == getattr(b, name).dtype for name in arrays) and a.symbol == b.symbol


def test_levels_are_those_the_other_rooms_count_on() -> None:
    assert LEVELS.tolist() == [0.025] + [k / 100 for k in range(5, 100, 5)] + [0.975]


def test_a_table_and_a_parquet_file_keep_every_bit(tmp_path: Path) -> None:
    forecasts = some(7)
    forecasts.to_frame().write_parquet(tmp_path / "f.parquet")
    assert same(forecasts, Forecasts.from_frame(forecasts.to_frame()))
    assert same(forecasts, Forecasts.from_frame(pl.read_parquet(tmp_path / "f.parquet")))


def test_a_table_has_one_row_for_each_origin_and_step_in_order() -> None:
    forecasts = some(2)
    frame = forecasts.to_frame()
    assert frame.height == 48
    assert frame["step"].to_list() == 2 * list(range(1, 25))
    assert frame.filter(pl.col("step") == 5)["q0.25"].to_list() == forecasts.values[:, 4, 5].tolist()
    assert frame["known_at"].dtype == pl.Datetime("us", "UTC")


def test_a_selection_is_the_chosen_origins() -> None:
    forecasts = some(5)
    chosen = forecasts.select(np.array([False, True, False, True, False]))
    assert chosen.known_at_us.tolist() == forecasts.known_at_us[[1, 3]].tolist()
    assert (chosen.values == forecasts.values[[1, 3]]).all()
    assert len(chosen) == 2


def test_selections_join_to_the_whole() -> None:
    forecasts = some(5)
    assert same(forecasts, joined([forecasts.select(np.arange(2)), forecasts.select(np.arange(2, 5))]))


def test_joining_nothing_is_refused() -> None:
    with pytest.raises(BadInputError, match="no forecasts to join"):
        joined([])


def test_one_level_is_one_slice_of_the_values() -> None:
    assert (some().level(0.5) == some().values[:, :, 10]).all()


def test_a_level_that_was_not_forecast_is_refused() -> None:
    with pytest.raises(BadInputError, match=r"level 0\.33 is not forecast"):
        some().level(0.33)


def test_a_table_of_something_else_is_refused() -> None:
    with pytest.raises(BadInputError, match="not a table of forecasts"):
        Forecasts.from_frame(pl.DataFrame({"close": [1.0]}))
    with pytest.raises(BadInputError, match="not a whole number of 24 steps"):
        Forecasts.from_frame(some().to_frame().head(30))


def broken(**changes: np.ndarray) -> Forecasts:
    forecasts = some()
    arrays = {name: getattr(forecasts, name) for name in ("known_at_us", "close", "steps", "levels", "values", "scale")}
    return Forecasts("EURUSD", "1h", **{**arrays, **changes})


def test_crossing_quantiles_are_refused() -> None:
    with pytest.raises(BadInputError, match="cross"):
        broken(values=some().values[:, :, ::-1])


def test_values_that_are_not_finite_are_refused() -> None:
    values = some().values
    values[1, 2, 20] = np.nan
    with pytest.raises(BadInputError, match="not finite"):
        broken(values=values)


def test_wrong_shapes_are_refused_by_name() -> None:
    with pytest.raises(BadInputError, match=r"scale has shape \(3, 23\); expected \(3, 24\)"):
        broken(scale=some().scale[:, :-1])


def test_repeated_or_unordered_origins_are_refused() -> None:
    with pytest.raises(BadInputError, match="ascending"):
        broken(known_at_us=np.array([3, 2, 1]) * HOUR)
    with pytest.raises(BadInputError, match="ascending"):
        broken(known_at_us=np.array([1, 1, 2]) * HOUR)


def test_the_outcome_is_the_return_so_many_candles_later_whatever_the_clock_says() -> None:
    # A weekend lies between the third and the fourth candle: step 1 of the third is the fourth.
    known_at = HOUR * np.array([1, 2, 3, 60, 61, 62], dtype=np.int64)
    close = np.array([1.0, 2.0, 4.0, 8.0, 4.0, 16.0])
    forecasts = some(3, first=HOUR)
    outcome = realised(close, known_at, forecasts)
    expected = np.array([[2.0, 4.0, 8.0, 4.0, 16.0], [2.0, 4.0, 2.0, 8.0, np.nan], [2.0, 1.0, 4.0, np.nan, np.nan]])
    np.testing.assert_allclose(outcome[:, :5], np.log(expected))
    assert np.isnan(outcome[:, 5:]).all()


def test_there_is_no_outcome_across_a_hole() -> None:
    # From Thursday 03:00 to Monday 22:00: 67 hours of open market without a candle, and a weekend.
    known_at = HOUR * np.array([1, 2, 3, 3 + 67 + 49, 4 + 67 + 49], dtype=np.int64)
    outcome = realised(np.array([1.0, 2.0, 4.0, 8.0, 4.0]), known_at, some(3, first=HOUR))
    assert np.isfinite(outcome).tolist() == [[step < kept for step in range(24)] for kept in (2, 1, 0)]
    np.testing.assert_allclose(outcome[0, :2], np.log([2.0, 4.0]))


def test_a_forecast_that_belongs_to_no_candle_has_no_outcome() -> None:
    known_at = HOUR * np.array([1, 2, 4], dtype=np.int64)
    with pytest.raises(BadInputError, match="not the close of a candle"):
        realised(np.ones(3), known_at, some(3, first=HOUR))
    with pytest.raises(BadInputError, match="not the close of a candle"):
        realised(np.ones(3), known_at, some(1, first=9 * HOUR))
