"""Bands inside the calibration span: of its last two thirds, blind to what comes later, and as wide as what they learned."""

from dataclasses import replace

import numpy as np
import pytest

from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.conformal.calibration import CalibrationParameters
from fxgpt_core.conformal.coverage import coverage_table
from fxgpt_core.conformal.outcomes import outcomes_of
from fxgpt_core.conformal.rehearsal import rehearsed_bands
from fxgpt_core.conformal.split import Split
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import LEVELS, Forecasts, normal_quantiles
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.validation.folds import Window

STEPS = np.arange(1, 9, dtype=np.int32)
TRACKER = CalibrationParameters()


@pytest.fixture(scope="module")
def candles():
    return candle_arrays(SampleProvider().candles("EURUSD", Timeframe.H1).head(2_000), Timeframe.H1)


@pytest.fixture(scope="module")
def forecasts(candles):
    """Random walks half as wide as they should be."""
    origins = np.arange(500, 2_000)
    scale = np.tile(0.5 * np.std(np.diff(np.log(candles.close))) * np.sqrt(STEPS.astype(float)), (len(origins), 1))
    return Forecasts("EURUSD", "1h", candles.known_at_us[origins], candles.close[origins], STEPS, LEVELS,
                     normal_quantiles(scale), scale)  # fmt: skip


@pytest.fixture(scope="module")
def span(candles):
    return Window(int(candles.known_at_us[600]), int(candles.known_at_us[1_500]))


def test_the_bands_are_of_the_last_two_thirds_of_the_span(forecasts, candles, span):
    bands = rehearsed_bands(forecasts, candles, span, TRACKER)
    assert bands.known_at_us.tolist() == candles.known_at_us[900:1_500].tolist()


@pytest.mark.parametrize("parameters", [TRACKER, CalibrationParameters(Split())], ids=["tracker", "split"])
def test_candles_and_forecasts_behind_the_span_change_no_band(forecasts, candles, span, parameters):
    bands = rehearsed_bands(forecasts, candles, span, parameters)
    cut = rehearsed_bands(forecasts.select(forecasts.known_at_us < span.stop_us), candles.slice(0, 1_500), span, parameters)
    assert cut.lower.tobytes() == bands.lower.tobytes()
    assert cut.upper.tobytes() == bands.upper.tobytes()


def test_other_outcomes_change_no_band_before_they_are_known(forecasts, candles, span):
    wilder = candles.close.copy()
    wilder[1_200:] *= np.exp(np.random.default_rng(4).normal(0.0, 0.01, 800))
    bands = rehearsed_bands(forecasts, candles, span, TRACKER)
    other = rehearsed_bands(forecasts, replace(candles, close=wilder), span, TRACKER)
    known = bands.known_at_us < candles.known_at_us[1_200]
    assert other.upper[known].tobytes() == bands.upper[known].tobytes()
    assert other.upper[~known].tobytes() != bands.upper[~known].tobytes()


def test_bands_that_were_too_narrow_are_widened_by_what_the_first_third_knew(forecasts, candles, span):
    bands = rehearsed_bands(forecasts, candles, span, TRACKER)
    own = forecasts.select(np.isin(forecasts.known_at_us, bands.known_at_us))
    outcome = outcomes_of(candles.close, candles.known_at_us, own).realised
    (row,) = [row for row in coverage_table(bands, outcome) if row.step == 1 and row.nominal == 0.8]
    assert row.observed == pytest.approx(0.8, abs=0.05)


def test_a_span_with_hardly_a_forecast_is_refused(forecasts, candles):
    start = int(candles.known_at_us[600])
    with pytest.raises(BadInputError, match="2 forecasts found in"):
        rehearsed_bands(forecasts, candles, Window(start, int(candles.known_at_us[602])), TRACKER)
