"""The paper broker: the backtest's fill rule on candles as they come, with a durable book of its own.

The account is kept in the quote currency of the first symbol it trades; symbols quoted in another one are rejected. Orders and
positions are named after the client order id, so that a new book never repeats the names of an old one.
Within a candle: pending close at the open → stop → target → entry at the open → stop → target, which is the order of the
backtest's kernel.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fxgpt_core.brokers.broker import BrokerOrder, OrderResult, OrderState
from fxgpt_core.brokers.paper_book import PaperBook
from fxgpt_core.errors import BadInputError, NotReadyError
from fxgpt_core.market import fills
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.orders import Account, Fill, OrderOutcome, OrderRequest, Position, Side
from fxgpt_core.market.symbols import symbol

_STOP_OR_TARGET = {fills.REASON_STOP: "stop", fills.REASON_TARGET: "target"}


@dataclass(frozen=True)
class PlayedCandle:
    """One complete candle of a symbol: open time in µs since the epoch, prices in quote currency."""

    symbol: str
    open_time_us: int
    open: float
    high: float
    low: float
    close: float


class PaperBroker:
    """An account of simulated money in the file `path`; `costs` by symbol. A new file starts with `cash`."""

    name = "paper"

    def __init__(self, path: Path, costs: Mapping[str, Costs], cash: float = 100_000.0, leverage: float = 30.0) -> None:
        if not (cash > 0.0 and leverage >= 1.0):
            raise BadInputError(f"cash {cash} and leverage {leverage} found; cash is positive and leverage at least 1")
        self._path, self._costs = path, dict(costs)
        self._cash, self._leverage = cash, leverage
        self._open_book: PaperBook | None = None

    def connect(self) -> None:
        """Open the book. Raises `NotReadyError` when the file is not a book."""
        if self._open_book is None:
            self._open_book = PaperBook(self._path, self._cash, self._leverage)

    def disconnect(self) -> None:
        """Close the book."""
        if self._open_book is not None:
            self._open_book.close()
            self._open_book = None

    def trade(self, name: str, costs: Costs) -> None:
        """Accept orders on a symbol, at these costs from now on."""
        self._costs[name] = costs

    def place(self, request: OrderRequest) -> OrderResult:
        """Accept a market order for the next candle's open.

        Rejects repeated ids, units below 1, symbols without costs, and symbols quoted in another currency than the account's.
        """
        if request.units < 1:
            return OrderResult(OrderOutcome.REJECTED, reason=f"{request.units} units; at least 1 is needed")
        if request.symbol not in self._costs:
            return OrderResult(OrderOutcome.REJECTED, reason=f"{request.symbol} is not traded here: {', '.join(self._costs)}")
        values = (
            request.client_order_id, request.symbol, int(request.side), request.units, request.stop_price, request.target_price,
            OrderState.ACCEPTED,
        )  # fmt: skip
        try:
            with self._book.writing() as book:
                quote, kept = symbol(request.symbol).quote, _currency(book, request.symbol)
                if quote != kept:
                    reason = f"{request.symbol} is settled in {quote} and this account is kept in {kept}: use another account"
                    return OrderResult(OrderOutcome.REJECTED, reason=reason)
                book.execute(
                    "INSERT INTO orders (client_order_id, symbol, side, units, stop_price, target_price, state) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    values,
                )
        except sqlite3.IntegrityError:
            return OrderResult(OrderOutcome.REJECTED, reason=f"client order id {request.client_order_id} was used before")
        return OrderResult(OrderOutcome.CONFIRMED, order_id=_name(request.client_order_id))

    def amend(self, position_id: str, stop_price: float | None, target_price: float | None) -> OrderResult:
        """Replace stop and target from the next candle on."""
        with self._book.writing() as book:
            changed = book.execute(
                "UPDATE positions SET stop_price = ?, target_price = ? WHERE client_order_id = ? AND is_open = 1",
                (stop_price, target_price, _client_order_id(position_id)),
            ).rowcount
        return _answer(changed, position_id)

    def close(self, position_id: str, client_order_id: str, reason: str) -> OrderResult:
        """Close at the next candle's open; asking again changes nothing."""
        with self._book.writing() as book:
            changed = book.execute(
                "UPDATE positions SET close_order_id = coalesce(close_order_id, ?), close_reason = coalesce(close_reason, ?) "
                "WHERE client_order_id = ? AND is_open = 1",
                (client_order_id, reason, _client_order_id(position_id)),
            ).rowcount
        return _answer(changed, position_id)

    def order(self, client_order_id: str) -> BrokerOrder | None:
        """The order of a client order id."""
        row = self._book.row("SELECT * FROM orders WHERE client_order_id = ?", client_order_id)
        if row is None:
            return None
        return BrokerOrder(
            order_id=_name(row["client_order_id"]),
            client_order_id=row["client_order_id"],
            symbol=row["symbol"],
            side=Side(row["side"]),
            units=row["units"],
            state=OrderState(row["state"]),
            position_id=None if row["position_id"] is None else _name(row["client_order_id"]),
            reason=row["reason"],
        )

    def positions(self) -> tuple[Position, ...]:
        """Open positions, oldest first."""
        return tuple(map(_position, self._book.rows("SELECT * FROM positions WHERE is_open = 1 ORDER BY position_id")))

    def account(self) -> Account:
        """Balance, and equity at each symbol's last close."""
        row = self._book.row("SELECT cash, leverage FROM account")
        if row is None:
            raise NotReadyError(f"the paper broker's book {self._path} has no account; move it away to start a new one")
        equity = row["cash"]
        for held, mark in self._marked():
            equity += fills.unrealised(int(held.side), held.units, held.entry_price, mark)
        return Account(balance=row["cash"], equity=equity, leverage=row["leverage"])

    def fills_since(self, cursor: int) -> tuple[tuple[int, Fill], ...]:
        """Fills after a cursor, oldest first."""
        found = self._book.rows(
            "SELECT fills.*, positions.client_order_id AS opened_by FROM fills JOIN positions USING (position_id) "
            "WHERE seq > ? ORDER BY seq",
            cursor,
        )
        return tuple((row["seq"], _fill(row)) for row in found)

    def on_candle(self, candle: PlayedCandle) -> bool:
        """Play one candle in one transaction; False, and nothing happens, for a candle at or before the last one played."""
        mark = self._book.row("SELECT open_time_us FROM marks WHERE symbol = ?", candle.symbol)
        if mark is not None and candle.open_time_us <= mark["open_time_us"]:
            return False
        with self._book.writing() as book:
            for row in self._book.rows("SELECT * FROM positions WHERE is_open = 1 AND symbol = ?", candle.symbol):
                self._exit(book, row, candle)
            for row in self._book.rows(
                "SELECT * FROM orders WHERE state = ? AND symbol = ? ORDER BY order_id", OrderState.ACCEPTED, candle.symbol
            ):
                self._enter(book, row, candle)
            book.execute(
                "INSERT INTO marks (symbol, open_time_us, close) VALUES (?, ?, ?) "
                "ON CONFLICT (symbol) DO UPDATE SET open_time_us = excluded.open_time_us, close = excluded.close",
                (candle.symbol, candle.open_time_us, candle.close),
            )
        return True

    def last_played_us(self, name: str) -> int | None:
        """Open time of the last candle played for a symbol."""
        mark = self._book.row("SELECT open_time_us FROM marks WHERE symbol = ?", name)
        return None if mark is None else int(mark["open_time_us"])

    @property
    def _book(self) -> PaperBook:
        if self._open_book is None:
            raise NotReadyError(f"the paper broker with the book {self._path} is not connected; call connect first")
        return self._open_book

    def _marked(self) -> list[tuple[Position, float]]:
        """Open positions with the last close of their symbol; the entry price before the first one."""
        marks = {mark["symbol"]: mark["close"] for mark in self._book.rows("SELECT * FROM marks")}
        return [(held, marks.get(held.symbol, held.entry_price)) for held in self.positions()]

    def _enter(self, book: sqlite3.Connection, order: sqlite3.Row, candle: PlayedCandle) -> None:
        costs, side, units = self._costs[candle.symbol], order["side"], order["units"]
        account, bound = self.account(), sum(held.units * mark for held, mark in self._marked())
        # What is held binds its part. Flat, this is the kernel's cash × leverage to the last bit.
        buying_power = max(0.0, account.equity) * (1.0 / (1.0 / account.leverage)) - bound
        if not fills.margin_allows(side, units, candle.open, costs.spread, costs.commission, buying_power):
            reason = (
                f"{units} units at {candle.open} exceed the margin: equity {account.equity:.2f} at leverage "
                f"{account.leverage:g}, of which open positions bind {bound:.2f}"
            )
            book.execute(
                "UPDATE orders SET state = ?, reason = ? WHERE order_id = ?", (OrderState.REJECTED, reason, order["order_id"])
            )
            return
        price = fills.entry_price(side, candle.open, costs.spread)
        position_id = book.execute(
            "INSERT INTO positions (client_order_id, symbol, side, units, entry_price, entry_time_us, stop_price, target_price) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                order["client_order_id"], candle.symbol, side, units, price, candle.open_time_us, order["stop_price"],
                order["target_price"],
            ),
        ).lastrowid  # fmt: skip
        book.execute(
            "UPDATE orders SET state = ?, position_id = ? WHERE order_id = ?",
            (OrderState.FILLED, position_id, order["order_id"]),
        )
        self._book_fill(book, order["client_order_id"], position_id, candle, (side, units, price, "entry", 0.0))
        row = book.execute("SELECT * FROM positions WHERE position_id = ?", (position_id,)).fetchone()
        self._exit(book, row, candle)

    def _exit(self, book: sqlite3.Connection, held: sqlite3.Row, candle: PlayedCandle) -> None:
        if held["close_order_id"] is not None:
            price, reason, client_order_id = candle.open, held["close_reason"], held["close_order_id"]
        else:
            stop = -float("inf") * held["side"] if held["stop_price"] is None else held["stop_price"]
            target = float("inf") * held["side"] if held["target_price"] is None else held["target_price"]
            price, code = fills.exit_in_candle(held["side"], candle.open, candle.high, candle.low, stop, target)
            if code == fills.REASON_NONE:
                return
            reason, client_order_id = _STOP_OR_TARGET[code], held["client_order_id"]
        gross = fills.realised(held["side"], held["units"], held["entry_price"], price)
        book.execute("UPDATE positions SET is_open = 0 WHERE position_id = ?", (held["position_id"],))
        self._book_fill(book, client_order_id, held["position_id"], candle, (held["side"], held["units"], price, reason, gross))

    def _book_fill(
        self,
        book: sqlite3.Connection,
        client_order_id: str,
        position_id: int | None,
        candle: PlayedCandle,
        execution: tuple[int, int, float, str, float],
    ) -> None:
        """Write one execution (side, units, price, reason, gross profit) and move the money."""
        side, units, price, reason, gross = execution
        commission = fills.commission_paid(units, price, self._costs[candle.symbol].commission)
        book.execute(
            "INSERT INTO fills (client_order_id, position_id, symbol, side, units, price, commission, time_us, reason) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (client_order_id, position_id, candle.symbol, side, units, price, commission, candle.open_time_us, reason),
        )
        # One addition, as the kernel makes it: cash + (gross − commission) is not always (cash + gross) − commission.
        book.execute("UPDATE account SET cash = cash + ?", (gross - commission,))


