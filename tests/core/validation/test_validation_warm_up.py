"""How soon a computation forgets the start of its series, against weights known by hand."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from fxgpt_core.errors import BadInputError
from fxgpt_core.validation.warm_up import COMPARED, warm_up_drift


@pytest.fixture(scope="module")
def series() -> pl.DataFrame:
    times = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(600)]
    return pl.DataFrame({"open_time": times, "x": np.random.default_rng(1).standard_normal(600)})


def test_a_window_is_forgotten_as_soon_as_it_is_full(series: pl.DataFrame) -> None:
    drift = warm_up_drift(lambda part: part.select(mean=pl.col("x").rolling_mean(30)), series, (20, 29, 100))
    assert [rung.candles for rung in drift] == [20, 29, 100]
    assert drift[0].drift == np.inf
    assert drift[0].column == "mean"
    assert drift[1].drift < 1e-12
    assert drift[2].drift < 1e-12


def test_an_exponential_average_drifts_by_what_its_first_value_still_weighs(series: pl.DataFrame) -> None:
    weight = 0.1
    x = series["x"].to_numpy()

    def average(start: int) -> np.ndarray:
        out = [x[start]]
        for value in x[start + 1 :]:
            out.append((1 - weight) * out[-1] + weight * value)
        return np.array(out)

    whole, start = average(0), 600 - 50 - COMPARED
    late = average(start)
    expected = max(abs(whole[start + 50 + row] - late[50 + row]) for row in range(COMPARED)) / np.std(whole, ddof=1)
    (found,) = warm_up_drift(lambda part: part.select(pl.col("x").ewm_mean(alpha=weight, adjust=False)), series, (50,), starts=1)
    # One start is the first candle but none: its drift is another, of the same size.
    first = average(1)
    at_first = max(abs(whole[1 + 50 + row] - first[50 + row]) for row in range(COMPARED)) / np.std(whole, ddof=1)
    assert found.drift == pytest.approx(at_first)
    (both,) = warm_up_drift(lambda part: part.select(pl.col("x").ewm_mean(alpha=weight, adjust=False)), series, (50,), starts=2)
    assert both.drift == pytest.approx(max(expected, at_first))


def test_what_never_forgets_drifts_at_every_rung(series: pl.DataFrame) -> None:
    drift = warm_up_drift(lambda part: part.select(pl.col("x").cum_sum()), series, (50, 100, 200))
    assert all(rung.drift > 0.01 and rung.column == "x" for rung in drift)


def test_what_has_no_memory_does_not_drift(series: pl.DataFrame) -> None:
    assert {(rung.drift, rung.column) for rung in warm_up_drift(lambda part: part.select("x"), series, (1, 50))} == {(0.0, "")}


def test_a_series_shorter_than_the_ladder_is_refused(series: pl.DataFrame) -> None:
    with pytest.raises(BadInputError, match="600 candles are too few for a warm-up of 600; more than 624 are needed"):
        warm_up_drift(lambda part: part, series, (600,))
