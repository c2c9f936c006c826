"""One price of a symbol against the paper book, within one transaction: what is marked, what is paid, how a position is left."""

import math
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from fxgpt_core.brokers.broker import OrderState
from fxgpt_core.brokers.paper_account import equity_of, notional_of, stop_of
from fxgpt_core.brokers.paper_liquidity import Liquidity
from fxgpt_core.brokers.paper_quotes import PlayedCandle, QuotedCandle
from fxgpt_core.market.fills import REASON_NAMES, REASON_NONE, REASON_STOP, REASON_STOP_OUT, Terms, bought_above, realised
from fxgpt_core.market.positions import MARKET, Candle, Held, Left, settled

WAITING = (OrderState.ACCEPTED, OrderState.PARTLY_FILLED)


class Booked(NamedTuple):
    """One execution as it is written down: `name` of the order or close, costs of this side, and of an exit its gross profit."""

    name: str
    units: int
    price: float
    reason: str
    costs: tuple[float, float, float, float, float]
    gross_profit: float | None = None


@dataclass(frozen=True)
class Desk:
    """A candle of a symbol, quoted, and the terms at which it is traded; `terms_of` has those of another symbol."""

    book: sqlite3.Connection
    played: PlayedCandle
    quoted: QuotedCandle
    terms: Terms
    terms_of: Callable[[str], Terms]
    liquidity: Liquidity | None = None

    @property
    def candle(self) -> Candle:
        """The candle as the fill rule takes it."""
        return self.quoted.candle

    def open_positions(self) -> list[sqlite3.Row]:
        """Open positions of the symbol, oldest first."""
        mine = "SELECT * FROM positions WHERE is_open = 1 AND symbol = ? ORDER BY position_id"
        return self.book.execute(mine, (self.played.symbol,)).fetchall()

    def waiting_orders(self) -> list[sqlite3.Row]:
        """Orders of the symbol that are not filled to their end, oldest first."""
        mine = "SELECT * FROM orders WHERE state IN (?, ?) AND symbol = ? ORDER BY order_id"
        return self.book.execute(mine, (*WAITING, self.played.symbol)).fetchall()

    def filled_at_once(self, units: int) -> int:
        """How many of so many units this price fills."""
        if self.liquidity is None:
            return units
        return min(units, self.liquidity.at(self.played.symbol, self.played.open_time_us))

    def free_equity(self) -> float:
        """The equity without what open positions bind as margin; flat it is the cash to the last bit."""
        return equity_of(self.book) - notional_of(self.book) / self.terms.leverage

    def mark(self, price: float, spread: float) -> None:
        """Keep what the symbol is worth now, from which the account's equity is told."""
        conversion = None if math.isnan(self.candle.conversion) else self.candle.conversion
        values = (
            self.played.symbol, self.played.open_time_us, price, self.played.spread, spread, conversion, self.quoted.quoted_at_us
        )  # fmt: skip
        self.book.execute(
            "INSERT OR REPLACE INTO marks (symbol, open_time_us, close, told_spread, spread, conversion, quoted_at_us) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            values,
        )

    def mark_close(self) -> None:
        """Keep what the symbol is worth at the candle's close."""
        self.mark(self.candle.close, self.candle.spread)

    def pay_in(self, money: float) -> None:
        """Add to the cash what is earned, or take what is lost; each time it is a balance with a number of its own."""
        if money != 0.0:
            self.book.execute("UPDATE account SET cash = cash + ?, balance_version = balance_version + 1", (money,))

    def leave(self, row: sqlite3.Row, end: Left, asked: sqlite3.Row | None = None, units: int | None = None) -> bool:
        """Book the end of a position, or of some of its `units`, if it is one; `asked`: the close that was asked for."""
        if end.reason == REASON_NONE:
            return False
        units = row["units"] if units is None else units
        is_whole = units == row["units"]
        swap = row["swap"] if is_whole else row["swap"] * units / row["units"]
        held = held_of(row)._replace(units=units)
        trade = settled(self.candle, held, end, self.terms, swap)
        if is_whole:
            self._end(row)
        else:
            rest = (units, swap, row["position_id"])
            self.book.execute("UPDATE positions SET units = units - ?, swap = swap - ? WHERE position_id = ?", rest)
        # One addition, as the kernel makes it: cash + (gross − commission) is not always (cash + gross) − commission.
        self.pay_in(trade.cash)
        costs = (trade.commission, trade.spread_cost, trade.slippage, trade.impact, swap)
        name, reason = row["client_order_id"], REASON_NAMES[end.reason]
        if asked is not None:
            name, reason = asked["close_id"], asked["reason"]
        gross = realised(held.side, units, held.entry, trade.exit_price) * self.candle.conversion
        self.book_fill(row, Booked(name, units, trade.exit_price, reason, costs, gross))
        return True

    def book_fill(self, row: sqlite3.Row, booked: Booked) -> None:
        """Write one execution of a position down, with the balance behind it."""
        name, units, price, reason, costs, gross = booked
        account = self.book.execute("SELECT cash, balance_version FROM account").fetchone()
        asked = "SELECT count(*) FROM fills WHERE client_order_id = ? AND reason = ?"
        n_before = self.book.execute(asked, (name, reason)).fetchone()[0]
        values = (name, row["position_id"], row["symbol"], row["side"], units, price, self.played.open_time_us, reason)
        self.book.execute(
            "INSERT INTO fills (client_order_id, position_id, symbol, side, units, price, time_us, reason, commission, "
            "spread_cost, slippage, impact, swap, gross_profit, balance, balance_version, part) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*values, *costs, gross, account["cash"], account["balance_version"], n_before + 1),
        )

    def elsewhere(self, row: sqlite3.Row) -> "Desk":
        """The desk of another symbol, that of a held row, at the price it was last marked at."""
        played = replace(self.played, symbol=row["symbol"])
        price, spread = row["close"], row["spread"]
        candle = Candle(0, price, price, price, price, spread, spread, row["conversion"])
        return replace(self, played=played, quoted=QuotedCandle(candle), terms=self.terms_of(row["symbol"]))

    def _end(self, row: sqlite3.Row) -> None:
        """Close a position: nothing is closed of it any more, and nothing is added to it."""
        self.book.execute("UPDATE positions SET is_open = 0 WHERE position_id = ?", (row["position_id"],))
        self.book.execute("UPDATE closes SET is_open = 0 WHERE position_id = ?", (row["position_id"],))
        reason = "its position was closed before all of it was filled"
        rest = (OrderState.CANCELLED, reason, OrderState.PARTLY_FILLED, row["position_id"])
        self.book.execute("UPDATE orders SET state = ?, reason = ? WHERE state = ? AND position_id = ?", rest)


def never(side: int) -> float:
    """A stop that no price reaches; a target with the other sign."""
    return -math.inf * side


def held_of(row: sqlite3.Row, kind: int = MARKET) -> Held:
    """An open position as the fill rule takes it; what its entry has cost is booked already, so that only the exit's is told."""
    stop, is_stop_out = stop_of(row)
    side = row["side"]
    target = -never(side) if row["target_price"] is None else row["target_price"]
    reason = REASON_STOP_OUT if is_stop_out else REASON_STOP
    level = never(side) if stop is None else stop
    return Held(side, row["units"], kind, 0, row["entry_price"], level, target, reason, 0.0, 0.0, 0.0, 0.0, 0.0, False)


def bid_of(side: int, price: float, spread: float) -> float:
    """The bid when one who trades on a side, 1 buys, meets a price."""
    return price - bought_above(side, spread)
