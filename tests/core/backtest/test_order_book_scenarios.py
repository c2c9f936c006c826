"""Small scenarios with numbers by hand, each played by the order book and by backtesting.py."""

from dataclasses import replace

import numpy as np
import pytest
from order_examples import candles_of, flat

from fxgpt_core.backtest.engine import BacktestAccount
from fxgpt_core.backtest.instructions import Instruction, instructions
from fxgpt_core.backtest.order_account import EXIT_NAMES
from fxgpt_core.backtest.order_stream import ANY_TAG, BUY, CANCEL, CLOSE, MOVE_STOP, MOVE_TARGET, SELL
from fxgpt_core.backtest.order_terms import OrderTerms
from fxgpt_core.backtest.orders import play_orders
from fxgpt_core.backtest.reference_orders import reference_orders
from fxgpt_core.market.costs import Costs

CASH = BacktestAccount(cash=100_000.0, leverage=1.0)
SPREAD = OrderTerms(Costs(0.001, 0.0))
OPEN_AT_END = OrderTerms(finalize=False)
BASE = (flat(100), flat(100))


@pytest.fixture(params=[play_orders, reference_orders], ids=["order book", "backtesting.py"])
def played(request):
    def play(rows, asked, terms=None, account=CASH):
        return request.param(candles_of(*rows), instructions(asked), terms, account)

    return play


def exits(result):
    """(entry candle, entry price, exit candle, exit price, signed units, reason) of each closed trade."""
    trades = result.trades
    return [
        (
            int(trades.entry_index[k]),
            float(trades.entry_price[k]),
            int(trades.exit_index[k]),
            float(trades.exit_price[k]),
            int(trades.side[k] * trades.units[k]),
            EXIT_NAMES[trades.reason[k]],
        )
        for k in range(len(trades))
    ]


def test_stop_and_target_in_the_entry_candle_end_at_the_stop(played):
    asked = [Instruction(1, BUY, size=10, stop_loss=95, take_profit=105)]
    result = played([*BASE, (100, 110, 90, 100), flat(100)], asked)
    assert exits(result) == [(2, 100.0, 2, 95.0, 10, "stop")]
    assert result.final_equity == 99_950.0


def test_a_gap_through_the_stop_before_the_entry_costs_the_spread(played):
    result = played([*BASE, flat(90), flat(100)], [Instruction(1, BUY, size=10, stop_loss=95)], SPREAD)
    ((_, paid, _, got, _, reason),) = exits(result)
    assert (round(paid, 10), got, reason) == (90.09, 90.0, "stop")


def test_a_gap_through_the_target_fills_at_the_open(played):
    result = played([*BASE, flat(100), flat(110)], [Instruction(1, BUY, size=10, take_profit=105)])
    assert exits(result) == [(2, 100.0, 3, 110.0, 10, "target")]


def test_a_gap_through_the_stop_fills_at_the_open(played):
    result = played([*BASE, flat(100), flat(90)], [Instruction(1, BUY, size=10, stop_loss=95)])
    assert exits(result) == [(2, 100.0, 3, 90.0, 10, "stop")]


def test_a_short_mirrors_a_long(played):
    asked = [Instruction(1, SELL, size=10, stop_loss=105, take_profit=95)]
    result = played([*BASE, (100, 104, 96, 100), flat(110)], asked, SPREAD)
    assert exits(result) == [(2, 100 * (1 - 0.001), 3, 110.0, -10, "stop")]


def test_a_limit_entry_pays_the_spread_on_top_of_its_limit(played):
    result = played([*BASE, (100, 100, 97, 99), flat(99)], [Instruction(1, BUY, size=10, limit=98)], SPREAD)
    ((entered, paid, *_),) = exits(result)
    assert (entered, round(paid, 10)) == (2, 98.098)


@pytest.mark.parametrize(("candle", "price"), [((100, 103, 99, 101), 102.0), ((104, 105, 103, 104), 104.0)])
def test_a_stop_entry_fills_at_its_stop_or_at_the_open_it_gapped_to(played, candle, price):
    result = played([*BASE, candle, flat(100)], [Instruction(1, BUY, size=10, stop=102)])
    assert exits(result)[0][:2] == (2, price)


def test_a_close_goes_before_the_stop_of_its_trade(played):
    asked = [Instruction(1, BUY, size=10, stop_loss=95), Instruction(2, CLOSE, ANY_TAG, size=1)]
    result = played([*BASE, flat(100), (99, 99, 90, 95), flat(100)], asked)
    assert exits(result) == [(2, 100.0, 3, 99.0, 10, "close")]


