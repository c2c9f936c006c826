"""Scores and ranks against their definitions."""

import math
import warnings
from fractions import Fraction

import numpy as np
import pytest
from crepes import ConformalRegressor
from mapie.regression import SplitConformalRegressor
from sklearn.dummy import DummyRegressor

from fxgpt_core.conformal.calibration import COVERAGES
from fxgpt_core.conformal.nonconformity import conformal_rank, conformal_threshold, quantile_excess
from fxgpt_core.errors import BadInputError


@pytest.mark.parametrize("coverage", [*COVERAGES, 0.55, 0.35, 0.99])
def test_the_rank_is_the_smallest_that_covers_for_every_n_up_to_500(coverage: float) -> None:
    exact = Fraction(str(coverage))
    for n in range(1, 501):
        expected = next(k for k in range(1, n + 2) if Fraction(k, n + 1) >= exact)
        assert conformal_rank(n, coverage) == expected


@pytest.mark.parametrize("coverage", COVERAGES)
def test_the_threshold_is_that_rank_or_infinite_for_every_n_up_to_500(coverage: float) -> None:
    rng = np.random.default_rng(5)
    for n in range(1, 501):
        scores = rng.permutation(n).astype(float)
        rank = math.ceil(Fraction(str(coverage)) * (n + 1))
        expected = math.inf if rank > n else float(rank - 1)
        assert conformal_threshold(scores, coverage) == expected


def test_nineteen_scores_are_the_fewest_for_95_percent() -> None:
    scores = np.arange(19.0)
    assert conformal_threshold(scores, 0.95) == 18.0
    assert conformal_threshold(scores[:18], 0.95) == math.inf


def test_unknown_scores_do_not_count() -> None:
    assert conformal_threshold(np.array([np.nan, 1.0, np.nan]), 0.5) == 1.0
    assert conformal_threshold(np.full(100, np.nan), 0.5) == math.inf


def test_a_new_exchangeable_score_is_covered_as_often_as_promised() -> None:
    rng = np.random.default_rng(11)
    draws = rng.standard_t(3, size=(20_000, 31))
    threshold = np.sort(draws[:, :30], axis=1)[:, conformal_rank(30, 0.8) - 1]
    covered = (draws[:, 30] <= threshold).mean()
    assert 0.8 - 0.01 <= covered <= 0.8 + 1 / 31 + 0.01


@pytest.mark.parametrize("coverage", [0.0, 1.0, 90.0, -0.1])
def test_a_coverage_that_is_no_share_is_refused(coverage: float) -> None:
    with pytest.raises(BadInputError, match="strictly between 0 and 1"):
        conformal_rank(10, coverage)


def test_the_score_is_the_distance_outside_in_units_of_scale() -> None:
    lower, upper, scale = np.full(5, -1.0), np.full(5, 2.0), np.array([2.0, 2.0, 2.0, 0.0, np.nan])
    realised = np.array([-2.0, 3.0, 0.5, 0.0, 0.0])
    score = quantile_excess(lower, upper, realised, scale)
    assert score[:3].tolist() == [0.5, 0.5, -0.75]
    assert np.isnan(score[3:]).all()


# Exact in binary: with 0.9 and nine scores crepes finds an infinite threshold, for it takes int((1 - 0.9) * 10) to be zero.
@pytest.mark.parametrize("coverage", [0.5, 0.75, 0.9375, 0.96875])
def test_crepes_finds_the_same_threshold_and_the_same_infinite_ones_for_every_n_up_to_500(coverage: float) -> None:
    rng = np.random.default_rng(8)
    for n in range(1, 501):
        residuals = np.abs(rng.standard_t(4, n))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="the no. of calibration examples is too small")
            theirs = ConformalRegressor().fit(residuals).predict_int(np.zeros(1), confidence=coverage)[0, 1]
        assert conformal_threshold(residuals, coverage) == pytest.approx(theirs, abs=0.0)


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.95])
def test_mapie_finds_the_same_threshold_wherever_it_is_finite(coverage: float) -> None:
    rng = np.random.default_rng(9)
    for n in (20, 21, 39, 40, 99, 250, 500):
        y = rng.standard_t(4, n)
        nothing = np.zeros((n, 1))
        zero = DummyRegressor(strategy="constant", constant=0.0).fit(nothing, np.zeros(n))
        split = SplitConformalRegressor(zero, confidence_level=coverage, prefit=True).conformalize(nothing, y)
        theirs = split.predict_interval(np.zeros((1, 1)))[1][0, 1, 0]
        assert conformal_threshold(np.abs(y), coverage) == pytest.approx(theirs, abs=0.0)
