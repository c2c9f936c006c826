"""The adaptive methods against references written out, MAPIE, and the bounds that hold for any outcomes whatever."""

import math
from collections import deque

import numpy as np
import pytest
from conformal_examples import HASHES, LEVELS, MONDAY_US, NORMAL, SIGMA, calibrated, drawn, known, later
from hypothesis import given, settings
from hypothesis import strategies as st
from mapie.regression import TimeSeriesRegressor
from sklearn.dummy import DummyRegressor

from fxgpt_core.conformal.aci import Aci
from fxgpt_core.conformal.bands import calibrated_bands
from fxgpt_core.conformal.calibration import Calibration, CalibrationParameters, fit
from fxgpt_core.conformal.coverage import coverage_table
from fxgpt_core.conformal.nonconformity import conformal_threshold, quantile_excess
from fxgpt_core.conformal.outcomes import Outcomes
from fxgpt_core.conformal.tracker import Tracker
from fxgpt_core.forecasts.forecast import Forecasts
from fxgpt_core.market.timeframes import HOUR_US

LOW, HIGH = 0, 20
COVERAGE = 0.95


def scores_at(forecasts: Forecasts, outcomes: Outcomes, s: int) -> np.ndarray:
    edges = forecasts.values[:, s, LOW], forecasts.values[:, s, HIGH]
    return quantile_excess(*edges, outcomes.realised[:, s], forecasts.scale[:, s])


def reference_tracker(scores: np.ndarray, start: float, rate: float, step: int) -> list[float]:
    used: list[float] = []
    q = start
    for t in range(len(scores)):
        if t >= step and not math.isnan(scores[t - step]):
            q += rate * ((scores[t - step] > used[t - step]) - (1 - COVERAGE))
        used.append(q)
    return used


def reference_aci(scores: np.ndarray, recent: deque, gamma: float, step: int) -> list[float]:
    used = [conformal_threshold(np.array(recent), COVERAGE)]
    alpha = 1 - COVERAGE
    for t in range(1, len(scores)):
        if t >= step and not math.isnan(scores[t - step]):
            alpha += gamma * ((1 - COVERAGE) - (scores[t - step] > used[t - step]))
            recent.append(scores[t - step])
        inside = 0.0 < alpha < 1.0
        used.append(conformal_threshold(np.array(recent), 1 - alpha) if inside else math.copysign(math.inf, 0.5 - alpha))
    return used


@pytest.mark.parametrize("s", [0, 1, 2])
def test_the_tracker_is_its_reference_in_ten_lines(s: int) -> None:
    calibration = calibrated(Tracker(0.05), coverages=(COVERAGE,))
    new = later(600)
    outcomes = drawn(new, 9)
    outcomes.realised[100:160] = np.nan
    rate = 0.05 * calibration.state["spread"][s]
    expected = reference_tracker(scores_at(new, outcomes, s), calibration.start_offsets[s, 0], rate, int(new.steps[s]))
    assert calibration.offsets(new, outcomes)[:, s, 0] == pytest.approx(expected, abs=1e-12)
    assert np.ptp(expected) > 0.1


def test_the_rate_of_the_tracker_is_a_share_of_the_99_percent_distance_from_the_median() -> None:
    calibration = calibrated(Tracker())
    assert calibration.state["spread"] == pytest.approx([2.576] * 3, rel=0.08)


def test_the_rate_is_less_where_outcomes_come_so_late_that_the_offset_would_swing() -> None:
    """By the density of a half-normal in units of its 99 % point, 2.5758: at 80 %, 2 φ(1.2816) 2.5758 = 0.9041."""
    state = {"spread": np.array([2.0, 2.0, 2.0])}
    found = Tracker(0.02).rates(state, np.array([1, 24, 120], dtype=np.int32), np.array([0.8]))[:, 0]
    assert found[0] == pytest.approx(2.0 * 0.02)
    assert found[1:] == pytest.approx([2.0 / (math.e * h * 0.9041) for h in (24, 120)], rel=1e-3)


def test_a_week_of_overlapping_outcomes_is_covered_and_its_bands_do_not_swing() -> None:
    """Sums of 120 hours of a random walk: of a rate that ignores the delay, four bands in five would be far too wide."""
    n, step = 12_000, 120
    steps = np.cumsum(np.random.default_rng(6).standard_normal(n + step)) * SIGMA
    scale = np.full((n, 1), SIGMA * math.sqrt(step))
    values = scale[:, :, None] * NORMAL
    known_at = MONDAY_US + np.arange(n, dtype=np.int64) * HOUR_US
    forecasts = Forecasts("EURUSD", "1h", known_at, np.ones(n), np.array([step], dtype=np.int32), LEVELS, values, scale)
    outcomes = known(forecasts, (steps[step:] - steps[:-step])[:, None])
    first, behind = np.arange(n) < 3_000, np.arange(n) >= 3_000 + step
    calibration = fit(forecasts.select(first), outcomes.select(first), CalibrationParameters(Tracker()), **HASHES)
    bands = calibrated_bands(forecasts.select(behind), outcomes.select(behind), calibration)
    for row in coverage_table(bands, outcomes.realised[behind]):
        assert row.observed == pytest.approx(row.nominal, abs=0.03)
        assert row.width_95 < 2.5 * row.width_50


