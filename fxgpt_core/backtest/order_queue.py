"""The resting orders of the book, in the order in which they are looked at.

A close or a new stop goes before everything, an entry or a new target behind everything. So there are two lists: `urgent` (closes
and stops), looked at from the newest to the oldest, and after it `waiting` (entries and targets), from the oldest to the newest.
"""

import math
from typing import Final, NamedTuple

from fxgpt_core.backtest.order_account import TOO_FULL, Book, Record, Records
from fxgpt_core.compiled import inlined, uncounted

GONE: Final = 0
AN_ENTRY: Final = 1
A_CLOSE: Final = 2
A_LAST_CLOSE: Final = 3
A_STOP: Final = 4
A_TARGET: Final = 5


class Placed(NamedTuple):
    """A resting order as it is put on its list; what its kind does not need is 0."""

    kind: int
    owner: int
    serial: int
    units: int


@inlined
def holds(book: Book, order: Record) -> bool:
    """Whether a resting order is still one: not cancelled, its trade open, its price not replaced."""
    if order.kind in (GONE, AN_ENTRY):
        return bool(order.kind == AN_ENTRY)
    trade = book.trades[order.owner]
    if order.kind == A_STOP:
        return bool(trade.is_open and order.serial == trade.stop_serial)
    if order.kind == A_TARGET:
        return bool(trade.is_open and order.serial == trade.target_serial)
    return bool(trade.is_open)


@inlined
def tidy(book: Book) -> None:
    """Drops the orders that hold no more; the others keep their places."""
    account = book.account
    account.n_urgent = _tidied(book, book.urgent, account.n_urgent)
    account.n_waiting = _tidied(book, book.waiting, account.n_waiting)


@inlined
def _tidied(book: Book, orders: Records, n: int) -> int:
    kept = 0
    for k in range(n):
        if holds(book, orders[k]):
            if kept < k:
                orders[kept] = orders[k]
            kept += 1
    return kept


@inlined
def _put(book: Book, orders: Records, n: int, placed: Placed) -> int:
    """Puts an order behind the `n` of a list and returns how many it has now; without room the run has failed."""
    if n == len(orders):
        book.account.problem = TOO_FULL
        return n
    order = orders[n]
    order.kind, order.owner = placed.kind, placed.owner
    order.serial, order.units, order.triggered = placed.serial, placed.units, 0
    return n + 1


@uncounted
def put_close(book: Book, kind: int, row: int, units: int) -> None:
    """An order to close `units` of a trade; `kind` is A_CLOSE or A_LAST_CLOSE."""
    account = book.account
    account.n_urgent = _put(book, book.urgent, account.n_urgent, Placed(kind, row, 0, units))


@uncounted
def put_entry(book: Book, instruction: int) -> None:
    """The entry that an instruction asks for."""
    account = book.account
    account.n_waiting = _put(book, book.waiting, account.n_waiting, Placed(AN_ENTRY, instruction, 0, 0))


@uncounted
def set_stop(book: Book, row: int, price: float) -> None:
    """The stop of an open trade instead of the one it had; NaN: none."""
    account, trade = book.account, book.trades[row]
    trade.stop_loss, trade.stop_serial = price, 0
    if not math.isnan(price):
        account.serial += 1
        trade.stop_serial = account.serial
        account.n_urgent = _put(book, book.urgent, account.n_urgent, Placed(A_STOP, row, account.serial, 0))


@uncounted
def set_target(book: Book, row: int, price: float) -> None:
    """The target of an open trade instead of the one it had; NaN: none."""
    account, trade = book.account, book.trades[row]
    trade.take_profit, trade.target_serial = price, 0
    if not math.isnan(price):
        account.serial += 1
        trade.target_serial = account.serial
        account.n_waiting = _put(book, book.waiting, account.n_waiting, Placed(A_TARGET, row, account.serial, 0))


@uncounted
def clear_the_way(book: Book, passes_over: bool) -> None:
    """What an exclusive order does first: cancels closes and entries that rest, and closes every trade.

    With `passes_over` the order behind each cancelled one is left alone, as in backtesting.py.
    """
    tidy(book)
    account, passed = book.account, False
    for k in range(account.n_urgent - 1, -1, -1):
        passed = _cancelled(book.urgent[k], passed) and passes_over
    for k in range(account.n_waiting):
        passed = _cancelled(book.waiting[k], passed) and passes_over
    for k in range(book.account.n_open):
        put_close(book, A_CLOSE, book.open[k], book.trades[book.open[k]].units)


@inlined
def _cancelled(order: Record, passed: bool) -> bool:
    """Cancels an entry or a close unless it is passed over; stops and targets stay."""
    if passed or order.kind in (A_STOP, A_TARGET):
        return False
    order.kind = GONE
    return True
