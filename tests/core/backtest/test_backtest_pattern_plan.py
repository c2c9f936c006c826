"""Positions that a chart pattern led into follow a plan of their own: each number of it by hand, in both modes."""

import math

import numpy as np
import pytest
from fx_story import OFF, fx, play, told

from fxgpt_core.backtest.engine import ExecutionParameters, backtest, execution_parameters
from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.fills import REASON_STOP, REASON_TRAILING, ExitPlan, tightened_stop
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.strategy.decision import Decisions
from fxgpt_core.strategy.parameters import StrategyParameters

FLAT = (100.0, 100.2, 99.9, 100.0)
RISES_AND_FALLS = [
    FLAT,
    FLAT,
    (100.0, 101.6, 99.9, 101.5),
    (101.5, 101.7, 101.4, 101.65),
    (101.65, 101.65, 100.6, 100.7),
    (100.7, 100.7, 100.2, 100.3),
    (100.3, 100.3, 99.5, 99.6),
    FLAT,
]
"""A long of candle 2, entered at 100, gains 1.5 and then 1.65 %, and loses all of it in the candles 4, 5 and 6."""

BOTH_MODES = pytest.mark.parametrize("costs", [Costs(0.0, 0.0), fx()], ids=["parity", "fx"])


def ended(costs, led=1.0, **changed):
    """Where a long ends that is run by the parameters as they are usual but for those that are `changed`."""
    execution = execution_parameters(StrategyParameters().replace(**changed), Timeframe.H1)
    ((_, entry, candle, price, reason),) = told(play(RISES_AND_FALLS, costs=costs, execution=execution, target=20.0, led=led))
    assert entry == 100.0
    return candle, pytest.approx(price, rel=1e-12), reason


@BOTH_MODES
def test_a_pattern_has_its_own_activation_and_step(costs):
    # It trails 1 / 1.01 % behind the close of 101.5, and stays there: at 101.65 it would move by less than 0.2 %.
    assert ended(costs) == (5, 101.5 * (1 - 0.01 / 1.01), "trailing")
    # All others trail 1 % behind each close.
    assert ended(costs, led=0.0) == (4, 101.65 * 0.99, "trailing")


@BOTH_MODES
def test_the_step_moves_a_fill(costs):
    assert ended(costs, pattern_trailing_step_pct=0.1) == (4, 101.65 * (1 - 0.01 / 1.01), "trailing")


@BOTH_MODES
@pytest.mark.parametrize(
    ("activation", "end"), [(0.5, (4, 101.5 * (1 - 0.005 / 1.005), "trailing")), (2.0, (6, 100.0, "breakeven"))]
)
def test_the_activation_moves_a_fill(costs, activation, end):
    """At 0.5 % it trails as near as it must to begin at the entry price; 2 % are never gained, and only breakeven is left."""
    assert ended(costs, pattern_trailing_activation_pct=activation) == end


@BOTH_MODES
@pytest.mark.parametrize("name", ["pattern_trailing_activation_pct", "pattern_trailing_step_pct"])
def test_a_pattern_s_parameters_do_nothing_to_others(costs, name):
    assert ended(costs, led=0.0, **{name: 0.5}) == ended(costs, led=0.0)


@BOTH_MODES
def test_the_switches_of_breakeven_and_trailing_are_those_of_all_positions(costs):
    # It is left in the candle after the last, at its open in mode PARITY and at its close in mode FX, which are the same.
    none = ended(costs, risk_use_trailing_stop=False, risk_use_breakeven_stop=False)
    assert none == (7, 100.0, "end")
    assert ended(costs, risk_use_trailing_stop=False) == (6, 100.0, "breakeven")


def test_the_distance_of_a_pattern_is_that_of_all_positions_where_it_is_nearer():
    near = execution_parameters(StrategyParameters().replace(risk_trailing_stop_pct=0.5), Timeframe.H1)
    assert near.pattern_plan.trailing_distance == near.plan.trailing_distance == 0.005


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("activation_pct", [0.5, 0.8, 1.0, 1.7, 2.0])
def test_the_trailing_stop_of_a_pattern_begins_at_the_entry_price_or_beyond(side, activation_pct):
    wide = StrategyParameters().replace(pattern_trailing_activation_pct=activation_pct, risk_trailing_stop_pct=3.0)
    plan = execution_parameters(wide, Timeframe.H1).pattern_plan._replace(breakeven_trigger=math.inf)
    entry, gain = 1.25, activation_pct / 100.0 * (1.0 + 1e-12)
    close = entry * (1.0 + side * gain)
    stop, reason = tightened_stop(side, entry, close, entry * (1.0 - side * 0.05), REASON_STOP, plan)
    assert reason == REASON_TRAILING
    assert side * (stop - entry) >= -1e-12
    assert side * (close - stop) > 0.0


