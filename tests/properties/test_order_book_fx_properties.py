"""What holds for every run of the order book under FX quotes: the books balance, costs cost, nothing sees the future."""

from dataclasses import replace

import numpy as np
import pytest
from backtest_examples import WEDNESDAY_US, candles_of
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from order_fx_examples import fx_order_runs

from fxgpt_core.backtest.engine import BacktestAccount
from fxgpt_core.backtest.instructions import Instruction, Instructions, instructions
from fxgpt_core.backtest.order_stream import ANY_TAG, BUY, CLOSE, SELL
from fxgpt_core.backtest.order_terms import OrderTerms
from fxgpt_core.backtest.orders import OrderTrades, play_orders
from fxgpt_core.market.costs import FxCosts
from fxgpt_core.market.sessions import expected_open_times, fx_day
from fxgpt_core.market.timeframes import DAY_US, Timeframe

SCALED = ("spread", "open_spread", "swap_long", "swap_short", "unit_commission")
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def closed_in_the_end(run):
    candles, asked, terms, account = run
    run = candles, asked, replace(terms, finalize=True), account
    result = play_orders(*run)
    assume(result.final_equity > 0.0)
    return run, result


@QUICK
@given(fx_order_runs())
def test_the_profits_add_up_to_the_equity(run):
    run, result = closed_in_the_end(run)
    assert np.isclose(result.trades.profit.sum(), result.final_equity - run[-1].cash, rtol=1e-9, atol=1e-9 * run[-1].cash)


@QUICK
@given(fx_order_runs())
def test_the_equity_is_the_cash_and_the_marked_trades_at_every_close(run):
    (candles, _, terms, account), result = closed_in_the_end(run)
    trades, costs, n = result.trades, terms.costs, len(candles)
    spread, conversion, long_rate, short_rate = (
        np.broadcast_to(values, n) for values in (costs.spread, costs.conversion, costs.swap_long, costs.swap_short)
    )
    new_day = np.diff(fx_day(candles.open_time_us), prepend=0) != 0
    rates = np.where(trades.side[:, np.newaxis] > 0, long_rate, short_rate) * conversion * new_day
    entry_fee = trades.units * (costs.commission * trades.entry_price * conversion[trades.entry_index] + costs.unit_commission)
    for i in range(1, n - 1):
        left, held = trades.exit_index <= i, (trades.entry_index <= i) & (trades.exit_index > i)
        nights = np.array([rates[k, first + 1 : i + 1].sum() for k, first in enumerate(trades.entry_index)])
        cash = account.cash + trades.profit[left].sum() - (entry_fee + nights * trades.units)[held].sum()
        mark = candles.close[i] + np.where(trades.side < 0, spread[i], 0.0)
        marked = (trades.side * trades.units * (mark - trades.entry_price))[held].sum() * conversion[i]
        assert np.isclose(result.equity[i], cash + marked, rtol=1e-9, atol=1e-9 * account.cash)


@QUICK
@given(fx_order_runs())
def test_what_a_trade_cost_by_part_is_what_it_lost_against_the_bids(run):
    """With one conversion: entry and exit at the bid, without slippage, less every part, is the profit."""
    candles, asked, terms, account = run
    costs = replace(terms.costs, conversion=terms.costs.conversion[:1])
    _, result = closed_in_the_end((candles, asked, replace(terms, costs=costs), account))
    trades, value = result.trades, float(costs.conversion[0])
    gross = trades.side * trades.units * (trades.exit_price - trades.entry_price) * value
    bids = gross + trades.spread_cost + trades.slippage + trades.impact
    parts = trades.commission + trades.spread_cost + trades.slippage + trades.impact + trades.swap
    assert np.allclose(bids - parts, trades.profit, rtol=1e-9, atol=1e-9 * account.cash)
    assert np.all(trades.spread_cost >= 0.0)
    assert np.all(trades.slippage >= 0.0)
    assert np.all(trades.impact >= 0.0)


