"""cTrader as a broker: one account on a session that repairs itself, its books as the fold of what the venue tells."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from fxgpt_core.brokers.broker import BrokerOrder, OrderResult, Permit, Quote, Refusal, TradingTerms, permitted
from fxgpt_core.brokers.ctrader import book_views, history
from fxgpt_core.brokers.ctrader.account_book import AccountBook
from fxgpt_core.brokers.ctrader.closed_candles import OnCandle
from fxgpt_core.brokers.ctrader.command_outcomes import refused
from fxgpt_core.brokers.ctrader.commands import GONE, Commands
from fxgpt_core.brokers.ctrader.connection import OnEvent
from fxgpt_core.brokers.ctrader.live_account import AccountTerms, LiveAccount, OnFrame
from fxgpt_core.brokers.ctrader.order_messages import OrderTerms
from fxgpt_core.brokers.ctrader.prices import money, volume_of
from fxgpt_core.brokers.ctrader.probe import Probe
from fxgpt_core.brokers.ctrader.reading import read
from fxgpt_core.brokers.ctrader.session import OnReady, Session
from fxgpt_core.errors import NotReadyError
from fxgpt_core.market.orders import Account, Fill, OrderOutcome, OrderRequest, Position, Side
from fxgpt_core.market.timeframes import Timeframe

MILLISECOND_US = 1_000
DAY_MS = 86_400_000

MakeSession = Callable[[OnEvent, OnReady], Session]

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
        self._settings, self._now_us = settings, now_us
        # Session and account need each other: the session is told of its account when it calls.
        self._session = make_session(lambda name, told: self._live.on_event(name, told), lambda link: self._live.on_ready(link))
        settles_s = settings.settles_within.total_seconds()
        terms = AccountTerms(settings.account_id, now_us, settings.lag_s, settles_s, settings.spelled)
        self._live = LiveAccount(terms, self._session, on_frame, on_candle)
        self._book = self._live.book
        self._commands = Commands(self._session, self._book, self._order_terms, settings.account_id, settings.order_timeout_s)

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
        return self._live.connections

    @property
    def settles_within(self) -> timedelta:
        """How long histories may not know of an order."""
        return self._settings.settles_within

    @property
    def session(self) -> Session:
        """The session, for what it says of its state."""
        return self._session

    def probe(self) -> Probe:
        """What asks the account what only it can tell; the broker must be ready."""
        self._live.require_read()
        return Probe(self._session, self._live, self._settings.account_id, self._now_us)

    async def connect(self, since_us: int | None = None) -> None:
        """Begin to connect and wait a while for the account to be read; where it takes longer, the session goes on trying.

        Raises `RefusedError` where the venue wants something that only a person can change.
        """
        now_ms = self._now_us() // MILLISECOND_US
        self._live.since_ms = now_ms - DAY_MS if since_us is None else since_us // MILLISECOND_US
        await self._session.start()
        self._live.start(self._live.candles.keep(self._session, is_ready=lambda: self._session.is_ready))
        try:
            await self._session.wait_ready(self._settings.connect_s)
        except NotReadyError as error:
            log.warning("%s; it is tried on", error)

    async def disconnect(self) -> None:
        """End the session; nothing at the venue changes."""
        await self._live.stop()
        await self._session.stop()

    async def subscribe(self, symbols: Sequence[str]) -> None:
        """Want quotes and terms of these symbols, on every connection from now on.

        Raises `BadInputError` for one that the venue does not trade, or that it has several of.
        """
        await self._live.subscribe(symbols, self._session.is_ready)

    async def want_candles(self, symbol: str, timeframe: Timeframe, since_us: int | None = None) -> None:
        """Tell `on_candle` each candle of a series that closes after `since_us` (None: from now on), over lost connections too.

        Raises `NotReadyError` before the session was ready, `BadInputError` for a symbol the venue does not trade.
        """
        await self._live.want_candles(symbol, timeframe, since_us)

    async def place(self, request: OrderRequest, permit: Permit = permitted) -> OrderResult:
        """Send an order with its bracket, at most once."""
        return await self._commands.place(request, permit)

    async def cancel(self, order_id: str) -> OrderResult:
        """Take back an order that waits."""
        return self._unready() or await self._commands.cancel(order_id)

    async def amend_order(self, order_id: str, request: OrderRequest) -> OrderResult:
        """Replace units, prices, bracket and end of an order that waits."""
        return self._unready() or await self._commands.amend_order(order_id, request)

    async def amend(self, position_id: str, stop_price: float | None, target_price: float | None) -> OrderResult:
        """Replace stop and target of an open position; both are always sent."""
        if unready := self._unready():
            return unready
        held = self._commands.held(position_id)
        if held is None:
            return refused(f"there is no open position {position_id}; {GONE}", Refusal.NO_SUCH_POSITION)
        symbol = self._live.prices.symbols.traded[held.symbol_id]
        return self._verified(await self._commands.amend(position_id, symbol, stop_price, target_price))

    async def close(self, position_id: str, client_order_id: str, reason: str, units: int | None = None) -> OrderResult:
        """Close a position, or a part of it, at the market."""
        if unready := self._unready():
            return unready
        return self._verified(await self._commands.close(position_id, (client_order_id, reason), units))

    async def order(self, client_order_id: str, sent_at_us: int = 0) -> BrokerOrder | None:
        """The order of an id, in the books or in everything the venue tells since a minute before it was sent."""
        if self._book.known(client_order_id) is None:
            sent_ms = sent_at_us // MILLISECOND_US or self._live.reading.now_ms() - DAY_MS
            await self._live.reading.history(self._session, sent_ms)
            await self._live.reading.state(self._session)
            self._live.changed.set()
        return self.known_order(client_order_id)

    async def order_history(self, since_us: int, until_us: int) -> tuple[BrokerOrder, ...]:
        """All orders of a stretch of time, the server's own protective ones left out, oldest first."""
        book, symbols = await self._read_span(since_us, until_us), self._live.prices.symbols
        orders = sorted(book.orders.values(), key=lambda one: (one.updated_ms, one.order_id))
        return tuple(book_views.shown_order(one, symbols) for one in orders if not one.is_protective)

    async def deal_history(self, since_us: int, until_us: int) -> tuple[Fill, ...]:
        """All fills of a stretch of time, oldest first."""
        book = await self._read_span(since_us, until_us)
        return tuple(self._shown(book, deal_id) for deal_id in book.fills)

    async def reconcile(self) -> None:
        """Read what may have happened since the last reading, and the state as a whole."""
        await self._live.reading.tail(self._session)
        self._live.changed.set()

    async def expected_margin(self, name: str, side: Side, units: int) -> float | None:
        """What a position would bind, by the venue's own reckoning."""
        symbol_id = self._live.prices.symbols.named(name).symbol_id
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
                await self._live.changed.wait()
        except TimeoutError:
            return False
        self._live.changed.clear()
        return True

    def known_order(self, client_order_id: str) -> BrokerOrder | None:
        """What the books have of an order."""
        order = self._book.known(client_order_id)
        return None if order is None else book_views.shown_order(order, self._live.prices.symbols)

    def orders(self) -> tuple[BrokerOrder, ...]:
        """Orders that wait for a price, oldest first."""
        symbols = self._live.prices.symbols
        waiting = [order for _, order in sorted(self._book.orders.items()) if self._book.waits(order)]
        return tuple(book_views.shown_order(order, symbols) for order in waiting)

    def positions(self) -> tuple[Position, ...]:
        """All open positions, oldest first."""
        symbols = self._live.prices.symbols
        held = [one for _, one in sorted(self._book.positions.items()) if one.volume]
        return tuple(book_views.shown_position(self._book, one, symbols) for one in held)

    def account(self) -> Account:
        """Balance, equity at the last prices, leverage, margin."""
        return self._live.worth.account(self._live.prices, self._live.reading.trader)

    def quote(self, name: str) -> Quote | None:
        """The last price of a symbol that is subscribed."""
        prices = self._live.prices if self._live.is_wanted(name) else None
        return None if prices is None else prices.quote(prices.symbols.named(name).symbol_id)

    def terms(self, name: str) -> TradingTerms | None:
        """What may be ordered of a symbol that is subscribed. Raises `NotReadyError` before the venue told it."""
        return self._live.prices.symbols.sized(name).terms

    def fills_since(self, cursor: int) -> tuple[tuple[int, Fill], ...]:
        """Fills after a cursor, in the order in which they were told."""
        self._live.require_read()
        told = enumerate(self._book.fills[cursor:], start=cursor + 1)
        return tuple((number, self._shown(self._book, deal_id)) for number, deal_id in told)

    def _shown(self, book: AccountBook, deal_id: int) -> Fill:
        return book_views.shown_fill(book, book.deals[deal_id], self._live.prices.symbols, self._commands.closes)

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

    def _order_terms(self, name: str) -> OrderTerms:
        symbol = self._live.prices.symbols.sized(name)
        settings = self._settings
        return OrderTerms(settings.account_id, symbol, self.quote(name), settings.comment(), settings.may_be_bare)

    def _unready(self) -> OrderResult | None:
        """The outcome of a command while there is no connection: what the books do not have proves nothing then."""
        if self._session.is_ready:
            return None
        return OrderResult(OrderOutcome.DENIED, reason=f"cTrader is not ready ({self._session.reason or 'connecting'})")

    def _verified(self, result: OrderResult) -> OrderResult:
        """Where the venue says that a position is gone which we have, or nobody knows what was done: the books are read again."""
        if result.refusal is Refusal.NO_SUCH_POSITION or result.outcome is OrderOutcome.UNKNOWN:
            self._live.doubt()
        return result