def test_a_stop_moved_after_the_close_was_ordered_goes_before_it(played):
    asked = [
        Instruction(1, BUY, size=10, stop_loss=95),
        Instruction(2, CLOSE, ANY_TAG, size=1),
        Instruction(2, MOVE_STOP, ANY_TAG, stop_loss=96),
    ]
    result = played([*BASE, flat(100), (99, 99, 90, 95), flat(100)], asked)
    assert exits(result) == [(2, 100.0, 3, 96.0, 10, "stop")]


def test_a_stop_runs_before_an_opposite_order_that_fills_at_the_earlier_open(played):
    asked = [Instruction(1, BUY, size=10, stop_loss=95), Instruction(2, SELL, size=20)]
    result = played([*BASE, flat(100), (99, 99, 94, 97), flat(97)], asked)
    assert exits(result) == [(2, 100.0, 3, 95.0, 10, "stop"), (3, 99.0, 4, 97.0, -20, "end")]


def test_an_opposite_order_closes_the_oldest_trades_first_and_a_part_of_the_last(played):
    asked = [Instruction(1, BUY, 1, size=10), Instruction(1, BUY, 2, size=10), Instruction(2, SELL, size=15)]
    result = played([*BASE, flat(100), flat(103), flat(104)], asked, OPEN_AT_END)
    assert exits(result) == [(2, 100.0, 3, 103.0, 10, "opposite"), (2, 100.0, 3, 103.0, 5, "opposite")]
    assert (result.trades.tag.tolist(), result.still_open) == ([1, 2], 1)
    assert result.final_equity == 100_000.0 + 15 * 3 + 5 * 4


def test_what_is_open_at_the_end_is_closed_at_the_open_of_the_last_candle(played):
    result = played([*BASE, flat(100), (104, 120, 104, 118)], [Instruction(1, BUY, size=10)])
    assert exits(result) == [(2, 100.0, 3, 104.0, 10, "end")]
    assert result.equity.tolist() == [100_000.0, 100_000.0, 100_000.0, 100_040.0]


def test_an_order_of_the_last_candle_fills_at_its_past_open_and_stays_open(played):
    result = played([*BASE, (100, 103, 100, 102.5)], [Instruction(2, BUY, size=100)])
    assert (len(result.trades), result.still_open, result.final_equity) == (0, 1, 100_250.0)


def test_in_a_run_of_two_candles_that_last_order_changes_the_first_equity_too(played):
    result = played([flat(100), (100, 103, 100, 102.5)], [Instruction(1, BUY, size=100)])
    assert result.equity.tolist() == [100_250.0, 100_250.0]


def test_orders_on_the_close_fill_at_the_close_of_their_candle(played):
    asked = [Instruction(1, BUY, size=10), Instruction(2, CLOSE, ANY_TAG, size=1)]
    rows = [flat(100), (100, 101, 100, 100.5), (101, 103, 101, 102), flat(105)]
    result = played(rows, asked, OrderTerms(trade_on_close=True))
    assert exits(result) == [(1, 100.5, 2, 102.0, 10, "close")]


def test_a_fixed_fee_counts_by_the_fraction_of_a_fractional_size(played):
    result = played([*BASE, flat(100), flat(100)], [Instruction(1, BUY, size=0.5)], OrderTerms(fixed_fee=7.0))
    assert result.trades.units.tolist() == [438]
    free = played([*BASE, flat(100), flat(100)], [Instruction(1, BUY, size=0.5)])
    assert free.trades.units.tolist() == [500]


def test_an_order_with_a_stop_loss_or_target_on_the_wrong_side_is_refused(played):
    asked = [
        Instruction(1, BUY, size=1, stop_loss=100.2),
        Instruction(1, BUY, size=1, stop_loss=100.05),
        Instruction(1, SELL, size=1, limit=101, take_profit=101),
        Instruction(1, SELL, size=1, stop=98, limit=99, stop_loss=98.5),
    ]
    result = played([*BASE, flat(100), flat(100)], asked, SPREAD)
    assert result.refused.tolist() == [0, 2, 3]
    # Between the close and the close with the spread a stop loss is accepted, and touched at once.
    assert exits(result) == [(2, 100 * (1 + 0.001), 2, 100.0, 1, "stop")]


@pytest.mark.parametrize(("close", "units"), [(130, 825), (70, 675)])
def test_the_size_of_a_second_order_sees_the_close_of_its_candle(played, close, units):
    asked = [Instruction(1, BUY, size=500), Instruction(2, BUY, size=0.5)]
    rows = [*BASE, flat(100), (100, 130, 70, close), flat(close)]
    result = played(rows, asked, account=replace(CASH, leverage=2.0))
    assert result.trades.units.tolist() == [500, units]


