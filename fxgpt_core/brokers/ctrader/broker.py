"""cTrader as a broker: one account on a session that repairs itself, its books as the fold of what the venue tells."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from google.protobuf.message import Message

from fxgpt_core.brokers.broker import BrokerOrder, OrderResult, Permit, Quote, Refusal, TradingTerms, permitted
from fxgpt_core.brokers.ctrader import book_views, history
from fxgpt_core.brokers.ctrader.account_book import AccountBook
from fxgpt_core.brokers.ctrader.account_reading import AccountReading
from fxgpt_core.brokers.ctrader.account_worth import AccountWorth
from fxgpt_core.brokers.ctrader.closed_candles import ClosedCandles, OnCandle
from fxgpt_core.brokers.ctrader.command_outcomes import refused
from fxgpt_core.brokers.ctrader.commands import GONE, Commands
from fxgpt_core.brokers.ctrader.connection import OnEvent
from fxgpt_core.brokers.ctrader.market_prices import MarketPrices
from fxgpt_core.brokers.ctrader.order_messages import OrderTerms
from fxgpt_core.brokers.ctrader.preparation import prepared
from fxgpt_core.brokers.ctrader.prices import money, volume_of
from fxgpt_core.brokers.ctrader.reading import Link, read
from fxgpt_core.brokers.ctrader.session import OnReady, Session
from fxgpt_core.errors import FxgptError, NotReadyError
from fxgpt_core.market.orders import Account, Fill, OrderRequest, Position, Side
from fxgpt_core.market.timeframes import Timeframe

MILLISECOND_US = 1_000
DAY_MS = 86_400_000
MINUTE_MS = 60_000
BETWEEN_TRIES_S = 1.0

MakeSession = Callable[[OnEvent, OnReady], Session]
OnFrame = Callable[[str, str, bytes], None]
"""Told each execution event: where it is from (push), the name of its message, its bytes."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CTraderSettings:
    """How the account is traded.

    `order_timeout_s`: without an answer for so long an order's outcome is unknown. `settles_within`: how long histories may not
    know of an order. `lag_s`: how long to wait, at a connection, for a history to explain the state. `spelled`: the house's name
    of a symbol where it is not ours. `may_be_bare`: orders without a stop are sent. `comment` goes with each order.
    """

    account_id: int
    name: str = "ctrader"
    order_timeout_s: float = 15.0
    connect_s: float = 20.0
    settles_within: timedelta = timedelta(seconds=120)
    lag_s: float = 60.0
    spelled: Mapping[str, str] = field(default_factory=dict)
    may_be_bare: bool = False
    comment: Callable[[], str] = lambda: ""


