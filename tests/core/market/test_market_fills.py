"""The fill rule against hand numbers: gaps, collisions, tightening, margin."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxgpt_core.market import fills
from fxgpt_core.market.orders import FILL_REASONS

OFF = math.inf


def exit_of(side, candle, stop, target):
    price, reason = fills.exit_in_candle(side, *candle, stop, target)
    return price, fills.REASON_NAMES[reason]


def test_every_reason_name_is_a_fill_reason():
    assert set(fills.REASON_NAMES[1:]) <= FILL_REASONS


def test_an_entry_pays_the_whole_spread():
    assert fills.entry_price(1, 100.0, 0.001) == 100.0 * 1.001
    assert fills.entry_price(-1, 100.0, 0.001) == 100.0 * 0.999


@pytest.mark.parametrize(
    ("side", "candle", "expected"),
    [
        (1, (100.0, 104.0, 96.0), (0.0, "")),
        (1, (100.0, 104.0, 95.0), (95.0, "stop")),
        (1, (94.0, 104.0, 90.0), (94.0, "stop")),
        (1, (100.0, 105.0, 96.0), (105.0, "target")),
        (1, (107.0, 108.0, 96.0), (107.0, "target")),
        (1, (100.0, 105.0, 95.0), (95.0, "stop")),
        (1, (107.0, 108.0, 95.0), (95.0, "stop")),
        (-1, (100.0, 104.0, 96.0), (0.0, "")),
        (-1, (100.0, 105.0, 96.0), (105.0, "stop")),
        (-1, (106.0, 108.0, 96.0), (106.0, "stop")),
        (-1, (100.0, 104.0, 95.0), (95.0, "target")),
        (-1, (93.0, 104.0, 92.0), (93.0, "target")),
        (-1, (100.0, 105.0, 95.0), (105.0, "stop")),
    ],
)
def test_exit_takes_the_stop_first_and_a_gap_at_the_open(side, candle, expected):
    stop, target = (95.0, 105.0) if side > 0 else (105.0, 95.0)
    assert exit_of(side, candle, stop, target) == expected


@given(
    st.floats(0.5, 2.0), st.floats(0, 0.5), st.floats(0, 0.5), st.floats(0.3, 1.0), st.floats(1.0, 3.0), st.sampled_from([1, -1])
)
def test_an_exit_price_always_lies_within_the_candle(open_, above, below, stop_factor, target_factor, side):
    high, low = open_ + above, open_ - min(below, open_ / 2)
    stop, target = (open_ * stop_factor, open_ * target_factor)[::side]
    price, reason = fills.exit_in_candle(side, open_, high, low, stop, target)
    assert (reason == 0 and price == 0.0) or low <= price <= high


def test_breakeven_moves_the_stop_to_the_entry_once_the_close_reaches_the_trigger():
    assert fills.tightened_stop(1, 100.0, 100.9, 98.0, 1, fills.ExitPlan(0.01, OFF, 0.01)) == (98.0, 1)
    assert fills.tightened_stop(1, 100.0, 101.0, 98.0, 1, fills.ExitPlan(0.01, OFF, 0.01)) == (100.0, fills.REASON_BREAKEVEN)
    assert fills.tightened_stop(-1, 100.0, 99.0, 102.0, 1, fills.ExitPlan(0.01, OFF, 0.01)) == (100.0, fills.REASON_BREAKEVEN)


def test_trailing_follows_the_close_and_wins_over_a_looser_breakeven():
    assert fills.tightened_stop(1, 100.0, 110.0, 98.0, 1, fills.ExitPlan(0.01, 0.05, 0.02)) == (
        110.0 * 0.98,
        fills.REASON_TRAILING,
    )
    assert fills.tightened_stop(-1, 100.0, 90.0, 102.0, 1, fills.ExitPlan(0.01, 0.05, 0.02)) == (
        90.0 * 1.02,
        fills.REASON_TRAILING,
    )
    assert fills.tightened_stop(1, 100.0, 105.0, 98.0, 1, fills.ExitPlan(0.01, 0.05, 0.09)) == (100.0, fills.REASON_BREAKEVEN)


@given(
    st.floats(0.8, 1.2), st.floats(0.8, 1.2), st.sampled_from([1, -1]), st.floats(0, 0.1), st.floats(0, 0.1), st.floats(0, 0.1)
)
def test_tightening_never_loosens_a_stop(close, stop, side, trigger, activation, distance):
    tighter, reason = fills.tightened_stop(
        side, 1.0, close, stop, fills.REASON_STOP, fills.ExitPlan(trigger, activation, distance)
    )
    assert side * (tighter - stop) >= 0
    assert (tighter == stop) == (reason == fills.REASON_STOP)


@pytest.mark.parametrize(
    ("side", "stop", "target", "holds"),
    [
        (1, 99.0, 101.0, True),
        (1, 100.2, 101.0, False),
        (1, 99.0, 100.05, False),
        (1, -1.0, 101.0, False),
        (-1, 101.0, 99.0, True),
        (-1, 99.8, 99.0, False),
        (-1, 101.0, 99.95, False),
        (-1, 101.0, -1.0, False),
    ],
)
def test_a_bracket_must_enclose_the_expected_entry(side, stop, target, holds):
    assert fills.bracket_holds(side, 100.0, 0.001, stop, target) is holds


def test_a_bracket_lies_at_its_distances_from_the_close():
    assert fills.bracket(1, 100.0, 2.0, 3.0) == (98.0, 103.0)
    assert fills.bracket(-1, 100.0, 2.0, 3.0) == (102.0, 97.0)


def test_margin_counts_the_spread_and_the_commission():
    assert fills.margin_allows(1, 10, 100.0, 0.0, 0.0, 1000.0)
    assert not fills.margin_allows(1, 10, 100.0, 0.001, 0.0, 1000.9)
    assert fills.margin_allows(-1, 10, 100.0, 0.001, 0.0, 1000.0)
    assert not fills.margin_allows(-1, 10, 100.0, 0.001, 0.01, 1000.0)


def test_time_is_up_after_the_last_allowed_candle_and_never_at_zero():
    assert [fills.time_is_up(held, 3) for held in (1, 2, 3, 4)] == [False, False, True, True]
    assert not fills.time_is_up(10**6, 0)


def test_profit_is_counted_in_the_direction_of_the_position():
    assert fills.realised(1, 10, 100.0, 101.0) == 10.0
    assert fills.realised(-1, 10, 100.0, 101.0) == -10.0
    assert fills.unrealised(-1, 10, 100.0, 99.0) == 10.0
    assert fills.commission_paid(10, 100.0, 0.01) == 10.0
