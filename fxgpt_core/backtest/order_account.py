"""The account of the order book as plain records: cash, open trades, margin, and the log of what was closed.

Every operation and its order are those that backtesting.py 0.6.6 shows in its results, to the last bit; keep fastmath off.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core.compiled import inlined, uncounted
from fxgpt_core.market.fills import realised

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Record = Any
Records = np.recarray[Any, np.dtype[np.void]]

EXIT_STOP: Final = 1
EXIT_TARGET: Final = 2
EXIT_CLOSE: Final = 3
EXIT_OPPOSITE: Final = 4
EXIT_END: Final = 5
EXIT_STOP_OUT: Final = 6
EXIT_NAMES: Final = ("", "stop", "target", "close", "opposite", "end", "stop_out")
"""Why a trade ended: its stop, its target, a close instruction, an order of the other side, the end of the run or the cash, or
the broker, for want of margin.
"""

TOO_MANY_UNITS: Final = 1
TOO_FULL: Final = 2
MAX_UNITS: Final = 10**12
"""Units of one order; beyond it sums of units are not exact any more."""

TRADE = np.dtype(
    [
        *[(name, np.int64) for name in ("instruction", "side", "units", "entry_index", "exit_index", "reason", "is_open")],
        *[(name, np.float64) for name in ("entry_price", "exit_price", "profit", "stop_loss", "take_profit")],
        *[(name, np.float64) for name in ("commission", "spread_cost", "slippage", "impact", "swap")],
        *[(name, np.int64) for name in ("stop_serial", "target_serial")],
    ],
    align=True,
)
"""One trade, or a closed part of one, and what it has cost so far. The serials name the resting orders that hold now; 0: none."""

RESTING = np.dtype([(name, np.int64) for name in ("kind", "owner", "serial", "units", "triggered")], align=True)
"""One resting order; `owner` is the row of its trade, or the number of the instruction that asks for an entry.

