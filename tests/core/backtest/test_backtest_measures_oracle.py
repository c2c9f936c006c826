"""Measures of a real run against the statistics of backtesting.py."""

import numpy as np
import pytest

from fxgpt_core.backtest import reference
from fxgpt_core.backtest.engine import ExecutionParameters, backtest
from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.fills import ExitPlan
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.performance.measures import metrics
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


def test_trades_win_rate_drawdown_costs_and_duration_agree_with_backtesting_py(run, monkeypatch):
    seen = []
    keep = reference._result
    monkeypatch.setattr(reference, "_result", lambda statistics, *rest: seen.append(statistics) or keep(statistics, *rest))
    reference.reference_backtest(*run)
    (theirs,) = seen
    found = metrics(backtest(*run), run[0])
    assert found.total_trades == theirs["# Trades"]
    assert found.win_rate * 100 == pytest.approx(theirs["Win Rate [%]"])
    assert found.max_drawdown_pct == pytest.approx(-theirs["Max. Drawdown [%]"])
    assert found.total_return_pct == pytest.approx(theirs["Return [%]"])
    assert found.expectancy == pytest.approx(theirs["_trades"]["PnL"].mean())
    assert found.avg_holding_time_hrs == pytest.approx(theirs["_trades"]["Duration"].mean().total_seconds() / 3600)
    commission = float(theirs["Commissions [$]"])
    assert found.total_costs - commission == pytest.approx(backtest(*run).trades.spread_cost.sum())


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
