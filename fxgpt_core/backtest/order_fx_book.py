"""The compiled order book under FX quotes: a stream of instructions and a tape of candles in, trades and equity out.

Per candle: swap of the nights before → orders at the market → take profits the open is beyond → the margin → resting stops,
entries and targets → equity at the close → the instructions decided at this close. docs/backtest_orders.md tells the order of
events.
"""

import numpy as np
import numpy.typing as npt

from fxgpt_core.backtest.account import at
from fxgpt_core.backtest.carried import candle_of
from fxgpt_core.backtest.order_account import EXIT_END, Record
from fxgpt_core.backtest.order_execution import entry_of
from fxgpt_core.backtest.order_fills import is_market
from fxgpt_core.backtest.order_fx_account import FxRun, leave, open_profit, pay_nights
from fxgpt_core.backtest.order_fx_execution import enter_trade, exit_trade, take_profits_at_open
from fxgpt_core.backtest.order_fx_margin import watch_margin
from fxgpt_core.backtest.order_queue import A_CLOSE, AN_ENTRY, tidy
from fxgpt_core.backtest.order_stream import decide
from fxgpt_core.backtest.tape import DAY, Tape
from fxgpt_core.compiled import uncounted
from fxgpt_core.market.fills import REASON_END, bought_above
from fxgpt_core.market.positions import Candle, Left

FloatArray = npt.NDArray[np.float64]


@uncounted
def play_fx(tape: Tape, run: FxRun, equity: FloatArray) -> int:
    """Plays all candles: fills `run.book` and `equity` float64[N] (at each close); returns 0 or the code of a problem."""
    n, account = len(equity), run.book.account
    account.cash = run.fills.cash
    equity[:1] = account.cash
    for i in range(1, n):
        candle = candle_of(tape, i)
        if tape.rows[i, DAY] != tape.rows[i - 1, DAY] and account.n_open > 0:
            pay_nights(run, candle, at(tape.swap_long, i), at(tape.swap_short, i))
        if account.n_open + account.n_waiting > 0:
            _play_candle(run, candle)
        equity[i] = account.cash + open_profit(run.book, candle.close, candle.spread) * candle.conversion
        is_bust = equity[i] <= 0.0
        if is_bust or (i == n - 1 and run.rules.finalize):
            _close_all(run, candle)
            equity[i] = max(0.0, account.cash)
        if is_bust or account.problem:
            equity[i:] = 0.0
            break
        while account.n_decided < len(run.stream) and run.stream[account.n_decided].candle == i:
            decide(run.stream, run.rules, run.book, account.n_decided)
            account.n_decided += 1
    return int(account.problem)


@uncounted
def _play_candle(run: FxRun, candle: Candle) -> None:
    """Gives each order that rests its chance in a candle, and the broker his."""
    book = run.book
    for k in range(book.account.n_urgent - 1, -1, -1):
        if book.urgent[k].kind == A_CLOSE:
            exit_trade(run, book.urgent[k], candle)
    for k in range(book.account.n_waiting):
        _try_entry(run, book.waiting[k], candle, True)
    take_profits_at_open(run, candle)
    watch_margin(run, candle, candle.open, candle.open_spread)
    n_waiting = book.account.n_waiting
    for k in range(book.account.n_urgent - 1, -1, -1):
        exit_trade(run, book.urgent[k], candle)
    for k in range(n_waiting):
        if book.waiting[k].kind == AN_ENTRY:
            _try_entry(run, book.waiting[k], candle, False)
        else:
            exit_trade(run, book.waiting[k], candle)
    tidy(book)


@uncounted
def _try_entry(run: FxRun, order: Record, candle: Candle, at_market: bool) -> None:
    """Enters for an order that is one for an entry, at the market or not as asked."""
    if order.kind == AN_ENTRY:
        entry = entry_of(run.stream, order)
        if is_market(entry) == at_market:
            enter_trade(run, order, entry, candle)


@uncounted
def _close_all(run: FxRun, candle: Candle) -> None:
    """Closes open trades at the close of a candle, oldest first."""
    book = run.book
    while book.account.n_open > 0:
        row = book.open[0]
        trade = book.trades[row]
        price = candle.close + bought_above(-trade.side, candle.spread)
        leave(run, row, trade.units, candle, Left(price, REASON_END, False, candle.spread), EXIT_END)
