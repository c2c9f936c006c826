"""`python -m fxgpt_pipelines.replay_order ORDER`: the decision of an order made again from what is stored, field by field.

ORDER is a JSON object: order, json; `fxgpt replay` gives it. It is a program of its own, since a forecast needs torch, which the
command line never loads.
"""

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fxgpt_core.cli import failure
from fxgpt_core.errors import BrokenLineageError
from fxgpt_core.settings import read_settings

if TYPE_CHECKING:
    from fxgpt_core.live.order_replay import OrderReplay
    from fxgpt_core.registry.lake import Lake


def replay(lake: "Lake", order: str) -> "OrderReplay":
    """Make an order's decision again: its artifacts by id, the candles received up to its close, no forecast from a cache.

    Raises `MissingError` for an unknown order, `CorruptArtifactError` for an input whose bytes changed.
    """
    import numpy as np

    from fxgpt_core.live.candle_feed import received
    from fxgpt_core.live.order_replay import order_decision, replayed
    from fxgpt_core.registry.deployments import Deployments
    from fxgpt_pipelines.code_versions import code_version
    from fxgpt_pipelines.live_decision import decisions_at, deployed
    from fxgpt_pipelines.live_recording import frame_of, ids_of, others_of, payload_of

    stored = order_decision(lake.ledger, order)
    decided = stored.decision
    feed = received(lake.ledger, decided.symbol, decided.timeframe, decided.known_at_us)
    ready = deployed(lake, ids_of(Deployments(lake.ledger).get(decided.deployment_id)))
    others = others_of(lake.ledger, ready, decided.known_at_us)
    asked = np.array([decided.known_at_us], dtype=np.int64)
    again = decisions_at(ready, frame_of(feed, ready), asked, others=others)
    remade = payload_of(again.row(-1), ready) | {"live_candles": {"n": len(feed.candles), "sha256": feed.sha256}}
    remade.pop("decision")
    return replayed(stored, again, remade, code_version("live_decision"))


def main(asked: Mapping[str, Any]) -> int:
    """Replay and tell; returns the exit code (see fxgpt_core/errors.py), that of broken lineage where a field differs."""
    settings = read_settings()
    try:
        from fxgpt_core.cli.stored import opened_ledger, read_only_lake

        found = replay(read_only_lake(settings, opened_ledger(settings)), asked["order"])
    except BaseException as error:  # noqa: BLE001 -- the edge: told in one line, the traceback goes to the log folder
        return failure.told(error, bool(asked["json"]), settings.data_root / "logs", datetime.now(UTC))
    sys.stdout.write((json.dumps(found.to_json()) if asked["json"] else found.as_text()) + "\n")
    return 0 if found.ok else BrokenLineageError.exit_code


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
