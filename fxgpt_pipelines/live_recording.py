"""Decide on one closed candle of a deployment and record it, once: decision, and signal if it wants to trade."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from fxgpt_core.errors import MissingError
from fxgpt_core.market.timeframes import timeframe as timeframe_of
from fxgpt_pipelines.code_versions import code_version
from fxgpt_pipelines.live_decision import Deployed, DeployedIds, decisions_at, deployed
from fxgpt_pipelines.live_forecasts import FOLDER

if TYPE_CHECKING:
    import polars as pl

    from fxgpt_core.live.candle_feed import ReceivedCandles
    from fxgpt_core.registry.deployment_records import Deployment
    from fxgpt_core.registry.lake import Lake
    from fxgpt_core.registry.ledger import Ledger
    from fxgpt_core.strategy.decision import Decision


def decide_and_record(lake: "Lake", deployment_id: int, known_at_us: int, run_id: str) -> str:
    """One line that says what was decided. Raises `MissingError` for an unknown deployment or a candle that is not there."""
    from fxgpt_core.live.candle_feed import received
    from fxgpt_core.registry.deployments import Deployments
    from fxgpt_core.registry.live_records import decision_at

    deployment = Deployments(lake.ledger).get(deployment_id)
    before = decision_at(lake.ledger, deployment_id, deployment.symbol, deployment.timeframe, known_at_us)
    if before is not None:
        return f"decided before: {before.reason}"
    feed = received(lake.ledger, deployment.symbol, deployment.timeframe, known_at_us)
    length_us = timeframe_of(deployment.timeframe).us
    if not feed.candles or feed.candles[-1].open_time_us + length_us != known_at_us:
        raise MissingError(
            f"no candle of {deployment.symbol} {deployment.timeframe} closed at {known_at_us} µs in the feed; release it first"
        )
    ready = deployed(lake, ids_of(deployment))
    asked = np.array([known_at_us], dtype=np.int64)
    others = others_of(lake.ledger, ready, known_at_us)
    decision = decisions_at(ready, frame_of(feed, ready), asked, cache=lake.root / FOLDER, others=others).row(-1)
    _record(lake.ledger, deployment, decision, payload_of(lake, decision, ready, feed, run_id))
    return f"{decision.reason} (side {decision.side})"


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


def payload_of(lake: "Lake", decision: "Decision", ready: Deployed, feed: "ReceivedCandles", run_id: str) -> dict[str, Any]:
    """All that a decision rests on: its numbers, the set that decided, the artifacts read, the candles received, code and run."""
    from fxgpt_core.strategy.regime_sets import decided_by

    return {
        "decision": decision.to_json(),
        "parameters_sha256": decided_by(ready.parameters, decision.numbers).sha256,
        "costs": asdict(ready.costs),
        "inputs": {role: dict(read) for role, read in ready.inputs.items()},
        "live_candles": {"n": len(feed.candles), "sha256": feed.sha256},
        "code": asdict(lake.code) | {"code_sha256": code_version("live_decision")},
        "dagster_run_id": run_id,
    }


def _record(ledger: "Ledger", deployment: "Deployment", decision: "Decision", payload: dict[str, Any]) -> None:
    """Decision and, if it wants to trade, signal in one transaction; a decision made meanwhile by another run stands.

    On a paused series the signal is denied as it is made, with the pause as its reason.
    """
    from fxgpt_core.live.state_of_trading import resolve_alerts
    from fxgpt_core.registry.live_records import (
        DENIED,
        DecisionRecord,
        SignalRecord,
        insert_decision,
        insert_signal,
        move_signal,
        note_regime_switch,
        signal_key,
    )
    from fxgpt_core.registry.pauses import pause_of
    from fxgpt_pipelines.attempts import alert_key

    place = (deployment.id, deployment.symbol, deployment.timeframe, decision.known_at_us)
    record = DecisionRecord(*place, decision.side, decision.reason, payload, payload["dagster_run_id"])
    with ledger.begin() as connection:
        now = ledger.now()
        note_regime_switch(connection, record, now)
        stored = insert_decision(connection, record, now)
        resolve_alerts(connection, ledger, alert_key(":".join(map(str, place))))
        if stored.id is None or stored.sha256 != record.sha256 or decision.side == 0:
            return
        wish = {name: getattr(decision, name) for name in ("side", "stop_distance", "target_distance", "risk_fraction")}
        key = signal_key(*place)
        insert_signal(connection, SignalRecord(key, stored.id, reason=decision.reason, **wish), now)
        pause = pause_of(connection, deployment.symbol, deployment.timeframe)
        if pause is not None:
            move_signal(connection, key, DENIED, pause.refusal, now)