class CTraderBroker:
    """The role `Broker` on a cTrader account. `make_session` is called once, with what the session tells and awaits.

    `now_us` is the wall clock in µs since the epoch; waiting is by the event loop's. `on_candle` gets what `want_candles` wants.
    """

    def __init__(
        self,
        make_session: MakeSession,
        settings: CTraderSettings,
        now_us: Callable[[], int],
        on_frame: OnFrame = lambda source, kind, frame: None,
        on_candle: OnCandle = lambda symbol, timeframe, candle: None,
    ) -> None:
        self._settings, self._now_us, self._on_frame = settings, now_us, on_frame
        self._session = make_session(self._on_event, self._on_ready)
        self._book = AccountBook()
        self._reading = AccountReading(settings.account_id, self._book, now_us, settings.lag_s)
        self._commands = Commands(self._session, self._book, self._order_terms, settings.account_id, settings.order_timeout_s)
        self._candles = ClosedCandles(settings.account_id, now_us, on_candle)
        self._worth = AccountWorth(self._book)
        self._prices: MarketPrices | None = None
        self._wanted: set[str] = set()
        self._since_ms = 0
        self._connections = 0
        self._changed = asyncio.Event()
        self._catching_up: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def name(self) -> str:
        """Name in the books."""
        return self._settings.name

    @property
    def is_ready(self) -> bool:
        """Whether the session is ready and no position is in doubt."""
        return self._session.is_ready and not self._book.is_doubtful

    @property
    def connections(self) -> int:
        """How often the account was read whole."""
        return self._connections

    @property
    def settles_within(self) -> timedelta:
        """How long histories may not know of an order."""
        return self._settings.settles_within

    @property
    def session(self) -> Session:
        """The session, for what it says of its state."""
        return self._session

    async def connect(self, since_us: int | None = None) -> None:
        """Begin to connect and wait a while for the account to be read; where it takes longer, the session goes on trying.

        Raises `RefusedError` where the venue wants something that only a person can change.
        """
        now_ms = self._now_us() // MILLISECOND_US
        self._since_ms = now_ms - DAY_MS if since_us is None else since_us // MILLISECOND_US
        await self._session.start()
        self._start(self._candles.keep(self._session, is_ready=lambda: self._session.is_ready))
        try:
            await self._session.wait_ready(self._settings.connect_s)
        except NotReadyError as error:
            log.warning("%s; it is tried on", error)

    async def disconnect(self) -> None:
        """End the session; nothing at the venue changes."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.stop()

    async def subscribe(self, symbols: Sequence[str]) -> None:
        """Want quotes and terms of these symbols, on every connection from now on.

        Raises `BadInputError` for one that the venue does not trade, or that it has several of.
        """
        fresh = set(symbols) - self._wanted
        if self._session.is_ready and fresh:
            prices = self._known_prices()
            await prices.want(self._session, [prices.symbols.named(name).symbol_id for name in sorted(fresh)], self._now_us())
        self._wanted |= fresh

    async def want_candles(self, symbol: str, timeframe: Timeframe, since_us: int | None = None) -> None:
        """Tell `on_candle` each candle of a series that closes after `since_us` (None: from now on), over lost connections too.

        Raises `NotReadyError` before the session was ready, `BadInputError` for a symbol the venue does not trade.
        """
        await self.subscribe([symbol])
        symbol_id = self._known_prices().symbols.named(symbol).symbol_id
        await self._candles.subscribe(self._session, self._candles.want(symbol, symbol_id, timeframe, since_us))

    async def place(self, request: OrderRequest, permit: Permit = permitted) -> OrderResult:
        """Send an order with its bracket, at most once."""
        return await self._commands.place(request, permit)

    async def cancel(self, order_id: str) -> OrderResult:
        """Take back an order that waits."""
        return await self._commands.cancel(order_id)

    async def amend_order(self, order_id: str, request: OrderRequest) -> OrderResult:
        """Replace units, prices, bracket and end of an order that waits."""
        return await self._commands.amend_order(order_id, request)

    async def amend(self, position_id: str, stop_price: float | None, target_price: float | None) -> OrderResult:
        """Replace stop and target of an open position; both are always sent."""
        held = self._commands.held(position_id)
        if held is None:
            return refused(f"there is no open position {position_id}; {GONE}", Refusal.NO_SUCH_POSITION)
        symbol = self._known_prices().symbols.traded[held.symbol_id]
        return await self._verified(await self._commands.amend(position_id, symbol, stop_price, target_price))

    async def close(self, position_id: str, client_order_id: str, reason: str, units: int | None = None) -> OrderResult:
        """Close a position, or a part of it, at the market."""
        return await self._verified(await self._commands.close(position_id, (client_order_id, reason), units))

    async def order(self, client_order_id: str, sent_at_us: int = 0) -> BrokerOrder | None:
        """The order of an id, in the books or in everything the venue tells since a minute before it was sent."""
        if self._book.known(client_order_id) is None:
            sent_ms = sent_at_us // MILLISECOND_US or self._reading.now_ms() - DAY_MS
            await self._reading.history(self._session, sent_ms)
            await self._reading.state(self._session)
            self._tell()
        return self.known_order(client_order_id)

    async def order_history(self, since_us: int, until_us: int) -> tuple[BrokerOrder, ...]:
        """All orders of a stretch of time, the server's own protective ones left out, oldest first."""
        book, symbols = await self._read_span(since_us, until_us), self._known_prices().symbols
        orders = sorted(book.orders.values(), key=lambda one: (one.updated_ms, one.order_id))
        return tuple(book_views.shown_order(one, symbols) for one in orders if not one.is_protective)

    async def deal_history(self, since_us: int, until_us: int) -> tuple[Fill, ...]:
        """All fills of a stretch of time, oldest first."""
        book = await self._read_span(since_us, until_us)
        return tuple(self._shown(book, deal_id) for deal_id in book.fills)

    async def reconcile(self) -> None:
        """Read what may have happened since the last reading, and the state as a whole."""
        await self._reading.tail(self._session)
        self._tell()

    async def expected_margin(self, name: str, side: Side, units: int) -> float | None:
        """What a position would bind, by the venue's own reckoning."""
        symbol_id = self._known_prices().symbols.named(name).symbol_id
        told = await read(
            self._session,
            "ProtoOAExpectedMarginReq",
            ctidTraderAccountId=self._settings.account_id,
            symbolId=symbol_id,
            volume=[volume_of(units)],
        )
        found = [one for one in told.margin if one.volume == volume_of(units)]
        if not found:
            return None
        return float(money(found[0].buyMargin if side is Side.LONG else found[0].sellMargin, told.moneyDigits))

    async def wait_for_change(self, timeout_s: float) -> bool:
        """Until something of the account was told, or the time is over; False then."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return True

    def known_order(self, client_order_id: str) -> BrokerOrder | None:
        """What the books have of an order."""
        order = self._book.known(client_order_id)
        return None if order is None else book_views.shown_order(order, self._known_prices().symbols)

    def orders(self) -> tuple[BrokerOrder, ...]:
        """Orders that wait for a price, oldest first."""
        symbols = self._known_prices().symbols
        waiting = [order for _, order in sorted(self._book.orders.items()) if self._book.waits(order)]
        return tuple(book_views.shown_order(order, symbols) for order in waiting)

    def positions(self) -> tuple[Position, ...]:
        """All open positions, oldest first."""
        symbols = self._known_prices().symbols
        held = [one for _, one in sorted(self._book.positions.items()) if one.volume]
        return tuple(book_views.shown_position(self._book, one, symbols) for one in held)

    def account(self) -> Account:
        """Balance, equity at the last prices, leverage, margin."""
        return self._worth.account(self._known_prices(), self._reading.trader)

    def quote(self, name: str) -> Quote | None:
        """The last price of a symbol that is subscribed."""
        prices = self._prices
        return None if prices is None or name not in self._wanted else prices.quote(prices.symbols.named(name).symbol_id)

    def terms(self, name: str) -> TradingTerms | None:
        """What may be ordered of a symbol that is subscribed. Raises `NotReadyError` before the venue told it."""
        return self._known_prices().symbols.sized(name).terms

    def fills_since(self, cursor: int) -> tuple[tuple[int, Fill], ...]:
        """Fills after a cursor, in the order in which they were told."""
        self._known_prices()
        told = enumerate(self._book.fills[cursor:], start=cursor + 1)
        return tuple((number, self._shown(self._book, deal_id)) for number, deal_id in told)

    def _shown(self, book: AccountBook, deal_id: int) -> Fill:
        return book_views.shown_fill(book, book.deals[deal_id], self._known_prices().symbols, self._commands.closes)

    async def _read_span(self, since_us: int, until_us: int) -> AccountBook:
        """A book of its own: what was long ago is no news."""
        book, account_id = AccountBook(), self._settings.account_id
        span = (since_us // MILLISECOND_US, until_us // MILLISECOND_US)
        orders = await history.orders_between(self._session, account_id, *span)
        deals = await history.deals_between(self._session, account_id, *span)
        book.take_rows(orders, deals)
        for order_id in book.homeless():
            book.take_rows((await history.details(self._session, account_id, order_id))[0], [])
        return book

    def _known_prices(self) -> MarketPrices:
        if self._prices is None:
            raise NotReadyError(f"the books of {self.name} were not read yet ({self._session.reason or 'connecting'})")
        return self._prices

    def _order_terms(self, name: str) -> OrderTerms:
        symbol = self._known_prices().symbols.sized(name)
        settings = self._settings
        return OrderTerms(settings.account_id, symbol, self.quote(name), settings.comment(), settings.may_be_bare)

    async def _on_ready(self, link: Link) -> None:
        """Everything that a new connection must know before it is ready."""
        since_ms = self._since_ms if self._reading.read_to_ms is None else self._reading.tail_ms()
        self._prices = await prepared(link, self._reading, self._settings.spelled, since_ms)
        await self._subscribe_all(link, self._prices)
        await self._worth.read(link, self._settings.account_id)
        self._connections += 1
        self._tell()

    async def _subscribe_all(self, link: Link, prices: MarketPrices) -> None:
        held = {one.symbol_id for one in self._book.positions.values() if one.volume}
        waiting = {one.symbol_id for one in self._book.orders.values() if self._book.waits(one)}
        wanted = {prices.symbols.named(name).symbol_id for name in self._wanted}
        await prices.want(link, held | waiting | wanted, self._now_us())
        for series in self._candles.series.values():
            series.symbol_id = prices.symbols.named(series.name).symbol_id
            await prices.want(link, [series.symbol_id], self._now_us())
            await self._candles.subscribe(link, series)

    def _on_event(self, name: str, message: Message) -> None:
        told: Any = message
        if name == "ProtoOASpotEvent":
            if self._prices is not None:
                self._prices.take(told, self._now_us())
            self._candles.take(told)
        elif getattr(told, "ctidTraderAccountId", None) == self._settings.account_id:
            self._take(name, told)

    def _take(self, name: str, told: Any) -> None:
        if name == "ProtoOAExecutionEvent":
            # Kept before it is understood: whatever it does to the books can be done again from it.
            self._on_frame("push", name, told.SerializeToString())
            self._book.take_event(told)
        elif name == "ProtoOATrailingSLChangedEvent":
            self._book.take_trailed(told)
        elif name == "ProtoOATraderUpdatedEvent":
            self._reading.take_trader(told.trader)
        elif name == "ProtoOAMarginChangedEvent" and told.positionId in self._book.positions:
            self._book.positions[told.positionId].used_margin = money(told.usedMargin, told.moneyDigits)
        elif name == "ProtoOASymbolChangedEvent":
            self._start(self._size_again(list(told.symbolId)))
        else:
            return
        self._catch_up()
        self._tell()

    def _catch_up(self) -> None:
        """Read again what an event shows to have been missed; one reading at a time."""
        is_missed = self._book.is_doubtful or self._book.balance.missing
        if is_missed and (self._catching_up is None or self._catching_up.done()):
            self._catching_up = self._start(self._read_missed())

    async def _read_missed(self) -> None:
        clock = asyncio.get_running_loop().time
        end = clock() + self._settings.settles_within.total_seconds()
        while self._book.is_doubtful or self._book.balance.missing:
            if self._session.is_ready:
                await self._read_once()
            if clock() >= end and self._book.balance.missing:
                log.error("changes %s of the balance were never told", self._book.balance.missing)
                self._book.balance.forgive()
            await asyncio.sleep(BETWEEN_TRIES_S)

    async def _read_once(self) -> None:
        try:
            await self._reading.balance(self._session)
            await self._reading.explain(self._session, self._reading.tail_ms())
        except FxgptError as error:
            log.warning("what was missed could not be read, it is asked for again: %s", error)
        self._tell()

    async def _size_again(self, symbol_ids: list[int]) -> None:
        """Terms changed; until the new ones are known the old ones hold, and the venue refuses what does not fit."""
        symbols = self._known_prices().symbols
        known = [one for one in symbol_ids if one in symbols.traded]
        try:
            await symbols.size(self._session, self._settings.account_id, known, self._now_us())
        except FxgptError as error:
            log.warning("changed terms could not be read; they are at the next connection: %s", error)

    async def _verified(self, result: OrderResult) -> OrderResult:
        """A position that the venue says is gone and we have: the books are read again."""
        if result.refusal is Refusal.NO_SUCH_POSITION:
            self._book.is_doubtful = True
            self._catch_up()
        return result

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _tell(self) -> None:
        self._changed.set()
