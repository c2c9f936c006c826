"""A calibration: what is fitted, how it survives its JSON, and what it refuses."""

import math
from dataclasses import replace

import numpy as np
import pytest
from conformal_examples import HASHES, LEVELS, STEPS, calibrated, drawn, forecasts_of, known, later

from fxgpt_core.conformal.aci import Aci
from fxgpt_core.conformal.bands import bands_behind, calibrated_bands
from fxgpt_core.conformal.calibration import COVERAGES, METHODS, Calibration, CalibrationParameters, fit, method_of
from fxgpt_core.conformal.cqr import Cqr
from fxgpt_core.conformal.mondrian import Mondrian
from fxgpt_core.conformal.split import Split
from fxgpt_core.conformal.tracker import Tracker
from fxgpt_core.errors import BadInputError, RefusedError


def test_each_offset_of_cqr_is_the_ranked_score_by_brute_force() -> None:
    forecasts = forecasts_of(57)
    outcomes = drawn(forecasts)
    calibration = fit(forecasts, outcomes, CalibrationParameters(Cqr()), **HASHES)
    for s in range(len(STEPS)):
        for c, coverage in enumerate(COVERAGES):
            low = int(np.argmin(np.abs(LEVELS - (1 - coverage) / 2)))
            high = int(np.argmin(np.abs(LEVELS - (1 + coverage) / 2)))
            y, values = outcomes.realised[:, s], forecasts.values[:, s]
            scores = sorted(np.maximum(values[:, low] - y, y - values[:, high]) / forecasts.scale[:, s])
            assert calibration.start_offsets[s, c] == scores[math.ceil(round(58 * coverage, 9)) - 1]


def test_each_offset_of_split_is_the_ranked_distance_from_the_median() -> None:
    forecasts = forecasts_of(57)
    outcomes = drawn(forecasts)
    calibration = fit(forecasts, outcomes, CalibrationParameters(Split(), (0.9,)), **HASHES)
    scores = np.sort(np.abs(outcomes.realised - forecasts.values[:, :, 10]) / forecasts.scale, axis=0)
    assert calibration.start_offsets[:, 0].tolist() == scores[53 - 1].tolist()


def test_the_default_is_cqr_followed_by_the_tracker() -> None:
    forecasts = forecasts_of(300)
    default = fit(forecasts, drawn(forecasts), **HASHES)
    cqr = fit(forecasts, drawn(forecasts), CalibrationParameters(Cqr()), **HASHES)
    assert default.parameters.method == Tracker(0.02)
    assert np.array_equal(default.start_offsets, cqr.start_offsets)


def test_a_step_without_enough_scores_has_an_infinite_offset_and_a_flagged_band_at_the_cap() -> None:
    forecasts = forecasts_of(30)
    outcomes = drawn(forecasts)
    outcomes.realised[15:, 2] = np.nan
    for method in (Split(), Cqr(), Tracker(), Aci(), Mondrian()):
        calibration = fit(forecasts, outcomes, CalibrationParameters(method), **HASHES)
        assert calibration.n_scores.tolist() == [30, 30, 15]
        assert np.isfinite(calibration.start_offsets[:2]).all()
        assert np.isposinf(calibration.start_offsets[2, -1])
        new = later(5)
        bands = calibrated_bands(new, known(new, np.full((5, 3), np.nan)), calibration)
        assert bands.uncalibrated[:, 2, -1].all()
        assert np.allclose(bands.upper[:, 2, -1], 20.0 * new.scale[:, 2])
        assert not bands.uncalibrated[:, 0].any()


def test_outcomes_that_overlap_count_as_few_and_the_band_is_flagged_though_finite() -> None:
    """Of 75 outcomes four candles ahead 18 are independent, one too few for 95 %; of 76 there are 19."""
    new = later(5)
    for n, flagged in ((75, [5]), (76, [])):
        bands = calibrated_bands(new, drawn(new), calibrated(Cqr(), n))
        assert np.flatnonzero(bands.uncalibrated[0, 2]).tolist() == flagged
        assert not bands.uncalibrated[:, :2].any()
        assert (bands.upper[:, 2, -1] < 5.0 * new.scale[:, 2]).all()


