"""Live decisions computed again by the backtest's path, all candles at once, and compared number by number."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fxgpt_pipelines.live_decision import decisions_at, deployed
from fxgpt_pipelines.live_recording import frame_of, ids_of

if TYPE_CHECKING:
    from fxgpt_core.registry.lake import Lake
    from fxgpt_core.registry.ledger import Ledger


@dataclass(frozen=True)
class Compared:
    """How many decisions of a deployment were computed again, and every number that came out different."""

    deployment_id: int
    n_decisions: int
    differences: Sequence[Mapping[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "deployment_id": self.deployment_id,
            "decisions": self.n_decisions,
            "differences": [dict(row) for row in self.differences],
        }


def trading_now(ledger: "Ledger", symbol: str, timeframe: str) -> int | None:
    """The id of the active deployment, which a rollback may have changed since the asset was made; None when there is none."""
    from fxgpt_core.registry.deployments import Deployments

    active = Deployments(ledger).active(symbol, timeframe)
    return active[0].id if active else None


def compared(lake: "Lake", deployment_id: int) -> Compared:
    """Every decision of a deployment again, in one pass with all live candles known, against what was recorded."""
    from fxgpt_core.live.adherence import differences, live_decisions
    from fxgpt_core.live.candle_feed import received
    from fxgpt_core.registry.deployments import Deployments

    recorded = live_decisions(lake.ledger, deployment_id)
    if not recorded:
        return Compared(deployment_id, 0, [])
    deployment = Deployments(lake.ledger).get(deployment_id)
    ready = deployed(lake, ids_of(deployment))
    everything = received(lake.ledger, deployment.symbol, deployment.timeframe, np.iinfo(np.int64).max)
    closes = np.array([decision.known_at_us for decision in recorded], dtype=np.int64)
    found = differences(recorded, decisions_at(ready, frame_of(everything, ready), closes))
    return Compared(deployment_id, len(recorded), [asdict(difference) for difference in found])
