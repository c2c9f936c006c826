"""What Dagster loads. Assembled in one function, so that tests and the demo get fresh definitions with their own resources."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from fxgpt_pipelines.assets import (
    ablation,
    allocation,
    anomalies,
    calibration,
    candles,
    context,
    features,
    live,
    models,
    optimization,
    patterns,
    policy,
    quantile_head,
    regimes,
    validation,
    vault,
)
from fxgpt_pipelines.jobs import candles_to_features, candles_to_gates, expanding_validation, live_review, live_trading_job
from fxgpt_pipelines.live_schedule import review_live_daily
from fxgpt_pipelines.live_sensors import fills_sensor, gateway_health, gateway_health_sensor
from fxgpt_pipelines.resources import LakeResource, LedgerResource, TrackingResource
from fxgpt_pipelines.sensors import closed_candle_sensor, known_symbols_sensor

ASSETS = [
    candles.raw_candles,
    candles.candles,
    context.context_series,
    features.feature_matrix,
    features.intermarket_features,
    regimes.regimes,
    patterns.chart_patterns,
    models.diffusion_model,
    quantile_head.quantile_head,
    anomalies.pattern_autoencoder,
    calibration.out_of_sample_forecasts,
    calibration.calibration_quantiles,
    calibration.walk_forward_validation,
    *validation.FOLDS,
    validation.horizon_validation,
    allocation.allocation,
    policy.rl_agent,
    optimization.optimized_parameters,
    optimization.robustness,
    vault.vault,
    ablation.ablation,
    live.deployment,
    live.live_orders,
    live.adherence,
    live.shadow_comparison,
]


def build_definitions(
    overrides: Mapping[str, Any] | None = None, loggers: Mapping[str, dg.LoggerDefinition] | None = None
) -> dg.Definitions:
    """The definitions; `overrides` replaces resources by name (lake, ledger, tracking), `loggers` replaces Dagster's own."""
    resources = {"lake": LakeResource(), "ledger": LedgerResource(), "tracking": TrackingResource()}
    # In-process: one asset is one run, and a process of its own for each step would pay every import again.
    return dg.Definitions(
        assets=ASSETS,
        jobs=[candles_to_features, candles_to_gates, expanding_validation, live_trading_job, live_review],
        asset_checks=[gateway_health],
        schedules=[review_live_daily],
        sensors=[closed_candle_sensor, known_symbols_sensor, gateway_health_sensor, fills_sensor],
        resources=resources | dict(overrides or {}),
        loggers=loggers,
        executor=dg.in_process_executor,
    )


defs = build_definitions()
