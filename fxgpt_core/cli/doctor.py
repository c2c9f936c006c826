"""fxgpt doctor: is this machine ready, and if not, what to do."""

import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import typer

import fxgpt_core
from fxgpt_core.cli import machine
from fxgpt_core.cli.answer import JsonFlag, answer, say
from fxgpt_core.errors import BadInputError, CorruptArtifactError, FxgptError, LedgerMissingError, NotReadyError
from fxgpt_core.settings import Settings, read_settings

PROJECT_ROOT = Path(fxgpt_core.__file__).resolve().parents[1]
LOCK = PROJECT_ROOT / "requirements.lock"
PYTHON = (3, 11)
GIBIBYTE = 1024**3
NEEDED_MEMORY_BYTES = 2 * GIBIBYTE
NEEDED_DISK_BYTES = 2 * GIBIBYTE
PORTS: Mapping[int, str] = {3000: "the Dagster UI", 5000: "the MLflow UI"}
CLOCK_TOLERANCE = timedelta(hours=1)
SHOWN = 5


@dataclass(frozen=True)
class Finding:
    """One line of the doctor: `status` is ok, note (works, but know it) or problem (blocks); `remedy` is empty when ok."""

    check: str
    status: str
    found: str
    remedy: str = ""


def doctor(json: JsonFlag = False) -> None:
    """Look at this machine: one line for each check, and what to do about a problem. Changes nothing; ends with 7 if one blocks.

    Example: fxgpt doctor
    """
    findings = list(examined(datetime.now(UTC)))
    ready = all(finding.status != "problem" for finding in findings)

    def tell() -> None:
        for finding in findings:
            say(f"{finding.status:<8}{finding.check:<14}{finding.found}")
            if finding.remedy:
                say(f"{'':<22}→ {finding.remedy}")
        say("ready" if ready else "not ready: see the problems above")

    answer({"ready": ready, "findings": [asdict(finding) for finding in findings]}, json, tell)
    if not ready:
        raise typer.Exit(NotReadyError.exit_code)


VERBS: dict[str, Callable[..., Any]] = {"doctor": doctor}


def examined(now: datetime) -> Iterator[Finding]:
    """Every finding, in the order they are told."""
    yield _python()
    yield from _packages()
    yield _cores()
    yield _memory()
    yield from _set_up()
    yield _clock(now)
    yield from (_port(port, use) for port, use in PORTS.items())
    yield _gpu()


def _set_up() -> Iterator[Finding]:
    try:
        settings = read_settings()
    except BadInputError as error:
        yield Finding("settings", "problem", str(error), "correct or unset that variable; nothing stored can be looked at before")
        return
    yield _disk(settings)
    yield _writable(settings)
    yield _ledger(settings)


def _python() -> Finding:
    found = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info[:2] == PYTHON:
        return Finding("python", "ok", found)
    return Finding("python", "problem", found, "fxgpt is locked for Python 3.11: `make clean setup`")


def _packages() -> Iterator[Finding]:
    from fxgpt_core import content_hash

    if not LOCK.is_file():
        yield Finding("packages", "problem", f"no {LOCK}", "run fxgpt from its own checkout, installed with `make setup`")
        return
    locked = machine.locked_versions(LOCK)
    missing, other = machine.differing_packages(locked)
    if missing:
        yield Finding("packages", "problem", f"{len(missing)} of {len(locked)} missing: {_some(missing)}", "`make setup`")
    elif other:
        yield Finding("packages", "note", f"{len(other)} of {len(locked)} differ from the lock: {_some(other)}",
                      "`make clean setup` installs the locked versions; results are proved for those only")  # fmt: skip
    else:
        yield Finding("packages", "ok", f"{len(locked)} as locked")
    yield Finding("lock", "ok", f"sha256 {content_hash.of_file(LOCK)}")


def _cores() -> Finding:
    cores = machine.usable_cores()
    if cores > 1:
        return Finding("cores", "ok", str(cores))
    return Finding("cores", "note", str(cores), "training and the live lane share one core: the demo takes twice as long")


def _memory() -> Finding:
    free = machine.available_memory_bytes()
    if free is None:
        return Finding("memory", "note", "not known on this system", f"{NEEDED_MEMORY_BYTES // GIBIBYTE} GiB are needed")
    found = f"{free / GIBIBYTE:.1f} GiB available"
    if free >= NEEDED_MEMORY_BYTES:
        return Finding("memory", "ok", found)
    return Finding("memory", "problem", found, f"{NEEDED_MEMORY_BYTES // GIBIBYTE} GiB are needed: close other programs")


def _disk(settings: Settings) -> Finding:
    free = machine.free_disk_bytes(settings.data_root)
    found = f"{free / GIBIBYTE:.1f} GiB free for {settings.data_root}"
    if free >= NEEDED_DISK_BYTES:
        return Finding("disk", "ok", found)
    return Finding("disk", "problem", found, f"{NEEDED_DISK_BYTES // GIBIBYTE} GiB are needed: free some or move FXGPT_DATA_ROOT")


def _writable(settings: Settings) -> Finding:
    if machine.may_write(settings.data_root):
        return Finding("data root", "ok", f"{settings.data_root} can be written")
    return Finding("data root", "problem", f"{settings.data_root} cannot be written",
                   "give this user the folder, or set FXGPT_DATA_ROOT to another one")  # fmt: skip


def _ledger(settings: Settings) -> Finding:
    from fxgpt_core.cli.stored import opened_ledger, sqlite_file

    file = sqlite_file(settings.ledger_url)
    if file is not None and not file.exists():
        return Finding("ledger", "note", f"none yet at {file}", "`fxgpt setup` makes it; `make demo` does that by itself")
    try:
        ledger = opened_ledger(settings)
        ledger.require_sound()
    except LedgerMissingError as error:
        return Finding("ledger", "problem", str(error), "`fxgpt setup` makes or migrates a ledger that answers")
    except CorruptArtifactError as error:
        return Finding("ledger", "problem", str(error), "put a sound copy in its place, or set FXGPT_LEDGER_URL to another one")
    except FxgptError as error:
        return Finding("ledger", "problem", str(error), "do what it says, or set FXGPT_LEDGER_URL to another one")
    shown = ledger.shown_url
    ledger.close()
    return Finding("ledger", "ok", f"{shown} answers, is sound and has its tables")


def _clock(now: datetime) -> Finding:
    # The sources were written before now; a clock that says otherwise would stamp orders in the past.
    written = datetime.fromtimestamp(max(path.stat().st_mtime for path in Path(__file__).parent.glob("*.py")), UTC)
    found = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if now + CLOCK_TOLERANCE >= written:
        return Finding("clock", "ok", found)
    return Finding("clock", "problem", f"{found} is before fxgpt was written ({written:%Y-%m-%d})", "set the clock")


def _port(port: int, use: str) -> Finding:
    if not machine.port_in_use(port):
        return Finding(f"port {port}", "ok", f"free for {use}")
    return Finding(f"port {port}", "note", "in use", f"{use} wants it: if it is not fxgpt's own, stop it or choose another port")


def _gpu() -> Finding:
    found = machine.gpus()
    return Finding("gpu", "ok", "; ".join(found) if found else "none: training and forecasts run on the processor")


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
