"""Bins of origins against crepes' own, sessions by the clock, and bins that are too small."""

from dataclasses import replace

import numpy as np
import pytest
from conformal_examples import MONDAY_US, calibrated, drawn, forecasts_of, later
from crepes import ConformalRegressor

from fxgpt_core.conformal.bands import calibrated_bands
from fxgpt_core.conformal.calibration import CalibrationParameters, fit
from fxgpt_core.conformal.coverage import coverage_table
from fxgpt_core.conformal.cqr import Cqr
from fxgpt_core.conformal.mondrian import Mondrian, session_bins
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import Forecasts
from fxgpt_core.market.timeframes import HOUR_US

HASHES = {"model_sha256": "m", "sampling_sha256": "s"}
COVERAGES = (0.5, 0.75, 0.9375)  # exact in binary, or crepes' own rank is one off
LEVELS = np.array([0.03125, 0.125, 0.25, 0.5, 0.75, 0.875, 0.96875])


def points(forecasts: Forecasts) -> Forecasts:
    """Forecasts without width, so that a score is a distance from zero in units of scale, as in crepes."""
    return replace(forecasts, levels=LEVELS, values=np.zeros((*forecasts.scale.shape, len(LEVELS))))


def test_the_bands_are_those_of_crepes_for_labels_of_the_caller() -> None:
    rng = np.random.default_rng(0)
    past, new = points(forecasts_of(900)), points(later(50))
    labels, new_labels = rng.integers(0, 3, 900), rng.integers(0, 3, 50)
    outcomes = drawn(past, factor=1.0 + labels)
    calibration = fit(past, outcomes, CalibrationParameters(Mondrian("label"), COVERAGES), labels=labels, **HASHES)
    bands = calibrated_bands(new, drawn(new), calibration, labels=new_labels)
    for s in range(3):
        theirs = ConformalRegressor().fit(np.abs(outcomes.realised[:, s]), past.scale[:, s], bins=labels)
        for c, coverage in enumerate(COVERAGES):
            interval = theirs.predict_int(np.zeros(50), new.scale[:, s], bins=new_labels, confidence=coverage)
            assert np.allclose(bands.lower[:, s, c], interval[:, 0], rtol=1e-12, atol=0.0)
            assert np.allclose(bands.upper[:, s, c], interval[:, 1], rtol=1e-12, atol=0.0)


def test_terciles_of_the_volatility_are_those_of_the_calibration_span_in_crepes() -> None:
    past, new = points(forecasts_of(900)), points(later(50, seed=4))
    outcomes = drawn(past, factor=np.sqrt(past.scale[:, 0] * 1e3))
    bands = calibrated_bands(new, drawn(new), fit(past, outcomes, CalibrationParameters(Mondrian(), COVERAGES), **HASHES))
    edges = np.quantile(past.scale[:, 0], [1 / 3, 2 / 3])
    before, after = (np.digitize(forecasts.scale[:, 0], edges) for forecasts in (past, new))
    theirs = ConformalRegressor().fit(np.abs(outcomes.realised[:, 1]), past.scale[:, 1], bins=before)
    interval = theirs.predict_int(np.zeros(50), new.scale[:, 1], bins=after, confidence=0.75)
    assert np.allclose(bands.upper[:, 1, 1], interval[:, 1], rtol=1e-12, atol=0.0)


def test_bins_cover_each_kind_of_origin_where_one_offset_for_all_does_not() -> None:
    rng = np.random.default_rng(1)
    past, new = forecasts_of(6000), later(6000)
    labels, new_labels = rng.integers(0, 2, 6000), rng.integers(0, 2, 6000)
    outcomes, came = drawn(past, 3, factor=1.0 + 2.0 * labels), drawn(new, 4, factor=1.0 + 2.0 * new_labels)

    def coverage(method: Mondrian | Cqr, label: int) -> list[float]:
        calibration = fit(past, outcomes, CalibrationParameters(method), labels=labels, **HASHES)
        bands = calibrated_bands(new, came, calibration, labels=new_labels).select(new_labels == label)
        return [row.observed for row in coverage_table(bands, came.realised[new_labels == label], (0.8,))]

    assert coverage(Mondrian("label"), 0) == pytest.approx([0.8] * 3, abs=0.03)
    assert coverage(Mondrian("label"), 1) == pytest.approx([0.8] * 3, abs=0.03)
    assert min(coverage(Cqr(), 0)) > 0.9
    assert max(coverage(Cqr(), 1)) < 0.7


def test_a_bin_with_too_few_scores_takes_the_offset_of_all_and_says_so() -> None:
    labels = np.repeat([0, 1], [301, 199])
    calibration = calibrated(Mondrian("label"), 500, labels=labels)
    assert calibration.state["labels"].tolist() == [0.0, 1.0]
    assert calibration.state["n"].tolist() == [[301.0] * 3, [199.0] * 3]
    assert calibration.state["pooled"].tolist() == [[0.0] * 3, [1.0] * 3]
    assert np.array_equal(calibration.state["binned"][1], calibration.start_offsets)
    assert not np.array_equal(calibration.state["binned"][0], calibration.start_offsets)


def test_a_label_that_was_never_calibrated_takes_the_offset_of_all() -> None:
    calibration = calibrated(Mondrian("label"), 500, labels=np.repeat([0, 2], 250))
    new = later(5)
    offsets = calibration.offsets(new, drawn(new), np.array([0, 1, 2, 3, -1]))
    assert [np.array_equal(row, calibration.start_offsets) for row in offsets] == [False, True, False, True, True]


def test_labels_that_are_missing_or_too_few_are_refused() -> None:
    with pytest.raises(BadInputError, match="need a label for each origin"):
        calibrated(Mondrian("label"))
    with pytest.raises(BadInputError, match="one label for each origin"):
        calibrated(Mondrian("label"), 500, labels=np.zeros(499, dtype=np.int64))


def test_sessions_are_told_by_the_last_that_opened_on_its_own_clock() -> None:
    """A Tuesday in January: Sydney opens at 20 UTC, Tokyo at 0, London at 8 and New York at 13; New York closes at 22."""
    hours = np.array([0, 6, 8, 12, 13, 21, 22, 23])
    bins = session_bins(MONDAY_US + hours * HOUR_US)
    assert bins.tolist() == [2, 2, 3, 3, 4, 4, 1, 1]
