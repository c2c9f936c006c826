"""The comparison with backtesting.py notices an order book that plays by other rules."""

import math

import numpy as np
import pytest
from order_examples import differences, random_stream
from random_candles import random_candles

from fxgpt_core.backtest import order_account, order_book, order_execution, order_fills, order_queue, order_stream, orders
from fxgpt_core.backtest.engine import BacktestAccount
from fxgpt_core.backtest.order_terms import OrderTerms
from fxgpt_core.backtest.reference_orders import reference_orders
from fxgpt_core.market import fills
from fxgpt_core.market.costs import Costs

MODULES = (order_account, order_queue, order_stream, order_fills, order_execution, order_book, fills)
TERMS = OrderTerms(Costs(0.0002, 0.00002), fixed_fee=0.5)
ACCOUNT = BacktestAccount(cash=50_000.0, leverage=30.0)


@pytest.fixture(scope="module")
def run():
    rng = np.random.default_rng(5)
    candles = random_candles(rng, 300)
    return candles, random_stream(candles, rng, 250, 0.004), TERMS, ACCOUNT


@pytest.fixture(scope="module")
def expected(run):
    return reference_orders(*run)


@pytest.fixture
def interpreted(run, monkeypatch):
    """Plays the run with every compiled function run by Python itself, so that a defect can be planted in one of them."""
    compiled = {id(f): f.py_func for module in MODULES for f in vars(module).values() if hasattr(f, "py_func")}
    for module in (*MODULES, orders):
        for name, value in list(vars(module).items()):
            if id(value) in compiled:
                monkeypatch.setattr(module, name, compiled[id(value)])
    return lambda: orders.play_orders(*run)


def test_the_interpreted_order_book_equals_backtesting_py(interpreted, expected):
    assert differences(interpreted(), expected) == []
    assert len(expected.trades) > 100


def a_last_bit_in_the_price_paid(original):
    def planted(*given):
        fill = original(*given)
        return fill._replace(paid=math.nextafter(fill.paid, math.inf))

    return planted


def a_limit_filled_without_the_spread(original):
    def planted(entry, *given):
        fill = original(entry, *given)
        return fill if math.isnan(entry.limit) else fill._replace(paid=fill.price)

    return planted


def a_fixed_fee_forgotten(original):
    return lambda terms, size, price: original(terms._replace(fixed_fee=0.0), size, price)


def a_stop_order_filled_at_its_stop_through_a_gap(original):
    return lambda side, price, other: other


def a_limit_reached_before_its_stop(original):
    return lambda entry, *given: original(entry._replace(stop=math.nan), *given)


def margin_that_does_not_see_the_close(original):
    return lambda run, *given: original(run._replace(terms=run.terms._replace(margin_at_fill=True)), *given)


def the_newest_trade_closed_first(original):
    def planted(run, *given):
        book = run.book
        book.open[: book.account.n_open] = book.open[: book.account.n_open][::-1].copy()
        left = original(run, *given)
        book.open[: book.account.n_open] = book.open[: book.account.n_open][::-1].copy()
        return left

    return planted


def stops_looked_at_after_targets(original):
    def planted(book, row, price):
        original(book, row, price)
        if not math.isnan(price):
            account = book.account
            account.n_urgent -= 1
            book.waiting[account.n_waiting] = book.urgent[account.n_urgent]
            account.n_waiting += 1

    return planted


def no_look_at_a_bracket_in_the_entry_candle(original):
    return lambda *given: False


def a_last_bit_in_the_marks(original):
    return lambda book, price: original(book, math.nextafter(price, math.inf))


DEFECTS = [
    (a_last_bit_in_the_price_paid, order_execution, "entered"),
    (a_limit_filled_without_the_spread, order_execution, "entered"),
    (a_fixed_fee_forgotten, order_account, "charge"),
    (a_stop_order_filled_at_its_stop_through_a_gap, order_fills, "_worse"),
    (a_limit_reached_before_its_stop, order_execution, "limit_reached"),
    (margin_that_does_not_see_the_close, order_execution, "_buying_power"),
    (the_newest_trade_closed_first, order_execution, "_net"),
    (stops_looked_at_after_targets, order_execution, "set_stop"),
    (no_look_at_a_bracket_in_the_entry_candle, order_execution, "_bracket_is_due"),
    (a_last_bit_in_the_marks, order_book, "unrealised_profit"),
]


@pytest.mark.parametrize(("defect", "module", "name"), DEFECTS, ids=lambda value: getattr(value, "__name__", value))
def test_a_planted_defect_breaks_the_equality(interpreted, expected, monkeypatch, defect, module, name):
    monkeypatch.setattr(module, name, defect(getattr(module, name)))
    assert differences(interpreted(), expected) != []