@pytest.mark.parametrize("name", METHODS)
def test_a_calibration_survives_its_json_exactly_infinity_included(name: str) -> None:
    forecasts = forecasts_of(12)
    parameters = CalibrationParameters(
        method_of(name, {"learning_rate": 0.05, "by": "session", "gamma": 0.1, "window": 7}), cap=9.0
    )
    calibration = fit(forecasts, drawn(forecasts), parameters, **HASHES)
    again = Calibration.from_json(calibration.to_json())
    assert again.parameters == calibration.parameters == parameters
    assert set(again.state) == set(calibration.state)
    assert all(np.array_equal(again.state[name], values) for name, values in calibration.state.items())
    assert np.isposinf(again.start_offsets).any()
    assert again.to_json() == calibration.to_json()
    assert (again.steps.dtype, again.n_scores.tolist(), again.settled_us) == (np.int32, [12, 12, 12], calibration.settled_us)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"symbol": "EURUSD"}'])
def test_a_text_that_is_no_calibration_is_refused(text: str) -> None:
    with pytest.raises(BadInputError, match="not a calibration"):
        Calibration.from_json(text)


def test_a_calibration_of_another_model_or_sampler_is_refused() -> None:
    calibration = calibrated(Tracker(), 40)
    calibration.require("m" * 64, "s" * 64)
    with pytest.raises(RefusedError, match="belongs to model mmmm"):
        calibration.require("x" * 64, "s" * 64)
    with pytest.raises(RefusedError, match="belongs to sampling ssss"):
        calibration.require("m" * 64, "x" * 64)


def test_what_cannot_be_calibrated_is_refused() -> None:
    forecasts = forecasts_of(40)
    with pytest.raises(BadInputError, match="outcomes of shape"):
        fit(forecasts, known(forecasts_of(40), np.zeros((40, 3))).select(slice(0, 39)), **HASHES)
    with pytest.raises(BadInputError, match="no forecasts of the calibration span"):
        fit(forecasts.select(slice(0, 0)), drawn(forecasts).select(slice(0, 0)), **HASHES)
    with pytest.raises(BadInputError, match=r"quantile level 0\.005 is not among"):
        fit(forecasts, drawn(forecasts), CalibrationParameters(Cqr(), (0.99,)), **HASHES)


@pytest.mark.parametrize(
    "parameters", [{"coverages": (90.0,)}, {"coverages": (0.9, 0.5)}, {"coverages": ()}, {"cap": 0.0}, {"cap": math.inf}]
)
def test_coverages_and_caps_that_cannot_be_are_refused(parameters: dict) -> None:
    with pytest.raises(BadInputError, match="ascending shares between 0 and 1"):
        CalibrationParameters(**parameters)


def test_a_method_that_does_not_exist_is_refused_and_others_parameters_are_not_its_own() -> None:
    assert method_of("tracker", {"learning_rate": 0.1, "gamma": 0.2}) == Tracker(0.1)
    with pytest.raises(BadInputError, match="choose one of split, cqr, mondrian, aci, tracker"):
        method_of("magic", {})


def test_forecasts_with_other_steps_are_refused() -> None:
    calibration = replace(calibrated(Cqr(), 40), steps=np.array([1, 2, 3], dtype=np.int32))
    new = later(5)
    with pytest.raises(BadInputError, match=r"has the steps \[1, 2, 3\], the forecasts \[1, 2, 4\]"):
        calibrated_bands(new, drawn(new), calibration)


def test_a_band_of_an_origin_before_the_last_outcome_the_calibration_used_is_refused() -> None:
    calibration = calibrated(Cqr(), 40)
    near = forecasts_of(10, first=39 + 3)
    with pytest.raises(BadInputError, match="1 of 10 forecasts were made before"):
        calibrated_bands(near, drawn(near), calibration)
    near = forecasts_of(10, first=39 + 4)
    assert len(calibrated_bands(near, drawn(near), calibration).median) == 10


def test_an_outcome_that_was_not_used_settles_nothing() -> None:
    forecasts = forecasts_of(40)
    outcomes = drawn(forecasts)
    cut = outcomes.until(int(forecasts.known_at_us[-1]))
    assert fit(forecasts, cut, **HASHES).settled_us == forecasts.known_at_us[-1]
    assert fit(forecasts, cut, **HASHES).n_scores.tolist() == [39, 38, 36]


def test_no_forecast_behind_the_calibration_is_told() -> None:
    from fxgpt_core.candles.arrays import CandleArrays
    from fxgpt_core.market.timeframes import HOUR_US, Timeframe

    forecasts = forecasts_of(40)
    ones = np.ones(40)
    candles = CandleArrays(forecasts.known_at_us - HOUR_US, ones, ones, ones, ones, ones, Timeframe.H1)
    with pytest.raises(BadInputError, match="none of 40 forecasts was made behind"):
        bands_behind(calibrated(Cqr(), 40), forecasts, candles)