A stop or target holds while its `serial` is that of its trade; `triggered` is 1 once the stop of an entry has been reached.
"""

ACCOUNT = np.dtype(
    [
        ("cash", np.float64),
        *[(name, np.int64) for name in ("n_trades", "n_open", "n_closed", "n_urgent", "n_waiting", "serial")],
        *[(name, np.int64) for name in ("n_decided", "without_margin", "problem")],
    ],
    align=True,
)
"""The cash, how much of each list of the book is in use, the last serial given, instructions decided, and what went wrong."""


class Fill(NamedTuple):
    """An execution: `price` in quote currency and the number of its candle."""

    price: float
    candle: int


class Book(NamedTuple):
    """All that changes during a run: one record `account`, and lists with room for `capacity` entries each.

    `trades` holds every trade and every closed part in the order they came to be; `open` the rows of the open ones, oldest
    first; `closed` the rows in the order of their exits. `urgent` and `waiting` hold the resting orders (see `order_queue`).
    """

    account: Record
    trades: Records
    open: IntArray
    closed: IntArray
    urgent: Records
    waiting: Records


class Terms(NamedTuple):
    """Costs, account and rules of a run as plain values; `order_terms.OrderTerms` says what each means."""

    cash: float
    leverage: float
    spread: float
    commission: float
    fixed_fee: float
    hedging: bool
    exclusive: bool
    trade_on_close: bool
    finalize: bool
    limit_or_better: bool
    market_first: bool
    entry_candle_stop: bool
    margin_at_fill: bool
    finish_at_close: bool
    cancel_all: bool


def empty_book(capacity: int) -> Book:
    """A book with room for `capacity` trades and as many resting orders of each list; memory is taken as it is used."""
    return Book(
        account=np.zeros(1, ACCOUNT).view(np.recarray)[0],
        trades=np.recarray(capacity, TRADE),
        open=np.empty(capacity, np.int64),
        closed=np.empty(capacity, np.int64),
        urgent=np.recarray(capacity, RESTING),
        waiting=np.recarray(capacity, RESTING),
    )


@inlined
def charge(terms: Terms, size: float, price: float) -> float:
    """Commission of one side in quote currency: the fixed fee + size × price × the fraction."""
    return terms.fixed_fee + size * price * terms.commission


@inlined
def unrealised_profit(book: Book, price: float) -> float:
    """Profit of the open trades in quote currency, marked at a price."""
    units, paid = 0, 0.0
    for k in range(book.account.n_open):
        trade = book.trades[book.open[k]]
        signed = trade.side * trade.units
        units += signed
        paid += signed * trade.entry_price
    return price * units - paid


@uncounted
def free_margin(book: Book, price: float, leverage: float) -> float:
    """What is left of the equity after the margin of the open trades, in quote currency, never below 0."""
    used = 0.0
    for k in range(book.account.n_open):
        used += book.trades[book.open[k]].units * price / leverage
    free: float = book.account.cash + unrealised_profit(book, price) - used
    return max(0.0, free)


@uncounted
def _new_row(book: Book) -> int:
    """The row for one more trade; -1 when there is no room, and the run has failed."""
    account = book.account
    if account.n_trades == len(book.trades):
        account.problem = TOO_FULL
        return -1
    account.n_trades += 1
    return int(account.n_trades) - 1


@uncounted
def new_trade(book: Book, instruction: int, side: int, units: int, fill: Fill) -> int:
    """The row of a trade just opened, which has cost nothing yet; -1 without room."""
    row, account = _new_row(book), book.account
    if row < 0:
        return row
    trade = book.trades[row]
    trade.instruction, trade.is_open, trade.side, trade.units = instruction, 1, side, units
    trade.entry_price, trade.entry_index = fill.price, fill.candle
    trade.stop_serial, trade.target_serial = 0, 0
    trade.commission, trade.spread_cost, trade.slippage, trade.impact, trade.swap = 0.0, 0.0, 0.0, 0.0, 0.0
    book.open[account.n_open] = row
    account.n_open += 1
    return row


@uncounted
def open_trade(book: Book, terms: Terms, instruction: int, signed_units: int, fill: Fill, quoted: float) -> int:
    """Opens a trade, `quoted` its price without the spread, and takes its commission from the cash; -1 without room."""
    side = 1 if signed_units > 0 else -1
    row = new_trade(book, instruction, side, side * signed_units, fill)
    if row >= 0:
        trade = book.trades[row]
        trade.commission = charge(terms, trade.units, fill.price)
        trade.spread_cost = side * (fill.price - quoted) * trade.units
        book.account.cash -= trade.commission
    return row


@uncounted
def close_units(book: Book, terms: Terms, row: int, units: int, fill: Fill, reason: int) -> None:
    """Closes `units` of the open trade at `row`, all or a part, and adds their profit to the cash."""
    row = taken_out(book, row, units)
    if row < 0:
        return
    trade, account = book.trades[row], book.account
    trade.reason, trade.exit_price, trade.exit_index = reason, fill.price, fill.candle
    gross = realised(trade.side, trade.units, trade.entry_price, fill.price)
    at_exit = charge(terms, trade.units, fill.price)
    account.cash += gross - at_exit
    trade.commission = at_exit + charge(terms, trade.units, trade.entry_price)
    trade.profit = gross - trade.commission


@uncounted
def taken_out(book: Book, row: int, units: int) -> int:
    """The row of `units` of the open trade at `row`, all or a part, listed as closed; -1 without room."""
    account = book.account
    if units < book.trades[row].units:
        row = _split_off(book, row, units)
        if row < 0:
            return row
    else:
        _forget(book, row)
    book.trades[row].is_open = 0
    book.closed[account.n_closed] = row
    account.n_closed += 1
    return row


@uncounted
def _split_off(book: Book, row: int, units: int) -> int:
    """A new row for `units` taken out of the trade at `row`, with their share of what it has cost; -1 without room."""
    new = _new_row(book)
    if new >= 0:
        book.trades[new] = book.trades[row]
        part, rest = book.trades[new], book.trades[row]
        share = units / rest.units
        part.units, part.commission, part.spread_cost = units, share * rest.commission, share * rest.spread_cost
        part.slippage, part.impact, part.swap = share * rest.slippage, share * rest.impact, share * rest.swap
        rest.units -= units
        rest.commission -= part.commission
        rest.spread_cost -= part.spread_cost
        rest.slippage -= part.slippage
        rest.impact -= part.impact
        rest.swap -= part.swap
    return new


@uncounted
def _forget(book: Book, row: int) -> None:
    """Takes a trade off the list of open ones; the others keep their order."""
    account, kept = book.account, 0
    for k in range(account.n_open):
        if book.open[k] != row:
            book.open[kept] = book.open[k]
            kept += 1
    account.n_open = kept


@uncounted
def whole_units(book: Book, units: float) -> int:
    """The units that a fraction of the buying power pays for; none is noted for want of margin, too many as a problem."""
    if units > MAX_UNITS:
        book.account.problem = max(book.account.problem, TOO_MANY_UNITS)
        return 0
    if units == 0.0:
        book.account.without_margin += 1
    return int(units)
