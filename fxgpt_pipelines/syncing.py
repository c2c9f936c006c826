"""Downloading what a series lacks, before an asset reads it."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fxgpt_core.candles.providers.remote import remote_source
from fxgpt_core.candles.since import moment_of
from fxgpt_core.candles.store import CandleStore
from fxgpt_core.candles.sync import Progress, SyncParameters, SyncResult, sync
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.registry.affected import made_from_earlier
from fxgpt_core.settings import provider_key
from fxgpt_pipelines.recording import table

if TYPE_CHECKING:
    from fxgpt_core.registry.artifact import Artifact
    from fxgpt_pipelines.resources import LakeResource

TURN = ".turn"
STEP = 0.1
MINUTE = "%Y-%m-%d %H:%M"


@dataclass(frozen=True)
class Download:
    """Candles for a partition from the source of a name; `since` as a person writes it, "" for where the stored series begins."""

    source: str
    symbol: str
    timeframe: Timeframe
    since: str


def synced(lake: "LakeResource", wanted: Download, tell: Callable[[str], None], now: datetime) -> dict[str, Any]:
    """Bring the downloaded series that a partition is made of up to `now` (aware); what came, as metadata.

    That series has the partition's timeframe, or the longest shorter one that the source serves. Raises what `remote_source`,
    `settings.provider_key`, `moment_of` and `sync` raise.
    """
    source = remote_source(wanted.source, provider_key)
    served = [own for own in source.timeframes if own.us <= wanted.timeframe.us]
    # Where it serves no shorter one, the source itself says which it does.
    timeframe = max(served, key=lambda own: own.us, default=wanted.timeframe)
    since = moment_of(wanted.since, "since") if wanted.since else None
    asked = SyncParameters(wanted.symbol, timeframe, now, since)
    root = lake.settings().download_root / source.name
    with _turn(root, source.name, tell):
        result = sync(source, CandleStore(root), asked, _Tenths(f"{source.name} {wanted.symbol} {timeframe}", tell).tell)
    return _metadata(result, made_from_earlier(lake.lake, source.name, result))


@contextmanager
def _turn(root: Path, name: str, tell: Callable[[str], None]) -> Iterator[None]:
    """One download from a source at a time, whichever the partition: its rate limit is for all, and two may need one series."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / TURN).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell(f"another partition downloads from {name}; this one waits for its turn")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class _Tenths:
    """Tells the progress of a download once for each tenth."""

    def __init__(self, name: str, tell: Callable[[str], None]) -> None:
        self._name = name
        self._tell = tell
        self._next = 0.0

    def tell(self, progress: Progress) -> None:
        share = progress.done / progress.total
        if share >= self._next:
            left = "" if progress.seconds_left is None else f", about {progress.seconds_left:.0f} s left"
            self._tell(f"{self._name}: {share:.0%} of {progress.total.days} days{left}")
            self._next = share + STEP


def _metadata(result: SyncResult, affected: "list[Artifact]") -> dict[str, Any]:
    return {
        "asked": "; ".join(f"{start:{MINUTE}} to {stop:{MINUTE}}" for start, stop in result.asked) or "nothing",
        "added": result.added,
        "revised": result.revised.count,
        "withdrawn": result.withdrawn.count,
        "affected": table(
            [{"asset": one.asset, "symbol": one.symbol, "timeframe": one.timeframe, "artifact": one.id} for one in affected]
        ),
    }
