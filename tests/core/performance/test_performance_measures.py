"""The twenty measures against hand numbers."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from played_by_hand import MONDAY_17_NEW_YORK_US, daily, result_of

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.timeframes import HOUR_US, Timeframe
from fxgpt_core.performance.measures import max_drawdown, metrics, period_returns, periods_a_year
from fxgpt_core.performance.ratios import RATIO_LIMIT


def test_the_measures_of_four_days_by_hand():
    found = metrics(
        result_of([30.0, -10.0, -20.0, 15.0], [130.0, 120.0, 100.0, 115.0], commission=1.0, spread_cost=2.0), daily(4)
    )
    returns = np.array([0.3, -10 / 130, -20 / 120, 0.15])
    a_year = 365.25 * 5 / 7
    per_period = returns.mean() / returns.std(ddof=1)
    downside = math.sqrt((returns[1] ** 2 + returns[2] ** 2) / 4)
    assert found.total_return == 15.0
    assert found.total_return_pct == pytest.approx(15.0)
    assert found.n_periods == 4
    assert found.sharpe_per_period == pytest.approx(per_period)
    assert found.sharpe_ratio == pytest.approx(per_period * math.sqrt(a_year))
    assert found.sortino_ratio == pytest.approx(returns.mean() / downside * math.sqrt(a_year))
    assert found.max_drawdown == 30.0
    assert found.max_drawdown_pct == pytest.approx(100 * 30 / 130)
    assert found.calmar_ratio == pytest.approx(returns.mean() * a_year / (30 / 130))
    assert (found.total_trades, found.winning_trades, found.losing_trades) == (4, 2, 2)
    assert (found.win_rate, found.avg_win, found.avg_loss) == (0.5, 22.5, 15.0)
    assert found.profit_factor == pytest.approx(45 / 30)
    assert found.expectancy == pytest.approx(15 / 4)
    assert found.total_costs == 12.0
    assert found.cost_ratio == pytest.approx(12 / (33 + 18))
    assert found.avg_holding_time_hrs == 3.0


def test_without_trades_every_measure_is_zero_but_the_number_of_periods():
    found = metrics(result_of([], [100.0] * 4), daily(4)).to_json()
    assert found.pop("n_periods") == 4
    assert set(found.values()) == {0}
    assert len(found) == 19


def test_without_candles_every_measure_is_zero():
    assert set(metrics(result_of([], []), daily(0)).to_json().values()) == {0}


def test_without_a_loss_ratios_stop_at_their_limit():
    found = metrics(result_of([1.0, 2.0], [101.0, 103.0]), daily(2))
    assert (found.profit_factor, found.sortino_ratio, found.calmar_ratio) == (RATIO_LIMIT,) * 3
    assert (found.avg_loss, found.max_drawdown, found.cost_ratio) == (0.0, 0.0, 0.0)


def test_costs_without_gross_profit_are_a_cost_ratio_of_one():
    assert metrics(result_of([-5.0], [95.0], commission=1.0), daily(1)).cost_ratio == 1.0
    assert metrics(result_of([-1.0], [99.0], commission=1.5), daily(1)).cost_ratio == 1.0


def test_every_part_of_the_costs_is_in_the_total_and_earned_swap_lowers_it():
    run = result_of([5.0, -3.0], [105.0, 102.0], commission=1.0, spread_cost=2.0, slippage=0.5, impact=0.25, swap=[-4.0, 1.0])
    found = metrics(run, daily(2))
    assert found.total_costs == 4.5
    # Before costs the trades made 5 - 0.25 and -3 + 4.75.
    assert found.cost_ratio == pytest.approx(4.5 / (4.75 + 1.75))


def test_more_swap_earned_than_costs_paid_is_a_cost_ratio_of_zero():
    assert metrics(result_of([5.0], [105.0], commission=1.0, swap=-4.0), daily(1)).cost_ratio == 0.0


def test_excess_returns_that_never_vary_have_a_sharpe_ratio_of_zero():
    found = metrics(result_of([0.0], [100.0] * 7), daily(7), risk_free_rate=0.03)
    assert (found.sharpe_ratio, found.sharpe_per_period) == (0.0, 0.0)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_an_equity_that_is_no_number_is_refused(value):
    with pytest.raises(BadInputError, match=f"equity is {value} at candle 1"):
        metrics(result_of([], [100.0, value, 100.0]), daily(3))


def test_the_risk_free_rate_lowers_the_sharpe_ratio_by_its_share_of_a_period():
    result, candles = result_of([3.0], [101.0, 100.5, 103.0]), daily(3)
    returns = period_returns(result, candles)
    excess = returns - 0.05 / periods_a_year(candles)
    assert metrics(result, candles, risk_free_rate=0.05).sharpe_per_period == pytest.approx(excess.mean() / excess.std(ddof=1))


def test_a_period_ends_at_seventeen_new_york():
    times = MONDAY_17_NEW_YORK_US + np.arange(-2, 2, dtype=np.int64) * HOUR_US
    flat = np.ones(4)
    candles = CandleArrays(times, flat, flat, flat, flat, flat, Timeframe.H1)
    assert period_returns(result_of([1.0], [90.0, 110.0, 50.0, 121.0]), candles) == pytest.approx([0.1, 0.1])


@pytest.mark.parametrize("n_days", [1, 2, 4])
def test_a_full_week_or_less_has_the_periods_of_a_full_year(n_days):
    assert periods_a_year(daily(n_days)) == pytest.approx(260.9, abs=0.1)


def test_an_account_that_lost_everything_keeps_finite_measures():
    found = metrics(result_of([-100.0], [50.0, 0.0, 0.0]), daily(3))
    assert found.max_drawdown_pct == 100.0
    assert found.total_return_pct == -100.0
    assert period_returns(result_of([-100.0], [50.0, 0.0, 0.0]), daily(3)).tolist() == [-0.5, -1.0, 0.0]


@given(
    st.lists(st.one_of(st.just(0.0), st.floats(-1e6, 1e6)), max_size=6),
    st.lists(st.one_of(st.just(0.0), st.floats(0.01, 1e9)), min_size=1, max_size=8),
    st.sampled_from([0.0, 1e-12, 5.0]),
)
@settings(deadline=None)
def test_every_measure_is_finite(profits, equity, cost):
    found = metrics(result_of(profits, equity, commission=cost, spread_cost=cost), daily(len(equity))).to_json()
    assert all(math.isfinite(value) for value in found.values()), found


def test_an_equity_curve_of_other_candles_is_refused():
    with pytest.raises(BadInputError, match="equity has 3 points for 4 candles"):
        metrics(result_of([], [1.0, 1.0, 1.0]), daily(4))


@given(st.lists(st.floats(1.0, 1e6), min_size=1, max_size=30))
@settings(deadline=None)
def test_the_drawdown_equals_the_worst_pair_of_peak_and_later_value(equity):
    path = [100.0, *equity]
    money = max(before - after for i, before in enumerate(path) for after in path[i:])
    found, fraction = max_drawdown(result_of([], equity))
    assert found == pytest.approx(money)
    assert fraction == pytest.approx(max(1 - after / before for i, before in enumerate(path) for after in path[i:]))
