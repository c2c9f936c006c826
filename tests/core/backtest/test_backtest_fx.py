"""The FX mode by hand numbers: one small story per rule of docs/backtest.md; money and margin have their own file."""

import math
from dataclasses import replace

import numpy as np
import pytest
from fx_story import FLAT, MONDAY_US, OFF, candles_of, fx, play, told

from fxgpt_core.market.costs import Costs
from fxgpt_core.market.fills import ExitPlan
from fxgpt_core.market.timeframes import HOUR_US, MINUTE_US, Timeframe

NEVER, OPPOSITE, REVERSE, GONE = range(4)


# Two sides of a quote.


def test_a_long_buys_the_ask_and_sells_the_bid():
    result = play([FLAT] * 3 + [(100.0, 105.0, 99.0, 105.0), FLAT], costs=fx(1.0))
    assert told(result) == [(2, 101.0, 3, 105.0, "target")]
    assert result.trades.profit.tolist() == [200 * 4.0]
    assert result.trades.spread_cost.tolist() == [200 * 1.0]
    assert result.equity.tolist() == [100_000.0, 100_000.0, 99_800.0, 100_800.0, 100_800.0]


@pytest.mark.parametrize(("high", "ends"), [(104.0, (3, 105.0, "stop")), (103.5, (4, 101.0, "end"))])
def test_the_stop_of_a_short_is_touched_by_the_ask(high, ends):
    assert told(play([FLAT] * 3 + [(100.0, high, 99.0, 100.0), FLAT], side=-1, costs=fx(1.0))) == [(2, 100.0, *ends)]


@pytest.mark.parametrize(("low", "ends"), [(94.0, (3, 95.0, "target")), (94.5, (4, 101.0, "end"))])
def test_the_target_of_a_short_is_touched_by_the_ask(low, ends):
    result = play([FLAT] * 3 + [(100.0, 101.0, low, 100.0), FLAT], side=-1, costs=fx(1.0))
    assert told(result) == [(2, 100.0, *ends)]
    assert result.trades.spread_cost.tolist() == [200 * 1.0]


def test_a_short_pays_the_spread_of_the_candle_in_which_it_buys_back():
    spread = np.array([9.0, 1.0, 3.0, 2.0, 9.0])
    result = play([FLAT] * 3 + [(100.0, 101.0, 93.0, 100.0), FLAT], side=-1, costs=fx(spread=spread))
    assert told(result) == [(2, 100.0, 3, 95.0, "target")]
    assert result.trades.spread_cost.tolist() == [200 * 2.0]


# Gaps, slippage, impact.


def test_a_gap_through_the_target_is_no_gift():
    rows = [FLAT] * 3 + [(108.0, 109.0, 107.0, 108.0), FLAT]
    assert told(play(rows)) == [(2, 100.0, 3, 105.0, "target")]
    assert told(play(rows, costs=Costs(0.0, 0.0))) == [(2, 100.0, 3, 108.0, "target")]


def test_a_gap_through_the_stop_fills_at_the_open():
    assert told(play([FLAT] * 3 + [(90.0, 91.0, 89.0, 90.0), FLAT])) == [(2, 100.0, 3, 90.0, "stop")]
    shorted = play([FLAT] * 3 + [(110.0, 111.0, 109.0, 110.0), FLAT], side=-1, costs=fx(1.0))
    assert told(shorted) == [(2, 100.0, 3, 111.0, "stop")]


WORSE = {"slippage": 0.5, "impact": 0.25, "depth": 50.0}  # of a spread of 1 and 200 units: 0.5 and 0.25 × √4 = 0.5


def test_a_market_entry_and_a_stop_fill_worse():
    result = play([FLAT] * 3 + [(100.0, 101.0, 94.0, 100.0), FLAT], costs=fx(1.0, **WORSE))
    assert told(result) == [(2, 102.0, 3, 94.0, "stop")]
    assert result.trades.slippage.tolist() == [2 * 200 * 0.5]
    assert result.trades.impact.tolist() == [2 * 200 * 0.5]


def test_a_target_and_a_limit_entry_fill_at_their_price():
    rows = [FLAT] * 2 + [(100.0, 101.0, 97.0, 98.0), (100.0, 103.0, 99.0, 100.0), FLAT]
    result = play(rows, offset=-2.0, costs=fx(1.0, **WORSE))
    assert told(result) == [(2, 98.0, 3, 103.0, "target")]
    assert result.trades.slippage.tolist() == result.trades.impact.tolist() == [0.0]


