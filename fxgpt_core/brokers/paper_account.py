"""What the rows of the paper book say: positions and fills as records, the equity of the account, what is bound."""

import sqlite3

from fxgpt_core.market.fills import bought_above, unrealised
from fxgpt_core.market.orders import Fill, Position, Side

_HELD = (
    "SELECT positions.*, close, marks.spread, conversion FROM positions JOIN marks USING (symbol) WHERE is_open = 1 "
    "ORDER BY position_id"
)


def held_rows(book: sqlite3.Connection) -> list[sqlite3.Row]:
    """All open positions, oldest first, each with the last mark of its symbol."""
    return book.execute(_HELD).fetchall()


def profit_of(row: sqlite3.Row) -> float:
    """Open profit in account currency of a held row, at the price it could be left at when its symbol was last marked."""
    price = row["close"] + bought_above(-row["side"], row["spread"])
    return float(unrealised(row["side"], row["units"], row["entry_price"], price) * row["conversion"])


def worth_of(row: sqlite3.Row) -> float:
    """What a held row is worth in account currency, a long at the bid and a short at the ask; over the leverage it is margin."""
    return float(row["units"] * (row["close"] + bought_above(-row["side"], row["spread"])) * row["conversion"])


def equity_of(book: sqlite3.Connection) -> float:
    """Cash and open profit in account currency."""
    equity = float(book.execute("SELECT cash FROM account").fetchone()[0])
    for row in held_rows(book):
        equity += profit_of(row)
    return equity


def notional_of(book: sqlite3.Connection) -> float:
    """What all open positions are worth in account currency, those of both sides of a hedge in full."""
    return sum(map(worth_of, held_rows(book)), 0.0)


def stop_of(row: sqlite3.Row) -> tuple[float | None, bool]:
    """The nearer of a position's stop and its stop-out (None: neither), and whether it is the stop-out."""
    stop, stop_out = row["stop_price"], row["stop_out_price"]
    if stop_out is None or (stop is not None and row["side"] * (stop_out - stop) <= 0.0):
        return stop, False
    return stop_out, True


def name_of(client_order_id: str) -> str:
    """The name of an order and of the position it becomes: a new book never repeats the names of an old one."""
    return f"paper-{client_order_id}"


def client_order_id_of(name: str) -> str:
    """The client order id in the name of an order or a position."""
    return name.removeprefix(name_of(""))


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
    part = "" if row["part"] == 1 else f":{row['part']}"
    return Fill(
        fill_id=f"{row['client_order_id']}:{row['reason']}{part}",
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
        order_id=name_of(row["client_order_id"]),
        gross_profit=row["gross_profit"],
        balance=row["balance"],
        balance_version=row["balance_version"],
    )
