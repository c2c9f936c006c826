"""The paper broker: the backtest's fill rule on candles and quotes as they come, with a durable book of its own.

Symbols are traded at flat `Costs`, by the rules of PARITY, or at `Charges`, by those of FX. The account is kept in the currency
of the first order: with flat costs the quote currency of its symbol, else the one the charges name; symbols of another are
rejected. Orders and positions are named after the client order id. docs/paper.md tells what it simulates and what it does not.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from fxgpt_core.brokers import paper_orders
from fxgpt_core.brokers.broker import BrokerOrder, OrderResult, Permit, Quote, Refusal, permitted
from fxgpt_core.brokers.paper_account import client_order_id_of, equity_of, fill_of, name_of, notional_of, position_of
from fxgpt_core.brokers.paper_book import PaperBook
from fxgpt_core.brokers.paper_desk import WAITING, Desk
from fxgpt_core.brokers.paper_liquidity import Liquidity
from fxgpt_core.brokers.paper_matching import play
from fxgpt_core.brokers.paper_news import News
from fxgpt_core.brokers.paper_quotes import PlayedCandle, QuotedCandle, close_of, mark_as_quote, quote_of, quoted, quoted_now
from fxgpt_core.brokers.paper_tariffs import Tariffs
from fxgpt_core.errors import BadInputError, NotReadyError
from fxgpt_core.market.charges import Charges
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.fills import Terms, bought_above
from fxgpt_core.market.orders import Account, Fill, OrderOutcome, OrderRequest, Position, Side
from fxgpt_core.market.timeframes import Timeframe

Quoting = Callable[[PlayedCandle, sqlite3.Row | None, Costs | Charges, str], QuotedCandle]
_FILLS = "SELECT fills.*, positions.client_order_id AS opened_by FROM fills JOIN positions USING (position_id) "


class PaperBroker:
    """An account of simulated money in the file `path`; `costs` by symbol. A new file starts with `cash`.

    `liquidity`: how much of an order one price fills; None: all of it.
    """

    name = "paper"

    def __init__(
        self,
        path: Path,
        costs: Mapping[str, Costs | Charges],
        cash: float = 100_000.0,
        leverage: float = 30.0,
        liquidity: Liquidity | None = None,
    ) -> None:
        if not (cash > 0.0 and leverage >= 1.0):
            raise BadInputError(f"cash {cash} and leverage {leverage} found; cash is positive and leverage at least 1")
        self._path, self._tariffs, self._liquidity = path, Tariffs(costs), liquidity
        self._cash, self._leverage = cash, leverage
        self._open_book: PaperBook | None = None
        self._news = News()

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

    async def connect(self, since_us: int | None = None) -> None:
        """Open the book. Raises `NotReadyError` when the file is not a book."""
        if self._open_book is None:
            self._open_book = PaperBook(self._path, self._cash, self._leverage)

    async def disconnect(self) -> None:
        """Close the book."""
        if self._open_book is not None:
            self._open_book.close()
            self._open_book = None

    async def subscribe(self, symbols: Sequence[str]) -> None:
        """Nothing is quoted by itself: candles and quotes are played. Raises `BadInputError` for symbols without costs."""
        if refusal := self._tariffs.refusal(*symbols):
            raise BadInputError(refusal)

    async def want_candles(self, symbol: str, timeframe: Timeframe, since_us: int | None = None) -> None:
        """It makes none: candles come to it."""

    def trade(self, name: str, costs: Costs | Charges) -> None:
        """Accept orders on a symbol, at these costs and by their rules from now on."""
        self._tariffs.set(name, costs)

    async def reconcile(self) -> None:
        """The book is all there is."""

    async def wait_for_change(self, timeout_s: float) -> bool:
        """Until an order or a position of this process was changed, by a command or a price; False when the time is over."""
        return await self._news.wait(timeout_s)

    async def place(self, request: OrderRequest, permit: Permit = permitted) -> OrderResult:
        """Accept an order; one at the market is for the next price.

        Rejects repeated ids, prices that do not go with the type, symbols without costs, and symbols whose profits the account's
        money does not know.
        """
        if denial := permit():
            return OrderResult(OrderOutcome.DENIED, reason=denial)
        if refusal := paper_orders.refusal_of(request) or self._tariffs.refusal(request.symbol):
            return _rejected(refusal)
        try:
            with self._book.writing() as book:
                settled, kept = self._tariffs.settled_in(request.symbol), self._kept_in(request.symbol)
                if settled != kept:
                    return _rejected(
                        f"{request.symbol} is settled in {settled} and this account is kept in {kept}: use another account"
                    )
                book.execute("INSERT OR IGNORE INTO money (id, currency) VALUES (1, ?)", (kept,))
                paper_orders.write(book, request)
        except sqlite3.IntegrityError:
            return _rejected(f"client order id {request.client_order_id} was used before")
        self._news.tell()
        return OrderResult(OrderOutcome.CONFIRMED, order_id=name_of(request.client_order_id))

    async def cancel(self, order_id: str) -> OrderResult:
        """Take back what is not filled of an order that waits."""
        with self._book.writing() as book:
            row = paper_orders.waiting(book, client_order_id_of(order_id))
            if row is None:
                return _rejected(f"there is no waiting order {order_id}")
            paper_orders.cancel(book, row)
        self._news.tell()
        return OrderResult(OrderOutcome.CONFIRMED, order_id=order_id)

    async def amend_order(self, order_id: str, request: OrderRequest) -> OrderResult:
        """Replace units, prices, bracket and end of an order that waits, from the next price on."""
        if refusal := paper_orders.refusal_of(request):
            return _rejected(refusal)
        with self._book.writing() as book:
            row = paper_orders.waiting(book, client_order_id_of(order_id))
            refusal = f"there is no waiting order {order_id}" if row is None else paper_orders.change(book, row, request)
        if refusal:
            return _rejected(refusal)
        self._news.tell()
        return OrderResult(OrderOutcome.CONFIRMED, order_id=order_id)

    async def amend(self, position_id: str, stop_price: float | None, target_price: float | None) -> OrderResult:
        """Replace stop and target from the next price on."""
        with self._book.writing() as book:
            changed = book.execute(
                "UPDATE positions SET stop_price = ?, target_price = ? WHERE client_order_id = ? AND is_open = 1",
                (stop_price, target_price, client_order_id_of(position_id)),
            ).rowcount
        return self._told(changed, position_id)

    async def close(self, position_id: str, client_order_id: str, reason: str, units: int | None = None) -> OrderResult:
        """Close at the next price, all or `units` of it; the same id again changes nothing."""
        if units is not None and units < 1:
            return _rejected(f"{units} units; at least 1 can be closed")
        with self._book.writing() as book:
            asked = (client_order_id, reason, units, client_order_id_of(position_id))
            book.execute(
                "INSERT OR IGNORE INTO closes (close_id, position_id, reason, units) "
                "SELECT ?, position_id, ?, ? FROM positions WHERE client_order_id = ? AND is_open = 1",
                asked,
            )
            found = "SELECT count(*) FROM positions WHERE client_order_id = ? AND is_open = 1"
            changed = book.execute(found, asked[3:]).fetchone()[0]
        return self._told(changed, position_id)

    async def order(self, client_order_id: str, sent_at_us: int = 0) -> BrokerOrder | None:
        """The order of a client order id."""
        return self.known_order(client_order_id)

    async def order_history(self, since_us: int, until_us: int) -> tuple[BrokerOrder, ...]:
        """Orders asked for from `since_us` to `until_us`, oldest first."""
        asked = "SELECT * FROM orders WHERE requested_at_us BETWEEN ? AND ? ORDER BY requested_at_us, order_id"
        return tuple(map(paper_orders.order_of, self._book.rows(asked, since_us, until_us)))

    async def deal_history(self, since_us: int, until_us: int) -> tuple[Fill, ...]:
        """Fills from `since_us` to `until_us`, oldest first."""
        return tuple(
            map(fill_of, self._book.rows(_FILLS + "WHERE time_us BETWEEN ? AND ? ORDER BY time_us, seq", since_us, until_us))
        )

    async def expected_margin(self, name: str, side: Side, units: int) -> float | None:
        """What a position would bind at the last price, in account currency; None before there was one."""
        mark = self._book.row("SELECT close, spread, conversion FROM marks WHERE symbol = ?", name)
        if mark is None or mark["conversion"] is None:
            return None
        price = mark["close"] + bought_above(int(side), mark["spread"])
        return float(units * price * mark["conversion"] / self._account()["leverage"])

    def known_order(self, client_order_id: str) -> BrokerOrder | None:
        """The order of a client order id, whose book is all there is."""
        row = self._book.row("SELECT * FROM orders WHERE client_order_id = ?", client_order_id)
        return None if row is None else paper_orders.order_of(row)

    def orders(self) -> tuple[BrokerOrder, ...]:
        """Orders that wait for a price, also those for the next one, oldest first."""
        found = self._book.rows("SELECT * FROM orders WHERE state IN (?, ?) ORDER BY order_id", *WAITING)
        return tuple(map(paper_orders.order_of, found))

    def positions(self) -> tuple[Position, ...]:
        """Open positions, oldest first."""
        return tuple(map(position_of, self._book.rows("SELECT * FROM positions WHERE is_open = 1 ORDER BY position_id")))

    def account(self) -> Account:
        """Balance, and equity and margin at the prices at which each symbol could be left when it was last marked."""
        with self._book.reading() as book:
            row = self._account()
            margin = notional_of(book) / row["leverage"]
            return Account(balance=row["cash"], equity=equity_of(book), leverage=row["leverage"], margin=margin)

    def terms(self, name: str) -> None:
        """Anything may be ordered."""

    def quote(self, name: str) -> Quote | None:
        """The last price, of a quote or of a candle's close; without one where costs are flat, a spread of 0."""
        mark = self._book.row("SELECT close, spread, conversion, quoted_at_us FROM marks WHERE symbol = ?", name)
        if mark is None:
            return Quote(0.0, 1.0) if self._tariffs.are_flat(name) else None
        return mark_as_quote(mark)

    def fills_since(self, cursor: int) -> tuple[tuple[int, Fill], ...]:
        """Fills after a cursor, oldest first."""
        return tuple((row["seq"], fill_of(row)) for row in self._book.rows(_FILLS + "WHERE seq > ? ORDER BY seq", cursor))

    def converted_by(self, name: str) -> str | None:
        """The symbol whose closes turn the profits of another into the account's money; None where none is needed."""
        return self._tariffs.converted_by(name)

    def on_candle(self, candle: PlayedCandle) -> bool:
        """Play one candle in one transaction; False, and nothing happens, for a candle at or before the last price played.

        Raises `BadInputError` for a spread that is negative or not finite.
        """
        return self._play(candle, quoted)

    def on_quote(self, name: str, bid: float, ask: float, time_us: int) -> bool:
        """Play one quote, converted by the last of the joining symbol. Raises `BadInputError` for no prices, or crossed ones."""
        joining = self.converted_by(name)
        mark = None if joining is None else self._book.row("SELECT symbol, close FROM marks WHERE symbol = ?", joining)
        return self._play(quote_of(name, bid, ask, time_us, None if mark is None else close_of(mark, time_us)), quoted_now)

    def last_played_us(self, name: str) -> int | None:
        """Open time of the last candle played for a symbol, or the time of its last quote."""
        mark = self._book.row("SELECT open_time_us FROM marks WHERE symbol = ?", name)
        return None if mark is None else int(mark["open_time_us"])

    def _play(self, price: PlayedCandle, quoting: Quoting) -> bool:
        with self._book.writing() as book:
            before = book.execute("SELECT * FROM marks WHERE symbol = ?", (price.symbol,)).fetchone()
            if before is not None and price.open_time_us <= before["open_time_us"]:
                return False
            quotes = quoting(price, before, self._tariffs.of(price.symbol), self._kept_in(price.symbol))
            known = _done(book)
            play(Desk(book, price, quotes, self._terms_of(price.symbol), self._terms_of, self._liquidity))
            is_news = _done(book) != known
        if is_news:
            self._news.tell()
        return True

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

    def _terms_of(self, name: str) -> Terms:
        account = self._account()
        return self._tariffs.terms(name, account["cash"], account["leverage"])

    def _kept_in(self, name: str) -> str:
        """The currency of the account; before its first order, the one that an order on this symbol would make it."""
        row = self._book.row("SELECT currency FROM money")
        return self._tariffs.settled_in(name) if row is None else str(row["currency"])

    def _told(self, changed: int, position_id: str) -> OrderResult:
        if not changed:
            return _rejected(f"there is no open position {position_id}", Refusal.NO_SUCH_POSITION)
        self._news.tell()
        return OrderResult(OrderOutcome.CONFIRMED, position_id=position_id)


def _rejected(reason: str, refusal: Refusal = Refusal.OTHER) -> OrderResult:
    return OrderResult(OrderOutcome.REJECTED, reason=reason, refusal=refusal)


def _done(book: sqlite3.Connection) -> tuple[int, int]:
    """What a price may change besides the money: the last execution, and how many orders wait."""
    n_waiting = book.execute("SELECT count(*) FROM orders WHERE state IN (?, ?)", WAITING).fetchone()[0]
    return book.execute("SELECT coalesce(max(seq), 0) FROM fills").fetchone()[0], n_waiting
