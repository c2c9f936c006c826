"""Live decisions computed again by the backtest's path, all candles at once, and compared number by number."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fxgpt_pipelines.live_decision import decisions_at, deployed
from fxgpt_pipelines.live_recording import frame_of, ids_of, others_of

if TYPE_CHECKING:
    from fxgpt_core.registry.deployment_records import Deployment
    from fxgpt_core.registry.lake import Lake


@dataclass(frozen=True)
class Compared:
    """How many decisions of which deployments were computed again, every number that came out different, and what waits."""

    deployment_ids: Sequence[int]
    n_decisions: int
    n_undecided: int
    differences: Sequence[Mapping[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "deployment_ids": list(self.deployment_ids),
            "decisions": self.n_decisions,
            "undecided": self.n_undecided,
            "differences": [dict(row) for row in self.differences],
        }


def compared(lake: "Lake", symbol: str, timeframe: str) -> Compared:
    """Every decision that any deployment of the series ever made again, in one pass each, against what was recorded."""
    from fxgpt_core.live.candle_feed import undecided
    from fxgpt_core.registry.deployments import Deployments

    ids, n_decisions, differences = [], 0, []
    for deployment in Deployments(lake.ledger).list():
        if (deployment.symbol, deployment.timeframe) != (symbol, timeframe):
            continue
        n, found = _of(lake, deployment)
        n_decisions += n
        differences += found
        ids += [deployment.id] if n else []
    waiting = [item for item in undecided(lake.ledger) if (item.symbol, item.timeframe) == (symbol, timeframe)]
    return Compared(ids, n_decisions, len(waiting), differences)


def _of(lake: "Lake", deployment: "Deployment") -> tuple[int, list[dict[str, Any]]]:
    """The number of decisions of one deployment, and each of their numbers that differs."""
    from fxgpt_core.live.candle_feed import received
    from fxgpt_core.live.shadow import differences, live_decisions

    recorded = live_decisions(lake.ledger, deployment.id)
    if not recorded:
        return 0, []
    ready, place = deployed(lake, ids_of(deployment)), (deployment.symbol, deployment.timeframe)
    last = np.iinfo(np.int64).max
    everything, others = received(lake.ledger, *place, last), others_of(lake.ledger, ready, last)
    closes = np.array([decision.known_at_us for decision in recorded], dtype=np.int64)
    found = differences(recorded, decisions_at(ready, frame_of(everything, ready), closes, others=others))
    return len(recorded), [{"deployment_id": deployment.id, **asdict(difference)} for difference in found]
