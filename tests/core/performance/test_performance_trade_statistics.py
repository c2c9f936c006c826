"""Trade statistics against hand numbers, and the bet of Kelly against the growth it is the best of."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from played_by_hand import MONDAY_17_NEW_YORK_US, trades_of

from fxgpt_core.market.timeframes import HOUR_US
from fxgpt_core.performance.ratios import RATIO_LIMIT
from fxgpt_core.performance.trade_statistics import kelly_fraction, longest_streak, system_quality, trade_statistics


def test_the_statistics_of_six_trades_by_hand():
    exits = MONDAY_17_NEW_YORK_US + np.array([3, 4, 5, 30, 7, 8], dtype=np.int64) * HOUR_US
    found = trade_statistics(trades_of([30.0, 10.0, -5.0, -15.0, 0.0, 20.0], exit_time_us=exits))
    assert (found.best_trade, found.worst_trade) == (30.0, -15.0)
    # Wins 30, 10, 20; losses 5, 15 and the trade that made nothing.
    assert found.payoff_ratio == pytest.approx(20.0 / (20.0 / 3.0))
    assert (found.longest_win_streak, found.longest_loss_streak) == (2, 3)
    assert found.max_holding_time_hrs == 27.0
    assert found.kelly_fraction == pytest.approx(0.5 - 0.5 / 3.0)
    deviation = math.sqrt(sum((p - 40 / 6) ** 2 for p in (30, 10, -5, -15, 0, 20)) / 5)
    assert found.sqn == pytest.approx(math.sqrt(6) * (40 / 6) / deviation)


def test_without_trades_everything_is_zero():
    assert set(trade_statistics(trades_of([])).to_json().values()) == {0.0}


def test_one_trade_has_extremes_but_no_quality():
    found = trade_statistics(trades_of([7.0]))
    assert (found.best_trade, found.worst_trade, found.sqn, found.kelly_fraction) == (7.0, 7.0, 0.0, 1.0)
    assert (found.longest_win_streak, found.longest_loss_streak) == (1, 0)


def test_equal_profits_have_no_quality_number():
    assert system_quality(np.full(9, 0.1)) == 0.0


@pytest.mark.parametrize(
    ("profits", "fraction"),
    [
        ([1.0, 2.0], 1.0),
        ([-1.0, -2.0], -RATIO_LIMIT),
        ([0.0, 0.0], 0.0),
        ([5.0, 0.0], 0.5),
        ([2.0, -1.0], 0.25),
        ([1.0, -1.0], 0.0),
    ],
)
def test_the_bet_is_defined_where_nothing_was_won_or_lost(profits, fraction):
    assert kelly_fraction(np.array(profits)) == fraction


@pytest.mark.parametrize(("share", "payoff"), [(0.6, 1.0), (0.4, 2.0), (0.55, 1.5)])
def test_the_bet_of_kelly_grows_an_account_fastest(share, payoff):
    n_won = round(share * 1000)
    found = kelly_fraction(np.concatenate([np.full(n_won, payoff), np.full(1000 - n_won, -1.0)]))
    bets = np.linspace(0.0, 0.99, 991)
    growth = share * np.log1p(bets * payoff) + (1.0 - share) * np.log1p(-bets)
    assert found == pytest.approx(bets[np.argmax(growth)], abs=1.1e-3)


def test_a_rare_loss_of_hundreds_of_wins_forbids_the_bet():
    assert kelly_fraction(np.array([1.0] * 199 + [-300.0])) == pytest.approx(199 / 200 - 300 / 200)


@given(st.lists(st.booleans(), max_size=30))
def test_the_longest_streak_is_the_longest_group(happened):
    expected = max((len(list(run)) for value, run in itertools.groupby(happened) if value), default=0)
    assert longest_streak(np.array(happened, dtype=bool)) == expected
