"""fxgpt ctrader simulate: a cTrader server on this machine to rehearse against, with everything that can go wrong."""

import asyncio
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, answer, say
from fxgpt_core.errors import BadInputError

if TYPE_CHECKING:
    from fxgpt_core.brokers.ctrader_simulator.rehearsal import RehearsalSettings, Stage
    from fxgpt_core.candles.arrays import CandleArrays

PortOption = Annotated[int, typer.Option("--port", help="Port on 127.0.0.1; 0 takes a free one.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of prices, ids and faults.")]
FaultsOption = Annotated[str, typer.Option("--faults", help="all, none, or NAME=PROBABILITY,... (`--list-faults` tells them).")]
ListOption = Annotated[bool, typer.Option("--list-faults", help="Tell every fault and end.")]
SpeedOption = Annotated[float, typer.Option("--speed", help="How many times as fast the market moves; stamps stay true.")]
CandlesOption = Annotated[
    Path | None, typer.Option("--candles", help="Candle file (.csv, .parquet) played as --symbol's prices.")
]
SymbolPlayed = Annotated[str, typer.Option("--symbol", "-s", help="Symbol of the candle file.")]
FolderOption = Annotated[Path | None, typer.Option("--folder", help="Gets certificate and credentials; default a temporary one.")]
StateOption = Annotated[Path | None, typer.Option("--state", help="File that holds the venue's truth as JSON.")]
DepositOption = Annotated[float, typer.Option("--deposit", help="Deposit of the account, dollars.")]
OpenOption = Annotated[bool, typer.Option("--always-open", help="Trade on weekends too.")]
IdleOption = Annotated[float, typer.Option("--idle", help="Seconds of a client's silence after which it is closed; 30 or 10.")]
LiveOption = Annotated[bool, typer.Option("--live-host", help="Be the host of live accounts; still play money.")]


def simulate(
    *,
    port: PortOption = 0,
    seed: SeedOption = 7,
    faults: FaultsOption = "none",
    speed: SpeedOption = 1.0,
    candles: CandlesOption = None,
    symbol: SymbolPlayed = "EURUSD",
    folder: FolderOption = None,
    state: StateOption = None,
    deposit: DepositOption = 100_000.0,
    always_open: OpenOption = False,
    live_host: LiveOption = False,
    idle: IdleOption = 30.0,
    list_faults: ListOption = False,
    json: JsonFlag = False,
) -> None:
    """A cTrader server on this machine, until interrupted: real protocol over TLS, play money, faults if asked for.

    Example: fxgpt ctrader simulate --faults late_fill=0.1,zombie=0.02 --state truth.json
    """
    from fxgpt_core.brokers.ctrader_simulator.client_connection import Pace
    from fxgpt_core.brokers.ctrader_simulator.faults import FAULTS, read_faults
    from fxgpt_core.brokers.ctrader_simulator.rehearsal import RehearsalSettings
    from fxgpt_core.brokers.ctrader_simulator.server import ServerSettings
    from fxgpt_core.brokers.ctrader_simulator.venue import VenueSettings

    if list_faults:
        told = {name: kind._asdict() for name, kind in FAULTS.items()}
        answer({"faults": told}, json, lambda: _tell_faults(told))
        return
    if not (speed > 0.0 and deposit > 0.0 and idle > 0.0):
        raise BadInputError(f"speed {speed}, deposit {deposit} and idle {idle} found; all are above 0; correct them")
    settings = RehearsalSettings(
        folder=folder or _temporary(),
        port=port,
        speed=speed,
        state=state,
        venue=VenueSettings(seed=seed, deposits=(deposit,), is_always_open=always_open, is_live=live_host),
        faults=read_faults(faults, seed),
        server=ServerSettings(pace=Pace(idle_s=idle)),
        candles=None if candles is None else (_name(symbol), _read(candles)),
    )
    asyncio.run(_until_interrupted(settings, json))
    if not json:
        say("the simulator has stopped")


async def _until_interrupted(settings: "RehearsalSettings", json: bool) -> None:
    from fxgpt_core.brokers.ctrader_simulator.rehearsal import rehearse

    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await rehearse(settings, lambda: time.time_ns() // 1000, stop, lambda stage: _tell_stage(stage, json))


def _tell_stage(stage: "Stage", json: bool) -> None:
    payload: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": stage.port,
        "accounts": list(stage.account_ids),
        "environment_file": str(stage.environment),
        "ca_file": str(stage.authority),
    }
    answer(payload, json, lambda: _tell_how(stage))
    # Whoever started this as a process waits for the line.
    sys.stdout.flush()


def _tell_how(stage: "Stage") -> None:
    say(f"cTrader simulator on 127.0.0.1:{stage.port}, account {', '.join(map(str, stage.account_ids))}; interrupt it to stop")
    say("point a gateway at it from another shell (host, authority, client id, secret and tokens; of no worth elsewhere):")
    say(f"  set -a; . {stage.environment}; set +a; fxgpt ctrader login --given")


def _tell_faults(told: dict[str, dict[str, Any]]) -> None:
    width = max(map(len, told))
    for name, kind in told.items():
        say(f"{name:<{width}}  {kind['place']:<10}  {kind['probability']:<6g}  {kind['words']}")


def _temporary() -> Path:
    import tempfile

    return Path(tempfile.mkdtemp(prefix="fxgpt-simulator-"))


def _name(given: str) -> str:
    from fxgpt_core.market.symbols import symbol

    return symbol(given).name


def _read(path: Path) -> "CandleArrays":
    """The candles of a file, whose timeframe is the least distance of two."""
    import numpy as np

    from fxgpt_core.candles.arrays import candle_arrays
    from fxgpt_core.candles.providers.files import checked_frame, read_candle_file
    from fxgpt_core.market.timeframes import Timeframe

    frame = read_candle_file(path)
    apart = np.diff(frame["open_time"].to_physical().to_numpy())
    least = int(apart.min()) if len(apart) else 0
    found = [one for one in Timeframe if one.us == least]
    if not found:
        allowed = ", ".join(Timeframe)
        raise BadInputError(f"{path} has {len(frame)} candles {least / 1e6:g} s apart; candles of {allowed} can be played")
    return candle_arrays(checked_frame(frame, found[0], path), found[0])


VERBS: dict[str, Callable[..., Any]] = {"simulate": simulate}
