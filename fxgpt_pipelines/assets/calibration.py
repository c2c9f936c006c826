"""Forecasts on candles the model never saw, their calibration, and what both are worth."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from pydantic import Field

from fxgpt_pipelines.assets.models import diffusion_model
from fxgpt_pipelines.assets.quantile_head import quantile_head
from fxgpt_pipelines.checks import calibration as checks
from fxgpt_pipelines.code_versions import code_version
from fxgpt_pipelines.partitions import grid
from fxgpt_pipelines.reading import arrays_of, calibration_of, forecasts_of, spans_of, test_bands
from fxgpt_pipelines.recording import materialized
from fxgpt_pipelines.resources import LakeResource
from fxgpt_pipelines.sampler_config import SamplerConfig, SssdConfig

GROUP = "calibration"
NOT_IN_NAMES = "not expressible: the sssd parameters name ddpm and ddim (eta 0) within their ranges, and no quantile head"


class ForecastsConfig(SamplerConfig):
    """`method`: paths, or quantile_head, which is what the head distilled from the same sampler says of them; `seed` of the
    noise; and the sampler, either by its own settings or as `sssd`, in the names that a strategy's parameters have.
    """

    method: str = "paths"
    seed: int = 11
    sssd: SssdConfig | None = None


class CalibrationConfig(dg.Config):
    """`method`: split, cqr, mondrian, aci or tracker; the nominal `coverages`, 0.5, 0.8 and 0.95 among them; `cap` of a band's
    edges, in units of scale from the median.

    For one method each: `learning_rate` of the tracker; `by` ("volatility" or "session") and `minimum` scores of mondrian's bins;
    `gamma` and `window` of aci.
    """

    method: str = "tracker"
    coverages: list[float] = Field(default=[0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
    cap: float = 20.0
    learning_rate: float = 0.02
    by: str = "volatility"
    minimum: int = 200
    gamma: float = 0.005
    window: int = 500


class WalkForwardConfig(dg.Config):
    """Lengths of the walk forward in calendar days; those not given are 30, 7 and 7, and twelve times that for daily candles."""

    train_days: float | None = None
    test_days: float | None = None
    step_days: float | None = None


@dg.asset(
    name="forecasts",
    partitions_def=grid,
    group_name=GROUP,
    code_version=code_version("forecasts"),
    deps=[diffusion_model, quantile_head],
    kinds={"pytorch"},
)
def out_of_sample_forecasts(
    context: dg.AssetExecutionContext, config: ForecastsConfig, lake: LakeResource
) -> "dg.MaterializeResult[Any]":
    """Quantiles of cumulative returns over the next candles, up to a week, at every candle behind the training span."""
    from fxgpt_pipelines import forecasting
    from fxgpt_pipelines.pictures import picture

    settings = forecasting.settings_of(config.model_dump())
    with lake.making(context, settings, seed=config.seed) as making:
        inputs = tuple(making.read(asset) for asset in forecasting.inputs_of(settings))
        reused = making.unchanged()
        artifact = reused or forecasting.forecast_span(making, inputs, settings, context.log.info)
    forecasts = forecasts_of(artifact)
    return materialized(
        artifact,
        reused=reused is not None,
        metadata={
            "last_forecast": picture(f"{context.partition_key}: the last forecast", forecasting.fan(forecasts)),
            "origins": len(forecasts),
            "left_out": artifact.summary["left_out"],
            "sssd": artifact.summary["sssd"] or NOT_IN_NAMES,
        },
    )


@dg.asset(
    partitions_def=grid,
    group_name=GROUP,
    code_version=code_version("calibration_quantiles"),
    deps=[out_of_sample_forecasts],
    kinds={"numpy"},
)
def calibration_quantiles(
    context: dg.AssetExecutionContext, config: CalibrationConfig, lake: LakeResource
) -> "dg.MaterializeResult[Any]":
    """What the method learns for each step and coverage from the calibration span only; an adaptive one learns on from there."""
    from fxgpt_pipelines import calibrating

    with lake.making(context, config.model_dump()) as making:
        candles, model, stored = (making.read(asset) for asset in ("candles", "diffusion_model", "forecasts"))
        reused = making.unchanged()
        arrays, forecasts = arrays_of(candles), forecasts_of(stored)
        artifact = reused or calibrating.calibrated(making, arrays, stored, spans_of(model), config.model_dump())
    calibration = calibration_of(artifact, stored)
    return materialized(
        artifact, reused=reused is not None, metadata=calibrating.shown(context.partition_key, calibration, forecasts, arrays)
    )


@dg.asset(
    partitions_def=grid,
    group_name=GROUP,
    code_version=code_version("walk_forward_validation"),
    deps=[calibration_quantiles],
    check_specs=checks.VALIDATION_CHECKS,
    kinds={"numpy"},
)
def walk_forward_validation(
    context: dg.AssetExecutionContext, config: WalkForwardConfig, lake: LakeResource
) -> "Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]":
    """Calibrated forecasts against outcomes and a random walk, over the test span and fold by fold."""
    from fxgpt_pipelines import validating

    with lake.making(context, config.model_dump()) as making:
        candles, model, stored, calibration = (
            making.read(asset) for asset in ("candles", "diffusion_model", "forecasts", "calibration_quantiles")
        )
        reused = making.unchanged()
        if reused is None:
            arrays, spans = arrays_of(candles), spans_of(model)
            forecasts, bands = test_bands(stored, calibration, arrays, spans)
            parameters = calibration_of(calibration, stored).parameters
            measured = validating.measured(arrays, forecasts, bands, parameters, config.model_dump())
            measured["compared"] = validating.compared(arrays, forecasts_of(stored), spans, parameters.coverages)
            artifact = making.write_json(measured, validating.summary(measured))
        else:
            artifact = reused
    measured = artifact.json()
    yield materialized(artifact, reused=reused is not None, metadata=validating.shown(measured))
    yield from checks.verdicts(measured)
