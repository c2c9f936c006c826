"""Measures of a real run against the statistics of backtesting.py."""

import dataclasses
import math

import numpy as np
import pytest

from fxgpt_core.backtest import reference
from fxgpt_core.backtest.engine import BacktestAccount, ExecutionParameters, backtest
from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.fills import ExitPlan
from fxgpt_core.market.timeframes import DAY_US, Timeframe
from fxgpt_core.performance.measures import metrics, period_returns
from fxgpt_core.performance.report import report
from fxgpt_core.strategy.decision import Decisions


@pytest.fixture(scope="module")
def run():
    candles = candle_arrays(SampleProvider().candles("EURUSD", Timeframe.H1), Timeframe.H1)
    rng = np.random.default_rng(3)
    n = len(candles)
    side = np.where(rng.random(n) < 0.1, rng.choice([1, -1], n), 0).astype(np.int8)
    stop, target = (0.003 * candles.close * rng.uniform(0.5, 2.0, n) for _ in range(2))
    decisions = Decisions(candles.known_at_us, side, stop, target, np.full(n, 0.01), np.zeros(n, np.int8))
    execution = ExecutionParameters(ExitPlan(0.002, 0.003, 0.002), max_candles=24, daily_loss_limit=0.05, max_margin_fraction=0.5)
    return candles, decisions, execution, Costs(0.00007, 0.00002)


@pytest.fixture(scope="module")
def theirs(run):
    """The statistics of backtesting.py for the run, which `reference_backtest` does not hand on."""
    seen = []
    keep = reference._result
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "_result", lambda statistics, *rest: seen.append(statistics) or keep(statistics, *rest))
        reference.reference_backtest(*run)
    return seen[0]


def test_trades_win_rate_drawdown_costs_and_duration_agree_with_backtesting_py(run, theirs):
    found = metrics(backtest(*run), run[0])
    assert found.total_trades == theirs["# Trades"]
    assert found.win_rate * 100 == pytest.approx(theirs["Win Rate [%]"])
    assert found.max_drawdown_pct == pytest.approx(-theirs["Max. Drawdown [%]"])
    assert found.total_return_pct == pytest.approx(theirs["Return [%]"])
    assert found.expectancy == pytest.approx(theirs["_trades"]["PnL"].mean())
    assert found.avg_holding_time_hrs == pytest.approx(theirs["_trades"]["Duration"].mean().total_seconds() / 3600)
    commission = float(theirs["Commissions [$]"])
    assert found.total_costs - commission == pytest.approx(backtest(*run).trades.spread_cost.sum())


def test_quality_bet_exposure_and_extremes_agree_with_backtesting_py(run, theirs):
    found = report(backtest(*run), run[0])
    assert found.trades.sqn == pytest.approx(theirs["SQN"])
    assert found.trades.kelly_fraction == pytest.approx(theirs["Kelly Criterion"])
    assert 100 * found.exposure.exposure == pytest.approx(theirs["Exposure Time [%]"])
    assert found.trades.best_trade == pytest.approx(theirs["_trades"]["PnL"].max())
    assert found.trades.worst_trade == pytest.approx(theirs["_trades"]["PnL"].min())
    assert found.trades.max_holding_time_hrs == pytest.approx(theirs["Max. Trade Duration"].total_seconds() / 3600)
    assert found.costs.commission == pytest.approx(theirs["Commissions [$]"])


def test_drawdowns_agree_with_backtesting_py(run, theirs):
    found = report(backtest(*run), run[0]).drawdowns
    assert 24 * found.longest_days == pytest.approx(theirs["Max. Drawdown Duration"].total_seconds() / 3600)
    # Theirs is rounded up to whole hours.
    assert math.ceil(24 * found.mean_days) == theirs["Avg. Drawdown Duration"].total_seconds() / 3600
    assert -100 * np.mean([fall.depth_fraction for fall in found.table]) == pytest.approx(theirs["Avg. Drawdown [%]"])
    assert found.time_under_water == pytest.approx((theirs["_equity_curve"]["DrawdownPct"] > 0).mean())


def test_their_sharpe_and_sortino_ratios_are_made_of_utc_days_without_the_first(run, theirs):
    result, candles = backtest(*run), run[0]
    utc = dataclasses.replace(candles)
    # The days of these candles end at midnight UTC instead of 17:00 New York.
    vars(utc)["fx_day"] = (candles.open_time_us // DAY_US).astype(np.int32)
    returns = period_returns(result, utc)[1:]
    assert len(returns) != len(period_returns(result, candles)[1:])
    growth = np.prod(1.0 + returns) ** (1.0 / len(returns))
    volatility = np.sqrt((np.var(returns, ddof=1) + growth**2) ** 252 - growth ** (2 * 252))
    assert (growth**252 - 1.0) / volatility == pytest.approx(theirs["Sharpe Ratio"])
    downside = np.sqrt(np.mean(np.minimum(returns, 0.0) ** 2) * 252)
    assert (growth**252 - 1.0) / downside == pytest.approx(theirs["Sortino Ratio"])


def test_twice_the_prices_and_twice_the_cash_leave_every_ratio_as_it_is(run):
    candles, decisions, execution, costs = run
    names = ("open", "high", "low", "close")
    dear = dataclasses.replace(candles, **{name: 2.0 * getattr(candles, name) for name in names})
    wider = dataclasses.replace(
        decisions, stop_distance=2.0 * decisions.stop_distance, target_distance=2.0 * decisions.target_distance
    )
    once = report(backtest(*run, BacktestAccount(100_000.0)), candles)
    twice = report(backtest(dear, wider, execution, costs, BacktestAccount(200_000.0)), dear)
    assert once.metrics.total_trades > 100
    assert twice.metrics.total_return == 2.0 * once.metrics.total_return
    assert twice.costs.total == 2.0 * once.costs.total
    # By powers of two nothing is rounded: equal to the last bit.
    for part in ("risk", "exposure", "benchmark", "months", "years"):
        assert getattr(twice, part) == getattr(once, part)
    for name in ("sharpe_ratio", "sortino_ratio", "calmar_ratio", "max_drawdown_pct", "profit_factor", "cost_ratio"):
        assert getattr(twice.metrics, name) == getattr(once.metrics, name)


def test_the_profits_of_all_groups_are_the_change_of_the_equity(run):
    result = backtest(*run)
    found = report(result, run[0])
    for groups in (found.sides, found.reasons, found.hours):
        assert sum(group.profit for group in groups.values()) == pytest.approx(result.final_equity - result.cash)


def test_the_cost_of_the_spread_is_what_a_run_without_spread_would_have_kept(run):
    candles, decisions, execution, _ = run
    single = decisions.slice(0, len(decisions))
    side = np.zeros(len(decisions), np.int8)
    side[1000] = 1
    single = Decisions(
        single.known_at_us, side, single.stop_distance, single.target_distance, single.risk_fraction, single.reason
    )
    dear, free = (backtest(candles, single, execution, Costs(spread, 0.0)) for spread in (0.0001, 0.0))
    assert len(dear.trades) == len(free.trades) == 1
    assert dear.trades.exit_price == free.trades.exit_price
    assert free.trades.profit - dear.trades.profit == pytest.approx(dear.trades.spread_cost)
