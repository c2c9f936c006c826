"""What one candle does to the open positions and waiting orders of its symbol, inside one transaction of the paper book.

Within a candle: swap of the nights before → pending close at the open → stop → target → entry at the open → stop → target →
the mark at the close. It is the order of the backtest's kernel, and the functions that fill are the kernel's own.
"""

import math
import sqlite3
from dataclasses import dataclass

from fxgpt_core.brokers.broker import OrderState
from fxgpt_core.brokers.paper_account import equity_of, notional_of, stop_of
from fxgpt_core.brokers.paper_quotes import PlayedCandle, QuotedCandle
from fxgpt_core.market.fills import (
    REASON_END,
    REASON_NAMES,
    REASON_NONE,
    REASON_SIGNAL,
    REASON_STOP,
    REASON_STOP_OUT,
    Terms,
    bought_above,
)
from fxgpt_core.market.positions import MARKET, Held, Left, entered, left, left_on_entry, opened_at, settled


@dataclass(frozen=True)
class Match:
    """One candle of a symbol, quoted, against a book within a transaction."""

    book: sqlite3.Connection
    played: PlayedCandle
    quoted: QuotedCandle
    terms: Terms

    def play(self) -> None:
        """Do everything that the candle causes."""
        candle = self.quoted.candle
        self._mark(candle.open, candle.open_spread)
        for row in self._open_positions():
            self._pay_swap(row)
        for row in self._open_positions():
            self._leave(row)
        for order in self._waiting_orders():
            self._enter(order)
        self._mark(candle.close, candle.spread)
        if equity_of(self.book) <= 0.0:
            self._go_bust()

    def _open_positions(self) -> list[sqlite3.Row]:
        mine = "SELECT * FROM positions WHERE is_open = 1 AND symbol = ? ORDER BY position_id"
        return self.book.execute(mine, (self.played.symbol,)).fetchall()

    def _waiting_orders(self) -> list[sqlite3.Row]:
        mine = "SELECT * FROM orders WHERE state = ? AND symbol = ? ORDER BY order_id"
        return self.book.execute(mine, (OrderState.ACCEPTED, self.played.symbol)).fetchall()

    def _mark(self, price: float, spread: float) -> None:
        """Keep what the symbol is worth now, from which the account's equity is told."""
        conversion = None if math.isnan(self.quoted.candle.conversion) else self.quoted.candle.conversion
        values = (self.played.symbol, self.played.open_time_us, price, self.played.spread, spread, conversion)
        self.book.execute(
            "INSERT OR REPLACE INTO marks (symbol, open_time_us, close, told_spread, spread, conversion) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            values,
        )

    def _pay_swap(self, row: sqlite3.Row) -> None:
        rate = self.quoted.swap_long if row["side"] > 0 else self.quoted.swap_short
        paid = rate * row["units"] * self.quoted.candle.conversion
        if paid != 0.0:
            self.book.execute("UPDATE account SET cash = cash - ?", (paid,))
            self.book.execute("UPDATE positions SET swap = swap + ? WHERE position_id = ?", (paid, row["position_id"]))
            values = (row["position_id"], self.played.open_time_us, paid)
            self.book.execute("INSERT INTO swaps (position_id, time_us, paid) VALUES (?, ?, ?)", values)

    def _leave(self, row: sqlite3.Row) -> None:
        """End a position by the close that was asked for, or by its stop or target."""
        candle = self.quoted.candle
        if row["close_order_id"] is None:
            self._end(row, left(candle, _held(row), self.terms))
        else:
            at_open = Left(opened_at(-row["side"], candle), REASON_SIGNAL, False, candle.open_spread)
            self._end(row, at_open, row["close_reason"])

    def _end(self, row: sqlite3.Row, end: Left, asked: str | None = None) -> None:
        """Book the end of a position, if it is one; `asked`: the reason of a close that was asked for."""
        if end.reason == REASON_NONE:
            return
        trade = settled(self.quoted.candle, _held(row), end, self.terms, row["swap"])
        self.book.execute("UPDATE positions SET is_open = 0 WHERE position_id = ?", (row["position_id"],))
        costs = (trade.commission, trade.spread_cost, trade.slippage, trade.impact, row["swap"])
        name, reason = (row["client_order_id"], REASON_NAMES[end.reason]) if asked is None else (row["close_order_id"], asked)
        self._book_fill(row, name, trade.exit_price, reason, costs)
        # One addition, as the kernel makes it: cash + (gross − commission) is not always (cash + gross) − commission.
        self.book.execute("UPDATE account SET cash = cash + ?", (trade.cash,))

    def _enter(self, order: sqlite3.Row) -> None:
        """Fill a waiting order at the open, or reject it for want of margin or of a known conversion."""
        if self.quoted.unknown:
            self._reject(order, self.quoted.unknown)
            return
        candle, free = self.quoted.candle, self._free_equity()
        held = entered(candle, _ordered(order), self.terms, (opened_at(order["side"], candle), candle.open_spread), free)
        if held.units == 0:
            self._reject(order, self._beyond_margin(order))
            return
        stop_out = held.stop if held.stop_reason == REASON_STOP_OUT and held.stop > 0.0 else None
        values = (
            order["client_order_id"], self.played.symbol, held.side, held.units, held.entry, self.played.open_time_us,
            order["stop_price"], order["target_price"], stop_out,
        )  # fmt: skip
        position_id = self.book.execute(
            "INSERT INTO positions (client_order_id, symbol, side, units, entry_price, entry_time_us, stop_price, target_price, "
            "stop_out_price) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        ).lastrowid
        filled = (OrderState.FILLED, position_id, order["order_id"])
        self.book.execute("UPDATE orders SET state = ?, position_id = ? WHERE order_id = ?", filled)
        row = self.book.execute("SELECT * FROM positions WHERE position_id = ?", (position_id,)).fetchone()
        costs = (held.commission, held.spread_cost, held.slippage, held.impact, 0.0)
        self._book_fill(row, order["client_order_id"], held.entry, "entry", costs)
        self.book.execute("UPDATE account SET cash = cash - ?", (held.commission,))
        self._end(row, left_on_entry(candle, _held(row), self.terms))

    def _free_equity(self) -> float:
        """The equity without what open positions bind as margin; flat it is the cash to the last bit."""
        return equity_of(self.book) - notional_of(self.book) / self.terms.leverage

    def _beyond_margin(self, order: sqlite3.Row) -> str:
        return (
            f"{order['units']} units at {self.quoted.candle.open} exceed the margin: equity {equity_of(self.book):.2f} at "
            f"leverage {self.terms.leverage:g}, of which open positions bind {notional_of(self.book):.2f}"
        )

    def _reject(self, order: sqlite3.Row, reason: str) -> None:
        rejected = (OrderState.REJECTED, reason, order["order_id"])
        self.book.execute("UPDATE orders SET state = ?, reason = ? WHERE order_id = ?", rejected)

    def _go_bust(self) -> None:
        """Close what is open in the symbol at the close; when nothing is open any more, what is owed is forgiven."""
        candle = self.quoted.candle
        for row in self._open_positions():
            price = candle.close + bought_above(-row["side"], candle.spread)
            self._end(row, Left(price, REASON_END, False, candle.spread))
        self.book.execute(
            "UPDATE account SET cash = 0.0 WHERE cash < 0.0 AND NOT EXISTS (SELECT 1 FROM positions WHERE is_open = 1)"
        )

    def _book_fill(self, row: sqlite3.Row, name: str, price: float, reason: str, costs: tuple[float, ...]) -> None:
        """Write one execution; `costs` of this side: commission, spread, slippage, impact, swap."""
        values = (name, row["position_id"], row["symbol"], row["side"], row["units"], price, self.played.open_time_us, reason)
        self.book.execute(
            "INSERT INTO fills (client_order_id, position_id, symbol, side, units, price, time_us, reason, commission, "
            "spread_cost, slippage, impact, swap) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*values, *costs),
        )


def _ordered(order: sqlite3.Row) -> Held:
    """A market order without a stop, so that `entered` tells the price of the stop-out."""
    never = -math.inf * order["side"]
    return Held(order["side"], order["units"], MARKET, 0, 0.0, never, -never, REASON_STOP, 0.0, 0.0, 0.0, 0.0, 0.0, False)


def _held(row: sqlite3.Row) -> Held:
    """An open position as the fill rule takes it; what its entry has cost is booked already, so that only the exit's is told."""
    stop, is_stop_out = stop_of(row)
    never = -math.inf * row["side"]
    target = -never if row["target_price"] is None else row["target_price"]
    reason = REASON_STOP_OUT if is_stop_out else REASON_STOP
    level = never if stop is None else stop
    return Held(row["side"], row["units"], MARKET, 0, row["entry_price"], level, target, reason, 0.0, 0.0, 0.0, 0.0, 0.0, False)
