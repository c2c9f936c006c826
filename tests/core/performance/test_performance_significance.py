"""Significance of a Sharpe ratio against published numbers and against simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxgpt_core.performance.measures import sharpe_of
from fxgpt_core.performance.significance import (
    SharpeMoments,
    deflated_sharpe,
    expected_max_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
    sharpe_moments,
)

MOMENTS = st.builds(
    SharpeMoments,
    n=st.integers(2, 5000),
    sharpe=st.floats(-1.0, 1.0),
    skewness=st.floats(-2.0, 2.0),
    kurtosis=st.floats(5.0, 20.0),
)


@pytest.mark.parametrize(
    ("n_trials", "expected"),
    [(2, 0.519755), (5, 1.192594), (10, 1.574598), (45, 2.235640), (100, 2.530603), (1000, 3.255122), (10000, 3.860665)],
)
def test_the_expected_maximum_equals_the_published_bracket(n_trials: int, expected: float) -> None:
    assert expected_max_sharpe(n_trials, 1.0) == pytest.approx(expected, abs=1e-6)


def test_the_expected_maximum_is_close_to_a_simulated_one() -> None:
    rng = np.random.default_rng(3)
    simulated = rng.standard_normal((4000, 100)).max(axis=1).mean()
    assert expected_max_sharpe(100, 1.0) == pytest.approx(simulated, abs=0.06)


def test_the_expected_maximum_scales_with_the_deviation_of_the_trials() -> None:
    assert expected_max_sharpe(100, 0.05**2) == pytest.approx(0.12653014466008425, rel=1e-12)


def test_the_hedge_fund_of_the_2012_paper() -> None:
    assert probabilistic_sharpe(SharpeMoments(24, 0.458)) == pytest.approx(0.9817, abs=5e-5)
    assert probabilistic_sharpe(SharpeMoments(24, 0.458, -2.448, 10.164)) == pytest.approx(0.9134, abs=5e-5)


@pytest.mark.parametrize(
    ("n_trials", "skewness", "kurtosis", "daily", "expected"),
    [(100, -3.0, 10.0, 0.113172, 0.900397), (46, -3.0, 10.0, 0.100362, 0.950502), (88, 0.0, 3.0, None, 0.950491)],
)
def test_the_example_of_the_deflated_sharpe_paper(
    n_trials: int, skewness: float, kurtosis: float, daily: float | None, expected: float
) -> None:
    moments = SharpeMoments(1250, 2.5 / math.sqrt(250), skewness, kurtosis)
    variance = 0.5 / 250
    if daily is not None:
        assert expected_max_sharpe(n_trials, variance) == pytest.approx(daily, abs=1e-6)
    assert deflated_sharpe(moments, n_trials, variance) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("per_year", "skewness", "kurtosis", "years"),
    [(250, 0.0, 3.0, 2.7312), (52, 0.0, 3.0, 2.8288), (12, 0.0, 3.0, 3.2398), (250, -0.72, 5.78, 3.0077)],
)
def test_the_minimum_track_record_of_sharpe_two_against_one(
    per_year: int, skewness: float, kurtosis: float, years: float
) -> None:
    moments = SharpeMoments(0, 2.0 / math.sqrt(per_year), skewness, kurtosis)
    assert minimum_track_record(moments, 1.0 / math.sqrt(per_year)) / per_year == pytest.approx(years, abs=5e-5)


def test_a_track_record_that_does_not_beat_its_benchmark_is_never_long_enough() -> None:
    assert minimum_track_record(SharpeMoments(100, 0.1), benchmark=0.1) == math.inf


def test_the_conventions_are_sample_deviation_and_population_moments() -> None:
    returns = np.random.default_rng(0).normal(0.001, 0.01, 252)
    moments = sharpe_moments(returns)
    assert probabilistic_sharpe(moments) == pytest.approx(0.929816689534993, rel=1e-12)
    trials = np.random.default_rng(1).normal(0.0, 0.05, 100)
    assert deflated_sharpe(moments, 100, float(np.var(trials, ddof=1))) == pytest.approx(0.4067031240859223, rel=1e-9)


def test_minimum_track_record_is_the_length_at_which_the_probability_reaches_the_confidence() -> None:
    moments = SharpeMoments(0, 0.12, -0.5, 6.0)
    length = minimum_track_record(moments, 0.05, 0.95)
    reached = SharpeMoments(math.ceil(length), 0.12, -0.5, 6.0)
    missed = SharpeMoments(math.floor(length), 0.12, -0.5, 6.0)
    assert probabilistic_sharpe(missed, 0.05) < 0.95 <= probabilistic_sharpe(reached, 0.05)


def test_returns_that_never_vary_are_no_evidence() -> None:
    flat = sharpe_moments(np.zeros(200))
    assert (flat.sharpe, flat.skewness, flat.kurtosis) == (0.0, 0.0, 3.0)
    assert probabilistic_sharpe(flat) == 0.5
    assert deflated_sharpe(flat, 100, 0.01) < 0.1
    assert probabilistic_sharpe(sharpe_moments(np.array([0.5]))) == 0.5


def test_no_trial_or_a_negative_variance_is_refused() -> None:
    with pytest.raises(ValueError, match="0 trials"):
        expected_max_sharpe(0, 1.0)
    with pytest.raises(ValueError, match="variance -1"):
        expected_max_sharpe(3, -1.0)


@given(MOMENTS, st.floats(0.0, 0.1))
def test_one_trial_needs_no_deflation(moments: SharpeMoments, variance: float) -> None:
    assert deflated_sharpe(moments, 1, variance) == probabilistic_sharpe(moments)


@given(MOMENTS, st.integers(2, 5000), st.integers(1, 5000), st.floats(1e-6, 0.1))
def test_more_trials_never_raise_the_deflated_sharpe(moments: SharpeMoments, n: int, more: int, variance: float) -> None:
    assert deflated_sharpe(moments, n + more, variance) <= deflated_sharpe(moments, n, variance)


@pytest.mark.parametrize("value", [0.1, 0.001, 0.3, -0.1])
def test_equal_returns_other_than_zero_are_no_evidence_either(value: float) -> None:
    assert np.std(np.full(252, 0.1), ddof=1) > 0.0  # what made a Sharpe ratio of 7e15 of them
    assert sharpe_moments(np.full(252, value)) == SharpeMoments(252, 0.0)
    assert sharpe_of(np.full(252, value)) == 0.0
