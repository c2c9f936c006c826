"""One run of several parameter sets: each order and position follows the rules of the set whose wish it was, to its end."""

import math
from dataclasses import replace

import numpy as np
import pytest
from backtest_examples import runs
from fx_story import OFF, candles_of, fx, told
from hypothesis import HealthCheck, Phase, find, given, settings
from slow_backtest import SlowBacktest, assert_slow_backtest_answers

from fxgpt_core.backtest.engine import BacktestAccount, ExecutionParameters, Trades, backtest
from fxgpt_core.backtest.reference import reference_backtest
from fxgpt_core.backtest.sets import ParameterSet, Replay, play_sets
from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.fills import ExitPlan
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.strategy.decision import Decisions

COSTS = Costs(0.00007, 0.00002)
NEAR = ExecutionParameters(ExitPlan(0.001, 0.0015, 0.001), 12, 0.03, 0.3, trailing_atr=0.5)
FAR = ExecutionParameters(
    ExitPlan(math.inf, 0.004, 0.003), 60, 0.05, 0.5, signal_exit=2, pattern_plan=ExitPlan(0.002, 0.003, 0.001)
)
LAST = ExecutionParameters(ExitPlan(0.002, math.inf, 0.001), 0, 0.011, 0.4, signal_exit=3, wait_candles=4)
FLAT = (100.0, 100.2, 99.9, 100.0)


@pytest.fixture(scope="module")
def eurusd():
    return candle_arrays(SampleProvider().candles("EURUSD", Timeframe.H1), Timeframe.H1)


def drawn(candles, which=None, seed=0):
    """Wishes at one candle in ten, some at the market and some beyond it; `which` set each is of."""
    rng, n = np.random.default_rng(seed), len(candles)
    side = np.where(rng.random(n) < 0.1, rng.choice([1, -1], n), 0).astype(np.int8)
    stop, target = (0.003 * candles.close * rng.uniform(0.5, 2.0, n) for _ in range(2))
    numbers = {"entry_offset": np.where(rng.random(n) < 0.3, 0.001, 0.0), "atr": np.full(n, 0.002)}
    numbers["pattern_led"] = rng.choice([0.0, 1.0], n)
    if which is not None:
        numbers["parameter_set"] = np.broadcast_to(np.asarray(which, dtype=np.float64), n).copy()
    return Decisions(candles.known_at_us, side, stop, target, np.full(n, 0.01), np.zeros(n, np.int8), numbers)


def assert_equal(found, expected):
    assert np.array_equal(found.equity, expected.equity)
    for name in Trades.__dataclass_fields__:
        assert np.array_equal(getattr(found.trades, name), getattr(expected.trades, name)), name


