"""The one long-lived process of an account: it owns the broker, executes signals and protects positions.

Start, restart and reconnect take one path: the broker's books are read, its fills booked, open intents settled and the books
compared; before that nothing is sent. Nothing is undone when the process ends, at whatever point it does.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from fxgpt_core.brokers.broker import Broker
from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.errors import NotReadyError, RefusedError
from fxgpt_core.live import crash_guard, lease, look_back, reconciliation, state_of_trading
from fxgpt_core.live.book_comparison import BookComparison
from fxgpt_core.live.booking import Booking
from fxgpt_core.live.candle_feed import ClosedCandle
from fxgpt_core.live.closing import Closing
from fxgpt_core.live.entries import Entries, MarketMoment
from fxgpt_core.live.exits import Exits
from fxgpt_core.live.gateway_settings import DEFAULTS, GatewaySettings
from fxgpt_core.live.guarding import Guarding
from fxgpt_core.live.heartbeat import Heartbeat
from fxgpt_core.live.kill_switch import KillSwitch
from fxgpt_core.live.markets import Market, unplayed
from fxgpt_core.live.order_path import Checkpoint, OrderPath, no_checkpoint
from fxgpt_core.live.permission import Permission
from fxgpt_core.live.protection import Protection
from fxgpt_core.live.timer import Timer
from fxgpt_core.live.told import Told
from fxgpt_core.live.traded_series import TradedSeries
from fxgpt_core.registry.lake import Lake

log = logging.getLogger(__name__)


class Gateway:
    """One account at one broker. `start`, then `step` for ever; any step may be the last one of the process."""

    def __init__(
        self,
        lake: Lake,
        broker: Broker,
        account: str,
        checkpoint: Checkpoint = no_checkpoint,
        settings: GatewaySettings = DEFAULTS,
        told: Told | None = None,
    ) -> None:
        self._lake, self._broker, self._account, self._settings = lake, broker, account, settings
        # Everything that follows writes through it, so that none of it can forget to ask whether this is still the gateway.
        self._ledger = ledger = lease.LeasedLedger(lake.ledger, broker.name, account)
        self._checkpoint, self._heartbeat = checkpoint, Heartbeat(ledger, account)
        self._closing = Closing(ledger, broker, account)
        folder = lake.root.parent / "live" / account if settings.folder is None else settings.folder
        self._switch = KillSwitch(ledger, broker, account, self._closing, folder)
        self._comparison = BookComparison(ledger, broker, account)
        self._replays = isinstance(broker, PaperBroker)
        self._guarding = Guarding(lake, ledger, broker, account, None if self._replays else settings.guards)
        self._permission = Permission(ledger, broker, account, self._switch, self._comparison, self._guarding)
        self._path = OrderPath(ledger, broker, account, self._permission.may_send, self._permission.last_word, checkpoint)
        self._entries = Entries(ledger, broker, account, self._path, self._guarding, self._dispatch)
        self._exits = Exits(ledger, broker, account, self._closing, checkpoint)
        self._booking, self._protection = Booking(ledger, broker, account), Protection(ledger, broker, account, self._closing)
        self._series = TradedSeries(lake, ledger, broker, account, settings.wants_candles)
        self._sending: set[asyncio.Task[bool]] = set()
        self._failure: BaseException | None = None
        self._start, self._told, self._trouble = 0, told, ""
        self._timers = {
            "positions": Timer(settings.look_at_positions_s),
            "orders": Timer(settings.look_at_orders_s),
            "anew": Timer(settings.read_anew_s),
            "deployments": Timer(settings.look_at_orders_s),
            "candles": Timer(settings.look_at_candles_s),
        }

    async def start(self) -> None:
        """Take the lease, connect, settle what a crash left open, compare books; only then may `step` send anything.

        Raises `RefusedError` when another process trades on the broker, or another account has something open there. A mismatch
        halts the account. Where the broker is not this process's own, `step` waits for it and compares.
        """
        self._ledger.take()
        owner, parameters = self._ledger.lease.owner, self._settings
        self._start = crash_guard.started(
            self._ledger, self._account, owner, parameters.most_starts, parameters.starts_within
        )  # fmt: skip
        reconciliation.require_only_account(self._ledger, self._broker, self._account)
        self._switch.look()
        if parameters.begins_halted:
            state_of_trading.begin_halted(self._ledger, self._account)
        await self._broker.connect(look_back.since_us(self._ledger, self._account))
        if self._replays:
            await self._come_back()
        self._heartbeat.beat(self._broker.is_ready)

    async def step(self) -> bool:
        """Execute new signals and play the next candle of each series; False when there was nothing to do.

        Raises `RefusedError` when the lease was lost: the process must end.
        """
        self._heartbeat.beat(self._broker.is_ready)
        if not self._broker.is_ready:
            return False
        if self._replays:
            return await self._replay()
        try:
            self._raise_failure()
            if self._permission.compared != self._broker.connections:
                await self._come_back()
            return await self._go_along()
        except lease.LeaseLostError:
            raise
        except (NotReadyError, RefusedError) as error:
            # A connection ends at any line; what was begun is written down, and the next step goes on with it.
            self._note(str(error))
            return False

    async def stop(self, in_order: bool = True) -> None:
        """Wait for what is on its way and give the account up; open positions stay as they are.

        `in_order` False: it ends because something failed, which the crash guard counts.
        """
        await asyncio.gather(*self._sending, return_exceptions=True)
        if self._failure is not None:
            log.error("an order of %s failed on its way", self._account, exc_info=self._failure)
        if self._start and in_order:
            # Also of a process that has lost its lease: that it ended is no trade.
            crash_guard.ended(self._lake.ledger, self._start, "stopped")
        self._start = 0
        await self._broker.disconnect()
        self._ledger.give_up()

    async def rest(self, seconds: float) -> None:
        """Wait until the broker tells something, or the time is over."""
        await self._broker.wait_for_change(seconds)

    def _note(self, trouble: str) -> None:
        """Log what the broker did not answer, once while it stays the same."""
        if trouble != self._trouble:
            log.warning("the gateway of %s waits: %s", self._account, trouble)
        self._trouble = trouble

    async def _come_back(self) -> None:
        """The one path of start, restart and reconnect: nothing is sent before the books agree."""
        connection = self._broker.connections
        await self._series.look_up()
        self._booking.book_fills()
        await self._path.resolve()
        self._booking.book_fills()
        self._compare_books()
        self._permission.compared = connection
        await self._entries.continue_planned(self._series.moments())
        if await self._closing.drive():
            self._booking.book_fills()

    async def _replay(self) -> bool:
        """One candle of each series on simulated money, with everything it causes; nothing happens in between."""
        await self._series.look_up()
        self._entries.refuse_untraded(unplayed(self._series.deployments, self._series.markets))
        return any([await self._replay_candle(market) for market in self._series.markets])

    async def _replay_candle(self, market: Market) -> bool:
        if not market.all_decided(self._series.deployments):
            return False
        sent = await self._enter(market)
        candle = market.next_candle()
        if candle is None:
            return sent > 0
        market.play(candle)
        self._checkpoint("played")
        await self._path.resolve()
        if self._booking.book_fills():
            self._compare_books()
        await self._closing.drive()
        await self._manage(market, candle)
        self._switch.look()
        await self._switch.drive()
        return True

    async def _go_along(self) -> bool:
        """One look at a market that moves by itself: prices and equity, fills, new signals, closed candles, what is due again."""
        self._guarding.watch(self._series.symbols())
        if self._booking.book_fills():
            self._compare_books()
        if self._told is not None:
            self._told.keep(self._ledger)
        if self._timers["deployments"].due():
            await self._series.look_up()
            self._entries.refuse_untraded(unplayed(self._series.deployments, self._series.markets))
        sent = 0
        if self._entries.is_waiting():
            for market in self._series.markets:
                sent += await self._enter(market)
                self._booking.book_fills()  # what was sent before is filled meanwhile, and waits for nobody
        if self._timers["candles"].due():
            for market in self._series.markets:
                if (candle := market.next_candle()) is not None:
                    market.play(candle)
                    await self._manage(market, candle)
        await self._look_after()
        return sent > 0

    async def _look_after(self) -> None:
        """What is due again and again: stops, closes, the switch, orders without an end, the broker's own books."""
        if self._timers["positions"].due():
            self._switch.look()
            await self._protection.keep()
            await self._closing.drive()
            await self._switch.drive()
        if self._timers["orders"].due():
            await self._path.resolve()
            self._compare_books()
            await self._entries.continue_planned(self._series.moments())
        if self._timers["anew"].due():
            await self._broker.reconcile()
            self._booking.book_fills()
            self._compare_books()

    async def _enter(self, market: Market) -> int:
        """Handle the new signals of a market; returns how many orders were handed over."""
        known_at_us, sent = market.known_at_us(), 0
        for item in self._series.of(market):
            if known_at_us is not None and item.is_active:
                moment = MarketMoment(market.symbol, market.timeframe, known_at_us, item.paid)
                sent += await self._entries.enter(item, moment)
        return sent

    async def _manage(self, market: Market, candle: ClosedCandle) -> None:
        for item in self._series.of(market):
            await self._exits.manage(item, candle)
        self._checkpoint("managed")
        market.finish(candle)

    async def _dispatch(self, sending: Coroutine[Any, Any, bool]) -> bool:
        """A replay waits for each order, so that it is the same every time; a live market has several on their way."""
        if self._replays:
            return await sending
        while len(self._sending) >= self._settings.most_in_flight:
            await asyncio.wait(self._sending, return_when=asyncio.FIRST_COMPLETED)
        task = asyncio.create_task(sending)
        self._sending.add(task)
        task.add_done_callback(self._was_sent)
        return True

    def _was_sent(self, task: asyncio.Task[bool]) -> None:
        """What an order failed of on its way is no order's own affair: the next step raises it."""
        self._sending.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _compare_books(self) -> None:
        if self._replays:
            reconciliation.compare(self._ledger, self._broker, self._account)
        else:
            self._comparison.compare()
