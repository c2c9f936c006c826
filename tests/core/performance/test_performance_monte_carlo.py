"""Simulated trades against every order and every draw there is, and Sharpe ratios against their known error."""

import math
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxgpt_core.errors import BadInputError
from fxgpt_core.performance.bootstrap import Resampling
from fxgpt_core.performance.measures import sharpe_of
from fxgpt_core.performance.monte_carlo import (
    TradeSimulationParameters,
    annual_sharpe_percentiles,
    redrawn_trades,
    shuffled_trades,
)

PROFITS = np.array([30.0, -20.0, 10.0, -50.0])
PARAMETERS = TradeSimulationParameters(cash=100.0, ruin_equity=50.0, resamples=20_000)


def rng(seed=7):
    return np.random.default_rng(seed)


def played(profits, cash=100.0):
    """Deepest drawdown in money and as a fraction, final and lowest equity, of trades one after the other."""
    equity, peak, found = cash, cash, (0.0, 0.0, math.inf)
    for profit in profits:
        equity += profit
        peak = max(peak, equity)
        found = (max(found[0], peak - equity), max(found[1], 1 - equity / peak), min(found[2], equity))
    return found[0], found[1], equity, found[2]


def check(found, every):
    """A simulation against all equally probable sequences."""
    drawdown, fraction, final, lowest = np.array([played(sequence) for sequence in every]).T
    observed = played(PROFITS)[0]
    assert found.observed_drawdown == observed
    for percentiles, values in ((found.drawdown, drawdown), (found.drawdown_fraction, fraction), (found.final_equity, final)):
        exact = np.quantile(values, (0.05, 0.5, 0.95), method="inverted_cdf")
        assert (percentiles.p5, percentiles.p50, percentiles.p95) == pytest.approx(exact.tolist())
    assert found.drawdown_p_value == pytest.approx(np.mean(drawdown >= observed), abs=0.015)
    assert found.ruin_probability == pytest.approx(np.mean(lowest <= 50.0), abs=0.015)


def test_shuffled_trades_are_like_all_their_orders():
    check(shuffled_trades(PROFITS, PARAMETERS, rng()), list(permutations(PROFITS)))


def test_redrawn_trades_are_like_all_that_could_be_drawn():
    check(redrawn_trades(PROFITS, PARAMETERS, rng()), list(product(PROFITS, repeat=4)))


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(-100_000, 100_000), min_size=1, max_size=40), st.integers(0, 1000))
def test_in_every_order_the_same_is_earned(cents, seed):
    profits = np.array(cents) / 100.0
    found = shuffled_trades(profits, TradeSimulationParameters(1000.0, -1e9, 50), rng(seed)).final_equity
    assert (found.p5, found.p95) == pytest.approx((1000.0 + profits.sum(),) * 2, abs=1e-6)


@pytest.mark.parametrize("simulate", [shuffled_trades, redrawn_trades])
def test_losses_alone_fall_as_deep_in_every_order(simulate):
    # In cents, whose sums differ in their last digit from order to order.
    losses = np.full(300, -0.1) if simulate is redrawn_trades else -rng(1).integers(1, 1000, 300) / 100.0
    found = simulate(losses, TradeSimulationParameters(10_000.0, 10_000.0 + losses.sum()), rng())
    assert found.drawdown_p_value == 1.0
    assert found.ruin_probability == 1.0


def test_a_lucky_order_is_told_from_an_unlucky_one():
    wins_and_losses = np.tile([12.0, -10.0], 100)
    in_turn = shuffled_trades(wins_and_losses, TradeSimulationParameters(10_000.0), rng())
    in_rows = shuffled_trades(np.sort(wins_and_losses), TradeSimulationParameters(10_000.0), rng())
    assert in_turn.drawdown_p_value == 1.0
    assert in_rows.drawdown_p_value == 1 / 2001
    assert in_turn.observed_drawdown < in_turn.drawdown.p5 < in_turn.drawdown.p95 < in_rows.observed_drawdown


def test_many_trades_are_simulated_in_portions_to_the_same_number_of_simulations():
    profits = rng(2).normal(0.0, 1.0, 400_000)
    found = redrawn_trades(profits, TradeSimulationParameters(1e6, resamples=5), rng())
    assert found.drawdown_p_value * 6 == pytest.approx(round(found.drawdown_p_value * 6))


def test_the_percentiles_of_the_annual_sharpe_ratio_are_those_of_its_known_error():
    returns = rng(2).normal(0.0005, 0.01, 1044)
    found = annual_sharpe_percentiles(returns, 261.0, Resampling(1.0, 8000), rng())
    error = math.sqrt(261.0 / 1044)
    assert found.p50 == pytest.approx(sharpe_of(returns) * math.sqrt(261.0), abs=0.05)
    assert found.p5 == pytest.approx(found.p50 - 1.645 * error, abs=0.05)
    assert found.p95 == pytest.approx(found.p50 + 1.645 * error, abs=0.05)


def test_one_good_month_is_no_sharpe_ratio_to_count_on():
    lucky = np.concatenate((rng(1).normal(0.0, 0.001, 500), rng(2).normal(0.01, 0.001, 20)))
    found = annual_sharpe_percentiles(lucky, 261.0, Resampling(20.0), rng())
    assert found.p50 > 2.0
    assert found.p5 < 0.5


def test_idle_returns_have_sharpe_ratio_zero():
    found = annual_sharpe_percentiles(np.zeros(100), 261.0, Resampling(5.0), rng())
    assert (found.p5, found.p50, found.p95) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("simulate", [shuffled_trades, redrawn_trades])
@pytest.mark.parametrize("profits", [np.zeros(0), np.zeros((2, 2)), np.array([1.0, np.nan])])
def test_without_closed_trades_nothing_is_simulated(simulate, profits):
    with pytest.raises(BadInputError, match="at least one closed trade"):
        simulate(profits, PARAMETERS, rng())


@pytest.mark.parametrize(("cash", "ruin"), [(0.0, -1.0), (100.0, 100.0), (math.nan, 0.0), (100.0, -math.inf), (math.inf, 0.0)])
def test_an_account_that_is_ruined_from_the_start_is_refused(cash, ruin):
    with pytest.raises(BadInputError, match="ruin below it"):
        TradeSimulationParameters(cash, ruin)