@QUICK
@given(fx_order_runs())
def test_costs_never_help_whoever_has_margin_to_spare(run):
    candles, asked, terms, account = run
    whole = np.where(asked.action <= SELL, np.where(asked.size < 1.0, 3.0, np.minimum(asked.size, 1_000.0)), asked.size)
    # A stop limit that slippage would carry beyond its limit waits, and so fills later, and better, or not at all.
    plain = np.where((asked.action <= SELL) & ~np.isnan(asked.stop), np.nan, asked.limit)
    asked, account = replace(asked, size=whole, limit=plain), replace(account, cash=1e7)
    dear = replace(
        terms.costs,
        swap_long=np.abs(terms.costs.swap_long),
        swap_short=np.abs(terms.costs.swap_short),
        stop_out=0.0,
    )
    free = FxCosts(dear.spread, conversion=dear.conversion, open_spread=dear.open_spread, stop_out=0.0)
    with_costs, without = (play_orders(candles, asked, replace(terms, costs=costs), account) for costs in (dear, free))
    assert with_costs.trades.instruction.tolist() == without.trades.instruction.tolist()
    assert np.all(with_costs.equity <= without.equity + 1e-6)


@QUICK
@given(fx_order_runs(), st.floats(0.0, 1.0))
def test_trades_closed_by_some_candle_do_not_know_those_that_follow(run, share):
    candles, asked, terms, account = run
    n = 1 + int(share * (len(candles) - 1))
    known = Instructions(**{name: column[asked.candle < n] for name, column in vars(asked).items()})
    early = play_orders(candles.slice(0, n), known, replace(terms, costs=terms.costs.select(slice(0, n))), account)
    whole = play_orders(*run)
    for name in OrderTrades.__dataclass_fields__:
        ours, theirs = (getattr(result.trades, name)[result.trades.exit_index < n - 1] for result in (early, whole))
        assert np.array_equal(ours, theirs), name
    assert np.array_equal(early.equity[: n - 1], whole.equity[: n - 1])


@QUICK
@given(fx_order_runs(), st.sampled_from([0.25, 4.0, 1024.0]))
def test_a_scale_of_the_prices_and_of_the_cash_scales_the_money(run, scale):
    candles, asked, terms, account = run
    costs = replace(terms.costs, **{name: getattr(terms.costs, name) * scale for name in SCALED})
    priced = {name: getattr(asked, name) * scale for name in ("limit", "stop", "stop_loss", "take_profit")}
    quotes = {name: getattr(candles, name) * scale for name in ("open", "high", "low", "close")}
    larger = replace(candles, **quotes), replace(asked, **priced), replace(terms, costs=costs)
    ours, theirs = play_orders(*run), play_orders(*larger, replace(account, cash=account.cash * scale))
    assert np.array_equal(ours.trades.units, theirs.trades.units)
    assert np.allclose(ours.equity * scale, theirs.equity, rtol=1e-9)


@pytest.mark.parametrize(
    "other",
    [
        {"spread": np.array([0.02])},
        {"open_spread": np.array([0.03])},
        {"swap_long": np.array([0.004])},
        {"swap_short": np.array([0.004])},
        {"conversion": np.array([0.9])},
        {"commission": 0.0001},
        {"unit_commission": 0.0001},
        {"slippage": 0.3},
        {"impact": 0.3},
        {"impact": 0.3, "depth": 100.0},
        {"stop_out": 1.0},
    ],
    ids=lambda other: " ".join(other),
)
def test_every_cost_moves_the_equity(other):
    (candles, asked, account), told = a_long_and_a_short_over_a_day(), []
    plain = {"impact": 0.3} if "depth" in other else {}
    for costs in (plain, other):
        terms = OrderTerms(FxCosts(**({"spread": np.array([0.01]), "stop_out": 0.0} | costs)), hedging=True)
        told.append(play_orders(candles, asked, terms, account).final_equity)
    assert told[1] != told[0]
    assert told[1] < told[0] or "conversion" in other or "depth" in other or "stop_out" in other


def a_long_and_a_short_over_a_day():
    times = expected_open_times(WEDNESDAY_US, WEDNESDAY_US + 2 * DAY_US, Timeframe.H4)[:10]
    close = 1.0 - 0.01 * np.arange(10)
    rows = np.column_stack([close, close + 0.005, close - 0.005, close])
    asked = instructions(
        [Instruction(1, BUY, 1, size=2_000), Instruction(1, SELL, 2, size=500), Instruction(8, CLOSE, ANY_TAG, size=1.0)]
    )
    return candles_of(times, rows, Timeframe.H4), asked, BacktestAccount(150.0, 30.0)