@settings(max_examples=100, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(runs(most_sets=3))
def test_the_slow_backtest_answers_the_same_for_several_sets(played):
    assert_slow_backtest_answers(played)


@pytest.mark.slow
@settings(max_examples=1_500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(runs(most_sets=3))
def test_the_slow_backtest_answers_the_same_for_several_sets_again_and_again(played):
    assert_slow_backtest_answers(played)


class FirstSetForAll(SlowBacktest):
    def execution_at(self, i):
        return self.executions[0]


class LatestSetForWhatIsHeld(SlowBacktest):
    def run_position(self, i):
        self.position.execution = self.execution_at(i)
        super().run_position(i)


class StrictestDailyLossOfAll(SlowBacktest):
    def execution_at(self, i):
        return replace(super().execution_at(i), daily_loss_limit=min(each.daily_loss_limit for each in self.executions))


@pytest.mark.parametrize("defect", [FirstSetForAll, LatestSetForWhatIsHeld, StrictestDailyLossOfAll])
def test_the_examples_notice_sets_that_are_confused(defect):
    def differs(played):
        parts = (played.candles, played.decisions, played.execution, played.costs, played.account, played.finer)
        right, wrong = SlowBacktest(*parts), defect(*parts)
        return right.equity != wrong.equity

    once = settings(max_examples=400, phases=[Phase.generate], database=None, derandomize=True)
    assert differs(find(runs(most_sets=3), differs, settings=once))


@pytest.mark.parametrize("seed", [0, 1])
def test_backtesting_py_answers_the_same_for_several_sets(eurusd, seed):
    candles = eurusd.slice(0, 2500)
    decisions = drawn(candles, np.random.default_rng(seed + 9).integers(0, 3, len(candles)), seed)
    run = candles, decisions, (NEAR, FAR, LAST), COSTS
    found = backtest(*run)
    assert_equal(found, reference_backtest(*run))
    assert len(found.trades) > 80


@pytest.mark.parametrize("costs", [COSTS, fx(0.0001, slippage=0.3)], ids=["parity", "fx"])
def test_equal_sets_are_one_set(eurusd, costs):
    of_one = backtest(eurusd, drawn(eurusd), FAR, costs)
    of_three = backtest(eurusd, drawn(eurusd, np.arange(len(eurusd)) % 3), (FAR, FAR, FAR), costs)
    assert_equal(of_three, of_one)
    assert len(of_one.trades) > 100


@pytest.mark.parametrize("number", [0, 1, 2])
def test_wishes_of_one_set_are_played_by_that_set_alone(eurusd, number):
    alone = backtest(eurusd, drawn(eurusd), (NEAR, FAR, LAST)[number], COSTS)
    assert_equal(backtest(eurusd, drawn(eurusd, number), (NEAR, FAR, LAST), COSTS), alone)


def played_by_hand(rows, which, at, execution, costs=None):
    candles, n = candles_of(rows), len(rows)
    side = np.zeros(n, np.int8)
    side[at] = 1
    numbers = {"parameter_set": np.asarray(which, dtype=np.float64)}
    columns = np.full(n, 5.0), np.full(n, 20.0), np.full(n, 0.01), np.zeros(n, np.int8)
    return backtest(candles, Decisions(candles.known_at_us, side, *columns, numbers), execution, costs or fx())


@pytest.mark.parametrize("costs", [fx(), Costs(0.0, 0.0)], ids=["fx", "parity"])
def test_a_position_keeps_the_time_exit_and_the_plan_of_its_wish_when_another_set_decides(costs):
    """Wishes of set 0 at candle 1 and of set 1 at 8; in between set 1 decides, and changes nothing for what is held."""
    rows = [FLAT, FLAT, FLAT, FLAT, FLAT, FLAT, FLAT, FLAT, FLAT, FLAT, FLAT, FLAT, FLAT, FLAT]
    which = [0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0]
    long_held, short_held = replace(OFF, max_candles=5), replace(OFF, max_candles=2)
    found = told(played_by_hand(rows, which, [1, 8], (long_held, short_held), costs))
    # Entered at the open of candle 2, five candles held, closed at the open of candle 7; of the other two candles from 9 on.
    assert found == [(2, 100.0, 7, 100.0, "time"), (9, 100.0, 11, 100.0, "time")]


def test_each_wish_is_refused_by_the_daily_loss_limit_of_its_own_set():
    """The first long loses 1 % of the equity in candle 3; a set that stops at 0.5 % enters no more that day, one at 2 % does."""
    falls = (100.0, 100.0, 94.0, 95.0)
    rows = [FLAT, FLAT, FLAT, falls, FLAT, FLAT, FLAT, FLAT]
    strict, lenient = (replace(OFF, daily_loss_limit=limit) for limit in (0.005, 0.02))
    entered = {
        second: [entry for entry, *_ in told(played_by_hand(rows, [0, 0, 0, 0, second, 0, 0, 0], [1, 4], (strict, lenient)))]
        for second in (0, 1)
    }
    assert entered == {0: [2], 1: [2, 5]}


def test_sets_of_several_rules_are_played_together_with_sets_of_one(eurusd):
    mixed = drawn(eurusd, np.random.default_rng(3).integers(0, 2, len(eurusd)), 1)
    decisions, windows = [drawn(eurusd), mixed], np.array([[0, 5000], [700, 1900]])
    sets = [ParameterSet(0, NEAR), ParameterSet(1, (NEAR, FAR)), ParameterSet(1, (LAST, NEAR, FAR)), ParameterSet(0, LAST)]
    replay = Replay(eurusd, COSTS, BacktestAccount())
    played = play_sets(replay, decisions, sets, windows)
    for k, each in enumerate(sets):
        for f, (start, stop) in enumerate(windows.tolist()):
            part = decisions[each.decisions].slice(start, stop)
            one = backtest(eurusd.slice(start, stop), part, each.execution, COSTS, replay.account)
            assert played.of("final_equity")[k, f] == one.final_equity
            assert played.of("trades")[k, f] == len(one.trades)


@pytest.mark.parametrize(
    ("which", "execution", "told_of"),
    [
        (2.0, (NEAR, FAR), r"of 527 of 527 entries is none of 2 parameter sets, such as 2\.0"),
        (0.5, (NEAR, FAR), r"of 527 of 527 entries is none of 2 parameter sets, such as 0\.5"),
        (math.nan, (NEAR, FAR), r"of 527 of 527 entries is none of 2 parameter sets, such as nan"),
        (None, (NEAR, FAR), r"of 527 of 527 entries is none of 2 parameter sets, such as nan"),
        (1.0, NEAR, r"of 527 of 527 entries is none of 1 parameter sets, such as 1\.0"),
        (0.0, (), r"of 527 of 527 entries is none of 0 parameter sets, such as 0"),
    ],
)
def test_an_entry_of_a_set_that_is_not_there_is_refused(eurusd, which, execution, told_of):
    run = eurusd, drawn(eurusd, which), execution, COSTS
    for play in (backtest, reference_backtest):
        with pytest.raises(BadInputError, match=told_of):
            play(*run)


def test_an_entry_of_no_set_is_refused_among_many(eurusd):
    with pytest.raises(BadInputError, match="none of 1 parameter sets"):
        play_sets(Replay(eurusd, COSTS), [drawn(eurusd, 1)], [ParameterSet(0, (NEAR, FAR)), ParameterSet(0, NEAR)])
