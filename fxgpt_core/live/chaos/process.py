"""The gateway of a chaos run, as a process that can be killed: `python -m fxgpt_core.live.chaos.process CONFIG`.

Three ways to be wrong can be asked for, so that the run proves that it would notice: to write an order down once it was sent,
to book a fill whenever it is told, and to send an order again as soon as nothing was heard of it.
"""

import asyncio
import json
import secrets
import signal
import sys
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fxgpt_core.brokers.broker import Broker, OrderResult
from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.live.booking import Booking
from fxgpt_core.live.chaos.settings import ChaosSettings
from fxgpt_core.live.chaos.simulated_broker import simulated_broker
from fxgpt_core.live.chaos.stage import CODE
from fxgpt_core.live.gateway import Gateway
from fxgpt_core.live.gateway_settings import GatewaySettings
from fxgpt_core.live.order_path import OrderPath
from fxgpt_core.live.running import run
from fxgpt_core.live.told import Told
from fxgpt_core.market.orders import Fill, OrderOutcome, OrderRequest
from fxgpt_core.portfolio.guards.settings import GuardSettings
from fxgpt_core.registry.lake import Lake
from fxgpt_core.registry.ledger import Ledger

WIDE: dict[str, Any] = dict.fromkeys(
    ("max_signal_age_s", "max_signal_age_candles", "max_price_age_s", "max_minor_price_age_s", "max_spread_ratio"), 1e9
) | dict.fromkeys(
    ("max_symbol_exposure", "max_currency_exposure", "max_leverage", "max_correlated_exposure", "clock_skew_warn_s"), 1e9
) | dict.fromkeys(
    ("max_positions_per_symbol", "max_positions", "max_symbol_orders_per_minute", "max_orders_per_minute"), 1_000_000
) | {
    "max_orders_per_day": 1_000_000, "max_losing_streak": 1_000_000, "max_rejections": 1_000_000, "clock_skew_halt_s": 1e9,
    "harmless_spread_pips": 1e6, "max_daily_loss": 1.0, "max_drawdown": 1.0, "max_margin_use": 1.0,
}  # fmt: skip
"""Guards that let everything pass: what is tried here is the path of an order, and as many of them as can be."""

NO_WRITE_AHEAD, NO_DEAL_KEY, RESEND_AT_ONCE = "no_write_ahead", "no_deal_key", "resend_at_once"
WRONGS = (NO_WRITE_AHEAD, NO_DEAL_KEY, RESEND_AT_ONCE)
ACCOUNT = "chaos"
PAUSE_S = 0.01
CASH = 100_000_000.0


@dataclass(frozen=True)
class ProcessConfig:
    """What the process is told: the folder of the stage, the ledger, the broker, and which way to be wrong, if any."""

    root: str
    ledger_url: str
    broker: str
    environment: str = ""
    account_id: int = 0
    wrong: str = ""
    clock_offset_us: int = 0

    def write(self, path: Path) -> None:
        """To the file that the process reads."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")


class SentBeforeWritten(OrderPath):
    """Writes an order down once it was sent: a process that dies in between has never heard of it, and sends it again."""

    def plan(self, signal: Any, request: OrderRequest, deployment_id: int, retry: int = 0) -> bool:
        """Only remembered."""
        self.__dict__.setdefault("remembered", {})[request.client_order_id] = (signal, request, deployment_id, retry)
        return True

    async def send(self, request: OrderRequest) -> OrderResult:
        """Hand over first."""
        result = await self._broker.place(request)
        super().plan(*self.__dict__["remembered"].pop(request.client_order_id))
        if not self._mark_sent(request.client_order_id):
            self._settle(request.client_order_id, result)
        return result


class BookedTwice(Booking):
    """Takes a fill that is told again for another one."""

    def _known(self, ids: set[str]) -> set[str]:
        return set()

    def _book(self, connection: Any, fill: Fill) -> None:
        super()._book(connection, replace(fill, fill_id=f"{fill.fill_id}-{secrets.token_hex(4)}"))


class SentAgain(OrderPath):
    """Sends an order again as soon as its outcome is not known."""

    async def send(self, request: OrderRequest) -> OrderResult:
        """Once more, and at once."""
        result = await super().send(request)
        if result.outcome is OrderOutcome.UNKNOWN:
            self._broker._commands._given.discard(request.client_order_id)  # type: ignore[attr-defined]
            again = await self._broker.place(request)
            if again.outcome is not OrderOutcome.DENIED:
                self._settle(request.client_order_id, again)
        return result


def gateway_of(config: ProcessConfig) -> Gateway:
    """The gateway a config describes."""
    root, told = Path(config.root), Told(ACCOUNT, "chaos")
    offset = timedelta(microseconds=config.clock_offset_us)
    lake = Lake(root / "lake", Ledger(config.ledger_url, lambda: datetime.now(UTC) + offset), CODE)
    settings = GatewaySettings(
        folder=root / "live",
        most_starts=1_000_000,
        starts_within=timedelta(minutes=1),
        guards=GuardSettings(**WIDE),
        wants_candles=False,
    )
    gateway = Gateway(lake, broker_of(config, told), ACCOUNT, settings=settings, told=told)
    _make_wrong(gateway, config.wrong)
    return gateway


def broker_of(config: ProcessConfig, told: Told) -> Broker:
    """The broker a config names."""
    root = Path(config.root)
    if config.broker == "paper":
        return PaperBroker(root / "paper.db", {}, CASH, 500.0)
    clock = ChaosSettings(1, 0, 0, clock_offset_us=config.clock_offset_us)
    return simulated_broker(root, Path(config.environment), config.account_id, clock, told)


def _make_wrong(gateway: Gateway, wrong: str) -> None:
    """Put the defect in the place of what guards against it; the process is otherwise the one of production."""
    paths = {NO_WRITE_AHEAD: SentBeforeWritten, RESEND_AT_ONCE: SentAgain}
    if wrong in paths:
        gateway._path.__class__ = paths[wrong]
    elif wrong == NO_DEAL_KEY:
        gateway._booking.__class__ = BookedTwice


async def main(config: ProcessConfig) -> None:
    """Until a signal asks for the end."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await run(gateway_of(config), stop=stop, pause_s=PAUSE_S)


if __name__ == "__main__":
    asyncio.run(main(ProcessConfig(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))))
