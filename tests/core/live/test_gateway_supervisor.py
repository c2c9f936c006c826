"""The parent of a gateway, with real small child processes: what dies is started again, slower; what hangs is killed."""

import asyncio
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from fxgpt_core.live.supervisor import Supervisor, SupervisorSettings
from fxgpt_core.registry import migration
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import alerts, heartbeats, positions

QUICK = SupervisorSettings(look_s=0.02, grace_s=5.0)
START = datetime(2024, 3, 5, 14, tzinfo=UTC)
SLEEPS = "import time; time.sleep(60)"


class Impatient(random.Random):
    """Notes within which bounds each pause was drawn, and does not pause."""

    def __init__(self) -> None:
        super().__init__(7)
        self.bounds: list[tuple[float, float]] = []

    def uniform(self, a: float, b: float) -> float:
        self.bounds.append((a, b))
        return 0.0


@dataclass
class Watched:
    """A supervisor of a child that writes a line into a file each time it starts."""

    folder: Path
    ledger: Ledger
    told: list[str] = field(default_factory=list)
    time: datetime = START
    rng: Impatient = field(default_factory=Impatient)

    def supervisor(self, code: str, settings: SupervisorSettings = QUICK) -> Supervisor:
        begun = self.folder / "begun"
        program = f"open({str(begun)!r}, 'a').write('x'); " + code
        command = (sys.executable, "-S", "-E", "-c", program)
        return Supervisor(self.ledger, "paper", command, self.told.append, settings, self.rng)

    @property
    def n_lives(self) -> int:
        file = self.folder / "begun"
        return len(file.read_text()) if file.exists() else 0

    async def until_lives(self, n: int) -> None:
        while self.n_lives < n:
            await asyncio.sleep(0.005)

    def beat(self, at: datetime) -> None:
        with self.ledger.begin() as connection:
            connection.execute(heartbeats.delete())
            connection.execute(insert(heartbeats), {"process": "gateway:paper", "at": at, "detail_json": "{}"})

    def open_alerts(self) -> list[str]:
        with self.ledger.reading() as connection:
            return list(connection.execute(select(alerts.c.kind).where(alerts.c.resolved_at.is_(None))).scalars())


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    migration.upgrade(ledger)
    made = Watched(tmp_path, ledger)
    ledger.clock = lambda: made.time
    yield made
    ledger.close()


@pytest.mark.parametrize("code", [0, 5])
def test_a_gateway_that_ends_in_order_or_refuses_is_not_started_again(watched: Watched, code: int) -> None:
    supervisor = watched.supervisor(f"raise SystemExit({code})")
    assert asyncio.run(supervisor.run(asyncio.Event())) == code
    assert watched.n_lives == 1


def test_a_gateway_that_dies_is_started_again_with_growing_pauses(watched: Watched) -> None:
    """Half to all of 2, 4, 8, 16, 32 and then 60 s."""

    async def story() -> int:
        stop = asyncio.Event()
        settings = SupervisorSettings(look_s=0.02)
        running = asyncio.create_task(watched.supervisor("raise SystemExit(9)", settings).run(stop))
        await watched.until_lives(8)
        stop.set()
        return await running

    assert asyncio.run(story()) in (9, -15)
    assert watched.rng.bounds[:7] == [(1, 2), (2, 4), (4, 8), (8, 16), (16, 32), (30, 60), (30, 60)]
    assert sum("ended with 9" in line for line in watched.told) >= 7


def test_a_gateway_that_was_well_for_a_while_begins_with_the_shortest_pause_again(watched: Watched) -> None:
    async def story() -> None:
        stop = asyncio.Event()
        settings = SupervisorSettings(look_s=0.02, lived_s=0.0)
        running = asyncio.create_task(watched.supervisor("raise SystemExit(9)", settings).run(stop))
        await watched.until_lives(4)
        stop.set()
        await running

    asyncio.run(story())
    assert set(watched.rng.bounds) == {(0.5, 1)}


def test_sigterm_reaches_the_gateway_and_its_own_code_is_the_end(watched: Watched) -> None:
    code = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); " + (
        f"open({str(watched.folder / 'ready')!r}, 'w').close(); time.sleep(60)"
    )

    async def story() -> int:
        stop = asyncio.Event()
        running = asyncio.create_task(watched.supervisor(code).run(stop))
        while not (watched.folder / "ready").exists():
            await asyncio.sleep(0.005)
        stop.set()
        return await running

    assert asyncio.run(story()) == 0
    assert watched.n_lives == 1


def test_a_gateway_that_does_not_end_when_asked_is_killed(watched: Watched) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + (
        f"open({str(watched.folder / 'ready')!r}, 'w').close(); time.sleep(60)"
    )

    async def story() -> int:
        stop = asyncio.Event()
        settings = SupervisorSettings(look_s=0.02, grace_s=0.05)
        running = asyncio.create_task(watched.supervisor(code, settings).run(stop))
        while not (watched.folder / "ready").exists():
            await asyncio.sleep(0.005)
        stop.set()
        return await running

    assert asyncio.run(story()) == -9


@pytest.mark.parametrize("has_position", [False, True])
def test_a_gateway_that_is_silent_is_killed_and_started_again(watched: Watched, has_position: bool) -> None:
    """31 s without a heartbeat; a person hears of it at once only where something is open."""
    if has_position:
        row = dict.fromkeys(("position_id", "client_order_id", "symbol"), "EURUSD")
        row |= {"account": "paper", "side": 1, "units": 1, "entry_price": 1.1, "entry_time_us": 1, "state": "open"}
        with watched.ledger.begin() as connection:
            connection.execute(insert(positions), row)

    async def story() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(watched.supervisor(SLEEPS).run(stop))
        await watched.until_lives(1)
        watched.beat(START + timedelta(seconds=1))
        watched.time = START + timedelta(seconds=32)
        await watched.until_lives(2)
        assert watched.open_alerts() == (["gateway_silent"] if has_position else [])
        watched.time += timedelta(seconds=1)
        watched.beat(watched.time)
        while watched.open_alerts():
            await asyncio.sleep(0.005)
        stop.set()
        await running

    asyncio.run(story())
    assert any("has not shown itself for 31 s" in line for line in watched.told)


def test_a_gateway_that_beats_is_left_alone(watched: Watched) -> None:
    async def story() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(watched.supervisor(SLEEPS).run(stop))
        await watched.until_lives(1)
        for second in range(20, 200, 20):
            watched.beat(START + timedelta(seconds=second))
            watched.time = START + timedelta(seconds=second + 1)
            await asyncio.sleep(0.025)
        stop.set()
        await running

    asyncio.run(story())
    assert watched.n_lives == 1
    assert not any("killed" in line for line in watched.told)
