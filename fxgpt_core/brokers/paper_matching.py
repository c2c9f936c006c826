"""What one candle does to the open positions and waiting orders of its symbol, inside one transaction of the paper book.

Within a candle: orders whose time is over → swap of the nights before → closes that were asked for and orders at the market, at
the open → targets the open is beyond → the margin → stops → targets → limit and stop orders → the mark at the close. It is the
order of the backtest's kernels, and the functions that fill are the kernels' own. A quote is a candle of one price.
"""

import sqlite3

from fxgpt_core.brokers.broker import OrderState
from fxgpt_core.brokers.paper_account import equity_of
from fxgpt_core.brokers.paper_desk import WAITING, Desk, bid_of, held_of, never
from fxgpt_core.brokers.paper_entries import enter, is_at_market
from fxgpt_core.brokers.paper_margin import watch
from fxgpt_core.market.fills import REASON_END, REASON_SIGNAL, REASON_TARGET, bought_above
from fxgpt_core.market.positions import Left, left, opened_at


def play(desk: Desk) -> None:
    """Do everything that the candle causes."""
    candle = desk.candle
    desk.mark(candle.open, candle.open_spread)
    _expire(desk)
    for row in desk.open_positions():
        pay_nights(desk, row)
    for close in _asked(desk):
        _close(desk, close)
    for order in desk.waiting_orders():
        if is_at_market(order):
            enter(desk, order)
    if not desk.terms.parity:
        _take_targets_at_open(desk)
    watch(desk, candle.open, candle.open_spread)
    _leave_by(desk, "stop")
    _leave_by(desk, "target")
    for order in desk.waiting_orders():
        if not is_at_market(order):
            enter(desk, order)
    desk.mark_close()
    if equity_of(desk.book) <= 0.0:
        _go_bust(desk)


def _expire(desk: Desk) -> None:
    """End the orders whose time was over before this price."""
    ended = (OrderState.EXPIRED, "its time was over", *WAITING, desk.played.symbol, desk.played.open_time_us)
    desk.book.execute(
        "UPDATE orders SET state = ?, reason = ? WHERE state IN (?, ?) AND symbol = ? AND expires_at_us <= ?", ended
    )


def pay_nights(desk: Desk, row: sqlite3.Row) -> None:
    """Take the swap of the nights before the candle for one position."""
    rate = desk.quoted.swap_long if row["side"] > 0 else desk.quoted.swap_short
    paid = rate * row["units"] * desk.candle.conversion
    if paid != 0.0:
        desk.pay_in(-paid)
        desk.book.execute("UPDATE positions SET swap = swap + ? WHERE position_id = ?", (paid, row["position_id"]))
        values = (row["position_id"], desk.played.open_time_us, paid)
        desk.book.execute("INSERT INTO swaps (position_id, time_us, paid) VALUES (?, ?, ?)", values)


def _asked(desk: Desk) -> list[sqlite3.Row]:
    """The closes that were asked for in the symbol, in the order of asking."""
    mine = (
        "SELECT closes.* FROM closes JOIN positions USING (position_id) "
        "WHERE closes.is_open = 1 AND positions.is_open = 1 AND symbol = ? ORDER BY seq"
    )
    return desk.book.execute(mine, (desk.played.symbol,)).fetchall()


def _close(desk: Desk, close: sqlite3.Row) -> None:
    """Carry out a close at the open, or as much of it as there is; of a position that is gone by now, nothing."""
    found = "SELECT * FROM positions WHERE position_id = ? AND is_open = 1"
    row = desk.book.execute(found, (close["position_id"],)).fetchone()
    if row is None:
        return
    wanted = row["units"] if close["units"] is None else min(close["units"], row["units"])
    units = desk.filled_at_once(wanted)
    at_open = Left(opened_at(-row["side"], desk.candle), REASON_SIGNAL, False, desk.candle.open_spread)
    desk.leave(row, at_open, close, units)
    rest = None if close["units"] is None else wanted - units
    changed = (rest, units < wanted, close["seq"])
    desk.book.execute("UPDATE closes SET units = ?, is_open = ? WHERE seq = ?", changed)


def _take_targets_at_open(desk: Desk) -> None:
    """Leave the positions whose target the candle opens beyond: they have reached it before all else."""
    for row in desk.open_positions():
        target = held_of(row).target
        if row["side"] * (opened_at(-row["side"], desk.candle) - target) >= 0.0:
            desk.leave(row, Left(target, REASON_TARGET, False, desk.candle.open_spread))


def _leave_by(desk: Desk, exit_: str) -> None:
    """Leave the positions whose stop, or target, the candle touches: stops newest first, targets oldest first."""
    rows = desk.open_positions()
    for row in reversed(rows) if exit_ == "stop" else rows:
        held = held_of(row)
        alone = held._replace(target=-never(held.side)) if exit_ == "stop" else held._replace(stop=never(held.side))
        is_open = "SELECT is_open FROM positions WHERE position_id = ?"
        if desk.book.execute(is_open, (row["position_id"],)).fetchone()[0]:
            end = left(desk.candle, alone, desk.terms)
            if desk.leave(row, end):
                watch(desk, bid_of(-held.side, end.price, end.spread), end.spread)


def _go_bust(desk: Desk) -> None:
    """Close what is open in the symbol at the close; when nothing is open any more, what is owed is forgiven."""
    candle = desk.candle
    for row in desk.open_positions():
        price = candle.close + bought_above(-row["side"], candle.spread)
        desk.leave(row, Left(price, REASON_END, False, candle.spread))
    desk.book.execute(
        "UPDATE account SET cash = 0.0, balance_version = balance_version + 1 WHERE cash < 0.0 AND NOT EXISTS "
        "(SELECT 1 FROM positions WHERE is_open = 1)"
    )