# Limit and stop entries.


def test_a_limit_is_reached_by_the_ask_and_never_filled_better_or_worse():
    too_high, jumped = (100.0, 101.0, 97.5, 98.0), (94.0, 96.0, 93.5, 95.0)
    assert told(play([FLAT] * 2 + [too_high, FLAT, FLAT], offset=-2.0, costs=fx(1.0))) == []
    assert told(play([FLAT] * 2 + [jumped, FLAT, FLAT], offset=-2.0, costs=fx(1.0))) == [(2, 98.0, 4, 100.0, "end")]
    assert told(play([FLAT] * 2 + [jumped, FLAT, FLAT], offset=-2.0, costs=Costs(0.0, 0.0))) == [(2, 94.0, 4, 100.0, "end")]


def test_a_stop_entry_fills_at_its_level_or_at_the_open_beyond_it():
    assert told(play([FLAT] * 2 + [(100.0, 101.5, 99.0, 100.0), FLAT], offset=2.0)) == []
    assert told(play([FLAT] * 2 + [(100.0, 102.0, 99.0, 100.0), FLAT], offset=2.0)) == [(2, 102.0, 3, 100.0, "end")]
    assert told(play([FLAT] * 2 + [(104.0, 105.0, 103.0, 104.0), FLAT], offset=2.0)) == [(2, 104.0, 3, 100.0, "end")]
    assert told(play([FLAT] * 2 + [(100.0, 101.0, 98.0, 99.0), FLAT], side=-1, offset=2.0)) == [(2, 98.0, 3, 100.0, "end")]


def test_in_the_candle_of_its_entry_a_limit_knows_its_stop_but_not_its_target():
    assert told(play([FLAT] * 2 + [(100.0, 104.0, 98.0, 100.0), FLAT], offset=-2.0)) == [(2, 98.0, 3, 100.0, "end")]
    assert told(play([FLAT] * 2 + [(100.0, 104.0, 93.0, 100.0), FLAT], offset=-2.0)) == [(2, 98.0, 2, 93.0, "stop")]


def test_in_the_candle_of_its_entry_a_stop_entry_knows_both():
    assert told(play([FLAT] * 2 + [(100.0, 107.0, 99.0, 100.0), FLAT], offset=2.0)) == [(2, 102.0, 2, 107.0, "target")]
    assert told(play([FLAT] * 2 + [(100.0, 107.0, 97.0, 100.0), FLAT], offset=2.0)) == [(2, 102.0, 2, 97.0, "stop")]


@pytest.mark.parametrize(("waits", "trades"), [(1, []), (2, []), (3, [(4, 98.0, 5, 100.0, "end")])])
def test_an_order_is_dropped_once_it_has_waited(waits, trades):
    rows = [FLAT] * 4 + [(100.0, 101.0, 98.0, 100.0), FLAT]
    assert told(play(rows, offset=-2.0, execution=replace(OFF, wait_candles=waits))) == trades


def test_no_second_order_is_made_while_one_waits_or_at_the_close_that_drops_it():
    rows = [FLAT] * 4 + [(100.0, 101.0, 98.0, 100.0), (100.0, 101.0, 98.0, 100.0), FLAT]
    # Ordered at the closes of 1 and, since that of 3 drops the first, of 4.
    result = play(rows, at=slice(None), offset=-2.0, execution=replace(OFF, wait_candles=2))
    assert told(result) == [(5, 98.0, 6, 100.0, "end")]


def test_a_short_whose_stop_lies_within_the_spread_is_not_ordered():
    assert told(play([FLAT] * 4, side=-1, stop=1.0, costs=fx(1.0))) == []
    assert len(play([FLAT] * 4, side=-1, stop=1.5, costs=fx(1.0)).trades) == 1


# Marks and ends.


