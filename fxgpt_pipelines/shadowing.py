"""The deployed assets run again on the recorded candles: the same decisions to the bit, and the backtest's trades of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fxgpt_core import content_hash
from fxgpt_pipelines.code_versions import code_version
from fxgpt_pipelines.live_decision import Deployed, continued, decisions_at, deployed
from fxgpt_pipelines.live_recording import frame_of, ids_of, others_of

if TYPE_CHECKING:
    import polars as pl

    from fxgpt_core.live.shadow import Difference, LiveDecision
    from fxgpt_core.registry.deployment_records import Deployment
    from fxgpt_core.registry.lake import Lake
    from fxgpt_core.strategy.decision import Decisions

LIVE_CODE = "live_decision"


@dataclass(frozen=True)
class Compared:
    """How many decisions of which deployments were made again, every number that came out different, what waits, and how the
    trades differ that the backtest makes of them.
    """

    deployment_ids: Sequence[int]
    n_decisions: int
    n_undecided: int
    differences: Sequence[Mapping[str, Any]]
    n_trades: int = 0
    fill_differences: Sequence[Mapping[str, Any]] = ()

    @property
    def causes(self) -> dict[str, int]:
        """How many differences of trades have each cause, the most frequent first."""
        return dict(Counter(row["cause"] for row in self.fill_differences).most_common())

    @property
    def pips(self) -> dict[str, float]:
        """By how many pips live prices were worse in all, by cause."""
        found: dict[str, float] = {}
        for row in self.fill_differences:
            if row["pips"] is not None:
                found[row["cause"]] = found.get(row["cause"], 0.0) + row["pips"]
        return found

    @property
    def sha256(self) -> str:
        """Content hash of all of it."""
        return content_hash.of_json(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "deployment_ids": list(self.deployment_ids),
            "decisions": self.n_decisions,
            "undecided": self.n_undecided,
            "differences": [dict(row) for row in self.differences],
            "trades": self.n_trades,
            "fill_differences": [dict(row) for row in self.fill_differences],
            "causes": self.causes,
            "pips": self.pips,
        }


@dataclass(frozen=True)
class _Again:
    """One deployment run again: what is recorded, what differs, and the trades of what was decided."""

    recorded: "Sequence[LiveDecision]"
    differences: "Sequence[Difference]"
    n_trades: int = 0
    fill_differences: Sequence[Mapping[str, Any]] = ()


def compared(lake: "Lake", symbol: str, timeframe: str) -> Compared:
    """Every decision that any deployment of the series ever made again, in one pass each, against what was recorded; and the
    backtest's trades of those decisions against the live ones.
    """
    from fxgpt_core.live.candle_feed import undecided
    from fxgpt_core.registry.deployments import Deployments

    found: dict[int, _Again] = {}
    for deployment in Deployments(lake.ledger).list():
        if (deployment.symbol, deployment.timeframe) == (symbol, timeframe):
            again = _again(lake, deployment)
            if again.recorded:
                found[deployment.id] = again
    waiting = [item for item in undecided(lake.ledger) if (item.symbol, item.timeframe) == (symbol, timeframe)]
    return Compared(
        deployment_ids=list(found),
        n_decisions=sum(len(again.recorded) for again in found.values()),
        n_undecided=len(waiting),
        differences=[{"deployment_id": n, **asdict(each)} for n, again in found.items() for each in again.differences],
        n_trades=sum(again.n_trades for again in found.values()),
        fill_differences=[{"deployment_id": n, **each} for n, again in found.items() for each in again.fill_differences],
    )


def _again(lake: "Lake", deployment: "Deployment") -> _Again:
    from fxgpt_core.live.candle_feed import received
    from fxgpt_core.live.costed_candles import EVER
    from fxgpt_core.live.shadow import cause_of, differences, live_decisions

    recorded = live_decisions(lake.ledger, deployment.id)
    if not recorded:
        return _Again((), ())
    ready, place = deployed(lake, ids_of(deployment)), (deployment.symbol, deployment.timeframe)
    live = frame_of(received(lake.ledger, *place, EVER), ready)
    closes = np.array([decision.known_at_us for decision in recorded], dtype=np.int64)
    decided = decisions_at(ready, live, closes, others=others_of(lake.ledger, ready, EVER))
    by_close = {item.known_at_us: item for item in recorded}
    different = [
        replace(each, cause=cause_of(by_close[at], code_version(LIVE_CODE), received(lake.ledger, *place, at)) or "unexplained")
        for each in differences(recorded, decided)
        for at in [each.known_at_us]
    ]
    n_trades, of_fills = _trades(lake, deployment, ready, (live, decided, recorded))
    return _Again(recorded, different, n_trades, of_fills)


def _trades(
    lake: "Lake",
    deployment: "Deployment",
    ready: Deployed,
    made: "tuple[pl.DataFrame, Decisions, Sequence[LiveDecision]]",
) -> tuple[int, list[dict[str, Any]]]:
    """How many trades the backtest makes of the decisions, and how the live ones differ."""
    from fxgpt_core.backtest.engine import BacktestAccount, backtest, execution_of
    from fxgpt_core.candles.arrays import candle_arrays
    from fxgpt_core.live.costed_candles import costed
    from fxgpt_core.live.running import PAPER_CASH, PAPER_LEVERAGE
    from fxgpt_core.live.shadow_fills import fill_differences, shadow_trades
    from fxgpt_core.live.shadow_rows import equity_at, live_wishes
    from fxgpt_core.market.charges import charges_of_proposal
    from fxgpt_core.market.symbols import symbol
    from fxgpt_core.market.timeframes import timeframe as timeframe_of

    live, decided, recorded = made
    timeframe = timeframe_of(deployment.timeframe)
    candles = candle_arrays(continued(ready, live), timeframe)
    # The first candle decided on is the second here: a backtest does not decide on its first.
    first = max(0, int(np.searchsorted(candles.known_at_us, recorded[0].known_at_us)) - 1)
    candles, decided = candles.slice(first, len(candles)), decided.slice(first, len(decided))
    wishes = live_wishes(lake.ledger, deployment.id, list(recorded), code_version(LIVE_CODE))
    account = next((wish.life.account for wish in wishes if wish.life is not None), deployment.broker)
    proposal = lake.get(deployment.parameter_set_id).json()
    market = costed(lake.ledger, deployment.symbol, candles, charges_of_proposal(proposal) or ready.costs)
    cash = equity_at(lake.ledger, account, recorded[0].known_at_us, PAPER_CASH)
    execution = execution_of(ready.parameters, timeframe)
    played = backtest(candles, decided, execution, market.costs, BacktestAccount(cash, PAPER_LEVERAGE))
    trades = shadow_trades(played.trades, market)
    found = fill_differences(wishes, trades, market, symbol(deployment.symbol).pip)
    return len(trades), [difference.to_json() for difference in found]
