"""Jobs: assets that are made together, and the decision on one closed candle."""

import dagster as dg

from fxgpt_pipelines.resources import LakeResource

BATCH_LANE = {"fxgpt/lane": "batch"}
LIVE_LANE = {"fxgpt/lane": "live", "dagster/priority": "10"}


# Intermarket features are not part of it: they read the candles of every symbol, and are made when those are all there.
candles_to_features = dg.define_asset_job(
    "candles_to_features",
    selection=dg.AssetSelection.assets("raw_candles", "candles", "context_series", "features"),
    executor_def=dg.in_process_executor,
    description="Candles, context and features: what a backfill over many symbols and timeframes brings up to date.",
)

# Deployment is not part of it: what trades is a person's decision. Nor is the policy, which reads the forecasts of every symbol.
candles_to_gates = dg.define_asset_job(
    "candles_to_gates",
    selection=dg.AssetSelection.groups("candles", "features", "models", "calibration", "optimization")
    - dg.AssetSelection.assets("rl_agent"),
    tags=BATCH_LANE,
    executor_def=dg.in_process_executor,
    description="Everything of one symbol and timeframe up to the gate board.",
)

expanding_validation = dg.define_asset_job(
    "expanding_validation",
    selection=dg.AssetSelection.groups("validation"),
    tags=BATCH_LANE,
    executor_def=dg.in_process_executor,
    description="Five models, each trained on all candles before its fold, and what they are worth by horizon.",
)

live_review = dg.define_asset_job(
    "live_review",
    selection=dg.AssetSelection.assets("live_orders", "adherence", "shadow_comparison"),
    tags=BATCH_LANE,
    executor_def=dg.in_process_executor,
    description="What was traded: orders, their adherence to what was decided, and the shadow that decides again.",
)


class LiveDecisionConfig(dg.Config):
    """Which deployment decides on the candle that closed at `known_at_us` (microseconds since the epoch, UTC)."""

    deployment_id: int
    known_at_us: int


@dg.op(retry_policy=dg.RetryPolicy(max_retries=2, delay=2.0))
def decide_on_candle(context: dg.OpExecutionContext, config: LiveDecisionConfig, lake: LakeResource) -> None:
    """Decide once on one candle and record it; a second run of the same candle finds the decision and changes nothing."""
    from datetime import timedelta

    from fxgpt_core.live.freshness import FreshnessLimits
    from fxgpt_pipelines.live_recording import decide_and_record

    limits = FreshnessLimits(model=timedelta(days=lake.settings().model_max_age_days))
    recorded = decide_and_record(lake.lake, config.deployment_id, config.known_at_us, context.run.run_id, limits)
    (context.log.warning if recorded.refused else context.log.info)(recorded.text)


@dg.job(tags=LIVE_LANE, executor_def=dg.in_process_executor, description="Decides on one closed candle of a deployment.")
def live_trading_job() -> None:
    """One closed candle: features, forecast, calibrated bands, decision, and a signal if there is one."""
    decide_on_candle()
