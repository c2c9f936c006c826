"""A stream of instructions as the kernel reads it, and what one of them does to the resting orders.

An order to close at tag T, or to cancel or move, is meant for the trades and entries of tag T; `ANY_TAG` means all of them.
"""

from typing import Final

import numpy as np

from fxgpt_core.backtest.order_account import Book, Records, Terms
from fxgpt_core.backtest.order_queue import (
    A_CLOSE,
    AN_ENTRY,
    GONE,
    clear_the_way,
    put_close,
    put_entry,
    set_stop,
    set_target,
)
from fxgpt_core.compiled import uncounted

BUY: Final = 1
SELL: Final = 2
CLOSE: Final = 3
CANCEL: Final = 4
MOVE_STOP: Final = 5
MOVE_TARGET: Final = 6
ACTION_NAMES: Final = ("", "buy", "sell", "close", "cancel", "move stop", "move target")
"""The name of each action code."""

ANY_TAG: Final = -1

STREAM = np.dtype(
    [
        *[(name, np.int64) for name in ("candle", "action", "tag")],
        *[(name, np.float64) for name in ("size", "limit", "stop", "stop_loss", "take_profit")],
        ("refused", np.int64),
    ],
    align=True,
)
"""One instruction: the columns of `instructions.Instructions`, and 1 for an order that is not placed."""


@uncounted
def decide(stream: Records, terms: Terms, book: Book, m: int) -> None:
    """Carries out instruction `m` at the close of its candle: orders rest from then on and act in the next candle."""
    action, tag = stream[m].action, stream[m].tag
    if stream[m].refused:
        return
    if action in (BUY, SELL):
        if terms.exclusive:
            clear_the_way(book, not terms.cancel_all)
        put_entry(book, m)
        return
    if action == CANCEL:
        for k in range(book.account.n_waiting):
            order = book.waiting[k]
            if order.kind == AN_ENTRY and tag in (ANY_TAG, stream[order.owner].tag):
                order.kind = GONE
        return
    for k in range(book.account.n_open):
        if tag in (ANY_TAG, stream[book.trades[book.open[k]].instruction].tag):
            _change(stream, book, m, book.open[k])


@uncounted
def _change(stream: Records, book: Book, m: int, row: int) -> None:
    """Closes a portion of the open trade at `row`, at least one unit, or moves its stop or its target."""
    if stream[m].action == CLOSE:
        put_close(book, A_CLOSE, row, max(1, round(book.trades[row].units * stream[m]["size"])))
    elif stream[m].action == MOVE_STOP:
        set_stop(book, row, stream[m].stop_loss)
    else:
        set_target(book, row, stream[m].take_profit)
