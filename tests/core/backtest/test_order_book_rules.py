"""The rules that are better than those of backtesting.py, each with numbers by hand."""

import itertools
from dataclasses import fields, replace

import numpy as np
import pytest
from order_examples import candles_of, flat, random_stream

from fxgpt_core.backtest.engine import BacktestAccount
from fxgpt_core.backtest.instructions import Instruction, Instructions, instructions
from fxgpt_core.backtest.order_account import EXIT_NAMES
from fxgpt_core.backtest.order_stream import ANY_TAG, BUY, CLOSE, MOVE_STOP, SELL
from fxgpt_core.backtest.order_terms import PARITY, REALISTIC, FillRules, OrderTerms
from fxgpt_core.backtest.orders import play_orders
from fxgpt_core.market.costs import Costs

CASH = BacktestAccount(cash=100_000.0, leverage=1.0)
BASE = (flat(100), flat(100))
SPREAD = Costs(0.001, 0.0)


def played(rows, asked, terms, account=CASH):
    return play_orders(candles_of(*rows), instructions(asked), terms, account)


def exits(result):
    """(entry candle, entry price, exit candle, exit price, signed units, reason) of each closed trade."""
    trades = result.trades
    columns = (trades.entry_index, trades.entry_price, trades.exit_index, trades.exit_price, trades.side * trades.units)
    return [(*row, EXIT_NAMES[code]) for *row, code in zip(*(column.tolist() for column in columns), trades.reason, strict=True)]


def test_parity_is_the_default_and_has_no_better_rule_and_realistic_has_them_all():
    assert OrderTerms().rules == PARITY == FillRules()
    assert [vars(PARITY)[field.name] for field in fields(FillRules)] == [False] * 6
    assert [vars(REALISTIC)[field.name] for field in fields(FillRules)] == [True] * 6


@pytest.mark.parametrize(
    ("action", "limit", "candle", "paid"),
    [
        (BUY, 98, (100, 100, 97, 99), [98.0]),
        (BUY, 98, (100, 100, 97.95, 99), []),
        (BUY, 98, (97, 97, 97, 97), [97 * (1 + 0.001)]),
        (BUY, 98, (97.95, 98, 97.5, 98), [98.0]),
        (SELL, 102, (100, 103, 100, 101), [102.0]),
        (SELL, 102, (100, 102.05, 100, 101), []),
        (SELL, 102, (103, 103, 103, 103), [103 * (1 - 0.001)]),
    ],
)
def test_a_limit_is_never_overpaid_and_waits_for_the_price_with_the_spread(action, limit, candle, paid):
    terms = OrderTerms(SPREAD, rules=FillRules(limit_or_better=True))
    result = played([*BASE, candle, candle], [Instruction(1, action, size=10, limit=limit)], replace(terms, finalize=False))
    closed = played([*BASE, candle, candle], [Instruction(1, action, size=10, limit=limit)], terms)
    assert result.still_open == len(paid)
    assert closed.trades.entry_price.tolist() == paid


def test_a_stop_limit_that_gapped_pays_the_open():
    asked = [Instruction(1, BUY, size=10, stop=102, limit=110)]
    result = played([*BASE, (105, 107, 104, 106), flat(106)], asked, OrderTerms(rules=FillRules(limit_or_better=True)))
    assert exits(result)[0][:2] == (2, 105.0)


@pytest.mark.parametrize(("rules", "paid"), [(PARITY, 102.0), (FillRules(limit_or_better=True), 105.0)])
def test_a_stop_order_with_trade_on_close_that_gapped_pays_the_open(rules, paid):
    terms = OrderTerms(trade_on_close=True, rules=rules)
    result = played([*BASE, (105, 107, 104, 106), flat(106)], [Instruction(1, BUY, size=10, stop=102)], terms)
    assert exits(result)[0][:2] == (2, paid)


def test_a_market_order_at_the_open_goes_before_a_stop_touched_later():
    asked = [Instruction(1, BUY, size=10, stop_loss=95), Instruction(2, SELL, size=20)]
    result = played([*BASE, flat(100), (99, 99, 94, 97), flat(97)], asked, OrderTerms(rules=FillRules(market_first=True)))
    assert exits(result) == [(2, 100.0, 3, 99.0, 10, "opposite"), (3, 99.0, 4, 97.0, -10, "end")]


def test_the_bracket_of_a_market_order_counts_in_its_entry_candle_with_market_first_too():
    asked = [Instruction(1, BUY, size=10, stop_loss=95, take_profit=105)]
    result = played([*BASE, (100, 110, 96, 100), flat(100)], asked, OrderTerms(rules=FillRules(market_first=True)))
    assert exits(result) == [(2, 100.0, 2, 105.0, 10, "target")]


def test_a_stop_moved_after_the_close_was_ordered_waits_behind_it_with_market_first():
    asked = [
        Instruction(1, BUY, size=10, stop_loss=95),
        Instruction(2, CLOSE, ANY_TAG, size=1),
        Instruction(2, MOVE_STOP, ANY_TAG, stop_loss=96),
    ]
    result = played([*BASE, flat(100), (99, 99, 90, 95), flat(100)], asked, OrderTerms(rules=FillRules(market_first=True)))
    assert exits(result) == [(2, 100.0, 3, 99.0, 10, "close")]


