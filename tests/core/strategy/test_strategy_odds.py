"""The edge that a size is computed from: a fair wish has none, whatever its distances, and a drift has one on its own side."""

import numpy as np
import pytest
from scipy import stats

from fxgpt_core.conformal.bands import Bands
from fxgpt_core.conformal.calibration import COVERAGES
from fxgpt_core.conformal.scenarios import at_step
from fxgpt_core.market.costs import Costs
from fxgpt_core.portfolio.edge import Edge, kelly, optimal_f
from fxgpt_core.strategy.odds import Odds, odds
from fxgpt_core.strategy.reasons import LONG, MOVE_TOO_SMALL, SHORT
from fxgpt_core.strategy.view import Distribution, MarketView
from fxgpt_core.strategy.wishes import Wishes

CLOSE, DEVIATION, STEP = 1.25, 0.004, 4
COSTS = Costs(spread=0.0001, commission=0.0)
DISTANCES = [(2.0, 1.0), (1.3, 1.3), (1.0, 2.0), (0.5, 5.0), (4.0, 0.5)]


def odds_of(mean: float, reason: int, target: float, stop: float) -> Odds:
    """Of one wish, target and stop in deviations of the return, whose bands are Gaussian with this mean in deviations."""
    z = stats.norm.ppf((1.0 + np.array(COVERAGES)) / 2.0)
    lower, upper = (DEVIATION * (mean + sign * z)[None, None, :] for sign in (-1.0, 1.0))
    one, flags = np.array([[DEVIATION]]), np.zeros(lower.shape, dtype=bool)
    steps = np.array([STEP], dtype=np.int32)
    bands = Bands(np.array([0]), steps, np.array(COVERAGES), lower, upper, flags, mean * one, one)
    known = np.array([1.0])
    view = MarketView(
        known_at_us=np.array([0]), close=CLOSE * known, atr=known, slow_atr=known, median=known, lower=known, upper=known,
        scale=known, uncalibrated=np.array([False]), distribution=Distribution(at_step(bands, STEP), np.array([0])),
    )  # fmt: skip
    distances = (CLOSE * DEVIATION * stop * known, CLOSE * DEVIATION * target * known)
    wished = Wishes(np.array([reason], dtype=np.int8), *distances, known, np.array([False]), known, known)
    return odds(view, wished, COSTS)


@pytest.mark.parametrize("reason", [LONG, SHORT])
@pytest.mark.parametrize(("target", "stop"), DISTANCES)
def test_a_wish_without_drift_has_no_edge_at_any_distances(reason, target, stop):
    found = odds_of(0.0, reason, target, stop)
    assert kelly(found.edge)[0] == optimal_f(found.edge)[0] == 0.0
    assert 0.0 < found.edge.p_target[0] + found.edge.p_stop[0] <= 1.0


def test_counting_what_is_met_by_the_step_alone_would_bet_on_a_near_target_with_a_far_stop():
    found = odds_of(0.0, LONG, 1.0, 2.0)
    naive = Edge(found.scenarios.target_met, found.scenarios.stop_met, found.edge.target, found.edge.stop, found.edge.cost)
    assert kelly(naive)[0] > 0.5


@pytest.mark.parametrize(("target", "stop"), DISTANCES)
def test_a_drift_is_an_edge_on_its_own_side_that_grows_with_it(target, stop):
    little, much = (kelly(odds_of(mean, LONG, target, stop).edge)[0] for mean in (0.15, 0.3))
    assert 0.0 < little < much < 1.0
    assert kelly(odds_of(0.3, SHORT, target, stop).edge)[0] == 0.0


def test_without_a_wish_there_are_no_odds():
    found = odds_of(0.3, MOVE_TOO_SMALL, 1.0, 1.0)
    assert np.isnan([found.edge.p_target, found.edge.p_stop, found.edge.target, found.edge.stop]).all()
