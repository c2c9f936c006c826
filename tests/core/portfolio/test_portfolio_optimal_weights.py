"""Optimal weights against Riskfolio-Lib, against the definitions of the measures on random mixes, and by hand."""

import dataclasses
import itertools

import numpy as np
import pytest

from fxgpt_core.errors import BadInputError
from fxgpt_core.portfolio.convex import MEASURES
from fxgpt_core.portfolio.optimal_weights import (
    DAYS_A_YEAR,
    NO_EXCESS,
    NO_SOLUTION,
    OBJECTIVES,
    SCHEDULED,
    AllocationParameters,
    aversion_by_day,
    optimal_weights,
    solution,
)
from fxgpt_core.portfolio.risk_measures import risk_of
from fxgpt_core.portfolio.riskfolio_reference import frontier, reference_weights

WIDE = AllocationParameters(max_weight=0.5)


def daily_returns(seed=0, symbols=4, days=120):
    """Correlated days of symbols whose volatilities and means differ."""
    rng = np.random.default_rng(seed)
    common = rng.standard_t(5, (days, 1))
    own = rng.standard_t(5, (days, symbols))
    size = 0.003 * np.linspace(1.0, 2.0, symbols)
    return (0.5 * common + own) * size + np.linspace(0.0007, 0.0002, symbols)


RETURNS = daily_returns()


@pytest.mark.parametrize(("measure", "objective"), list(itertools.product(MEASURES, OBJECTIVES)))
def test_the_weights_are_those_of_riskfolio(measure, objective):
    parameters = dataclasses.replace(WIDE, risk_measure=measure, objective=objective, risk_free_rate=0.01, min_weight=0.02)
    found = optimal_weights(RETURNS, parameters)
    np.testing.assert_allclose(found, reference_weights(RETURNS, parameters), atol=2e-3)
    assert found.sum() == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("measure", [measure for measure in MEASURES if measure != "WR"])  # which Riskfolio-Lib 7.4 fails on
def test_equal_risk_is_that_of_riskfolio(measure):
    parameters = AllocationParameters(risk_measure=measure, use_risk_parity=True, max_weight=1.0)
    np.testing.assert_allclose(optimal_weights(RETURNS, parameters), reference_weights(RETURNS, parameters), atol=2e-3)


def _worth(measure, objective, weights, parameters):
    held = RETURNS @ weights
    mean, risk = held.mean(), risk_of(measure, held)
    if objective == "MinRisk":
        return -risk
    if objective == "Sharpe":
        return (mean - parameters.risk_free_rate / DAYS_A_YEAR * weights.sum()) / risk
    if objective == "MaxRet":
        return mean
    by_day = risk * risk if measure == "MV" else risk * aversion_by_day(measure, len(held))
    return mean - parameters.risk_aversion * by_day


@pytest.mark.parametrize(("measure", "objective"), list(itertools.product(MEASURES, OBJECTIVES)))
@pytest.mark.parametrize("highest", [0.5, 0.3])
def test_no_mix_within_the_bounds_is_worth_more(measure, objective, highest):
    parameters = AllocationParameters(measure, objective, 3.0, highest, 0.03, 0.02)
    best = optimal_weights(RETURNS, parameters)
    assert best.sum() == pytest.approx(1.0, abs=1e-6)
    assert (best >= 0.03).all()
    assert (best <= highest).all()
    rng = np.random.default_rng(1)
    mixes = rng.dirichlet(np.ones(4), 4000)
    mixes = mixes[((mixes >= 0.03) & (mixes <= highest)).all(axis=1)][:100]
    mixes = np.vstack([mixes, 0.98 * best + 0.02 * mixes]) if len(mixes) else best[None]
    worth = _worth(measure, objective, best, parameters)
    assert worth >= max(_worth(measure, objective, mix, parameters) for mix in mixes) - 1e-6 * abs(worth)


def test_equal_risk_of_uncorrelated_symbols_is_inverse_to_their_volatility():
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=2)) * 10)
    returns = signs * [0.01, 0.03]
    found = optimal_weights(returns, AllocationParameters(use_risk_parity=True, max_weight=1.0))
    np.testing.assert_allclose(found, [0.75, 0.25], atol=1e-4)
    bounded = optimal_weights(returns, AllocationParameters(use_risk_parity=True, max_weight=0.6))
    np.testing.assert_allclose(bounded, [0.6, 0.4], atol=1e-4)


def test_least_variance_of_two_symbols_by_hand():
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=2)) * 10)
    # Uncorrelated with variances 1 and 9: 9 / (1 + 9) of the first.
    found = optimal_weights(signs * [0.01, 0.03], AllocationParameters(objective="MinRisk", max_weight=1.0))
    np.testing.assert_allclose(found, [0.9, 0.1], atol=1e-4)


def test_the_measures_by_hand():
    returns = np.array([0.01] * 36 + [-0.02, 0.03, -0.04, 0.01])
    assert risk_of("WR", returns) == 0.04
    assert risk_of("CVaR", returns) == pytest.approx(0.03)
    # The sums fall by 0.02, rise by 0.03 and fall by 0.04: the deepest drawdowns are 0.04 and 0.03 (after the last rise of 0.01).
    assert risk_of("CDaR", returns) == pytest.approx(0.035)
    assert risk_of("MV", returns) == pytest.approx(np.std(returns, ddof=1))
    assert 0.03 < risk_of("EVaR", returns) <= 0.04
    thirty = np.array([-0.05, -0.03, *[0.01] * 28])
    assert risk_of("CVaR", thirty) == pytest.approx((0.05 + 0.5 * 0.03) / 1.5)


