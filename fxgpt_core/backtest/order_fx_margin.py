"""The broker's watch over the margin of an account with several trades, compiled: when it closes what, and at which price.

Equity and margin are both linear in the bid, so that there is one price at which equity / margin is `stop_out`, and one side from
which it is reached: by a fall if the account is more long than short, else by a rise. All trades are marked at the same quote: a
long and a short never meet the low and the high of a candle at a time.
"""

import math

from fxgpt_core.backtest.order_account import EXIT_STOP, EXIT_STOP_OUT, Book
from fxgpt_core.backtest.order_fx_account import FxRun, leave, profit_of
from fxgpt_core.compiled import inlined, uncounted
from fxgpt_core.market.fills import REASON_STOP, bought_above
from fxgpt_core.market.positions import Candle, Left, extremes


@uncounted
def watch_margin(run: FxRun, candle: Candle, bid: float, spread: float) -> None:
    """Closes trades, the largest loss first, until no price of the candle brings equity / margin down to `stop_out`.

    A stop loss nearer than that price goes before it. No fill is better than `bid` and `spread`, where the price has come to.
    """
    book = run.book
    while run.stop_out > 0.0 and book.account.n_open > 0:
        side, level = _stop_out_quote(run, candle)
        high, low = extremes(-side, candle)
        if not (low <= level if side > 0 else high >= level):
            return
        reason, row = EXIT_STOP, _next_stop(book, side, level)
        if row < 0:
            reason = EXIT_STOP_OUT
        else:
            level = book.trades[row].stop_loss
        here = bid + bought_above(-side, spread)
        price = min(level, here) if side > 0 else max(level, here)
        if price != here:
            spread = candle.spread
        bid = price - bought_above(-side, spread)
        if row < 0:
            row = _largest_loss(book, bid, spread)
            if book.trades[row].side != side:
                price = bid + bought_above(side, spread)
        leave(run, row, book.trades[row].units, candle, Left(price, REASON_STOP, False, spread), reason)


@uncounted
def _stop_out_quote(run: FxRun, candle: Candle) -> tuple[int, float]:
    """1 and the bid to which, or -1 and the ask to which, the price must go for equity / margin to come to `stop_out`.

    Solves cash + Σ side·units·(quote − entry) = stop_out · Σ units·quote / leverage, in which longs meet the bid and shorts the
    ask. With one trade it is `market.fills.stop_out_price`. An infinite bid: it is below at any price.
    """
    book, bound = run.book, run.stop_out / run.fills.leverage
    longs, shorts, paid = 0, 0, 0.0
    for k in range(book.account.n_open):
        trade = book.trades[book.open[k]]
        paid += trade.side * trade.units * trade.entry_price
        if trade.side > 0:
            longs += trade.units
        else:
            shorts += trade.units
    falls, rises = longs * (1.0 - bound), shorts * (1.0 + bound)
    lacking = paid - book.account.cash / candle.conversion
    if falls > rises:
        return 1, (lacking + candle.spread * rises) / (falls - rises)
    if falls < rises:
        return -1, (lacking + candle.spread * falls) / (falls - rises)
    return 1, math.inf if lacking + candle.spread * rises > 0.0 else 0.0


@uncounted
def _next_stop(book: Book, side: int, level: float) -> int:
    """The row of the trade of a side whose stop loss is met first on the way to `level`, the oldest of equals; -1: none."""
    found, nearest = -1, level
    for k in range(book.account.n_open):
        trade = book.trades[book.open[k]]
        if trade.side == side and _is_nearer(side, trade.stop_loss, nearest, found):
            found, nearest = book.open[k], trade.stop_loss
    return found


@inlined
def _is_nearer(side: int, stop: float, nearest: float, found: int) -> bool:
    return side * (stop - nearest) > 0.0 or (found < 0 and stop == nearest)


@uncounted
def _largest_loss(book: Book, bid: float, spread: float) -> int:
    """The row of the open trade that has lost most, or gained least, at a quote; the oldest of equals."""
    row = int(book.open[0])
    for k in range(1, book.account.n_open):
        if profit_of(book.trades[book.open[k]], bid, spread) < profit_of(book.trades[row], bid, spread):
            row = int(book.open[k])
    return row
