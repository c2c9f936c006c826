"""What holds for every run of the order book, under every rule: the books balance and nothing sees the future."""

from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from order_examples import coarse_runs

from fxgpt_core.backtest.instructions import Instructions
from fxgpt_core.backtest.order_stream import BUY, SELL
from fxgpt_core.backtest.order_terms import PARITY, REALISTIC
from fxgpt_core.backtest.orders import OrderTrades, play_orders

QUICK = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


@st.composite
def runs(draw, rules=(PARITY, REALISTIC)):
    """A coarse run under one of the rules."""
    candles, asked, terms, account = draw(coarse_runs())
    return candles, asked, replace(terms, rules=draw(st.sampled_from(rules)), finalize=True), account


@QUICK
@given(runs())
def test_the_equity_is_the_cash_and_the_marked_trades_at_every_close(run):
    candles, asked, terms, account = run
    terms = replace(terms, trade_on_close=False)
    result = play_orders(candles, asked, terms, account)
    trades = result.trades
    assume(result.still_open == 0 and result.final_equity > 0.0 and len(trades) > 0)
    signed = trades.side * trades.units
    entry_fee = trades.units * trades.entry_price * terms.costs.commission
    exit_fee = terms.fixed_fee + trades.units * trades.exit_price * terms.costs.commission
    for i in range(1, len(candles)):
        entered, left = trades.entry_index <= i, trades.exit_index <= i
        cash = account.cash - entry_fee[entered].sum() - terms.fixed_fee * len(np.unique(trades.instruction[entered]))
        cash += (signed * (trades.exit_price - trades.entry_price) - exit_fee)[left].sum()
        marked = (signed * (candles.close[i] - trades.entry_price))[entered & ~left].sum()
        assert np.isclose(result.equity[i], cash + marked, rtol=1e-9, atol=1e-9 * account.cash)


@QUICK
@given(runs())
def test_the_profits_add_up_to_the_equity_but_for_the_fixed_fee_of_each_part_of_a_trade(run):
    _, _, terms, account = run
    result = play_orders(*run)
    assume(result.still_open == 0 and result.final_equity > 0.0)
    parts = len(result.trades) - len(np.unique(result.trades.instruction))
    gained = result.trades.profit.sum() + terms.fixed_fee * parts
    assert np.isclose(gained, result.final_equity - account.cash, rtol=1e-9, atol=1e-9 * account.cash)


@QUICK
@given(runs(), st.floats(0.0, 1.0))
def test_trades_closed_by_some_candle_do_not_know_those_that_follow(run, share):
    candles, asked, terms, account = run
    n = 1 + int(share * (len(candles) - 1))
    early = play_orders(candles.slice(0, n), until(asked, n), terms, account)
    whole = play_orders(*run)
    # The last candle of a run may be played once more, and with trade_on_close that fills in the one before.
    for name in OrderTrades.__dataclass_fields__:
        ours, theirs = (getattr(result.trades, name)[result.trades.exit_index < n - 2] for result in (early, whole))
        assert np.array_equal(ours, theirs), name
    # The first equity is that of the second candle.
    assert np.array_equal(early.equity[1 : n - 1], whole.equity[1 : n - 1])


def until(asked, n):
    return Instructions(**{name: column[asked.candle < n] for name, column in vars(asked).items()})


@QUICK
@given(runs(rules=(REALISTIC,)))
def test_every_price_was_quoted_in_its_candle_and_no_limit_is_overpaid_under_the_realistic_rules(run):
    candles, asked, terms, account = run
    terms = replace(terms, trade_on_close=False)
    result = play_orders(candles, asked, terms, account)
    trades = result.trades
    for index, price, buys, relative in (
        (trades.entry_index, trades.entry_price, trades.side > 0, terms.costs.spread),
        (trades.exit_index, trades.exit_price, trades.side < 0, 0.0),
    ):
        factor = 1.0 + np.where(buys, relative, -relative)
        low, high = candles.low[index] * factor, candles.high[index] * factor
        assert np.all((low <= price * (1 + 1e-12)) & (price <= high * (1 + 1e-12)))
    limit, action = asked.limit[trades.instruction], asked.action[trades.instruction]
    assert not np.any((action == BUY) & (trades.entry_price > limit))
    assert not np.any((action == SELL) & (trades.entry_price < limit))