@pytest.mark.parametrize(("side", "entry", "end"), [(1, 101.0, 101.5), (-1, 100.0, 103.5)])
def test_what_is_open_is_marked_at_the_side_that_would_close_it_and_ends_at_the_last_close(side, entry, end):
    rows = [FLAT] * 3 + [(100.0, 103.0, 99.0, 102.0)]
    result = play(rows, side=side, costs=fx(1.0, slippage=0.5))
    slipped = entry + side * 0.5
    assert told(result) == [(2, slipped, 3, end, "end")]
    mark = 100.0 if side > 0 else 101.0
    assert result.equity[2] == 100_000.0 + side * 200 * (mark - slipped)
    assert result.final_equity == 100_000.0 + side * 200 * (end - slipped)


# What came first.

BOTH = [FLAT] * 3 + [(100.0, 106.0, 94.0, 100.0), FLAT]


def quarters(*rows):
    """Four candles of a quarter of an hour in candle 3."""
    return candles_of(rows, MONDAY_US + 3 * HOUR_US + np.arange(4) * 15 * MINUTE_US, Timeframe.M15)


@pytest.mark.parametrize("side", [1, -1])
def test_a_candle_that_touches_both_is_stopped_out_and_says_so(side):
    result = play(BOTH, side=side)
    assert told(result) == [(2, 100.0, 3, 100.0 - side * 5.0, "stop")]
    assert result.trades.ambiguous.tolist() == [True]
    assert play([FLAT] * 3 + [(100.0, 104.0, 94.0, 100.0), FLAT]).trades.ambiguous.tolist() == [False]


def test_finer_candles_tell_that_the_target_came_first():
    finer = quarters(
        (100.0, 101.0, 99.0, 100.0), (100.0, 106.0, 100.0, 105.0), (105.0, 105.0, 94.0, 95.0), (95.0, 100.0, 95.0, 100.0)
    )
    result = play(BOTH, finer=finer)
    assert told(result) == [(2, 100.0, 3, 105.0, "target")]
    assert result.trades.ambiguous.tolist() == [False]


def test_finer_candles_that_touch_both_leave_it_open():
    finer = quarters((100.0, 101.0, 99.0, 100.0), (100.0, 106.0, 94.0, 105.0), (105.0, 105.0, 100.0, 100.0), FLAT)
    assert play(BOTH, finer=finer).trades.ambiguous.tolist() == [True]


def test_finer_candles_of_another_hour_tell_nothing():
    finer = quarters(FLAT, FLAT, FLAT, FLAT)
    result = play([*BOTH[:3], FLAT, BOTH[3], FLAT], finer=finer)
    assert told(result) == [(2, 100.0, 4, 95.0, "stop")]
    assert result.trades.ambiguous.tolist() == [True]


# Signals.


@pytest.mark.parametrize(
    ("signal_exit", "trades"),
    [
        (NEVER, [(2, 101.0, 6, 100.0, "end")]),
        (OPPOSITE, [(2, 101.0, 5, 100.0, "signal")]),
        (REVERSE, [(2, 101.0, 5, 100.0, "signal"), (5, 100.0, 6, 101.0, "end")]),
        (GONE, [(2, 101.0, 4, 100.0, "signal"), (5, 100.0, 6, 101.0, "signal")]),
    ],
)
def test_a_wish_for_the_other_side_ends_or_turns_a_position(signal_exit, trades):
    execution = replace(OFF, signal_exit=signal_exit)
    result = play([FLAT] * 7, at=[1, 2, 3, 4], side=[1, 1, 0, -1], costs=fx(1.0), execution=execution)
    assert told(result) == trades


def test_after_the_daily_loss_a_position_is_closed_but_not_turned():
    rows = [FLAT] * 2 + [(100.0, 101.0, 96.0, 96.0), (96.0, 97.0, 95.5, 96.0), FLAT]
    execution = replace(OFF, signal_exit=REVERSE, daily_loss_limit=0.005)
    assert told(play(rows, at=[1, 2], side=[1, -1], execution=execution)) == [(2, 100.0, 3, 96.0, "signal")]


def test_a_trailing_stop_of_a_short_keeps_its_distance_from_the_ask():
    rows = [FLAT] * 2 + [(100.0, 101.0, 96.0, 96.0), (96.0, 98.5, 96.0, 98.0), FLAT]
    plan = ExitPlan(math.inf, 0.02, 0.0, trailing_gap=2.0)
    result = play(rows, side=-1, costs=fx(1.0), execution=replace(OFF, plan=plan))
    assert told(result) == [(2, 100.0, 3, 99.0, "trailing")]  # 96 + 1 + 2
