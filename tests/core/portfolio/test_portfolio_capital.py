"""The share of the capital that a symbol has at each candle, by allocation, policy, or both."""

import numpy as np
import pytest

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.timeframes import DAY_US
from fxgpt_core.portfolio.allocation import allocation
from fxgpt_core.portfolio.capital import Capital
from fxgpt_core.portfolio.optimal_weights import AllocationParameters
from fxgpt_core.portfolio.policy_blend import PolicyMode
from fxgpt_core.portfolio.universe import Universe

FIRST_DAY = 19_000
PARAMETERS = AllocationParameters(risk_measure="MV", objective="MinRisk", max_weight=0.5, rebalance_freq=7)


@pytest.fixture(scope="module")
def universe():
    rng = np.random.default_rng(2)
    day = np.array([day for day in range(FIRST_DAY, FIRST_DAY + 420) if day % 7 < 5], dtype=np.int32)
    close = np.exp(np.cumsum(rng.normal(0.0, [0.004, 0.008, 0.006], (len(day), 3)), axis=0))
    return Universe(("EURUSD", "GBPUSD", "USDJPY"), day, close)


@pytest.fixture(scope="module")
def policy(universe):
    return np.random.default_rng(3).dirichlet([1.0, 1.0, 1.0, 1.0], len(universe))[:, :3]


def noons(universe, first, stop):
    return universe.day[first:stop].astype(np.int64) * DAY_US + DAY_US // 2


def test_the_multiple_is_the_weight_of_the_last_complete_day_times_the_number_of_symbols(universe):
    found = Capital("USDJPY", universe).multiples(noons(universe, 200, 210), PARAMETERS, 0.5)
    weights = allocation(universe, PARAMETERS).weights[199:209, 2]
    assert found.tolist() == (weights * 3).tolist()


def test_without_a_weight_the_multiple_is_that_of_an_equal_share(universe):
    assert Capital("EURUSD", universe).multiples(noons(universe, 0, 50), PARAMETERS, 0.5).tolist() == [1.0] * 50


@pytest.mark.parametrize("mode", list(PolicyMode))
@pytest.mark.parametrize("with_policy", [False, True])
def test_a_window_alone_is_equal_to_its_part_of_all_days_to_the_last_bit(universe, policy, mode, with_policy):
    capital = Capital("GBPUSD", universe, policy if with_policy else None, mode)
    whole = capital.multiples(noons(universe, 0, len(universe)), PARAMETERS, 0.3)
    for first, stop in ((0, 40), (150, 160), (201, 202), (260, 300)):
        assert capital.multiples(noons(universe, first, stop), PARAMETERS, 0.3).tobytes() == whole[first:stop].tobytes()


def test_alpha_is_the_part_of_the_policy_in_a_hybrid_and_of_nothing_else(universe, policy):
    times = noons(universe, 200, 210)

    def found(mode, alpha):
        wide = AllocationParameters(risk_measure="MV", objective="MinRisk", max_weight=1.0)
        return Capital("EURUSD", universe, policy, mode).multiples(times, wide, alpha)

    alone, advised = found(PolicyMode.RL_ONLY, 0.0), found(PolicyMode.ADVISORY, 1.0)
    np.testing.assert_allclose(alone, policy[199:209, 0] * 3)
    np.testing.assert_allclose(found(PolicyMode.HYBRID, 1.0), alone)
    np.testing.assert_allclose(found(PolicyMode.HYBRID, 0.0), advised)
    np.testing.assert_allclose(found(PolicyMode.HYBRID, 0.25), 0.25 * alone + 0.75 * advised)
    assert not np.allclose(alone, advised)


def test_later_days_do_not_change_the_multiples_of_earlier_candles(universe, policy):
    part = Universe(universe.names, universe.day[:230], universe.close[:230])
    times = noons(universe, 150, 229)
    ours = Capital("USDJPY", part, policy[:230]).multiples(times, PARAMETERS, 0.5)
    assert ours.tobytes() == Capital("USDJPY", universe, policy).multiples(times, PARAMETERS, 0.5).tobytes()


def test_a_symbol_outside_the_universe_and_weights_of_other_days_are_refused(universe, policy):
    with pytest.raises(BadInputError, match="AUDUSD is not among"):
        Capital("AUDUSD", universe)
    with pytest.raises(BadInputError, match="each day needs one for each symbol"):
        Capital("EURUSD", universe, policy[1:])
