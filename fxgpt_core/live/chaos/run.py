"""One chaos run: wishes that never end, a gateway that is killed while it makes orders of them, quiet, and the verdict."""

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fxgpt_core.live.chaos.lives import Lives
from fxgpt_core.live.chaos.process import ProcessConfig
from fxgpt_core.live.chaos.settings import ChaosSettings
from fxgpt_core.live.chaos.stage import ChaosStage, chaos_stage
from fxgpt_core.live.chaos.verdict import Truth, Verdict, verdict

BETWEEN_LOOKS_S = 0.05
SETTLING_S = 3.0


class Venue(Protocol):
    """Where the orders of a run go."""

    environment: str
    account_id: int

    def price(self, symbol: str) -> float:
        """The price at which the next candle of a symbol closes."""
        ...

    def calm(self) -> None:
        """Let nothing go wrong from now on."""
        ...

    @property
    def fired(self) -> Mapping[str, int]:
        """How often each fault came, by name."""
        ...

    async def truth(self) -> Truth:
        """What really happened."""
        ...


@dataclass(frozen=True)
class Ended:
    """A run that was played: its verdict, how often the gateway was killed, and how often each fault came."""

    verdict: Verdict
    kills: int
    faults: Mapping[str, int]


async def chaos_run(
    settings: ChaosSettings,
    root: Path,
    venue_of: Callable[[ChaosSettings, Path], AbstractAsyncContextManager[Venue]],
    tell: Callable[[int, int], None],
) -> Ended:
    """Play a run in a folder of its own; `tell` hears how many of how many orders are sent."""
    stage = chaos_stage(root, settings)
    async with venue_of(settings, root) as venue:
        config = root / "process.json"
        url = settings.ledger_url(root)
        ProcessConfig(
            str(root), url, settings.broker, venue.environment, venue.account_id, settings.wrong, settings.clock_offset_us
        ).write(config)
        lives = Lives(config, root / "gateway.log")
        await lives.start()
        try:
            number = await _storm(settings, stage, venue, lives, tell)
            venue.calm()
            for symbol in settings.symbols:  # paper fills at the next candle
                stage.wish(symbol, number, venue.price(symbol), wants=False)
            await _quiet(settings, stage, lives)
        finally:
            await lives.stop()
        found, faults = verdict(stage.ledger, await venue.truth(), settings.grid), venue.fired
    stage.ledger.close()
    return Ended(found, lives.kills, faults)


async def _storm(settings: ChaosSettings, stage: ChaosStage, venue: Venue, lives: Lives, tell: Callable[[int, int], None]) -> int:
    """Wish and kill until enough orders were sent; returns the number of the next candle."""
    rng = random.Random(settings.seed + 1)  # noqa: S311 it draws a rehearsal
    kill_at = sorted(rng.uniform(0.02, 0.98) for _ in range(settings.kills))
    number = 0
    while (done := stage.n_sent() / settings.orders) < 1.0 or kill_at:
        if done > 0.0:
            tell(min(int(done * settings.orders), settings.orders), settings.orders)
        if kill_at and done >= kill_at[0]:
            kill_at.pop(0)
            await lives.kill()
        lives.require_alive()
        if stage.n_waiting() <= len(settings.symbols):
            for symbol in settings.symbols:
                stage.wish(symbol, number, venue.price(symbol))
                await asyncio.sleep(0)
            number += 1
        await asyncio.sleep(rng.uniform(0.0, BETWEEN_LOOKS_S))
    return number


async def _quiet(settings: ChaosSettings, stage: ChaosStage, lives: Lives) -> None:
    """Let the last wishes be handled; then wait for at most the quiet time that a run allows until every intent has an end."""
    clock = asyncio.get_running_loop().time
    while stage.n_waiting():
        lives.require_alive()
        await asyncio.sleep(BETWEEN_LOOKS_S)
    end = clock() + settings.quiet_s
    while clock() < end and not stage.is_settled():
        lives.require_alive()
        await asyncio.sleep(BETWEEN_LOOKS_S)
    # Stops are moved to their prices, and closes verified, behind the last fill.
    await asyncio.sleep(SETTLING_S)
