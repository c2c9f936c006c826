"""Split calibration and the bands made of it."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxgpt_core.conformal.bands import Bands, calibrated_bands
from fxgpt_core.conformal.coverage import coverage_table
from fxgpt_core.conformal.split import COVERAGES, Calibration, fit
from fxgpt_core.errors import BadInputError, RefusedError
from fxgpt_core.forecasts.forecast import Forecasts
from fxgpt_core.market.timeframes import Timeframe

LEVELS = np.array([0.025, *np.arange(1, 20) / 20, 0.975])
Z = np.array([-1.959964, -1.644854, -1.281552, -1.036433, -0.841621, -0.674490, -0.524401, -0.385320, -0.253347, -0.125661])
NORMAL = np.concatenate([Z, [0.0], -Z[::-1]])
STEPS = np.array([1, 2, 4], dtype=np.int32)
HOUR_US = 3_600_000_000


def forecasts_of(n: int, *, width: float = 1.0, seed: int = 0) -> Forecasts:
    rng = np.random.default_rng(seed)
    scale = rng.uniform(0.5, 2.0, (n, 1)) * 1e-3 * np.sqrt(STEPS)
    return Forecasts(
        symbol="EURUSD",
        timeframe=Timeframe("1h"),
        known_at_us=np.arange(n, dtype=np.int64) * HOUR_US,
        close=np.full(n, 1.1),
        steps=STEPS,
        levels=LEVELS,
        values=width * scale[:, :, None] * NORMAL,
        scale=scale,
    )


def outcomes_of(forecasts: Forecasts, seed: int = 1) -> np.ndarray:
    return forecasts.scale * np.random.default_rng(seed).standard_normal(forecasts.scale.shape)


def fitted(forecasts: Forecasts, realised: np.ndarray) -> Calibration:
    return fit(forecasts, realised, model_sha256="m" * 64, sampling_sha256="s" * 64)


def test_each_offset_is_the_ranked_score_by_brute_force() -> None:
    forecasts = forecasts_of(57)
    realised = outcomes_of(forecasts)
    calibration = fitted(forecasts, realised)
    for s in range(len(STEPS)):
        for c, coverage in enumerate(COVERAGES):
            low = int(np.argmin(np.abs(LEVELS - (1 - coverage) / 2)))
            high = int(np.argmin(np.abs(LEVELS - (1 + coverage) / 2)))
            scores = sorted(
                max(forecasts.values[i, s, low] - realised[i, s], realised[i, s] - forecasts.values[i, s, high])
                / forecasts.scale[i, s]
                for i in range(57)
            )
            assert calibration.offsets[s, c] == scores[math.ceil(round(58 * coverage, 9)) - 1]


@pytest.mark.parametrize("width", [0.4, 1.0, 2.5])
def test_bands_cover_new_outcomes_whatever_the_width_of_the_forecast(width: float) -> None:
    past, new = forecasts_of(4000, width=width, seed=2), forecasts_of(4000, width=width, seed=3)
    bands = calibrated_bands(new, fitted(past, outcomes_of(past, 4)))
    for row in coverage_table(bands, outcomes_of(new, 5)):
        assert row.observed == pytest.approx(row.nominal, abs=0.03)


def test_a_step_without_enough_scores_has_an_infinite_offset_and_band() -> None:
    forecasts = forecasts_of(30)
    realised = outcomes_of(forecasts)
    realised[15:, 2] = np.nan
    calibration = fitted(forecasts, realised)
    assert calibration.n_scores.tolist() == [30, 30, 15]
    assert np.isfinite(calibration.offsets[:2]).all()
    assert np.isposinf(calibration.offsets[2, -1])
    bands = calibrated_bands(forecasts, calibration)
    assert np.isneginf(bands.lower[:, 2, -1]).all()
    assert np.isposinf(bands.upper[:, 2, -1]).all()


@given(st.integers(0, 10_000), st.integers(5, 60), st.floats(0.05, 4.0))
def test_bands_never_cross_and_wider_ones_contain_narrower_ones(seed: int, n: int, width: float) -> None:
    past = forecasts_of(n, width=width, seed=seed)
    bands = calibrated_bands(forecasts_of(20, width=width, seed=seed + 1), fitted(past, outcomes_of(past, seed)))
    assert (bands.lower <= bands.median[:, :, None]).all()
    assert (bands.upper >= bands.median[:, :, None]).all()
    assert (bands.lower[:, :, 1:] <= bands.lower[:, :, :-1]).all()
    assert (bands.upper[:, :, 1:] >= bands.upper[:, :, :-1]).all()


def test_the_band_of_one_origin_is_the_same_alone_and_among_many() -> None:
    past, many = forecasts_of(200, seed=6), forecasts_of(50, seed=7)
    calibration = fitted(past, outcomes_of(past))
    alone = calibrated_bands(many.select(np.arange(50) == 17), calibration)
    among = calibrated_bands(many, calibration).select(slice(17, 18))
    assert np.array_equal(alone.lower, among.lower)
    assert np.array_equal(alone.upper, among.upper)


def test_a_calibration_survives_its_json_exactly_infinity_included() -> None:
    forecasts = forecasts_of(12)
    calibration = fitted(forecasts, outcomes_of(forecasts))
    again = Calibration.from_json(calibration.to_json())
    assert np.array_equal(again.offsets, calibration.offsets)
    assert np.isposinf(again.offsets).any()
    assert again.to_json() == calibration.to_json()
    assert (again.steps.dtype, again.n_scores.tolist()) == (np.int32, [12, 12, 12])


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"symbol": "EURUSD"}'])
def test_a_text_that_is_no_calibration_is_refused(text: str) -> None:
    with pytest.raises(BadInputError, match="not a calibration"):
        Calibration.from_json(text)


def test_a_calibration_of_another_model_or_sampler_is_refused() -> None:
    forecasts = forecasts_of(40)
    calibration = fitted(forecasts, outcomes_of(forecasts))
    calibration.require("m" * 64, "s" * 64)
    with pytest.raises(RefusedError, match="belongs to model mmmm"):
        calibration.require("x" * 64, "s" * 64)
    with pytest.raises(RefusedError, match="belongs to sampling ssss"):
        calibration.require("m" * 64, "x" * 64)


def test_what_cannot_be_calibrated_is_refused() -> None:
    forecasts = forecasts_of(40)
    with pytest.raises(BadInputError, match="outcomes of shape"):
        fitted(forecasts, np.zeros((40, 2)))
    with pytest.raises(BadInputError, match="outcomes of shape"):
        fitted(forecasts.select(np.zeros(40, dtype=bool)), np.zeros((0, 3)))
    with pytest.raises(BadInputError, match=r"quantile level 0\.005 is not among"):
        fit(forecasts, outcomes_of(forecasts), (0.99,), model_sha256="m", sampling_sha256="s")


def test_forecasts_with_a_step_that_was_not_calibrated_are_refused() -> None:
    forecasts = forecasts_of(40)
    calibration = replace(fitted(forecasts, outcomes_of(forecasts)), steps=np.array([1, 2, 3], dtype=np.int32))
    with pytest.raises(BadInputError, match=r"lacks \[4\]"):
        calibrated_bands(forecasts, calibration)


def test_bands_of_inconsistent_shape_are_refused() -> None:
    with pytest.raises(BadInputError, match=r"bands\.upper has shape"):
        Bands(
            known_at_us=np.zeros(2, dtype=np.int64),
            steps=np.array([1], dtype=np.int32),
            coverages=np.array([0.5]),
            lower=np.zeros((2, 1, 1)),
            upper=np.zeros((2, 1, 2)),
            median=np.zeros((2, 1)),
            scale=np.zeros((2, 1)),
        )
