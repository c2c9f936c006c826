"""Many sets over many windows at once: each is the backtest of its slice, whatever the number of threads."""

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
from fxgpt_core.performance.measures import metrics, period_returns
from fxgpt_core.strategy.decision import Decisions

WINDOWS = np.array([[0, 5000], [100, 800], [800, 801], [1200, 1202], [4000, 5000]])


@pytest.fixture(scope="module")
def eurusd():
    return candle_arrays(SampleProvider().candles("EURUSD", Timeframe.H1), Timeframe.H1)


@pytest.fixture(scope="module")
def decisions(eurusd):
    return [drawn(eurusd, seed) for seed in range(3)]


def drawn(candles, seed):
    rng = np.random.default_rng(seed)
    n = len(candles)
    side = np.where(rng.random(n) < 0.1, rng.choice([1, -1], n), 0).astype(np.int8)
    stop, target = (0.003 * candles.close * rng.uniform(0.5, 2.0, n) for _ in range(2))
    numbers = {"entry_offset": np.where(rng.random(n) < 0.3, 0.001, 0.0), "atr": np.full(n, 0.002)}
    numbers["pattern_led"] = rng.choice([0.0, 1.0], n)
    return Decisions(candles.known_at_us, side, stop, target, np.full(n, 0.01), np.zeros(n, np.int8), numbers)


def drawn_sets(n):
    rng = np.random.default_rng(0)
    return [
        ParameterSet(
            int(rng.integers(3)),
            ExecutionParameters(
                ExitPlan(rng.choice([0.001, math.inf]), rng.choice([0.002, math.inf]), 0.001, 0.0001),
                max_candles=int(rng.integers(0, 40)),
                daily_loss_limit=rng.choice([0.01, 1.0]),
                max_margin_fraction=0.5,
                signal_exit=int(rng.integers(len(SIGNAL_EXITS))),
                wait_candles=int(rng.integers(1, 5)),
                trailing_atr=rng.choice([0.0, 1.0]),
                pattern_plan=ExitPlan(rng.choice([0.002, math.inf]), 0.0012, 0.0008, 0.0002) if rng.random() < 0.7 else None,
            ),
        )
        for _ in range(n)
    ]


def two_sided(candles):
    rng = np.random.default_rng(1)
    n = len(candles)
    return FxCosts(
        0.0001 * rng.uniform(0.5, 2.0, n), np.full(n, 1e-5), np.full(n, -5e-6), commission=2e-5, slippage=0.3, impact=0.1
    )


@pytest.mark.parametrize("mode", ["parity", "fx"])
def test_each_set_and_window_is_the_backtest_of_its_slice(eurusd, decisions, mode):
    costs = Costs(0.00007, 0.00002) if mode == "parity" else two_sided(eurusd)
    replay, sets = Replay(eurusd, costs, BacktestAccount(leverage=20.0)), drawn_sets(40)
    played = play_sets(replay, decisions, sets, WINDOWS)
    for k, each in enumerate(sets):
        for f, (start, stop) in enumerate(WINDOWS.tolist()):
            candles, part = eurusd.slice(start, stop), decisions[each.decisions].slice(start, stop)
            one = backtest(candles, part, each.execution, costs.select(slice(start, stop)), replay.account)
            found = metrics(one, candles)
            assert played.of("final_equity")[k, f] == one.final_equity
            assert (played.of("trades")[k, f], played.of("wins")[k, f]) == (found.total_trades, found.winning_trades)
            assert 100.0 * played.of("drawdown_fraction")[k, f] == pytest.approx(found.max_drawdown_pct, rel=1e-12)
            assert played.of("costs")[k, f] == pytest.approx(found.total_costs, rel=1e-9)
            assert played.of("refused")[k, f] == one.refused
            returns = period_returns(one, candles)
            assert played.of("days")[k, f] == len(returns)
            assert played.of("sum_returns")[k, f] == pytest.approx(returns.sum(), rel=1e-9, abs=1e-12)
            assert played.of("sum_squares")[k, f] == pytest.approx((returns**2).sum(), rel=1e-9)


def test_threads_and_the_company_of_other_sets_change_nothing(eurusd, decisions):
    replay, sets = Replay(eurusd, Costs(0.00007, 0.00002), BacktestAccount()), drawn_sets(100)
    one = play_sets(replay, decisions, sets, WINDOWS, threads=1)
    assert np.array_equal(one.sums, play_sets(replay, decisions, sets, WINDOWS, threads=4).sums)
    assert np.array_equal(one.sums[17:18], play_sets(replay, decisions, sets[17:18], WINDOWS).sums)


def test_daily_returns_lie_at_their_days_and_nothing_lies_outside_of_the_windows(eurusd, decisions):
    replay, windows = Replay(eurusd, Costs(0.0, 0.0), BacktestAccount()), np.array([[240, 1200], [2400, 3600]])
    played = play_sets(replay, decisions, drawn_sets(3), windows, daily=True)
    day = eurusd.rows[:, 4].astype(int)
    outside = np.ones(played.daily.shape[1], dtype=bool)
    for k, each in enumerate(drawn_sets(3)):
        for start, stop in windows.tolist():
            part = decisions[each.decisions].slice(start, stop)
            one = backtest(eurusd.slice(start, stop), part, each.execution, replay.costs, replay.account)
            mine = played.daily[k, day[start] : day[stop - 1] + 1]
            assert mine == pytest.approx(period_returns(one, eurusd.slice(start, stop)), abs=1e-15)
            outside[day[start] : day[stop - 1] + 1] = False
    assert outside.any()
    assert not played.daily[:, outside].any()


@pytest.mark.parametrize("windows", [[[0, 5001]], [[-1, 10]], [[10, 10]]])
def test_a_window_that_is_not_in_the_series_is_refused(eurusd, decisions, windows):
    with pytest.raises(BadInputError, match="outside of the 5000 candles"):
        play_sets(Replay(eurusd, Costs(0.0, 0.0), BacktestAccount()), decisions, drawn_sets(2), np.array(windows))


def test_decisions_that_are_not_there_and_no_sets_at_all_are_refused(eurusd, decisions):
    replay = Replay(eurusd, Costs(0.0, 0.0), BacktestAccount())
    with pytest.raises(BadInputError, match="name the decisions"):
        play_sets(replay, decisions[:1], drawn_sets(9))
    with pytest.raises(BadInputError, match="0 sets"):
        play_sets(replay, decisions, [])
