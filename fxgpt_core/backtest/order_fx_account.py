"""The account of the order book under FX quotes, compiled: its worth, its margin, what nights and the end of a trade cost it.

Money in account currency unless it is said to be of quote currency. Fills and costs are those of `positions`.
"""

from typing import NamedTuple

from fxgpt_core.backtest.order_account import Book, Fill, Record, Records, new_trade, taken_out
from fxgpt_core.backtest.order_account import Terms as OrderRules
from fxgpt_core.compiled import inlined, uncounted
from fxgpt_core.market.fills import REASON_STOP, Terms, bought_above, unrealised
from fxgpt_core.market.positions import Candle, Held, Left, settled


class FxRun(NamedTuple):
    """What is played, and what it is played into; `fills.stop_out` is 0, for `stop_out` is of the account, not of a position."""

    stream: Records
    rules: OrderRules
    fills: Terms
    stop_out: float
    book: Book


@inlined
def held_of(trade: Record, kind: int, stop: float, target: float) -> Held:
    """An open trade as the fill rule takes it, entered by an order of a kind, with one of its exits or both."""
    return Held(
        trade.side, trade.units, kind, trade.entry_index, trade.entry_price, stop, target, REASON_STOP, 0.0,
        trade.commission, trade.spread_cost, trade.slippage, trade.impact, False,
    )  # fmt: skip


@uncounted
def open_profit(book: Book, bid: float, spread: float) -> float:
    """Profit of the open trades in quote currency, longs marked at `bid`, shorts at the ask."""
    profit = 0.0
    for k in range(book.account.n_open):
        profit += profit_of(book.trades[book.open[k]], bid, spread)
    return profit


@inlined
def profit_of(trade: Record, bid: float, spread: float) -> float:
    """`open_profit` of one trade."""
    return unrealised(trade.side, trade.units, trade.entry_price, bid + bought_above(-trade.side, spread))


@uncounted
def free_margin(run: FxRun, candle: Candle, bid: float, spread: float) -> float:
    """What the equity is above the margin of all open trades, of both sides, at a quote; it may be below 0."""
    used, book = 0.0, run.book
    for k in range(book.account.n_open):
        trade = book.trades[book.open[k]]
        used += trade.units * (bid + bought_above(-trade.side, spread)) / run.fills.leverage
    free: float = book.account.cash + (open_profit(book, bid, spread) - used) * candle.conversion
    return free


@uncounted
def pay_nights(run: FxRun, candle: Candle, long_rate: float, short_rate: float) -> None:
    """Takes the swap of the nights before a candle for each open trade; rates for a unit in quote currency."""
    book = run.book
    for k in range(book.account.n_open):
        trade = book.trades[book.open[k]]
        paid = (long_rate if trade.side > 0 else short_rate) * trade.units * candle.conversion
        trade.swap += paid
        book.account.cash -= paid


@uncounted
def enter(run: FxRun, instruction: int, held: Held) -> int:
    """The row of a position as entered, whose commission is taken from the cash; -1 without room."""
    row = new_trade(run.book, instruction, held.side, held.units, Fill(held.entry, held.since))
    if row >= 0:
        trade = run.book.trades[row]
        trade.commission, trade.spread_cost = held.commission, held.spread_cost
        trade.slippage, trade.impact = held.slippage, held.impact
        run.book.account.cash -= held.commission
    return row


@uncounted
def leave(run: FxRun, row: int, units: int, candle: Candle, end: Left, reason: int) -> None:
    """Closes `units` of the open trade at `row`, all or a part, as `end` says; it does not slip if its reason is a target."""
    row = taken_out(run.book, row, units)
    if row < 0:
        return
    trade = run.book.trades[row]
    result = settled(candle, held_of(trade, 0, 0.0, 0.0), end, run.fills, trade.swap)
    trade.reason, trade.exit_index, trade.exit_price = reason, candle.number, result.exit_price
    trade.profit, trade.commission, trade.spread_cost = result.profit, result.commission, result.spread_cost
    trade.slippage, trade.impact = result.slippage, result.impact
    run.book.account.cash += result.cash
