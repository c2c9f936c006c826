"""The simulated cTrader server as the venue of a chaos run: its prices, its faults, and what it has really done."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fxgpt_core.brokers.ctrader_simulator.faults import FAULTS, Faults, read_faults
from fxgpt_core.brokers.ctrader_simulator.rehearsal import RehearsalSettings, Stage, rehearse
from fxgpt_core.brokers.ctrader_simulator.venue import VenueSettings
from fxgpt_core.live.chaos.settings import ChaosSettings
from fxgpt_core.live.chaos.verdict import OURS, TruePosition, Truth

FATAL = ("refresh_reply_lost", "refresh_token_used")
"""After these nothing is traded until a person logs in again, so that a run would stand still."""
DEPOSIT = 100_000_000.0
UNITS = 100
"""The venue counts hundredths of a unit."""


class SimulatedVenue:
    """A server that listens on loopback, in this process."""

    def __init__(self, stage: Stage) -> None:
        self._server, self._account = stage.server, str(stage.account_ids[0])
        self.environment, self.account_id = str(stage.environment), stage.account_ids[0]

    def price(self, symbol: str) -> float:
        """The bid of this moment."""
        server = self._server
        return float(server.venue.book.quotes[server.venue.symbol_id(symbol)].bid)

    def calm(self) -> None:
        """Nothing goes wrong from now on; what is on its way still comes late."""
        self._server.faults.faults = Faults()

    @property
    def fired(self) -> dict[str, int]:
        """How often each fault came."""
        return {name: self._server.faults.fired[name] for name in FAULTS}

    async def truth(self) -> Truth:
        """What the venue has, of everybody; whose a position is, its opening order tells."""
        found: dict[str, Any] = json.loads(json.dumps(self._server.venue.snapshot()))[self._account]
        orders = {name: rows for name, rows in found["orders"].items() if name.startswith(OURS)}
        opened = {str(row["position_id"]): name for name, rows in orders.items() for row in rows}
        return Truth(
            orders={name: len(rows) for name, rows in orders.items()},
            filled_units={name: sum(row["executed_volume"] for row in rows) // UNITS for name, rows in orders.items()},
            fill_ids=frozenset(found["deals"]),
            positions={
                name: TruePosition(opened[name], row["volume"] // UNITS, row["stop_loss"], row["take_profit"])
                for name, row in found["positions"].items()
                if name in opened
            },
        )


@asynccontextmanager
async def simulated_venue(settings: ChaosSettings, root: Path) -> AsyncIterator[SimulatedVenue]:
    """The venue of a run, until the block ends."""
    ready: asyncio.Future[Stage] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    folder = root / "venue"
    folder.mkdir()
    venue = VenueSettings(settings.seed, (DEPOSIT,), is_always_open=True, symbols=settings.symbols)
    rehearsal = RehearsalSettings(folder, venue=venue, faults=_faults(settings))
    running = asyncio.create_task(rehearse(rehearsal, settings.now_us, stop, ready.set_result))
    try:
        started = asyncio.create_task(_first(ready))
        await asyncio.wait([running, started], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            started.cancel()
            await running
        yield SimulatedVenue(await started)
    finally:
        stop.set()
        await running


async def _first(ready: "asyncio.Future[Stage]") -> Stage:
    return await ready


def _faults(settings: ChaosSettings) -> Faults:
    """The faults asked for, in a time that a run has: what takes half a minute at a real venue takes two seconds here."""
    asked = read_faults(settings.faults, settings.seed)
    return Faults(
        {name: value for name, value in asked.probabilities.items() if name not in FATAL}, settings.seed,
        zombie_s=(0.8, 2.5), late_s=(0.02, 2.0), slow_s=(0.0, 2.0), lag_s=(0.0, 2.0), weather_s=(0.5, 2.0),
    )  # fmt: skip