@pytest.mark.parametrize(
    ("order", "candle", "expected"),
    [
        ({"limit": 98, "stop_loss": 95}, (100, 100, 90, 97), [(2, 98.0, 2, 95.0, 10, "stop")]),
        ({"limit": 98, "stop_loss": 95}, (90, 91, 90, 90), [(2, 90.0, 2, 90.0, 10, "stop")]),
        ({"limit": 98, "take_profit": 99}, (100, 100, 97, 98), [(2, 98.0, 3, 99.0, 10, "target")]),
        ({"stop": 102, "stop_loss": 98, "take_profit": 104}, (100, 105, 98, 103), [(2, 102.0, 2, 98.0, 10, "stop")]),
        ({"stop": 102, "stop_loss": 101, "take_profit": 104}, (100, 105, 100, 103), [(2, 102.0, 2, 101.0, 10, "stop")]),
        ({"stop": 102, "stop_loss": 98, "take_profit": 104}, (100, 105, 99, 103), [(2, 102.0, 2, 104.0, 10, "target")]),
        ({"stop": 102, "limit": 103, "take_profit": 104}, (100, 105, 99, 103), [(2, 102.0, 3, 105.0, 10, "target")]),
    ],
)
def test_the_stop_loss_of_a_resting_entry_counts_in_its_entry_candle(order, candle, expected):
    rules = FillRules(entry_candle_stop=True)
    after = flat(99) if "limit" in order and "stop" not in order else flat(105)
    result = played([*BASE, candle, after, after], [Instruction(1, BUY, size=10, **order)], OrderTerms(rules=rules))
    assert exits(result) == expected


@pytest.mark.parametrize("close", [130, 70, 100])
def test_the_size_of_a_second_order_does_not_see_the_close_of_its_candle(close):
    asked = [Instruction(1, BUY, size=500), Instruction(2, BUY, size=0.5)]
    rows = [*BASE, flat(100), (100, 130, 70, close), flat(close)]
    result = played(rows, asked, OrderTerms(rules=FillRules(margin_at_fill=True)), replace(CASH, leverage=2.0))
    assert result.trades.units.tolist() == [500, 750]


def test_what_is_open_at_the_end_is_closed_at_the_last_close_and_nothing_is_opened_there():
    asked = [Instruction(1, BUY, size=10), Instruction(3, BUY, size=10)]
    result = played([*BASE, flat(100), (104, 120, 104, 118)], asked, OrderTerms(rules=FillRules(finish_at_close=True)))
    assert exits(result) == [(2, 100.0, 3, 118.0, 10, "end")]
    assert result.equity.tolist() == [100_000.0, 100_000.0, 100_000.0, 100_180.0]


def test_every_trade_of_a_bust_account_is_closed():
    asked = [Instruction(1, BUY, 1, size=5000), Instruction(1, BUY, 2, size=4000)]
    terms = OrderTerms(rules=FillRules(finish_at_close=True))
    result = played([*BASE, flat(100), flat(50), flat(50)], asked, terms, replace(CASH, leverage=10.0))
    assert (result.trades.tag.tolist(), result.still_open, result.final_equity) == ([1, 2], 0, 0.0)


def test_an_exclusive_order_passes_nothing_over_with_cancel_all():
    asked = [Instruction(1, BUY, size=10), Instruction(2, BUY, size=20), Instruction(2, BUY, size=30)]
    rows = [*BASE, flat(100), flat(103), flat(104)]
    result = played(rows, asked, OrderTerms(exclusive=True, rules=FillRules(cancel_all=True)))
    assert [trade[4] for trade in exits(result)] == [10, 30]


def entered(candles, asked, rules):
    """The candle, price and units that each instruction opened."""
    result = play_orders(candles, asked, OrderTerms(SPREAD, rules=rules, hedging=True), replace(CASH, leverage=30.0))
    assert result.final_equity > 0.0
    trades = result.trades
    opened = {}
    for m, candle, price, units in zip(trades.instruction, trades.entry_index, trades.entry_price, trades.units, strict=True):
        opened[int(m)] = (int(candle), float(price), int(units) + opened.get(int(m), (0, 0.0, 0))[2])
    return opened


def entries_changed_by_the_last_close(seed, rules):
    """Whether an entry in the last candle but one differs when only the close of that candle does."""
    rng = np.random.default_rng(seed)
    close = 100.0 + np.cumsum(rng.normal(0.0, 0.5, 30))
    rows = [(before, max(before, now) + 0.3, min(before, now) - 0.3, now) for before, now in itertools.pairwise(close)]
    candles = candles_of(*rows, flat(close[-1]))
    asked = random_stream(candles, rng, 30, 0.01)
    asked = Instructions(**{name: column[asked.candle < len(rows) - 1] for name, column in vars(asked).items()})
    other = replace(candles, close=candles.close.copy())
    other.close[-2] = candles.low[-2] if close[-1] > close[-2] else candles.high[-2]
    return entered(candles, asked, rules) != entered(other, asked, rules)


def test_no_entry_knows_the_close_of_its_candle_under_the_realistic_rules_and_some_do_in_parity():
    assert not any(entries_changed_by_the_last_close(seed, REALISTIC) for seed in range(100))
    assert sum(entries_changed_by_the_last_close(seed, PARITY) for seed in range(100)) > 2
