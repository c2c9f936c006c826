"""What a new version of a downloaded series makes stale."""

from typing import TYPE_CHECKING

from fxgpt_core.registry.artifact import Artifact
from fxgpt_core.registry.lake import Lake

if TYPE_CHECKING:
    from fxgpt_core.candles.sync import SyncResult


def made_from_earlier(lake: Lake, provider: str, result: "SyncResult") -> list[Artifact]:
    """What rests on an earlier version of the series, the raw candles first; nothing where there is no new version."""
    if result.earlier == result.stored:
        return []
    stored = result.stored
    series = {"provider": provider, "source_timeframe": str(stored.timeframe)}
    made = [one for one in lake.every("raw_candles", stored.symbol) if series.items() <= dict(one.settings).items()]
    raw = [one for one in made if one.settings["candles_sha256"] != stored.sha256]
    found = {one.id: one for root in raw for one in (root, *lake.descendants(root.id))}
    return list(found.values())
