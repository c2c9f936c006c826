"""The compiled order book: a stream of instructions and candles in, trades and equity out, as backtesting.py 0.6.6 plays it.

Per candle: the resting orders are looked through → equity at the close → the instructions decided at this close. Nothing is
decided at the first candle. docs/backtest_orders.md tells the order of events, the fills and the quirks.
"""

import numpy as np
import numpy.typing as npt

from fxgpt_core.backtest.order_account import EXIT_END, Fill, close_units, unrealised_profit
from fxgpt_core.backtest.order_execution import Run, enter_trade, entry_of, exit_trade, is_reached
from fxgpt_core.backtest.order_fills import is_market
from fxgpt_core.backtest.order_queue import A_LAST_CLOSE, A_STOP, AN_ENTRY, put_close, tidy
from fxgpt_core.backtest.order_stream import decide
from fxgpt_core.compiled import inlined, uncounted

FloatArray = npt.NDArray[np.float64]


@uncounted
def play(run: Run, equity: FloatArray) -> int:
    """Plays all candles: fills `run.book` and `equity` float64[N] (at each close); returns 0 or the code of a problem."""
    n, bust, account = len(equity), False, run.book.account
    account.cash = run.terms.cash
    equity[:] = run.terms.cash
    for i in range(1, n):
        bust = _play_candle(run, equity, i)
        if bust or account.problem:
            break
        while account.n_decided < len(run.stream) and run.stream[account.n_decided].candle == i:
            decide(run.stream, run.terms, run.book, account.n_decided)
            account.n_decided += 1
    if n > 1:
        if run.terms.finalize and not bust:
            _finish(run, equity, n - 1)
        # The first candle is never played; it has the equity of the second.
        equity[0] = equity[1]
    return int(account.problem)


@inlined
def _play_candle(run: Run, equity: FloatArray, i: int) -> bool:
    """Looks through the orders and writes the equity at the close of candle `i`; true when nothing of it is left."""
    account = run.book.account
    if account.n_urgent + account.n_waiting > 0:
        if run.terms.market_first:
            _look_through(run, i, True)
        while _look_through(run, i, False):
            pass
    equity[i] = account.cash + unrealised_profit(run.book, run.quotes[i].close)
    if equity[i] > 0.0:
        return False
    # backtesting.py walks a list that its closing shortens: every second trade is passed over and never closed.
    _close_all(run, i, 0 if run.terms.finish_at_close else 1)
    equity[i:] = 0.0
    return True


@uncounted
def _look_through(run: Run, i: int, market_only: bool) -> bool:
    """Gives each order that rests by now its chance in candle `i`; true when new stops and targets are due in it as well."""
    book, again = run.book, False
    n_urgent, n_waiting = book.account.n_urgent, book.account.n_waiting
    for k in range(n_urgent - 1, -1, -1):
        order = book.urgent[k]
        if order.kind != A_STOP or not market_only:
            exit_trade(run, order, i)
    for k in range(n_waiting):
        order = book.waiting[k]
        if order.kind == AN_ENTRY:
            entry = entry_of(run.stream, order)
            if (is_market(entry) or not market_only) and is_reached(run, order, entry, i):
                again = enter_trade(run, order, entry, i) or again
        elif not market_only:
            exit_trade(run, order, i)
    tidy(book)
    return again


@uncounted
def _finish(run: Run, equity: FloatArray, last: int) -> None:
    """Closes what is open after the last candle: at its close, or by playing it once more, which fills at its open."""
    book = run.book
    if run.terms.finish_at_close:
        _close_all(run, last, 0)
        equity[last] = max(0.0, book.account.cash)
        return
    for k in range(book.account.n_open - 1, -1, -1):
        put_close(book, A_LAST_CLOSE, book.open[k], book.trades[book.open[k]].units)
    _play_candle(run, equity, last)


@uncounted
def _close_all(run: Run, i: int, passed_over: int) -> None:
    """Closes open trades at the close of candle `i`, oldest first; after each, as many are `passed_over`."""
    book, k = run.book, 0
    while k < book.account.n_open:
        row = book.open[k]
        close_units(book, run.terms, row, book.trades[row].units, Fill(run.quotes[i].close, i), EXIT_END)
        k += passed_over
