"""The paper broker's watch over the margin of an account: when it closes what, and at which price.

A position entered whole into an empty account keeps the stop-out price of its entry, as the backtest has it. As soon as a second
one is open, the account's margin level counts instead, on every price: equity / margin, with each symbol at its last mark. Where
it falls to `stop_out`, the position with the largest open loss is closed, whole, the oldest of equals, then the next one, until
the level is above `stop_out` again. It is the rule of the backtest's order book (docs/backtest_orders.md), for any number of
symbols: while one symbol's price moves, the others stand, so that equity and margin are linear in its bid.
"""

import math
import sqlite3

from fxgpt_core.brokers.paper_account import held_rows, profit_of, worth_of
from fxgpt_core.brokers.paper_desk import Desk, bid_of
from fxgpt_core.market.fills import REASON_STOP, REASON_STOP_OUT, bought_above, unrealised
from fxgpt_core.market.positions import Left, extremes


def watch(desk: Desk, bid: float, spread: float) -> None:
    """Close positions until no price of the candle brings the margin level of the account down to `stop_out`.

    A stop nearer than the price at which that is goes before it. No fill is better than `bid` and `spread`, where the price has
    come to; positions in another symbol are left at its last mark.
    """
    while desk.terms.stop_out > 0.0:
        rows = held_rows(desk.book)
        if not rows or (len(rows) == 1 and rows[0]["alone"]):
            return
        mine = [row for row in rows if row["symbol"] == desk.played.symbol]
        side, level = _stop_out_quote(desk, mine, rows)
        high, low = extremes(-side, desk.candle)
        if not (low <= level if side > 0 else high >= level):
            return
        stopped = _next_stop(mine, side, level)
        if stopped is not None:
            level = stopped["stop_price"]
        here = bid + bought_above(-side, spread)
        price = min(level, here) if side > 0 else max(level, here)
        if price != here:
            spread = desk.candle.spread
        bid = bid_of(-side, price, spread)
        if stopped is not None:
            desk.leave(stopped, Left(price, REASON_STOP, False, spread))
        else:
            _close_worst(desk, rows, bid, spread)


def _stop_out_quote(desk: Desk, mine: list[sqlite3.Row], rows: list[sqlite3.Row]) -> tuple[int, float]:
    """1 and the bid to which, or -1 and the ask to which, the symbol must go for equity / margin to come to `stop_out`.

    Solves cash + profit of others + Σ side·units·(quote − entry) = stop_out · (margin of others + Σ units·quote / leverage), in
    which longs meet the bid and shorts the ask. An infinite bid: it is below at any price.
    """
    bound = desk.terms.stop_out / desk.terms.leverage
    cash = float(desk.book.execute("SELECT cash FROM account").fetchone()[0])
    for row in rows:
        if row["symbol"] != desk.played.symbol:
            cash += profit_of(row) - bound * worth_of(row)
    longs = sum(row["units"] for row in mine if row["side"] > 0)
    shorts = sum(row["units"] for row in mine if row["side"] < 0)
    paid = sum((row["side"] * row["units"] * row["entry_price"] for row in mine), 0.0)
    spread, conversion = desk.candle.spread, desk.candle.conversion if mine else 1.0
    falls, rises = longs * (1.0 - bound), shorts * (1.0 + bound)
    lacking = paid - cash / conversion
    if falls > rises:
        return 1, (lacking + spread * rises) / (falls - rises)
    if falls < rises:
        return -1, (lacking + spread * falls) / (falls - rises)
    return 1, math.inf if lacking + spread * rises > 0.0 else 0.0


def _next_stop(mine: list[sqlite3.Row], side: int, level: float) -> sqlite3.Row | None:
    """The position of a side whose stop is met first on the way to `level`, the oldest of equals."""
    nearer = [row for row in mine if row["side"] == side and row["stop_price"] is not None]
    nearer = [row for row in nearer if side * (row["stop_price"] - level) >= 0.0]
    return max(nearer, key=lambda row: side * row["stop_price"], default=None)


def _close_worst(desk: Desk, rows: list[sqlite3.Row], bid: float, spread: float) -> None:
    """Close the position with the largest open loss, this symbol at a quote and others at their last marks."""

    def profit(row: sqlite3.Row) -> float:
        if row["symbol"] != desk.played.symbol:
            return profit_of(row)
        price = bid + bought_above(-row["side"], spread)
        return float(unrealised(row["side"], row["units"], row["entry_price"], price) * desk.candle.conversion)

    worst = min(rows, key=profit)
    if worst["symbol"] != desk.played.symbol:
        there = desk.elsewhere(worst)
        bid, spread, desk = there.candle.close, there.candle.spread, there
    desk.leave(worst, Left(bid + bought_above(-worst["side"], spread), REASON_STOP_OUT, False, spread))
