"""Where profit and costs came from: groups by hand, and parts that add up to the whole."""

import numpy as np
import pytest
from played_by_hand import seeded_run, trades_of

from fxgpt_core.market.fills import REASON_NAMES
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.performance.breakdown import Group, by_hour, by_reason, by_session, by_side
from fxgpt_core.performance.cost_parts import cost_parts, costs_paid
from fxgpt_core.performance.measures import metrics
from fxgpt_core.performance.ratios import RATIO_LIMIT


def at(*stamps):
    return np.array(stamps, dtype="datetime64[us]").astype(np.int64)


def test_the_sides_by_hand():
    found = by_side(trades_of([10.0, -4.0, 6.0, 0.0], side=[1, 1, -1, 1], commission=1.0, swap=[0.5, 0.0, -2.0, 0.0]))
    assert found["long"] == Group(3, pytest.approx(1 / 3), 6.0, 3.5, 2.0, 2.5)
    assert found["short"] == Group(1, 1.0, 6.0, -1.0, 6.0, RATIO_LIMIT)


def test_a_side_that_never_traded_is_all_zero():
    assert set(by_side(trades_of([1.0]))["short"].to_json().values()) == {0}


def test_reasons_are_named_as_the_market_names_them():
    found = by_reason(trades_of([1.0, 2.0, 4.0], reason=[1, 2, 1]))
    assert {name: group.profit for name, group in found.items()} == {"stop": 5.0, "target": 2.0}


def test_hours_are_utc_hours_of_the_entry():
    entry = at("2018-01-09T00:59", "2018-07-10T23:00", "2018-07-11T00:00")
    found = by_hour(trades_of([1.0, 2.0, 4.0], entry_time_us=entry))
    assert {name: group.profit for name, group in found.items()} == {"00": 5.0, "23": 2.0}


def test_sessions_follow_the_clocks_of_their_cities():
    # London opens at 08:00 UTC in winter and at 07:00 in summer; New York at 13:00 and 12:00.
    entry = at("2018-01-09T08:00", "2018-07-10T07:00", "2018-01-09T13:30", "2018-07-10T17:00", "2018-01-09T22:30")
    found = by_session(trades_of([1.0, 2.0, 4.0, 8.0, 16.0], entry_time_us=entry))
    assert found["london"].profit == 7.0
    assert found["new_york"].profit == 12.0
    # Tokyo closes at 09:00 UTC, Sydney opens at 20:00 in its summer.
    assert found["tokyo"].profit == 3.0
    assert found["sydney"].profit == 16.0


def test_an_hour_in_which_new_york_is_still_open_on_friday_is_saturday_in_sydney():
    found = by_session(trades_of([3.0], entry_time_us=at("2018-01-12T21:30")))
    assert {name for name, group in found.items() if group.trades} == {"new_york"}


def test_every_open_hour_of_the_years_lies_in_a_session():
    hours = expected_open_times(*at("2018-01-01", "2020-01-01").tolist(), Timeframe.H1)
    outside = [
        hour for hour in hours if not any(group.trades for group in by_session(trades_of([1.0], entry_time_us=hour)).values())
    ]
    assert outside == []


def test_the_parts_of_the_costs_by_hand():
    found = cost_parts(
        trades_of([10.0, -8.0], commission=2.0, spread_cost=[1.0, 3.0], slippage=0.5, impact=0.25, swap=[-1.0, 0.5])
    )
    assert found.parts == {"commission": 4.0, "spread": 4.0, "slippage": 1.0, "impact": 0.5, "swap": -0.5}
    assert found.total == 9.0
    # 10 + 2.75 before costs; -8 + 6.25 is still a loss.
    assert found.gross_profit == 12.75
    assert found.shares["spread"] == pytest.approx(4.0 / 12.75)
    assert found.shares["swap"] == pytest.approx(-0.5 / 12.75)
    assert set(found.to_json()) == {*found.parts, "gross_profit", "total", "shares"}


def test_costs_that_an_engine_does_not_charge_are_zero():
    class TwoCosts:
        profit, commission, spread_cost = np.array([1.0, -1.0]), np.array([0.5, 0.5]), np.array([0.25, 0.25])

    found = cost_parts(TwoCosts())
    assert (found.commission, found.spread, found.slippage, found.impact, found.swap) == (1.0, 0.5, 0.0, 0.0, 0.0)
    assert costs_paid(TwoCosts()).tolist() == [0.75, 0.75]


def test_costs_without_gross_profit_are_a_share_at_the_limit():
    assert cost_parts(trades_of([-5.0], commission=1.0)).shares["commission"] == RATIO_LIMIT


def test_without_trades_every_group_and_cost_is_zero():
    none = trades_of([])
    assert (by_reason(none), by_hour(none)) == ({}, {})
    assert [group.trades for group in (by_side(none) | by_session(none)).values()] == [0] * 6
    assert set(cost_parts(none).parts.values()) == {0.0}


@pytest.mark.parametrize("seed", range(10))
def test_sides_reasons_and_hours_add_up_to_the_whole_and_so_do_costs(seed):
    run, candles = seeded_run(seed, n=200, n_trades=30)
    whole, profit = metrics(run, candles), float(run.trades.profit.sum())
    for groups in (by_side(run.trades), by_reason(run.trades), by_hour(run.trades)):
        assert sum(group.trades for group in groups.values()) == whole.total_trades
        assert sum(group.profit for group in groups.values()) == pytest.approx(profit)
        assert sum(group.costs for group in groups.values()) == pytest.approx(whole.total_costs)
        assert sum(group.win_rate * group.trades for group in groups.values()) == pytest.approx(whole.winning_trades)
    assert cost_parts(run.trades).total == pytest.approx(whole.total_costs)
    sessions = by_session(run.trades)
    assert sum(group.trades for group in sessions.values()) >= whole.total_trades
    assert set(by_reason(run.trades)) <= set(REASON_NAMES)
