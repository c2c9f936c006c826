"""Measures of many runs from their sums: those of each run's own trades and equity, and a run added up by hand."""

import dataclasses
import math

import numpy as np
import pytest

from fxgpt_core.backtest.engine import BacktestAccount, ExecutionParameters, backtest
from fxgpt_core.backtest.sets import ParameterSet, Replay, play_sets
from fxgpt_core.backtest.tape import SIGNAL_EXITS
from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.costs import Costs, FxCosts
from fxgpt_core.market.fills import ExitPlan
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.performance.measures import Metrics, metrics
from fxgpt_core.performance.summed import measures_of_sums
from fxgpt_core.strategy.decision import Decisions

WINDOWS = np.array([[0, 5000], [100, 800], [150, 170], [800, 801], [1200, 1202], [4000, 5000]])
FIELDS = [field.name for field in dataclasses.fields(Metrics)]


@pytest.fixture(scope="module")
def eurusd():
    return candle_arrays(SampleProvider().candles("EURUSD", Timeframe.H1), Timeframe.H1)


@dataclasses.dataclass(frozen=True)
class HandSums:
    """One set on one window, by the names of its sums; the rest is 0."""

    sums: dict[str, float]
    cash: float = 1_000.0

    def of(self, name):
        return np.array([[self.sums.get(name, 0.0)]])


def drawn(candles, seed, risk):
    rng = np.random.default_rng(seed)
    n = len(candles)
    side = np.where(rng.random(n) < 0.1, rng.choice([1, -1], n), 0).astype(np.int8)
    stop, target = (0.003 * candles.close * rng.uniform(0.5, 2.0, n) for _ in range(2))
    return Decisions(candles.known_at_us, side, stop, target, np.full(n, risk), np.zeros(n, np.int8))


def drawn_sets(n, n_decisions):
    rng = np.random.default_rng(0)
    return [
        ParameterSet(
            int(rng.integers(n_decisions)),
            ExecutionParameters(
                ExitPlan(rng.choice([0.001, math.inf]), rng.choice([0.002, math.inf]), 0.001),
                max_candles=int(rng.integers(0, 40)),
                daily_loss_limit=rng.choice([0.01, 1.0]),
                max_margin_fraction=1.0,
                signal_exit=int(rng.integers(len(SIGNAL_EXITS))),
            ),
        )
        for _ in range(n)
    ]


def flat_costs(_):
    return Costs(0.00007, 0.00002)


def two_sided_costs(candles):
    n = len(candles)
    return FxCosts(np.full(n, 0.0001), np.full(n, 1e-5), np.full(n, -5e-6), commission=2e-5, slippage=0.3)


@pytest.mark.parametrize("costs_of", [flat_costs, two_sided_costs])
def test_every_measure_is_that_of_the_run_s_own_trades_and_equity(eurusd, costs_of):
    # No wish at all, usual risks, and one that loses the account.
    decisions = [drawn(eurusd, seed, risk) for seed, risk in enumerate((0.01, 0.01, 0.9))]
    decisions.append(dataclasses.replace(decisions[0], side=np.zeros(len(eurusd), np.int8)))
    sets, costs = drawn_sets(30, len(decisions)), costs_of(eurusd)
    replay = Replay(eurusd, costs, BacktestAccount(leverage=200.0))
    found = measures_of_sums(play_sets(replay, decisions, sets, WINDOWS), eurusd, WINDOWS)
    assert sorted(found) == sorted(FIELDS)
    lost = 0
    for k, each in enumerate(sets):
        for f, (start, stop) in enumerate(WINDOWS.tolist()):
            candles, part = eurusd.slice(start, stop), decisions[each.decisions].slice(start, stop)
            one = backtest(candles, part, each.execution, costs.select(slice(start, stop)), replay.account)
            lost += one.final_equity < 0.01 * one.cash
            expected = metrics(one, candles)
            for name in FIELDS:
                # Money of many trades may cancel out to next to nothing.
                assert found[name][k, f] == pytest.approx(getattr(expected, name), rel=1e-9, abs=1e-9), (name, k, f)
    assert lost > 0


def test_a_run_added_up_by_hand(eurusd):
    # Days of +2 %, -1 % and +0.5 % of 1000; three trades of +20, -10.2 and +5.049, which cost 1 each.
    daily = np.array([0.02, -0.01, 0.005])
    equity = 1_000.0 * np.cumprod(1.0 + daily)
    sums = {
        "trades": 3, "wins": 2, "gains": 25.049, "losses": 10.2, "gains_before_costs": 27.049, "costs": 3.0,
        "held_us": 9 * 3_600e6, "final_equity": equity[-1], "drawdown": 20.4, "drawdown_fraction": 0.02, "days": 3,
        "sum_returns": 0.015, "sum_squares": 0.000525, "sum_squares_below": 0.0001,
    }  # fmt: skip
    # 60 hours of a Wednesday to a Friday: as many weekdays as days.
    found = {name: values[0, 0] for name, values in measures_of_sums(HandSums(sums), eurusd, np.array([[0, 60]])).items()}
    a_year = 365.25 * 5 / 7
    assert found["total_return"] == pytest.approx(14.849)
    assert found["sharpe_per_period"] == pytest.approx(0.005 / math.sqrt(0.00045 / 2))
    assert found["sharpe_ratio"] == pytest.approx(math.sqrt(a_year) / 3.0)
    assert found["sortino_ratio"] == pytest.approx(0.005 / math.sqrt(0.0001 / 3) * math.sqrt(a_year))
    assert found["calmar_ratio"] == pytest.approx(0.005 * a_year / 0.02)
    assert (found["max_drawdown"], found["max_drawdown_pct"]) == (20.4, 2.0)
    assert (found["win_rate"], found["profit_factor"]) == pytest.approx((2 / 3, 25.049 / 10.2))
    assert (found["avg_win"], found["avg_loss"], found["expectancy"]) == pytest.approx((12.5245, 10.2, 14.849 / 3))
    assert (found["avg_holding_time_hrs"], found["cost_ratio"]) == pytest.approx((3.0, 3.0 / 27.049))


@pytest.mark.parametrize("daily", [0.001, -0.0003, 1e-9])
def test_equal_days_have_no_sharpe_ratio(eurusd, daily):
    n = 1_000
    sums = {"trades": 1, "days": n, "sum_returns": sum([daily] * n), "sum_squares": sum([daily**2] * n), "final_equity": 1.0}
    found = measures_of_sums(HandSums(sums), eurusd, np.array([[0, 5000]]))
    assert found["sharpe_ratio"][0, 0] == 0.0


def test_a_run_without_a_loss_is_held_at_the_limit(eurusd):
    sums = {
        "trades": 1,
        "wins": 1,
        "gains": 5.0,
        "gains_before_costs": 5.0,
        "days": 2,
        "sum_returns": 0.005,
        "sum_squares": 2.5e-5,
    }
    found = measures_of_sums(HandSums(sums), eurusd, np.array([[0, 48]]))
    names = ("profit_factor", "sortino_ratio", "calmar_ratio")
    assert [found[name][0, 0] for name in names] == [100.0, 100.0, 100.0]


def test_other_windows_than_those_played_are_refused(eurusd):
    replay = Replay(eurusd, Costs(0.0, 0.0), BacktestAccount())
    played = play_sets(replay, [drawn(eurusd, 0, 0.01)], drawn_sets(2, 1), WINDOWS)
    with pytest.raises(BadInputError, match="sums of 6 windows and 5 windows"):
        measures_of_sums(played, eurusd, WINDOWS[1:])
