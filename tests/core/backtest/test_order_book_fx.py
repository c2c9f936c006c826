"""The order book under FX quotes, with numbers worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest
from fx_story import MONDAY_US
from order_examples import candles_of, flat

from fxgpt_core.backtest.engine import BacktestAccount
from fxgpt_core.backtest.instructions import Instruction, instructions
from fxgpt_core.backtest.order_account import EXIT_NAMES
from fxgpt_core.backtest.order_stream import ANY_TAG, BUY, CLOSE, SELL
from fxgpt_core.backtest.order_terms import OrderTerms
from fxgpt_core.backtest.orders import play_orders
from fxgpt_core.market.costs import FxCosts
from fxgpt_core.market.swaps import SwapRates, swap_per_unit
from fxgpt_core.market.symbols import symbol
from fxgpt_core.market.timeframes import DAY_US, HOUR_US

CASH = BacktestAccount(cash=100_000.0, leverage=1.0)
BASE = (flat(100), flat(100))


def fx(spread=0.0, **costs):
    return FxCosts(np.array([spread]), **({"stop_out": 0.0} | costs))


def played(rows, asked, costs, account=CASH, **terms):
    return play_orders(candles_of(*rows), instructions(asked), OrderTerms(costs, **terms), account)


def exits(result):
    """(entry candle, entry price, exit candle, exit price, signed units, reason) of each closed trade."""
    trades = result.trades
    columns = (trades.entry_index, trades.entry_price, trades.exit_index, trades.exit_price, trades.side * trades.units)
    return [(*row, EXIT_NAMES[code]) for *row, code in zip(*(column.tolist() for column in columns), trades.reason, strict=True)]


# Quotes of two sides.


def test_a_long_buys_at_the_ask_and_is_stopped_at_the_bid():
    asked = [Instruction(1, BUY, size=10, stop_loss=95)]
    result = played([*BASE, (100, 101, 95.5, 100), (100, 100, 94, 96), flat(96)], asked, fx(2.0))
    assert exits(result) == [(2, 102.0, 3, 95.0, 10, "stop")]
    assert result.equity.tolist() == [100_000.0, 100_000.0, 99_980.0, 99_930.0, 99_930.0]


def test_a_short_sells_at_the_bid_and_is_stopped_when_the_ask_reaches_its_stop():
    asked = [Instruction(1, SELL, size=10, stop_loss=105)]
    result = played([*BASE, (100, 102.5, 100, 100), (100, 103, 100, 101), flat(101)], asked, fx(2.0))
    assert exits(result) == [(2, 100.0, 3, 105.0, -10, "stop")]
    assert result.equity.tolist() == [100_000.0, 100_000.0, 99_980.0, 99_950.0, 99_950.0]


def test_a_gap_over_the_stop_of_a_short_costs_the_ask_of_the_open():
    asked = [Instruction(1, SELL, size=10, stop_loss=105)]
    assert exits(played([*BASE, flat(100), flat(110), flat(110)], asked, fx(2.0))) == [(2, 100.0, 3, 112.0, -10, "stop")]
    wide = fx(2.0, open_spread=np.full(5, 5.0))
    assert exits(played([*BASE, flat(100), flat(110), flat(110)], asked, wide)) == [(2, 100.0, 2, 105.0, -10, "stop")]


def test_a_target_of_a_short_waits_for_the_ask_and_a_buy_limit_too():
    short = [Instruction(1, SELL, size=10, take_profit=95)]
    rows = [*BASE, flat(100), (100, 100, 94, 95), (95, 95, 93, 95)]
    assert exits(played(rows, short, fx(2.0))) == [(2, 100.0, 4, 95.0, -10, "target")]
    limit = [Instruction(1, BUY, size=10, limit=98)]
    rows = [*BASE, (100, 100, 97, 98), (98, 98, 96, 97), flat(97)]
    assert exits(played(rows, limit, fx(2.0))) == [(3, 98.0, 4, 97.0, 10, "end")]


def test_shorts_end_at_the_ask_of_the_last_close():
    result = played([*BASE, flat(100), (100, 105, 100, 104)], [Instruction(1, SELL, size=10)], fx(2.0))
    assert exits(result) == [(2, 100.0, 3, 106.0, -10, "end")]
    assert result.final_equity == 100_000.0 - 60.0


def test_a_stop_loss_within_the_spread_is_refused():
    asked = [Instruction(1, BUY, 1, size=10, stop_loss=99.5), Instruction(1, BUY, 2, size=10, stop_loss=100)]
    result = played([*BASE, flat(100), flat(99)], asked, fx(2.0))
    assert result.refused.tolist() == [1]
    assert exits(result) == [(2, 102.0, 3, 99.0, 10, "stop")]


def test_a_gap_beyond_a_limit_or_a_target_is_no_gift():
    limit = [Instruction(1, BUY, size=10, limit=98)]
    assert exits(played([*BASE, flat(90), flat(90)], limit, fx())) == [(2, 98.0, 3, 90.0, 10, "end")]
    target = [Instruction(1, BUY, size=10, take_profit=105)]
    assert exits(played([*BASE, flat(100), flat(110)], target, fx())) == [(2, 100.0, 3, 105.0, 10, "target")]


@pytest.mark.parametrize(
    ("limit", "candle", "filled"),
    [
        (103.0, (100, 102, 100, 102), [(2, 102.25)]),
        (102.125, (100, 102, 100, 102), [(2, 102.125)]),
        (103.0, (103, 104, 101, 102), [(2, 103.0)]),
        (103.0, (103, 104, 102.5, 103), [(3, 103.0)]),
        (100.5, (100, 102, 99, 102), [(3, 100.5)]),
    ],
    ids=["slips", "to its limit", "a gap that comes back", "a gap that comes back later", "a limit before the stop"],
)
def test_a_stop_limit_order(limit, candle, filled):
    asked = [Instruction(1, BUY, size=10, stop=102.0, limit=limit)]
    result = played([*BASE, candle, (101, 102, 99, 101), flat(101)], asked, fx(1.0, slippage=0.25))
    assert list(zip(result.trades.entry_index.tolist(), result.trades.entry_price.tolist(), strict=True)) == filled


def test_free_margin_is_marked_at_the_quotes_of_the_fill():
    asked = [Instruction(1, BUY, size=500), Instruction(2, BUY, size=0.5)]
    rows = [*BASE, flat(100), (100, 130, 70, 130), flat(130)]
    result = played(rows, asked, fx(2.0), replace(CASH, leverage=2.0))
    # 100,000 - 500 × 2 (bought at 102, worth 100) - 500 × 100 / 2 = 74,000 is free, × 2 × 0.5 / 102 = 725.49 units.
    assert result.trades.units.tolist() == [500, 725]


# Costs.


def test_every_part_of_the_costs_is_told():
    costs = fx(1.0, slippage=0.25, impact=0.5, depth=400.0, unit_commission=0.01, conversion=np.array([2.0]))
    result = played([*BASE, flat(100), flat(100)], [Instruction(1, BUY, size=100)], costs, replace(CASH, cash=1e6))
    trades = result.trades
    # A quarter of the spread, and half of it × √(100 / 400), each side.
    assert exits(result) == [(2, 101.5, 3, 99.5, 100, "end")]
    parts = (trades.spread_cost, trades.slippage, trades.impact, trades.commission, trades.swap)
    assert [part.tolist() for part in parts] == [[200.0], [100.0], [100.0], [2.0], [0.0]]
    assert trades.profit.tolist() == [-402.0]


def test_the_parts_of_a_trade_share_what_it_had_cost():
    costs = fx(1.0, unit_commission=0.01, swap_long=np.array([0.1]))
    candles = replace(candles_of(*[flat(100)] * 26), open_time_us=MONDAY_US + np.arange(26) * HOUR_US)
    asked = instructions([Instruction(1, BUY, size=100), Instruction(23, CLOSE, ANY_TAG, size=0.25)])
    trades = play_orders(candles, asked, OrderTerms(costs), CASH).trades
    assert trades.units.tolist() == [25, 75]
    assert trades.swap.tolist() == pytest.approx([2.5, 7.5])
    assert trades.commission.tolist() == pytest.approx([0.5, 1.5])
    assert trades.spread_cost.tolist() == pytest.approx([25.0, 75.0])


def test_both_sides_over_a_wednesday_roll():
    times = MONDAY_US + 2 * DAY_US + (18 + np.arange(8)) * HOUR_US  # candle 4 opens at 22:00 UTC, 17:00 in New York
    candles = replace(candles_of(*[flat(1.10)] * 8), open_time_us=times)
    long_rate, short_rate = swap_per_unit(times, candles.close, symbol("EURUSD"), SwapRates(0.04, -0.02))
    asked = instructions([Instruction(1, BUY, 1, size=100_000), Instruction(1, SELL, 2, size=100_000)])
    terms = OrderTerms(fx(swap_long=long_rate, swap_short=short_rate), hedging=True)
    result = play_orders(candles, asked, terms, BacktestAccount(100_000.0, 30.0))
    # 110,000 dollars × 4 % × 3 / 365, and × 2 %.
    assert result.trades.swap.tolist() == pytest.approx([36.1644, -18.0822], abs=1e-4)
    assert result.trades.profit.tolist() == pytest.approx([-36.1644, 18.0822], abs=1e-4)
    assert result.equity.tolist() == pytest.approx([100_000.0] * 4 + [99_981.9178] * 4, abs=1e-4)


# Margin.


def test_of_a_hedged_pair_only_the_net_loses():
    asked = [Instruction(1, BUY, 1, size=100), Instruction(1, SELL, 2, size=60)]
    rows = [*BASE, flat(100), (100, 110, 90, 95), flat(95)]
    result = played(rows, asked, fx(0.5, stop_out=0.5), BacktestAccount(1_000.0, 30.0), hedging=True)
    # At the low 1,000 - 100 × 10.5 + 60 × 9.5 = 520 is above half of 160 × 90.2 / 30; a long at 90 and a short at 110.5 would
    # have lost 1,680.
    assert exits(result) == [(2, 100.5, 4, 95.0, 100, "end"), (2, 100.0, 4, 95.5, -60, "end")]
    assert result.trades.profit.tolist() == [-550.0, 270.0]
    assert result.equity.tolist() == [1_000.0, 1_000.0, 920.0, 720.0, 720.0]


FIRST = 5_760 / 59
"""Where 1,000 + 100 (p − 100) + 100 (p − 102) is half of 200 p / 30."""

SECOND = (10_000 - (1_000 + 100 * (FIRST - 102))) * 60 / 5_900
"""Where what is left then + 100 (p − 100) is half of 100 p / 30."""


@pytest.mark.parametrize(
    ("low", "stop", "expected"),
    [
        (97.7, np.nan, [("end", 100.0, 98.0), ("end", 102.0, 98.0)]),
        (96.5, np.nan, [("stop_out", 102.0, FIRST), ("end", 100.0, 98.0)]),
        (95.5, np.nan, [("stop_out", 102.0, FIRST), ("stop_out", 100.0, SECOND)]),
        (96.5, 98.5, [("stop", 100.0, 98.5), ("end", 102.0, 98.0)]),
        (96.5, 97.5, [("stop_out", 102.0, FIRST), ("stop", 100.0, 97.5)]),
    ],
    ids=["not reached", "the larger loss", "both", "a stop before it", "a stop behind it"],
)
def test_the_broker_closes_the_larger_loss_until_the_margin_is_enough(low, stop, expected):
    asked = [Instruction(1, BUY, 1, size=100, stop_loss=stop), Instruction(2, BUY, 2, size=100)]
    rows = [*BASE, (100, 102, 100, 102), flat(102), (102, 102, low, 98), flat(98)]
    result = played(rows, asked, fx(stop_out=0.5), BacktestAccount(1_000.0, 30.0))
    told = [(reason, entry, pytest.approx(left)) for reason, entry, left in expected]
    assert [(row[5], row[1], row[3]) for row in exits(result)] == told


def test_a_fall_may_close_the_short_that_has_lost_more():
    asked = [Instruction(1, SELL, 1, size=100), Instruction(2, BUY, 2, size=200)]
    rows = [flat(80), flat(80), (80, 100, 80, 100), flat(100), (100, 100, 94.8, 96), flat(96)]
    result = played(rows, asked, fx(stop_out=0.5), BacktestAccount(2_785.0, 50.0), hedging=True)
    # At 95: 2,785 - 1,500 - 1,000 = 285 is half of 300 × 95 / 50; without the short that comes at 94.52.
    assert exits(result) == [(2, 80.0, 4, pytest.approx(95.0), -100, "stop_out"), (3, 100.0, 5, 96.0, 200, "end")]


def test_a_hedge_that_is_gone_leaves_the_other_side_alone_in_the_same_candle():
    asked = [Instruction(1, BUY, 1, size=200), Instruction(1, SELL, 2, size=200, stop_loss=104)]
    rows = [*BASE, flat(100), (100, 105, 98, 99), flat(99)]
    result = played(rows, asked, fx(stop_out=0.5), BacktestAccount(1_500.0, 30.0), hedging=True)
    # 1,500 - 800 = 700 and 200 long at 100: half the margin is left at (20,000 - 700) / (200 × 59 / 60) = 98.136.
    assert exits(result) == [
        (2, 100.0, 3, 104.0, -200, "stop"),
        (2, 100.0, 3, pytest.approx(98.13559), 200, "stop_out"),
    ]


def test_a_gap_through_the_stop_out_costs_the_open_and_a_debt_is_forgotten():
    asked = [Instruction(1, BUY, size=250)]
    result = played([*BASE, flat(100), flat(90), flat(90)], asked, fx(stop_out=0.5), BacktestAccount(1_000.0, 30.0))
    assert exits(result) == [(2, 100.0, 3, 90.0, 250, "stop_out")]
    assert result.equity.tolist() == [1_000.0] * 3 + [0.0] * 2