@pytest.mark.parametrize("s", [0, 1, 2])
@pytest.mark.parametrize("gamma", [0.005, 0.2])
def test_aci_is_its_reference_in_ten_lines(s: int, gamma: float) -> None:
    calibration = calibrated(Aci(gamma, 100), coverages=(COVERAGE,))
    new = later(400)
    outcomes = drawn(new, 9, factor=1.3)
    outcomes.realised[100:160] = np.nan
    recent = deque(calibration.state["recent"][:, s, 0], maxlen=100)
    expected = reference_aci(scores_at(new, outcomes, s), recent, gamma, int(new.steps[s]))
    assert calibration.offsets(new, outcomes)[:, s, 0].tolist() == expected
    assert np.isinf(expected).any() == (gamma == 0.2)


def test_the_level_that_aci_asks_of_its_scores_is_mapies() -> None:
    """With 0.1, which survives MAPIE's rounding of levels to two decimals, and outcomes whose hit or miss no width decides."""
    nothing = np.zeros((500, 1))
    zero = DummyRegressor(strategy="constant", constant=0.0).fit(nothing, np.zeros(500))
    theirs = TimeSeriesRegressor(zero, method="aci", cv="prefit").fit(nothing, np.random.default_rng(2).standard_normal(500))
    calibration = calibrated(Aci(0.01, 300), 300, coverages=(0.9,))
    new = later(80)
    far = np.where(np.arange(80) % 7 == 3, 1000.0, 0.0)
    outcomes = known(new, far[:, None] * new.scale)
    offsets = calibration.offsets(new, outcomes)[:, 0, 0]
    edges = new.values[:, 0, 2 - 1], new.values[:, 0, HIGH - 1]
    scores = quantile_excess(*edges, outcomes.realised[:, 0], new.scale[:, 0])
    recent = deque(calibration.state["recent"][:, 0, 0], maxlen=300)
    for t in range(79):
        theirs.adapt_conformal_inference(nothing[:1], far[t : t + 1], gamma=0.01, confidence_level=0.9)
        recent.append(scores[t])
        (alpha,) = theirs.current_alpha.values()
        assert 0.0 < alpha < 1.0
        assert offsets[t + 1] == conformal_threshold(np.array(recent), 1.0 - alpha)


def misses_of(calibration: Calibration, new: Forecasts, outcomes: Outcomes, s: int) -> np.ndarray:
    offsets = calibration.offsets(new, outcomes)[:, s, 0]
    return scores_at(new, outcomes, s) > offsets


WORST = st.lists(st.floats(-1e4, 1e4), min_size=400, max_size=400)


@settings(max_examples=15, deadline=None)
@given(values=WORST, gamma=st.floats(0.01, 0.3))
def test_acis_misses_stay_within_its_bound_whatever_happens(values: list[float], gamma: float) -> None:
    calibration = calibrated(Aci(gamma, 50), 200, coverages=(COVERAGE,))
    new = later(400)
    outcomes = known(new, np.array(values)[:, None] * new.scale)
    for s, step in enumerate(new.steps.tolist()):
        n = 400 - step
        misses = misses_of(calibration, new, outcomes, s)[:n]
        assert abs(misses.mean() - (1 - COVERAGE)) <= (COVERAGE + step * gamma) / (n * gamma) + 1e-9


@settings(max_examples=15, deadline=None)
@given(values=WORST)
def test_the_trackers_misses_stay_within_its_bound_while_scores_are_bounded(values: list[float]) -> None:
    """Offsets cannot leave the range of scores by more than what is on its way: (range + h × rate) / (n × rate)."""
    calibration = calibrated(Tracker(0.5), 200, coverages=(COVERAGE,))
    new = later(400)
    outcomes = known(new, np.clip(values, -9, 9)[:, None] * new.scale)
    for s, step in enumerate(new.steps.tolist()):
        n, rate = 400 - step, Tracker(0.5).rates(calibration.state, new.steps, np.array([COVERAGE]))[s, 0]
        scores = scores_at(new, outcomes, s)
        reach = max(9.0, calibration.start_offsets[s, 0]) - min(scores.min(), calibration.start_offsets[s, 0])
        misses = misses_of(calibration, new, outcomes, s)[:n]
        assert abs(misses.mean() - (1 - COVERAGE)) <= (reach + step * rate) / (n * rate) + 1e-9
