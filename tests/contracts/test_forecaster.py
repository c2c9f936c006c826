"""What every forecaster promises; each implementation is one entry of FORECASTERS."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from forecast_examples import FORECASTERS, H1, fingerprint, real_candles, real_features, real_frame

from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.features.matrix import features
from fxgpt_core.forecasts.forecast import LEVELS, Forecasts
from fxgpt_core.forecasts.forecaster import Forecaster
from fxgpt_core.forecasts.horizons import steps_of

ORIGINS = np.array([300, 301, 555, 1200, 1750, 1999], dtype=np.int64)
CHILD = Path(__file__).parent.parent / "forecast_child.py"


@pytest.fixture(params=FORECASTERS, scope="module")
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def forecaster(name: str) -> Forecaster:
    return FORECASTERS[name]()


@pytest.fixture(scope="module")
def forecasts(forecaster: Forecaster) -> Forecasts:
    return forecaster.forecast(real_features(), real_candles(), ORIGINS, seed=3)


def at(forecaster: Forecaster, *rows: int) -> Forecasts:
    return forecaster.forecast(real_features(), real_candles(), np.array(rows, dtype=np.int64), seed=3)


def test_it_has_a_name_for_tables(forecaster: Forecaster) -> None:
    assert 3 <= len(forecaster.name) <= 30
    assert forecaster.name == forecaster.name.lower()


def test_it_answers_for_exactly_the_origins_asked(forecasts: Forecasts) -> None:
    assert forecasts.known_at_us.tolist() == real_candles().known_at_us[ORIGINS].tolist()
    assert forecasts.close.tolist() == real_candles().close[ORIGINS].tolist()
    assert (forecasts.symbol, forecasts.timeframe) == ("EURUSD", "1h")


def test_it_speaks_of_all_steps_and_levels(forecasts: Forecasts) -> None:
    assert forecasts.steps.tolist() == steps_of(H1).tolist() == [*range(1, 25), 48, 72, 96, 120]
    assert forecasts.levels.tolist() == LEVELS.tolist()
    assert forecasts.values.shape == (len(ORIGINS), 28, 21)
    assert forecasts.values.dtype == forecasts.scale.dtype == np.float64


def test_quantiles_do_not_cross_and_scale_grows_with_the_step(forecasts: Forecasts) -> None:
    assert (np.diff(forecasts.values, axis=2) >= 0.0).all()
    assert (np.diff(forecasts.scale, axis=1) > 0.0).all()
    assert (forecasts.scale > 0.0).all()


def test_its_scale_is_that_of_the_random_walk(forecasts: Forecasts) -> None:
    walk = FORECASTERS["random_walk"]().forecast(real_features(), real_candles(), ORIGINS, seed=3)
    assert forecasts.scale.tobytes() == walk.scale.tobytes()


def test_a_forecast_is_bit_equal_alone_and_among_others(forecaster: Forecaster, forecasts: Forecasts) -> None:
    for i, row in enumerate(ORIGINS.tolist()):
        assert fingerprint(at(forecaster, row)) == fingerprint(forecasts.select(np.array([i])))


def test_a_forecast_is_bit_equal_after_any_other_forecast(forecaster: Forecaster) -> None:
    first = fingerprint(at(forecaster, 1200))
    at(forecaster, *range(300, 340))
    assert fingerprint(at(forecaster, 1200)) == first


@pytest.mark.parametrize("row", [300, 555, 1200])
def test_a_forecast_is_bit_equal_whether_later_candles_exist_or_not(forecaster: Forecaster, row: int) -> None:
    cut = real_frame().head(row + 1)
    alone = forecaster.forecast(features(cut, H1), candle_arrays(cut, H1), np.array([row], dtype=np.int64), seed=3)
    assert fingerprint(alone) == fingerprint(at(forecaster, row))


def test_a_forecast_is_bit_equal_whatever_happens_later(forecaster: Forecaster) -> None:
    row, change = 1200, pl.int_range(pl.len()) > 1200
    prices = ["open", "high", "low", "close"]
    other = real_frame().with_columns(pl.when(change).then(pl.col(prices) * 1.5).otherwise(pl.col(prices)))
    changed = forecaster.forecast(features(other, H1), candle_arrays(other, H1), np.array([row], dtype=np.int64), seed=3)
    assert fingerprint(changed) == fingerprint(at(forecaster, row))


def test_a_forecast_depends_on_what_was_known(forecaster: Forecaster) -> None:
    row, change = 1200, pl.int_range(pl.len()) >= 1195
    prices = ["open", "high", "low", "close"]
    other = real_frame().with_columns(pl.when(change).then(pl.col(prices) * 1.01).otherwise(pl.col(prices)))
    changed = forecaster.forecast(features(other, H1), candle_arrays(other, H1), np.array([row], dtype=np.int64), seed=3)
    assert changed.values.tobytes() != at(forecaster, row).values.tobytes()


@pytest.mark.parametrize("threads", [1, 2])
def test_a_forecast_is_bit_equal_in_another_process_with_any_threads(name: str, forecasts: Forecasts, threads: int) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(CHILD), name, str(threads), *map(str, ORIGINS.tolist())],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": f"{CHILD.parent}:{CHILD.parent.parent}", "OMP_NUM_THREADS": str(threads)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == fingerprint(forecasts)


def test_asking_for_nothing_is_refused(forecaster: Forecaster) -> None:
    with pytest.raises(BadInputError, match="no origin found"):
        at(forecaster)


def test_an_origin_inside_the_warm_up_is_refused(forecaster: Forecaster) -> None:
    with pytest.raises(BadInputError, match=r"no known volatility|no whole context: row 20 reads row 20, which lacks"):
        at(forecaster, 20)


def test_it_leaves_its_input_as_it_was(forecaster: Forecaster) -> None:
    table, candles = real_features().clone(), replace(real_candles(), close=real_candles().close.copy())
    candles.close.flags.writeable = False
    forecaster.forecast(table, candles, ORIGINS, seed=3)
    assert table.equals(real_features())