def _name(client_order_id: str) -> str:
    """The name of an order and of the position it becomes."""
    return f"paper-{client_order_id}"


def _client_order_id(name: str) -> str:
    return name.removeprefix("paper-")


def _currency(book: sqlite3.Connection, of_symbol: str) -> str:
    """The currency of the account: the quote currency of the first symbol that was ordered on it."""
    book.execute("INSERT OR IGNORE INTO money (id, currency) VALUES (1, ?)", (symbol(of_symbol).quote,))
    return str(book.execute("SELECT currency FROM money").fetchone()[0])


def _answer(changed: int, position_id: str) -> OrderResult:
    if changed:
        return OrderResult(OrderOutcome.CONFIRMED, position_id=position_id)
    return OrderResult(OrderOutcome.REJECTED, reason=f"there is no open position {position_id}")


def _position(row: sqlite3.Row) -> Position:
    return Position(
        position_id=_name(row["client_order_id"]),
        client_order_id=row["client_order_id"],
        symbol=row["symbol"],
        side=Side(row["side"]),
        units=row["units"],
        entry_price=row["entry_price"],
        entry_time_us=row["entry_time_us"],
        stop_price=row["stop_price"],
        target_price=row["target_price"],
    )


def _fill(row: sqlite3.Row) -> Fill:
    return Fill(
        fill_id=f"{row['client_order_id']}:{row['reason']}",
        client_order_id=row["client_order_id"],
        position_id=_name(row["opened_by"]),
        symbol=row["symbol"],
        side=Side(row["side"]),
        units=row["units"],
        price=row["price"],
        commission=row["commission"],
        time_us=row["time_us"],
        reason=row["reason"],
    )