def test_a_short_that_a_pattern_led_into_trails_by_the_same_plan():
    rows = [tuple(200.0 - price for price in (o, low, high, c)) for o, high, low, c in RISES_AND_FALLS]
    plan = ExitPlan(math.inf, 0.01, 0.005, trailing_step=0.002)
    execution = ExecutionParameters(OFF.plan, 0, 1.0, 1.0, pattern_plan=plan)
    # At 98.5 the stop is at 98.9925, and at 98.35 it would move by 0.15 %: less than the step. Candle 4 rises to 99.4.
    assert told(play(rows, -1, execution=execution, target=20.0, led=1.0)) == [(2, 100.0, 4, 98.5 * 1.005, "trailing")]
    assert told(play(rows, -1, execution=execution, target=20.0, led=0.0)) == [(2, 100.0, 7, 100.0, "end")]


def test_each_position_follows_the_wish_that_it_was_entered_on():
    """The second wish is led by a pattern; that it comes while the first position is open changes nothing for that."""
    rows = [FLAT, FLAT, *RISES_AND_FALLS[2:], *RISES_AND_FALLS[2:]]
    led = np.zeros(len(rows))
    led[[3, 7]] = 1.0
    plan, pattern_plan = ExitPlan(math.inf, 0.01, 0.01), ExitPlan(math.inf, 0.01, 0.002)
    execution = ExecutionParameters(plan, 0, 1.0, 1.0, pattern_plan=pattern_plan)
    found = told(play(rows, execution=execution, at=[1, 3, 7], target=20.0, led=led))
    assert [(entered, candle, reason) for entered, _, candle, _, reason in found] == [(2, 4, "trailing"), (8, 10, "trailing")]
    assert [price for *_, price, _ in found] == pytest.approx([101.65 * 0.99, 101.65 * 0.998])


def test_without_a_plan_of_patterns_they_follow_the_plan_of_all():
    candles = candle_arrays(SampleProvider().candles("EURUSD", Timeframe.H1), Timeframe.H1)
    rng, n = np.random.default_rng(3), len(candles)
    side = rng.choice(np.array([-1, 0, 0, 0, 0, 0, 1], np.int8), n)
    columns = side, np.full(n, 0.004), np.full(n, 0.008), np.full(n, 0.01), np.zeros(n, np.int8)
    led, none = (Decisions(candles.known_at_us, *columns, {"pattern_led": np.full(n, value)}) for value in (1.0, 0.0))
    unknown = Decisions(candles.known_at_us, *columns)
    plan, other = ExitPlan(0.001, 0.0015, 0.001), ExitPlan(math.inf, 0.001, 0.0005)
    alone, both = (ExecutionParameters(plan, 24, 1.0, 0.5, pattern_plan=each) for each in (None, other))
    ends = {
        (name, which): backtest(candles, each, execution, Costs(0.0, 0.0)).final_equity
        for name, each in (("led", led), ("none", none), ("unknown", unknown))
        for which, execution in (("alone", alone), ("both", both))
    }
    assert len(set(ends.values())) == 2
    assert ends["led", "both"] != ends["led", "alone"] == ends["none", "both"] == ends["unknown", "both"]


@pytest.mark.parametrize("led", [0.7, math.nan, 2.0])
def test_an_entry_that_is_neither_led_by_a_pattern_nor_not_is_refused(led):
    with pytest.raises(BadInputError, match=r"of 1 of 1 entries are neither 0 nor 1, such as"):
        play(RISES_AND_FALLS, led=led)


def test_a_candle_without_an_entry_may_say_nothing():
    led = np.full(len(RISES_AND_FALLS), math.nan)
    led[1] = 1.0
    assert len(play(RISES_AND_FALLS, led=led).trades) == 1