def test_few_or_many_symbols_leave_the_bounds_no_choice():
    np.testing.assert_array_equal(optimal_weights(RETURNS[:, :2], AllocationParameters()), [0.3, 0.3])
    many = daily_returns(symbols=20)
    np.testing.assert_array_equal(optimal_weights(many, AllocationParameters(min_weight=0.05)), np.full(20, 0.05))
    with pytest.raises(BadInputError, match="21 symbols with at least"):
        optimal_weights(daily_returns(symbols=21), AllocationParameters(min_weight=0.05))


def test_where_no_mix_earns_more_than_cash_the_least_risk_is_taken_and_that_is_said():
    falling = RETURNS - 0.01
    found = solution(falling, WIDE)
    assert found.reason == NO_EXCESS
    np.testing.assert_array_equal(found.weights, optimal_weights(falling, dataclasses.replace(WIDE, objective="MinRisk")))
    assert solution(RETURNS, WIDE).reason == SCHEDULED


def test_what_the_solver_cannot_do_gives_equal_weights_and_that_is_said():
    still = np.zeros((40, 4))
    assert solution(still, WIDE).reason == NO_SOLUTION
    np.testing.assert_array_equal(solution(still, WIDE).weights, np.full(4, 0.25))


MOVED = {
    "risk_measure": "WR",
    "objective": "MinRisk",
    "risk_aversion": 5.0,
    "max_weight": 0.4,
    "min_weight": 0.05,
    "risk_free_rate": 0.05,
    "use_risk_parity": True,
}


@pytest.mark.parametrize("name", sorted(MOVED))
def test_each_parameter_moves_the_weights(name):
    start = AllocationParameters(max_weight=0.5, objective="Utility" if name == "risk_aversion" else "Sharpe")
    moved = dataclasses.replace(start, **{name: MOVED[name]})
    assert np.abs(optimal_weights(RETURNS, start) - optimal_weights(RETURNS, moved)).max() > 1e-3


def alone(mean, **parameters):
    """The weight of one symbol with a mean a day and a standard deviation of 0.01 a day."""
    swings = np.tile([1.0, -1.0], 60) * 0.01 * np.sqrt(119 / 120)
    return optimal_weights((swings + mean)[:, None], AllocationParameters(**parameters))[0]


def test_one_symbol_shares_with_cash():
    assert alone(0.001) == alone(0.001, objective="MaxRet") == 0.3
    assert alone(-0.001, min_weight=0.02) == 0.02
    assert alone(0.001, objective="MinRisk", min_weight=0.02) == 0.02
    assert alone(-0.001, use_risk_parity=True) == 0.3
    # (0.0001 - 0) / (2 · 2.5 · 0.0001) = 0.2
    assert alone(0.0001, objective="Utility", risk_aversion=2.5) == pytest.approx(0.2)


def test_every_parameter_moves_one_symbol_too():
    utility = {"objective": "Utility", "risk_aversion": 2.5}
    assert alone(0.0001, **utility) != alone(0.0001, **utility | {"risk_aversion": 3.0})
    assert alone(0.0001, **utility) != alone(0.0001, **utility, risk_measure="CVaR")
    assert alone(0.0001) != alone(0.0001, risk_free_rate=0.05)
    assert alone(0.0001) != alone(0.0001, max_weight=0.2)
    assert alone(-0.0001) != alone(-0.0001, min_weight=0.05)


def test_a_frontier_rises_from_the_least_risk_to_the_most_return():
    found = frontier(RETURNS, ("A", "B", "C", "D"), WIDE, points=8)
    assert (np.diff(found.risk) > -1e-9).all()
    assert (np.diff(found.mean) > -1e-9).all()
    least, most = (optimal_weights(RETURNS, dataclasses.replace(WIDE, objective=name)) for name in ("MinRisk", "MaxRet"))
    np.testing.assert_allclose(found.weights[0], least, atol=2e-3)
    np.testing.assert_allclose(found.weights[-1], most, atol=2e-3)
    with pytest.raises(BadInputError, match="one way only"):
        frontier(RETURNS[:, :3], ("A", "B", "C"), AllocationParameters())


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"risk_measure": "VaR"}, "choose of MV, CVaR"),
        ({"objective": "Luck"}, "Sharpe, MinRisk"),
        ({"min_weight": 0.4}, "0 ≤ min ≤ max"),
        ({"window": 5}, "at least 20"),
        ({"rebalance_freq": 0}, "at least 1"),
    ],
)
def test_parameters_that_cannot_be_are_refused(changes, text):
    with pytest.raises(BadInputError, match=text):
        AllocationParameters(**changes)


@pytest.mark.parametrize("returns", [RETURNS[:10], np.where(RETURNS > 0.01, np.nan, RETURNS), RETURNS[:, :0]])
def test_returns_that_are_not_enough_are_refused(returns):
    with pytest.raises(BadInputError, match="leave out the others"):
        optimal_weights(returns, AllocationParameters())
