"""A rehearsal: the simulator with prices that move, its truth in a file, and how a gateway finds it."""

import asyncio
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from fxgpt_core.atomic_file import write_atomically
from fxgpt_core.brokers.ctrader_simulator.certificates import make_certificates
from fxgpt_core.brokers.ctrader_simulator.faults import Faults
from fxgpt_core.brokers.ctrader_simulator.prices import CandlePlay, CurrencyWalk, PriceSource
from fxgpt_core.brokers.ctrader_simulator.server import HOST, ServerSettings, SimulatorServer
from fxgpt_core.brokers.ctrader_simulator.venue import Venue, VenueSettings
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.market.symbols import SYMBOLS

TICK_S: Final = 0.25
BETWEEN_STATES_S: Final = 0.2
ENVIRONMENT_FILE: Final = "simulator.env"


@dataclass(frozen=True)
class RehearsalSettings:
    """`folder` gets certificate and credentials; `speed` times the market moves as fast; `state` is the file of the truth."""

    folder: Path
    port: int = 0
    speed: float = 1.0
    state: Path | None = None
    venue: VenueSettings = field(default_factory=VenueSettings)
    faults: Faults = field(default_factory=Faults)
    server: ServerSettings = field(default_factory=ServerSettings)
    candles: tuple[str, CandleArrays] | None = None


@dataclass(frozen=True)
class Stage:
    """Where a rehearsal is: the port, the accounts, and the file of variables by which a gateway comes in (mode 0600)."""

    server: SimulatorServer
    port: int
    account_ids: tuple[int, ...]
    environment: Path
    authority: Path


async def rehearse(
    settings: RehearsalSettings, now_us: Callable[[], int], stop: asyncio.Event, ready: Callable[[Stage], None]
) -> None:
    """Run a simulator until `stop` is set; `ready` is called when it listens. The truth is written at the end in any case."""
    certificates = await asyncio.to_thread(make_certificates, settings.folder)
    server = _server(settings, now_us, certificates.server_context())
    sources = _sources(settings, server, now_us())
    port = await server.start(settings.port)
    environment = _write_environment(settings.folder, server, port, certificates.authority)
    try:
        _move(server, sources, 0.0)
        ready(Stage(server, port, tuple(server.venue.book.accounts), environment, certificates.authority))
        server.later(0.0, partial(_prices, server, sources, settings.speed))
        if settings.state is not None:
            server.later(0.0, partial(_states, server, settings.state))
        await stop.wait()
    finally:
        await server.stop()
        if settings.state is not None:
            _write_state(server, settings.state)


def _server(settings: RehearsalSettings, now_us: Callable[[], int], context: ssl.SSLContext) -> SimulatorServer:
    return SimulatorServer(Venue(now_us, settings.venue), settings.faults, context, settings.server)


def _sources(settings: RehearsalSettings, server: SimulatorServer, now_us: int) -> list[PriceSource]:
    names = tuple(server.venue.book.ids)
    if settings.candles is None:
        return [CurrencyWalk(names, settings.venue.seed)]
    name, candles = settings.candles
    play = CandlePlay(SYMBOLS[name], candles, now_us)
    server.bars.give(server.venue.symbol_id(name), play.past())
    return [CurrencyWalk(tuple(one for one in names if one != name), settings.venue.seed), play]


def _move(server: SimulatorServer, sources: list[PriceSource], seconds: float) -> None:
    for source in sources:
        for price in source.after(seconds, server.clock()):
            server.quote(price.symbol, price.bid, price.ask)


async def _prices(server: SimulatorServer, sources: list[PriceSource], speed: float) -> None:
    """Quotes while the market is open."""
    while True:
        await asyncio.sleep(TICK_S)
        if any(terms.is_open(server.clock()) for terms in server.venue.book.symbols.values()):
            _move(server, sources, TICK_S * speed)


async def _states(server: SimulatorServer, path: Path) -> None:
    """Write the truth whenever it has changed; that takes a tenth of the server's time at most, however long it has grown."""
    loop = asyncio.get_running_loop()
    while True:
        server.is_changed.clear()
        began = loop.time()
        _write_state(server, path)
        took_s = loop.time() - began
        await server.is_changed.wait()
        await asyncio.sleep(max(BETWEEN_STATES_S, 9.0 * took_s))


def _write_state(server: SimulatorServer, path: Path) -> None:
    state = {"accounts": server.venue.snapshot(), "faults": dict(server.faults.fired)}
    write_atomically(path, json.dumps(state, indent=1).encode())


def _write_environment(folder: Path, server: SimulatorServer, port: int, authority: Path) -> Path:
    """The variables by which a gateway comes in, for a shell; readable by their owner only, because of the secrets."""
    keys = server.credentials
    values = {
        "FXGPT_CTRADER_HOST": f"{HOST}:{port}",
        "FXGPT_CTRADER_CA": str(authority.resolve()),
        "FXGPT_CTRADER_CLIENT_ID": keys.client_id,
        "FXGPT_CTRADER_CLIENT_SECRET": keys.client_secret,
        "FXGPT_CTRADER_ACCESS_TOKEN": keys.access_token,
        "FXGPT_CTRADER_REFRESH_TOKEN": keys.refresh_token,
        # Kept in a file of its own then: a rehearsal leaves the person's keyring alone.
        "FXGPT_CTRADER_TOKEN_KEY": keys.client_secret,
    }
    path = folder / ENVIRONMENT_FILE
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}='{value}'\n" for name, value in values.items()))
    return path
