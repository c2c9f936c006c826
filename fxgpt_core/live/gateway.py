"""The one long-lived process of an account: it owns the broker, executes signals and protects positions."""

import asyncio
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select

from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.content_hash import canonical_json
from fxgpt_core.errors import BadInputError
from fxgpt_core.live import lease, reconciliation, state_of_trading
from fxgpt_core.live.deployed import Deployed, deployed
from fxgpt_core.live.entries import Entries, MarketMoment
from fxgpt_core.live.exits import Exits
from fxgpt_core.live.order_path import Checkpoint, IntentState, OrderPath, no_checkpoint
from fxgpt_core.live.replay_market import ReplayMarket
from fxgpt_core.market.timeframes import timeframe as timeframe_of
from fxgpt_core.registry.deployment_records import deployment_by_id
from fxgpt_core.registry.lake import Lake
from fxgpt_core.registry.live_tables import heartbeats, order_intents
from fxgpt_core.registry.pauses import pause_of

POLL_S = 0.2
HEARTBEAT = timedelta(seconds=2)
PAPER_CASH, PAPER_LEVERAGE = 100_000.0, 30.0
ACCOUNT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")


class Gateway:
    """One account on the paper broker. `start`, then `step` for ever; any step may be the last one of the process."""

    def __init__(self, lake: Lake, broker: PaperBroker, account: str, checkpoint: Checkpoint = no_checkpoint) -> None:
        self._lake, self._broker, self._account = lake, broker, account
        # Everything that follows writes through it, so that none of it can forget to ask whether this is still the gateway.
        self._ledger = lease.LeasedLedger(lake.ledger, broker.name, account)
        self._checkpoint = checkpoint
        self._path = OrderPath(self._ledger, broker, account, self._may_send, checkpoint)
        self._entries = Entries(self._ledger, broker, account, self._path)
        self._exits = Exits(self._ledger, broker, account, checkpoint)
        self._last_beat: datetime | None = None

    async def start(self) -> None:
        """Take the lease, connect, settle what a crash left open, compare books; only then may `step` send anything.

        Raises `RefusedError` when another process trades on the broker, or another account has something open there. A mismatch
        halts the account.
        """
        self._ledger.take()
        reconciliation.require_only_account(self._ledger, self._broker, self._account)
        await self._broker.connect()
        self._trade_symbols()
        await self._path.resolve()
        self._exits.book_fills()
        self._compare_books()
        moments = {market.symbol: market.known_at_us() for market in self._markets(self._deployments())}
        await self._entries.continue_planned({symbol: time for symbol, time in moments.items() if time is not None})
        self._beat()

    async def step(self) -> bool:
        """Execute new signals and play the next candle of each series; False when there was nothing to do.

        Raises `RefusedError` when the lease was lost: the process must end.
        """
        self._beat()
        deployments = self._trade_symbols()
        markets = self._markets(deployments)
        self._entries.refuse_untraded(_unplayed(deployments, markets))
        advanced = [await self._advance(market, deployments) for market in markets]
        return any(advanced)

    async def stop(self) -> None:
        """Give the account up; open positions stay as they are."""
        await self._broker.disconnect()
        self._ledger.give_up()

    async def _advance(self, market: ReplayMarket, deployments: tuple[Deployed, ...]) -> bool:
        mine = [item for item in deployments if (item.symbol, item.timeframe) == (market.symbol, market.timeframe)]
        if not market.all_decided(deployments):
            return False
        known_at_us, sent = market.known_at_us(), 0
        if known_at_us is not None:
            for item in mine:
                if item.is_active:
                    sent += await self._entries.enter(item, MarketMoment(market.symbol, market.timeframe, known_at_us, item.paid))
        candle = market.next_candle()
        if candle is None:
            return sent > 0
        market.play(candle)
        self._checkpoint("played")
        await self._path.resolve()
        if self._exits.book_fills():
            self._compare_books()
        for item in mine:
            await self._exits.manage(item, candle)
        self._checkpoint("managed")
        market.finish(candle)
        return True

    def _compare_books(self) -> None:
        reconciliation.compare(self._ledger, self._broker, self._account)

    def _deployments(self) -> tuple[Deployed, ...]:
        return deployed(self._lake, self._broker.name, self._account)

    def _trade_symbols(self) -> tuple[Deployed, ...]:
        """All deployments, with the costs of their symbols made known to the broker; the active one's count."""
        found = self._deployments()
        for item in sorted(found, key=lambda item: item.is_active):
            self._broker.trade(item.symbol, item.paid)
        return found

    def _markets(self, deployments: tuple[Deployed, ...]) -> list[ReplayMarket]:
        """One market a symbol: that of an open position, else the shortest timeframe. Two would fill each other's orders."""
        first: dict[str, str] = {}
        for item in sorted(deployments, key=lambda item: (not item.is_held, timeframe_of(item.timeframe).us, item.deployment_id)):
            first.setdefault(item.symbol, item.timeframe)
        return [ReplayMarket(self._ledger, self._broker, self._account, *place) for place in sorted(first.items())]

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
            detail |= {"state": str(state_of_trading.state(connection, self._account))}
            connection.execute(delete(heartbeats).where(heartbeats.c.process == process))
            connection.execute(insert(heartbeats), {"process": process, "at": now, "detail_json": canonical_json(detail)})
        self._last_beat = now


async def run(gateway: Gateway, *, stop: asyncio.Event) -> None:
    """Start a gateway and keep stepping until `stop` is set. Raises what `Gateway.start` and `step` raise."""
    try:
        await gateway.start()
        while not stop.is_set():
            if not await gateway.step():
                await _pause(stop)
            else:
                await asyncio.sleep(0)
    finally:
        await gateway.stop()


def paper_gateway(lake: Lake, data_root: Path, account: str) -> Gateway:
    """The gateway of a paper account."""
    return Gateway(lake, paper_broker(data_root, account), account)


def paper_broker(data_root: Path, account: str) -> PaperBroker:
    """The broker of a paper account, whose book is a file below the data root. Raises `BadInputError` for a name like a path."""
    if not ACCOUNT_NAME.fullmatch(account):
        raise BadInputError(f"account {account!r} cannot name a book; use 1 to 32 letters, digits, _ and -, as in paper")
    return PaperBroker(data_root / "paper" / f"{account}.db", {}, PAPER_CASH, PAPER_LEVERAGE)


def _unplayed(deployments: tuple[Deployed, ...], markets: list[ReplayMarket]) -> dict[int, str]:
    """Why a deployment's series is not played on this account, by its id."""
    played = {market.symbol: market.timeframe for market in markets}
    return {
        item.deployment_id: f"{item.symbol} is played by its {played[item.symbol]} candles on this account, and {item.timeframe} "
        "candles would fill the same orders: keep one timeframe of a symbol deployed"
        for item in deployments
        if item.is_active and item.timeframe != played[item.symbol]
    }


async def _pause(stop: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(stop.wait(), POLL_S)
    except TimeoutError:
        return
