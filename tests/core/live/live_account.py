"""A gateway on a scripted broker, on a clock that a test turns: signals come in, time passes, the process dies and starts."""

import asyncio
import os
import shutil
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from live_stage import CODE, PARAMETERS, deploy, stage
from quoted_broker import Clock
from scripted_broker import PRICES, Answer, ScriptedBroker
from sqlalchemy import Row, Table, select, update
from virtual_time import run_in_virtual_time

from fxgpt_core.live import state_of_trading
from fxgpt_core.live.candle_feed import ClosedCandle, release
from fxgpt_core.live.gateway import Gateway
from fxgpt_core.live.gateway_settings import GatewaySettings
from fxgpt_core.live.order_path import Checkpoint, no_checkpoint
from fxgpt_core.market.orders import Position
from fxgpt_core.portfolio.guards.settings import GuardSettings
from fxgpt_core.portfolio.trading_state import TradingState
from fxgpt_core.registry.lake import Lake
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_records import DecisionRecord, SignalRecord, insert_decision, insert_signal, signal_key
from fxgpt_core.registry.live_tables import alerts, leases, order_intents, positions
from fxgpt_core.registry.tables import deployment_configs

HOUR_US = 3_600_000_000
STEP_S = 0.5
GUARDS = GuardSettings(
    max_symbol_exposure=100.0,
    max_currency_exposure=100.0,
    max_leverage=100.0,
    max_correlated_exposure=100.0,
    max_rejections=1000,
    max_symbol_orders_per_minute=1000,
    max_orders_per_minute=1000,
    max_orders_per_day=10_000,
)


def template(root: Path) -> Path:
    """A ledger and a lake with EURUSD and GBPUSD deployed, to be copied by each account."""
    made = stage(root, n=4)
    deploy(made.lake, PARAMETERS, "1h", traded="GBPUSD")
    made.ledger.close()
    return root


@dataclass
class LiveAccount:
    """The account, its broker and the gateway that runs now."""

    root: Path
    ledger: Ledger
    lake: Lake
    clock: Clock
    broker: ScriptedBroker
    settings: GatewaySettings
    gateway: Gateway | None = None
    deployments: dict[str, int] = field(default_factory=dict)
    n_left: int = 0

    @property
    def folder(self) -> Path:
        return self.root / "switch"

    async def start(self, checkpoint: Checkpoint = no_checkpoint) -> None:
        """A gateway starts and has seen enough prices to trade."""
        self.gateway = Gateway(self.lake, self.broker, "paper", checkpoint, self.settings)
        await self.gateway.start()
        await self.run(2.5)

    async def run(self, seconds: float, step_s: float = STEP_S) -> None:
        """Time passes, and the gateway goes along."""
        assert self.gateway is not None
        for _ in range(round(seconds / step_s)):
            self.broker.tick()
            while await self.gateway.step():
                await asyncio.sleep(0)
            await self.wait(step_s)

    async def wait(self, seconds: float) -> None:
        """Time passes, and nobody looks."""
        await asyncio.sleep(seconds)
        self.clock.move(seconds=seconds)

    def crash(self) -> None:
        """The process dies at this point: nothing of it is done any more, and its lease runs out."""
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        self.gateway = None
        with self.ledger.begin() as connection:
            connection.execute(update(leases).values(expires_at=self.ledger.now()))

    async def signal(self, symbol: str = "EURUSD", side: int = 1) -> str:
        """The next hour's close is decided on; the client order id that the signal will have comes with the intent."""
        close = PRICES[symbol]
        open_us = self.clock.us // HOUR_US * HOUR_US - HOUR_US
        release(self.ledger, symbol, "1h", [ClosedCandle(open_us, close, close, close, close, 100.0, None)], "test")
        place = (self.deployments[symbol], symbol, "1h", open_us + HOUR_US)
        payload = {"decision": {"numbers": {"close": close}}, "code": {"commit": CODE.commit}}
        with self.ledger.begin() as connection:
            record = DecisionRecord(*place, side, "a wish", payload, "dagster-run")
            decision = insert_decision(connection, record, self.ledger.now()).id
            assert decision is not None
            wish = SignalRecord(signal_key(*place), decision, side, 0.004, 0.008, 0.01)
            insert_signal(connection, wish, self.ledger.now())
        return wish.signal_key

    async def next_hour(self) -> None:
        """Ten seconds after the next full hour; nobody looks meanwhile."""
        left_us = HOUR_US - self.clock.us % HOUR_US
        await self.wait(left_us / 1_000_000 + 10.0)

    async def entered(self, *answers: Answer, symbol: str = "EURUSD") -> str:
        """A signal becomes an order that is answered so; its client order id."""
        self.broker.places.extend(answers)
        key = await self.signal(symbol)
        await self.run(1.0)
        return self.intent_of(key).client_order_id

    def intent_of(self, key: str, retry: int = 0) -> Row[Any]:
        (found,) = self.rows(order_intents, order_intents.c.signal_key == key, order_intents.c.retry == retry)
        return found

    def intent(self, order: str) -> Row[Any]:
        (found,) = self.rows(order_intents, order_intents.c.client_order_id == order)
        return found

    def position(self) -> Row[Any]:
        (found,) = self.rows(positions)
        return found

    def held(self) -> Position:
        (found,) = self.broker.held.values()
        return found

    def rows(self, table: Table, *conditions: object) -> list[Row[Any]]:
        with self.ledger.reading() as connection:
            return list(connection.execute(select(table).where(*conditions)).all())  # type: ignore[arg-type]

    def alerts(self) -> set[str]:
        """The kinds of the open alerts."""
        return {row.kind for row in self.rows(alerts, alerts.c.resolved_at.is_(None))}

    @property
    def state(self) -> TradingState:
        with self.ledger.reading() as connection:
            return state_of_trading.state(connection, "paper")

    def resume(self) -> None:
        state_of_trading.change(self.ledger, "paper", TradingState.ACTIVE, by="ada", reason="looked at it")

    def write(self, name: str, words: str = "enough") -> Path:
        """A file of the kill switch, as of now."""
        file = self.folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(words)
        os.utime(file, (self.clock.us / 1e6, self.clock.us / 1e6))
        return file


def live_account(template_root: Path, root: Path, **settings: Any) -> LiveAccount:
    """A copy of the template, before the first start."""
    shutil.copytree(template_root, root, dirs_exist_ok=True)
    clock = Clock()
    ledger = Ledger(f"sqlite:///{root / 'ledger.db'}", clock)
    lake = Lake(root / "lake", ledger, CODE)
    settings_made = GatewaySettings(**{"folder": root / "switch", "guards": GUARDS, **settings})
    made = LiveAccount(root, ledger, lake, clock, ScriptedBroker(clock), settings_made)
    made.deployments = {row.symbol: row.id for row in made.rows(deployment_configs)}
    return made


def play(story: Coroutine[Any, Any, None]) -> None:
    """Run a story in virtual time."""
    run_in_virtual_time(story)
