"""What the rows of the paper book say: positions and fills as records, the equity of the account, what is bound."""

import sqlite3

from fxgpt_core.market.fills import bought_above, unrealised
from fxgpt_core.market.orders import Fill, Position, Side

_HELD = "SELECT positions.*, close, marks.spread, conversion FROM positions JOIN marks USING (symbol) WHERE is_open = 1"


def equity_of(book: sqlite3.Connection) -> float:
    """Cash and open profit in account currency, a position at the price it could be left at when its symbol was last marked."""
    equity = float(book.execute("SELECT cash FROM account").fetchone()[0])
    for row in book.execute(_HELD + " ORDER BY position_id").fetchall():
        price = row["close"] + bought_above(-row["side"], row["spread"])
        equity += unrealised(row["side"], row["units"], row["entry_price"], price) * row["conversion"]
    return equity


def notional_of(book: sqlite3.Connection) -> float:
    """What all open positions are worth at the bid, in account currency."""
    return sum((row["units"] * row["close"] * row["conversion"] for row in book.execute(_HELD).fetchall()), 0.0)


def stop_of(row: sqlite3.Row) -> tuple[float | None, bool]:
    """The nearer of a position's stop and its stop-out (None: neither), and whether it is the stop-out."""
    stop, stop_out = row["stop_price"], row["stop_out_price"]
    if stop_out is None or (stop is not None and row["side"] * (stop_out - stop) <= 0.0):
        return stop, False
    return stop_out, True


def name_of(client_order_id: str) -> str:
    """The name of an order and of the position it becomes: a new book never repeats the names of an old one."""
    return f"paper-{client_order_id}"


def position_of(row: sqlite3.Row) -> Position:
    """An open position."""
    return Position(
        position_id=name_of(row["client_order_id"]),
        client_order_id=row["client_order_id"],
        symbol=row["symbol"],
        side=Side(row["side"]),
        units=row["units"],
        entry_price=row["entry_price"],
        entry_time_us=row["entry_time_us"],
        stop_price=stop_of(row)[0],
        target_price=row["target_price"],
    )


def fill_of(row: sqlite3.Row) -> Fill:
    """A fill, of a row that also has the client order id that `opened_by` its position."""
    return Fill(
        fill_id=f"{row['client_order_id']}:{row['reason']}",
        client_order_id=row["client_order_id"],
        position_id=name_of(row["opened_by"]),
        symbol=row["symbol"],
        side=Side(row["side"]),
        units=row["units"],
        price=row["price"],
        commission=row["commission"],
        time_us=row["time_us"],
        reason=row["reason"],
        spread_cost=row["spread_cost"],
        slippage=row["slippage"],
        impact=row["impact"],
        swap=row["swap"],
    )
