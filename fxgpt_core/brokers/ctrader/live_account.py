"""One account kept up to date: read whole at every connection, then moved by events, and read again where one was missed."""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from fxgpt_core.brokers.ctrader.account_book import AccountBook
from fxgpt_core.brokers.ctrader.account_reading import AccountReading
from fxgpt_core.brokers.ctrader.account_worth import AccountWorth
from fxgpt_core.brokers.ctrader.closed_candles import ClosedCandles, OnCandle
from fxgpt_core.brokers.ctrader.market_prices import MarketPrices
from fxgpt_core.brokers.ctrader.preparation import prepared
from fxgpt_core.brokers.ctrader.prices import money
from fxgpt_core.brokers.ctrader.reading import Link
from fxgpt_core.errors import BadInputError, FxgptError, NotReadyError
from fxgpt_core.market.timeframes import Timeframe

MILLISECOND_US = 1_000
BETWEEN_TRIES_S = 1.0

OnFrame = Callable[[str, str, bytes], None]
"""Told each execution event: where it is from (push), the name of its message, its bytes."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AccountTerms:
    """Which account, and how patiently it is read; `lag_s` and `settles_s` are how long a history may not know of something."""

    account_id: int
    now_us: Callable[[], int]
    lag_s: float
    settles_s: float
    spelled: Mapping[str, str]


class LiveAccount:
    """`link` is what is asked between connections; a new connection is given to `on_ready`, every event to `on_event`."""

    def __init__(self, terms: AccountTerms, link: Link, on_frame: OnFrame, on_candle: OnCandle) -> None:
        self._terms, self._link, self._on_frame = terms, link, on_frame
        self.book = AccountBook()
        self.reading = AccountReading(terms.account_id, self.book, terms.now_us, terms.lag_s)
        self.candles = ClosedCandles(terms.account_id, terms.now_us, on_candle)
        self.changed = asyncio.Event()
        self.connections = 0
        self.since_ms = 0
        self._worth = AccountWorth(self.book)
        self._prices: MarketPrices | None = None
        self._wanted: set[str] = set()
        self._wanting: set[int] = set()
        self._catching_up: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def prices(self) -> MarketPrices:
        """Prices and symbols of the newest connection. Raises `NotReadyError` before the first."""
        if self._prices is None:
            raise NotReadyError("the account was not read yet; wait until the broker is ready")
        return self._prices

    def require_read(self) -> None:
        """Raise `NotReadyError` before the account was read: nothing known is not the same as nothing there."""
        if self.connections == 0:
            raise NotReadyError("the account was not read yet; wait until the broker is ready")

    @property
    def worth(self) -> AccountWorth:
        """What the account is worth."""
        return self._worth

    def is_wanted(self, name: str) -> bool:
        """Whether prices of a symbol are subscribed."""
        return self._prices is not None and name in self._wanted

    async def on_ready(self, link: Link) -> None:
        """Read everything on a new connection, before it is ready."""
        since_ms = self.since_ms if self.reading.read_to_ms is None else self.reading.tail_ms()
        prices = await prepared(link, self.reading, self._terms.spelled, since_ms)
        # Known before they are subscribed, so that no price that follows at once is lost.
        self._prices = prices
        held = {one.symbol_id for one in self.book.positions.values() if one.volume}
        waiting = {one.symbol_id for one in self.book.orders.values() if self.book.waits(one)}
        await prices.want(link, held | waiting | self._wanted_ids(prices), self._terms.now_us())
        for series in self.candles.series.values():
            series.symbol_id = prices.symbols.named(series.name).symbol_id
            await self.candles.subscribe(link, series)
        await self._worth.read(link, self._terms.account_id)
        self.connections += 1
        self._catch_up()
        self.changed.set()

    def on_event(self, name: str, message: Message) -> None:
        """Take what the venue tells."""
        told: Any = message
        if name == "ProtoOASpotEvent":
            if self._prices is not None:
                self._prices.take(told, self._terms.now_us())
            self.candles.take(told)
        elif getattr(told, "ctidTraderAccountId", None) == self._terms.account_id:
            self._take(name, told)

    async def subscribe(self, names: Collection[str], is_ready: bool) -> None:
        """Want prices of symbols on every connection, on this one now where it is ready. Raises `BadInputError`."""
        fresh = set(names) - self._wanted
        if is_ready and fresh:
            ids = [self.prices.symbols.named(name).symbol_id for name in sorted(fresh)]
            await self.prices.want(self._link, ids, self._terms.now_us())
        self._wanted |= fresh

    async def want_candles(self, name: str, timeframe: Timeframe, since_us: int | None) -> None:
        """Tell the candles of a series that close after a moment, on every connection."""
        await self.subscribe([name], is_ready=True)
        symbol_id = self.prices.symbols.named(name).symbol_id
        await self.candles.subscribe(self._link, self.candles.want(name, symbol_id, timeframe, since_us))

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something beside everything else, until `stop`."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def stop(self) -> None:
        """End what was started."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def doubt(self) -> None:
        """An answer contradicts the book: read it again."""
        self.book.is_doubtful = True
        self._catch_up()

    def _wanted_ids(self, prices: MarketPrices) -> set[int]:
        """Of all that is wanted; what the venue does not trade is wanted no more: the account must be read without it."""
        found = set()
        for name in sorted(self._wanted | {one.name for one in self.candles.series.values()}):
            try:
                found.add(prices.symbols.named(name).symbol_id)
            except BadInputError as error:
                log.error("%s", error)
                self._wanted.discard(name)
                self.candles.drop(name)
        return found

    def _take(self, name: str, told: Any) -> None:
        if name == "ProtoOAExecutionEvent":
            # Kept before it is understood: whatever it does to the books can be done again from it.
            self._on_frame("push", name, told.SerializeToString())
            self.book.take_event(told)
            self._want_held()
        elif name == "ProtoOATrailingSLChangedEvent":
            self.book.take_trailed(told)
        elif name == "ProtoOATraderUpdatedEvent":
            self.reading.take_trader(told.trader)
        elif name == "ProtoOAMarginChangedEvent" and told.positionId in self.book.positions:
            self.book.positions[told.positionId].used_margin = money(told.usedMargin, told.moneyDigits)
        elif name == "ProtoOASymbolChangedEvent":
            self.start(self._size_again(list(told.symbolId)))
        else:
            return
        self._catch_up()
        self.changed.set()

    def _catch_up(self) -> None:
        """Read again what an event shows to have been missed; one reading at a time."""
        is_running = self._catching_up is not None and not self._catching_up.done()
        if self._is_behind() and not is_running:
            self._catching_up = self.start(self._read_missed())

    def _is_behind(self) -> bool:
        return self.book.is_doubtful or bool(self.book.balance.missing)

    async def _read_missed(self) -> None:
        clock = asyncio.get_running_loop().time
        end = clock() + self._terms.settles_s
        while self._is_behind():
            try:
                await self.reading.balance(self._link)
                await self.reading.explain(self._link, self.reading.tail_ms())
            except FxgptError as error:
                # While there is no connection nothing can be read; the next one reads everything.
                log.info("what was missed could not be read, it is asked for again: %s", error)
            if clock() >= end and self.book.balance.missing:
                log.error("changes %s of the balance were never told", self.book.balance.missing)
                self.book.balance.forgive()
            self.changed.set()
            if self._is_behind():
                await asyncio.sleep(BETWEEN_TRIES_S)

    def _want_held(self) -> None:
        """A person may open what nobody wanted prices of: without them nobody knows what the account is worth."""
        if self._prices is None:
            return
        held = {one.symbol_id for one in self.book.positions.values() if one.volume}
        unpriced = held - self._prices.chains.keys() - self._wanting
        if unpriced:
            self._wanting |= unpriced
            self.start(self._price(unpriced))

    async def _price(self, symbol_ids: set[int]) -> None:
        try:
            await self.prices.want(self._link, symbol_ids, self._terms.now_us())
        except FxgptError as error:
            log.warning("what is held could not be priced; it is at the next connection: %s", error)
        finally:
            self._wanting -= symbol_ids

    async def _size_again(self, symbol_ids: list[int]) -> None:
        """Terms changed; until the new ones are known the old ones hold, and the venue refuses what does not fit."""
        try:
            symbols = self.prices.symbols
            known = [one for one in symbol_ids if one in symbols.traded]
            await symbols.size(self._link, self._terms.account_id, known, self._terms.now_us())
        except FxgptError as error:
            log.warning("changed terms could not be read; they are at the next connection: %s", error)
