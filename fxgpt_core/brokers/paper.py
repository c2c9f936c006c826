"""The paper broker: the backtest's fill rule on candles as they come, with a durable book of its own.

Symbols are traded at flat `Costs`, by the rules of PARITY, or at `Charges`, by those of FX. The account is kept in the currency
of the first order: with flat costs the quote currency of its symbol, else the one the charges name; symbols of another are
rejected. Orders and positions are named after the client order id.
"""

import asyncio
import sqlite3
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from fxgpt_core.brokers.broker import BrokerOrder, OrderResult, OrderState, Permit, Quote, permitted
from fxgpt_core.brokers.paper_account import equity_of, fill_of, name_of, position_of
from fxgpt_core.brokers.paper_book import PaperBook
from fxgpt_core.brokers.paper_matching import Match
from fxgpt_core.brokers.paper_quotes import PlayedCandle, quoted
from fxgpt_core.errors import BadInputError, NotReadyError
from fxgpt_core.market.charges import Charges, terms_of
from fxgpt_core.market.conversion import joining_symbol
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.orders import Account, Fill, OrderOutcome, OrderRequest, Position, Side
from fxgpt_core.market.symbols import symbol


class PaperBroker:
    """An account of simulated money in the file `path`; `costs` by symbol. A new file starts with `cash`."""

    name = "paper"

    def __init__(self, path: Path, costs: Mapping[str, Costs | Charges], cash: float = 100_000.0, leverage: float = 30.0) -> None:
        if not (cash > 0.0 and leverage >= 1.0):
            raise BadInputError(f"cash {cash} and leverage {leverage} found; cash is positive and leverage at least 1")
        self._path, self._costs = path, dict(costs)
        self._cash, self._leverage = cash, leverage
        self._open_book: PaperBook | None = None

    @property
    def is_ready(self) -> bool:
        """Whether the book is open."""
        return self._open_book is not None

    @property
    def connections(self) -> int:
        """The book is read once, and is all there is."""
        return 1

    @property
    def settles_within(self) -> timedelta:
        """At once: an order that is not in the book never came."""
        return timedelta(0)

    async def reconcile(self) -> None:
        """The book is all there is."""

    async def wait_for_change(self, timeout_s: float) -> bool:
        """Nothing is told by itself: candles are played."""
        await asyncio.sleep(timeout_s)
        return False

    def terms(self, name: str) -> None:
        """Anything may be ordered."""

    def orders(self) -> tuple[BrokerOrder, ...]:
        """No order waits longer than for the next candle."""
        return ()

    async def connect(self, since_us: int | None = None) -> None:
        """Open the book. Raises `NotReadyError` when the file is not a book."""
        if self._open_book is None:
            self._open_book = PaperBook(self._path, self._cash, self._leverage)

    async def disconnect(self) -> None:
        """Close the book."""
        if self._open_book is not None:
            self._open_book.close()
            self._open_book = None

    def trade(self, name: str, costs: Costs | Charges) -> None:
        """Accept orders on a symbol, at these costs and by their rules from now on."""
        self._costs[name] = costs

    async def place(self, request: OrderRequest, permit: Permit = permitted) -> OrderResult:
        """Accept a market order for the next candle's open.

        Rejects repeated ids, units below 1, symbols without costs, and symbols whose profits the account's money does not know.
        """
        if denial := permit():
            return OrderResult(OrderOutcome.DENIED, reason=denial)
        refusal = self._refusal(request)
        if refusal:
            return OrderResult(OrderOutcome.REJECTED, reason=refusal)
        values = (
            request.client_order_id, request.symbol, int(request.side), request.units, request.stop_price, request.target_price,
            OrderState.ACCEPTED,
        )  # fmt: skip
        try:
            with self._book.writing() as book:
                settled, kept = self._settled_in(request.symbol), self._kept_in(request.symbol)
                if settled != kept:
                    reason = f"{request.symbol} is settled in {settled} and this account is kept in {kept}: use another account"
                    return OrderResult(OrderOutcome.REJECTED, reason=reason)
                book.execute("INSERT OR IGNORE INTO money (id, currency) VALUES (1, ?)", (kept,))
                book.execute(
                    "INSERT INTO orders (client_order_id, symbol, side, units, stop_price, target_price, state) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    values,
                )
        except sqlite3.IntegrityError:
            return OrderResult(OrderOutcome.REJECTED, reason=f"client order id {request.client_order_id} was used before")
        return OrderResult(OrderOutcome.CONFIRMED, order_id=name_of(request.client_order_id))

    async def amend(self, position_id: str, stop_price: float | None, target_price: float | None) -> OrderResult:
        """Replace stop and target from the next candle on."""
        with self._book.writing() as book:
            changed = book.execute(
                "UPDATE positions SET stop_price = ?, target_price = ? WHERE client_order_id = ? AND is_open = 1",
                (stop_price, target_price, _client_order_id(position_id)),
            ).rowcount
        return _answer(changed, position_id)

    async def close(self, position_id: str, client_order_id: str, reason: str, units: int | None = None) -> OrderResult:
        """Close at the next candle's open; asking again changes nothing."""
        with self._book.writing() as book:
            changed = book.execute(
                "UPDATE positions SET close_order_id = coalesce(close_order_id, ?), close_reason = coalesce(close_reason, ?) "
                "WHERE client_order_id = ? AND is_open = 1",
                (client_order_id, reason, _client_order_id(position_id)),
            ).rowcount
        return _answer(changed, position_id)

    async def order(self, client_order_id: str, sent_at_us: int = 0) -> BrokerOrder | None:
        """The order of a client order id."""
        return self.known_order(client_order_id)

    def known_order(self, client_order_id: str) -> BrokerOrder | None:
        """The order of a client order id, whose book is all there is."""
        row = self._book.row("SELECT * FROM orders WHERE client_order_id = ?", client_order_id)
        if row is None:
            return None
        return BrokerOrder(
            order_id=name_of(row["client_order_id"]),
            client_order_id=row["client_order_id"],
            symbol=row["symbol"],
            side=Side(row["side"]),
            units=row["units"],
            state=OrderState(row["state"]),
            position_id=None if row["position_id"] is None else name_of(row["client_order_id"]),
            reason=row["reason"],
        )

    def positions(self) -> tuple[Position, ...]:
        """Open positions, oldest first."""
        return tuple(map(position_of, self._book.rows("SELECT * FROM positions WHERE is_open = 1 ORDER BY position_id")))

    def account(self) -> Account:
        """Balance, and equity at the prices at which each symbol could be left at its last close."""
        with self._book.reading() as book:
            row = self._account()
            return Account(balance=row["cash"], equity=equity_of(book), leverage=row["leverage"])

    def quote(self, name: str) -> Quote | None:
        """Spread and conversion at the close of the last candle played; without a spread where costs are flat."""
        mark = self._book.row("SELECT spread, conversion FROM marks WHERE symbol = ?", name)
        if mark is not None:
            return None if mark["conversion"] is None else Quote(mark["spread"], mark["conversion"])
        return Quote(0.0, 1.0) if isinstance(self._costs.get(name), Costs) else None

    def fills_since(self, cursor: int) -> tuple[tuple[int, Fill], ...]:
        """Fills after a cursor, oldest first."""
        found = self._book.rows(
            "SELECT fills.*, positions.client_order_id AS opened_by FROM fills JOIN positions USING (position_id) "
            "WHERE seq > ? ORDER BY seq",
            cursor,
        )
        return tuple((row["seq"], fill_of(row)) for row in found)

    def converted_by(self, name: str) -> str | None:
        """The symbol whose closes turn the profits of another into the account's money; None where none is needed."""
        costs = self._costs.get(name)
        joining = joining_symbol(symbol(name), costs.account_currency) if isinstance(costs, Charges) else None
        return None if joining is None else joining.name

    def on_candle(self, candle: PlayedCandle) -> bool:
        """Play one candle in one transaction; False, and nothing happens, for a candle at or before the last one played.

        Raises `BadInputError` for a spread that is negative or not finite.
        """
        with self._book.writing() as book:
            before = book.execute("SELECT * FROM marks WHERE symbol = ?", (candle.symbol,)).fetchone()
            if before is not None and candle.open_time_us <= before["open_time_us"]:
                return False
            costs, account = self._costs.get(candle.symbol), self._account()
            if costs is None:
                raise BadInputError(f"a candle of {candle.symbol} was played, which is not traded here; call trade first")
            quotes = quoted(candle, before, costs, self._kept_in(candle.symbol))
            Match(book, candle, quotes, terms_of(costs, account["cash"], 1.0 / (1.0 / account["leverage"]))).play()
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

    def _account(self) -> sqlite3.Row:
        row = self._book.row("SELECT cash, leverage FROM account")
        if row is None:
            raise NotReadyError(f"the paper broker's book {self._path} has no account; move it away to start a new one")
        return row

    def _refusal(self, request: OrderRequest) -> str:
        """Why an order cannot be, whatever the book says; empty if it can."""
        if request.units < 1:
            return f"{request.units} units; at least 1 is needed"
        if request.symbol not in self._costs:
            return f"{request.symbol} is not traded here: {', '.join(self._costs)}"
        try:
            self.converted_by(request.symbol)
        except BadInputError as error:
            return str(error)
        return ""

    def _settled_in(self, name: str) -> str:
        """The currency in which profits of a symbol arrive."""
        costs = self._costs[name]
        return costs.account_currency if isinstance(costs, Charges) else symbol(name).quote

    def _kept_in(self, name: str) -> str:
        """The currency of the account; before its first order, the one that an order on this symbol would make it."""
        row = self._book.row("SELECT currency FROM money")
        return self._settled_in(name) if row is None else str(row["currency"])


def _client_order_id(name: str) -> str:
    return name.removeprefix(name_of(""))


def _answer(changed: int, position_id: str) -> OrderResult:
    if changed:
        return OrderResult(OrderOutcome.CONFIRMED, position_id=position_id)
    return OrderResult(OrderOutcome.REJECTED, reason=f"there is no open position {position_id}")
