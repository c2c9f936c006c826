"""Decide on one closed candle of a deployment and record it, once: decision, and signal if it wants to trade and may."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from fxgpt_core.errors import FxgptError, NotReadyError
from fxgpt_core.live.freshness import FAILED_CHECK, FreshnessLimits, Refusal
from fxgpt_pipelines.code_versions import code_version
from fxgpt_pipelines.live_decision import Deployed, DeployedIds, decisions_at, deployed
from fxgpt_pipelines.live_forecasts import FOLDER
from fxgpt_pipelines.live_writing import Candle, Recorded, written

if TYPE_CHECKING:
    import polars as pl

    from fxgpt_core.live.candle_feed import ReceivedCandles
    from fxgpt_core.registry.deployment_records import Deployment
    from fxgpt_core.registry.lake import Lake
    from fxgpt_core.registry.ledger import Ledger
    from fxgpt_core.strategy.decision import Decision

DEFAULT_LIMITS = FreshnessLimits()


def decide_and_record(
    lake: "Lake", deployment_id: int, known_at_us: int, run_id: str, limits: FreshnessLimits = DEFAULT_LIMITS
) -> Recorded:
    """Decide on the candle that closed at a moment, once. A stale candle or model, and whatever this project refuses by name (a
    hash that differs, candles that do not follow each other), makes no signal: it is recorded as a decision for nothing, with
    its reason, and an alert. Only a failure that nobody named is raised, and tried again.

    Raises `MissingError` for an unknown deployment or candle, `NotReadyError` when the ledger does not answer.
    """
    from fxgpt_core.live.candle_feed import received
    from fxgpt_core.live.freshness import arrival, stale_candle, stale_model
    from fxgpt_core.registry.deployments import Deployments
    from fxgpt_core.registry.live_records import decision_at

    deployment = Deployments(lake.ledger).get(deployment_id)
    place = (deployment.symbol, deployment.timeframe)
    before = decision_at(lake.ledger, deployment_id, *place, known_at_us)
    if before is not None:
        return Recorded(f"decided before: {before.reason}")
    came = arrival(lake.ledger, *place, known_at_us)
    feed, late = received(lake.ledger, *place, known_at_us), stale_candle(came, place, limits)
    made_by = {"code": asdict(lake.code) | {"code_sha256": code_version("live_decision")}, "dagster_run_id": run_id}
    made_by["live_candles"] = {"n": len(feed.candles), "sha256": feed.sha256}
    asked = np.array([known_at_us], dtype=np.int64)
    try:
        ready = deployed(lake, ids_of(deployment))
        others = others_of(lake.ledger, ready, known_at_us)
        decision = decisions_at(ready, frame_of(feed, ready), asked, cache=lake.root / FOLDER, others=others).row(-1)
    except NotReadyError:
        raise
    except FxgptError as error:
        refusals = (*filter(None, [late]), _failed(error))
        return written(lake.ledger, Candle(deployment, known_at_us, None, made_by, refusals))
    old = stale_model(came, ready.stored["diffusion_model"].created_at, lake.ledger.now(), limits)
    payload = payload_of(decision, ready) | made_by
    return written(lake.ledger, Candle(deployment, known_at_us, decision, payload, tuple(filter(None, [late, old]))))


def ids_of(deployment: "Deployment") -> DeployedIds:
    """The artifacts of a deployment."""
    return DeployedIds(deployment.parameter_set_id, deployment.model_id, deployment.calibration_id, deployment.mode)


def frame_of(feed: "ReceivedCandles", ready: Deployed) -> "pl.DataFrame":
    """The candles of a feed, at least one, that lie behind the history, as a candle frame."""
    import polars as pl

    return _frame(feed).filter(pl.col("open_time") > ready.history["open_time"][-1])


def others_of(ledger: "Ledger", ready: Deployed, until_known_at_us: int) -> "dict[str, pl.DataFrame]":
    """The live candles of the symbols that share the deployment's capital, of those that have any."""
    from fxgpt_core.live.candle_feed import received

    feeds = {name: received(ledger, name, ready.timeframe, until_known_at_us) for name in ready.others}
    return {name: _frame(feed) for name, feed in feeds.items() if feed.candles}


def _frame(feed: "ReceivedCandles") -> "pl.DataFrame":
    import polars as pl

    frame = pl.DataFrame([asdict(candle) for candle in feed.candles], schema_overrides={"spread": pl.Float64})
    return frame.with_columns(pl.col("open_time_us").cast(pl.Datetime("us", "UTC")).alias("open_time")).drop("open_time_us")


def payload_of(decision: "Decision", ready: Deployed) -> dict[str, Any]:
    """What a decision rests on: its numbers, the set that decided, costs and the artifacts read."""
    from fxgpt_core.strategy.regime_sets import decided_by

    return {
        "decision": decision.to_json(),
        "parameters_sha256": decided_by(ready.parameters, decision.numbers).sha256,
        "costs": asdict(ready.costs),
        "inputs": {role: dict(read) for role, read in ready.inputs.items()},
    }


def _failed(error: FxgptError) -> Refusal:
    return Refusal(
        FAILED_CHECK,
        f"{type(error).__name__}: {error}",
        "mend what the message names; the next candle is tried again, this one is not: it would come too late",
    )