def test_a_bust_account_is_closed_at_the_close_and_worth_nothing(played):
    asked = [Instruction(1, BUY, size=0.99), Instruction(4, BUY, size=1)]
    rows = [*BASE, flat(100), (100, 100, 60, 77.5), flat(100), flat(100)]
    result = played(rows, asked, account=replace(CASH, leverage=10.0))
    assert exits(result) == [(2, 100.0, 3, 77.5, 9900, "end")]
    assert result.trades.profit.tolist() == [-222_750.0]
    assert result.equity.tolist() == [100_000.0] * 3 + [0.0] * 3


def test_a_low_that_would_cost_more_than_the_equity_is_survived(played):
    result = played(
        [*BASE, flat(100), (100, 100, 1, 100)], [Instruction(1, BUY, size=0.99)], account=replace(CASH, leverage=10.0)
    )
    assert result.final_equity == 100_000.0


def test_an_order_beyond_the_margin_is_dropped_after_it_closed_the_other_side(played):
    asked = [Instruction(1, SELL, size=400), Instruction(2, BUY, size=1401), Instruction(3, BUY, size=1001)]
    result = played([*BASE, flat(100), flat(100), flat(100), flat(100)], asked)
    assert exits(result) == [(2, 100.0, 3, 100.0, -400, "opposite")]
    assert (result.without_margin, result.final_equity) == (2, 100_000.0)


def test_a_fraction_too_small_for_one_unit_is_dropped(played):
    result = played([*BASE, flat(100)], [Instruction(1, BUY, size=0.0009)])
    assert (len(result.trades), result.without_margin) == (0, 1)


def test_a_stop_moved_above_the_market_fills_at_the_next_open(played):
    asked = [Instruction(1, BUY, size=10), Instruction(2, MOVE_STOP, ANY_TAG, stop_loss=120)]
    result = played([*BASE, flat(100), (101, 105, 99, 103), flat(100)], asked)
    assert exits(result) == [(2, 100.0, 3, 101.0, 10, "stop")]


def test_of_two_exclusive_orders_at_one_close_the_first_is_cancelled(played):
    asked = [Instruction(1, BUY, size=10), Instruction(1, BUY, size=10, limit=50)]
    result = played([*BASE, flat(100), flat(101)], asked, OrderTerms(exclusive=True))
    assert (len(result.trades), result.final_equity) == (0, 100_000.0)


def test_an_exclusive_order_closes_the_trade_and_opens_its_own(played):
    asked = [Instruction(1, BUY, size=10), Instruction(2, BUY, size=20)]
    result = played([*BASE, flat(100), flat(103), flat(104)], asked, OrderTerms(exclusive=True))
    assert exits(result) == [(2, 100.0, 3, 103.0, 10, "close"), (3, 103.0, 4, 104.0, 20, "end")]


def test_a_second_exclusive_order_passes_over_the_one_behind_the_close_it_cancels(played):
    asked = [Instruction(1, BUY, size=10), Instruction(2, BUY, size=20), Instruction(2, BUY, size=30)]
    result = played([*BASE, flat(100), flat(103), flat(104)], asked, OrderTerms(exclusive=True))
    assert [trade[4] for trade in exits(result)] == [10, 20, 30]


def test_a_fixed_fee_is_booked_again_for_each_part_of_a_trade_but_paid_once(played):
    asked = [Instruction(1, BUY, size=10), Instruction(2, CLOSE, ANY_TAG, size=0.5)]
    result = played([*BASE, flat(100), flat(100), flat(100)], asked, OrderTerms(fixed_fee=7.0))
    assert (result.trades.profit.sum(), result.final_equity - 100_000.0) == (-28.0, -21.0)


@pytest.mark.parametrize(("limit", "filled"), [(103, [(2, 102.0)]), (101, [])])
def test_a_stop_limit_fills_at_its_stop_unless_the_limit_lies_before_it(played, limit, filled):
    asked = [Instruction(1, BUY, size=10, stop=102, limit=limit), Instruction(2, CANCEL, ANY_TAG)]
    result = played([*BASE, (100, 103, 99, 101), flat(101), flat(101)], asked)
    assert [trade[:2] for trade in exits(result)] == filled


def test_a_stop_limit_whose_stop_was_reached_is_a_limit_order_from_then_on(played):
    asked = [Instruction(1, BUY, size=10, stop=102, limit=101)]
    result = played([*BASE, (100, 103, 99, 102), (102, 102, 100, 101), flat(101)], asked)
    assert exits(result)[0][:2] == (3, 101.0)


