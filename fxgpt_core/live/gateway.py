"""The one long-lived process of an account: it owns the broker, executes signals and protects positions.

Start, restart and reconnect take one path: the broker's books are read, its fills booked, open intents settled and the books
compared; before that nothing is sent. Nothing is undone when the process ends, at whatever point it does.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select

from fxgpt_core.brokers.broker import Broker
from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.content_hash import canonical_json
from fxgpt_core.live import crash_guard, lease, reconciliation, state_of_trading
from fxgpt_core.live.booking import Booking
from fxgpt_core.live.closing import Closing
from fxgpt_core.live.deployed import Deployed, deployed
from fxgpt_core.live.entries import Entries, MarketMoment
from fxgpt_core.live.exits import Exits
from fxgpt_core.live.intents import UNSETTLED, IntentState
from fxgpt_core.live.kill_switch import KillSwitch
from fxgpt_core.live.live_market import LiveMarket
from fxgpt_core.live.markets import Market, markets_of, unplayed
from fxgpt_core.live.order_path import Checkpoint, OrderPath, no_checkpoint
from fxgpt_core.live.protection import Protection
from fxgpt_core.live.replay_market import ReplayMarket
from fxgpt_core.registry.deployment_records import deployment_by_id
from fxgpt_core.registry.lake import Lake
from fxgpt_core.registry.live_tables import heartbeats, order_intents
from fxgpt_core.registry.pauses import pause_of

HEARTBEAT = timedelta(seconds=2)


@dataclass(frozen=True)
class GatewaySettings:
    """How a gateway runs: `folder` holds the files of its kill switch; times in seconds."""

    folder: Path | None = None
    most_starts: int = 3
    starts_within: timedelta = timedelta(minutes=10)
    most_in_flight: int = 20
    look_at_positions_s: float = 0.5
    look_at_orders_s: float = 1.0
    read_anew_s: float = 60.0


@dataclass
class Timer:
    """Tells when something is due again, by the clock of the event loop."""

    every_s: float
    last: float = field(default=float("-inf"))

    def due(self) -> bool:
        """Whether the time is over; it begins anew then."""
        now = asyncio.get_running_loop().time()
        if now - self.last < self.every_s:
            return False
        self.last = now
        return True


class Gateway:
    """One account at one broker. `start`, then `step` for ever; any step may be the last one of the process."""

    def __init__(
        self,
        lake: Lake,
        broker: Broker,
        account: str,
        checkpoint: Checkpoint = no_checkpoint,
        settings: GatewaySettings = GatewaySettings(),
    ) -> None:
        self._lake, self._broker, self._account, self._settings = lake, broker, account, settings
        # Everything that follows writes through it, so that none of it can forget to ask whether this is still the gateway.
        self._ledger = ledger = lease.LeasedLedger(lake.ledger, broker.name, account)
        self._checkpoint = checkpoint
        self._closing = Closing(ledger, broker, account)
        folder = lake.root.parent / "live" / account if settings.folder is None else settings.folder
        self._switch = KillSwitch(ledger, broker, account, self._closing, folder)
        self._path = OrderPath(ledger, broker, account, self._may_send, self._permit, checkpoint)
        self._entries = Entries(ledger, broker, account, self._path, self._dispatch)
        self._exits = Exits(ledger, broker, account, self._closing, checkpoint)
        self._booking, self._protection = Booking(ledger, broker, account), Protection(ledger, broker, account, self._closing)
        self._replays = isinstance(broker, PaperBroker)
        self._sending: set[asyncio.Task[bool]] = set()
        self._start, self._known_connection = 0, 0
        self._deployments: tuple[Deployed, ...] = ()
        self._last_beat: datetime | None = None
        self._timers = {
            "positions": Timer(settings.look_at_positions_s),
            "orders": Timer(settings.look_at_orders_s),
            "anew": Timer(settings.read_anew_s),
        }

    async def start(self) -> None:
        """Take the lease, connect, settle what a crash left open, compare books; only then may `step` send anything.

        Raises `RefusedError` when another process trades on the broker, or another account has something open there. A mismatch
        halts the account. A broker that cannot be reached yet is waited for by `step`.
        """
        self._ledger.take()
        owner, parameters = self._ledger.lease.owner, self._settings
        self._start = crash_guard.started(
            self._ledger, self._account, owner, parameters.most_starts, parameters.starts_within
        )  # fmt: skip
        reconciliation.require_only_account(self._ledger, self._broker, self._account)
        self._switch.look()
        await self._broker.connect(self._since_us())
        if self._broker.is_ready:
            await self._come_back()
        self._beat()

    async def step(self) -> bool:
        """Execute new signals and play the next candle of each series; False when there was nothing to do.

        Raises `RefusedError` when the lease was lost: the process must end.
        """
        self._beat()
        if not self._broker.is_ready:
            return False
        if self._known_connection != self._broker.connections:
            await self._come_back()
        if not self._replays:
            await self._look_after()
        self._deployments = await self._trade_symbols()
        markets = self._markets(self._deployments)
        self._entries.refuse_untraded(unplayed(self._deployments, markets))
        advanced = [await self._advance(market, self._deployments) for market in markets]
        return any(advanced)

    async def stop(self) -> None:
        """Wait for what is on its way and give the account up; open positions stay as they are."""
        if self._sending:
            await asyncio.gather(*self._sending)
        if self._start:
            crash_guard.ended(self._ledger, self._start, "stopped")
            self._start = 0
        await self._broker.disconnect()
        self._ledger.give_up()

    async def rest(self, seconds: float) -> None:
        """Wait until the broker tells something, or the time is over."""
        await self._broker.wait_for_change(seconds)

    async def _come_back(self) -> None:
        """The one path of start, restart and reconnect: nothing is sent before the books agree."""
        connection = self._broker.connections
        await self._trade_symbols()
        self._booking.book_fills()
        await self._path.resolve()
        self._booking.book_fills()
        self._compare_books()
        await self._entries.continue_planned(self._moments())
        if await self._closing.drive():
            self._booking.book_fills()
        self._known_connection = connection

    async def _look_after(self) -> None:
        """Between candles: fills, orders without an end, stops, closes, the switch, the broker's own books."""
        if self._booking.book_fills():
            self._compare_books()
        if self._timers["positions"].due():
            self._switch.look()
            await self._protection.keep()
            await self._closing.drive()
            await self._switch.drive()
        if self._timers["orders"].due():
            await self._path.resolve()
            await self._entries.continue_planned(self._moments())
        if self._timers["anew"].due():
            await self._broker.reconcile()
            self._booking.book_fills()
            self._compare_books()

    async def _advance(self, market: Market, deployments: tuple[Deployed, ...]) -> bool:
        mine = [item for item in deployments if (item.symbol, item.timeframe) == (market.symbol, market.timeframe)]
        if not market.all_decided(deployments):
            return False
        known_at_us, sent = market.known_at_us(), 0
        if known_at_us is not None:
            for item in mine:
                if item.is_active:
                    moment = MarketMoment(market.symbol, market.timeframe, known_at_us, item.paid)
                    sent += await self._entries.enter(item, moment)
        candle = market.next_candle()
        if candle is None:
            return sent > 0
        market.play(candle)
        self._checkpoint("played")
        await self._path.resolve()
        if self._booking.book_fills():
            self._compare_books()
        if self._replays:
            await self._closing.drive()
        for item in mine:
            await self._exits.manage(item, candle)
        self._checkpoint("managed")
        market.finish(candle)
        if self._replays:
            self._switch.look()
            await self._switch.drive()
        return True

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
        self._sending.discard(task)

    def _compare_books(self) -> None:
        reconciliation.compare(self._ledger, self._broker, self._account)

    async def _trade_symbols(self) -> tuple[Deployed, ...]:
        """All deployments, with the costs of their symbols made known to the broker; the active one's count."""
        found = deployed(self._lake, self._broker.name, self._account)
        if isinstance(self._broker, PaperBroker):
            for item in sorted(found, key=lambda item: item.is_active):
                self._broker.trade(item.symbol, item.paid)
        else:
            await self._broker.subscribe(sorted({item.symbol for item in found}))
        return found

    def _markets(self, deployments: tuple[Deployed, ...]) -> list[Market]:
        if isinstance(self._broker, PaperBroker):
            broker = self._broker
            return [ReplayMarket(self._ledger, broker, self._account, *place) for place in markets_of(deployments)]
        return [LiveMarket(self._ledger, self._broker, self._account, *place) for place in markets_of(deployments)]

    def _moments(self) -> dict[str, int]:
        """The market's time by symbol, of those that have one."""
        found = deployed(self._lake, self._broker.name, self._account)
        moments = {market.symbol: market.known_at_us() for market in self._markets(found)}
        return {symbol: time for symbol, time in moments.items() if time is not None}

    def _since_us(self) -> int | None:
        """From when on the broker must tell: a minute before the oldest order whose end is not known."""
        mine = (order_intents.c.account == self._account, order_intents.c.state.in_(UNSETTLED))
        with self._ledger.reading() as connection:
            oldest = connection.execute(select(func.min(order_intents.c.sent_at)).where(*mine)).scalar_one()
        return None if oldest is None else int((oldest - timedelta(minutes=1)).timestamp() * 1_000_000)

    def _permit(self) -> str:
        """The last word before an order leaves: the switch, the lease, and whether the books are known."""
        if self._known_connection != self._broker.connections and not self._replays:
            return "the books of this connection are not compared yet: nothing is entered before they are"
        if refusal := self._switch.refusal():
            return refusal
        return self._ledger.refusal()

    def _may_send(self, connection: Connection, intent: Row[Any]) -> str:
        """Why an intent may not leave now; asked in the transaction that would mark it sent."""
        state = state_of_trading.state(connection, self._account)
        if not state.may_enter:
            return f"trading is {state}; only an active account enters: resume it first"
        deployment = deployment_by_id(connection, intent.deployment_id)
        if not deployment.is_active:
            return f"deployment {intent.deployment_id} is not active any more; another one trades, or none"
        if pause := pause_of(connection, deployment.symbol, deployment.timeframe):
            return pause.refusal
        unknown = (order_intents.c.account == self._account, order_intents.c.symbol == intent.symbol)
        n = select(func.count()).where(*unknown, order_intents.c.state == IntentState.UNKNOWN)
        if n_unknown := connection.execute(n).scalar_one():
            return f"{n_unknown} orders on the symbol have an unknown outcome, 0 are allowed: wait for the broker"
        return ""

    def _beat(self) -> None:
        """Show that the process lives, and hold the lease, every two seconds."""
        now = self._ledger.now()
        if self._last_beat is not None and now - self._last_beat < HEARTBEAT:
            return
        with self._ledger.begin() as connection:
            process = f"gateway:{self._account}"
            detail = {"owner": self._ledger.lease.owner, "fence": self._ledger.lease.fence}
            detail |= {"state": str(state_of_trading.state(connection, self._account)), "ready": self._broker.is_ready}
            connection.execute(delete(heartbeats).where(heartbeats.c.process == process))
            connection.execute(insert(heartbeats), {"process": process, "at": now, "detail_json": canonical_json(detail)})
        self._last_beat = now