def test_a_stop_limit_that_gapped_fills_at_a_stop_that_was_never_traded(played):
    asked = [Instruction(1, BUY, size=10, stop=102, limit=110)]
    result = played([*BASE, (105, 107, 104, 106), flat(106)], asked)
    assert exits(result)[0][:2] == (2, 102.0)


def test_hedging_holds_both_sides_at_a_time(played):
    asked = [Instruction(1, BUY, 1, size=10), Instruction(1, SELL, 2, size=10), Instruction(2, CLOSE, 1, size=1)]
    result = played([*BASE, flat(100), flat(103), flat(105)], asked, OrderTerms(hedging=True, finalize=False))
    assert exits(result) == [(2, 100.0, 3, 103.0, 10, "close")]
    assert (result.still_open, result.final_equity) == (1, 100_000.0 + 30 - 50)


@pytest.mark.parametrize(("units", "portion", "closed"), [(5, 0.5, 2), (7, 0.5, 4), (3, 0.1, 1), (1, 0.5, 1)])
def test_a_portion_is_rounded_to_whole_units_half_to_even_and_never_to_none(played, units, portion, closed):
    asked = [Instruction(1, BUY, size=units), Instruction(2, CLOSE, ANY_TAG, size=portion)]
    result = played([*BASE, flat(100), flat(100), flat(100)], asked)
    assert result.trades.units[0] == closed
    assert result.trades.units.sum() == units


def test_the_stop_of_a_limit_entry_waits_for_the_next_candle(played):
    asked = [Instruction(1, BUY, size=10, limit=98, stop_loss=95)]
    result = played([*BASE, (100, 100, 90, 97), (96, 97, 94, 96), flat(96)], asked)
    assert exits(result) == [(2, 98.0, 3, 95.0, 10, "stop")]


def test_the_target_of_a_stop_entry_fills_in_the_entry_candle_if_the_stop_loss_is_not_touched(played):
    asked = [Instruction(1, BUY, size=10, stop=102, stop_loss=98, take_profit=104)]
    assert exits(played([*BASE, (100, 105, 99, 103), flat(103)], asked)) == [(2, 102.0, 2, 104.0, 10, "target")]
    assert exits(played([*BASE, (100, 105, 98, 103), flat(103)], asked)) == [(2, 102.0, 3, 103.0, 10, "end")]


def test_a_bust_account_of_two_trades_closes_only_one_in_the_list(played):
    asked = [Instruction(1, BUY, 1, size=5000), Instruction(1, BUY, 2, size=4000)]
    rows = [*BASE, flat(100), flat(50), flat(50)]
    result = played(rows, asked, account=replace(CASH, leverage=10.0))
    assert (result.trades.tag.tolist(), result.still_open, result.final_equity) == ([1], 1, 0.0)


def test_a_target_is_moved_and_taken_away_and_only_for_the_tag_meant(played):
    asked = [
        Instruction(1, BUY, 1, size=10, take_profit=110),
        Instruction(1, BUY, 2, size=20, take_profit=110),
        Instruction(2, MOVE_TARGET, 1, take_profit=103),
        Instruction(2, MOVE_TARGET, 2),
    ]
    result = played([*BASE, flat(100), (100, 111, 100, 105), flat(105)], asked)
    assert exits(result) == [(2, 100.0, 3, 103.0, 10, "target"), (2, 100.0, 4, 105.0, 20, "end")]


def test_a_cancelled_entry_never_fills_and_others_do(played):
    asked = [
        Instruction(1, BUY, 1, size=10, limit=98),
        Instruction(1, BUY, 2, size=20, limit=98),
        Instruction(2, CANCEL, 1),
    ]
    result = played([*BASE, flat(100), flat(98), flat(98)], asked)
    assert exits(result) == [(3, 98.0, 4, 98.0, 20, "end")]


def test_no_candle_one_candle_and_no_instruction_leave_the_cash(played):
    assert played([flat(100)], []).equity.tolist() == [100_000.0]
    result = played([*BASE, flat(101)], [])
    assert (result.equity.tolist(), len(result.trades)) == ([100_000.0] * 3, 0)


def test_nothing_is_decided_for_a_bust_account(played):
    asked = [Instruction(1, BUY, size=0.99), Instruction(4, BUY, size=1, stop_loss=200)]
    rows = [*BASE, flat(100), flat(50), flat(50), flat(50)]
    assert played(rows, asked, account=replace(CASH, leverage=10.0)).refused.tolist() == []


def test_the_record_ends_at_the_cash_when_there_is_no_candle():
    result = play_orders(candles_of(flat(1)).slice(0, 0), instructions([]), None, CASH)
    assert (result.final_equity, len(result.equity)) == (100_000.0, 0)
    assert np.array_equal(result.refused, [])
