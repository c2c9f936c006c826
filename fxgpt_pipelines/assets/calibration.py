"""Forecasts on candles the model never saw, their calibration, and what both are worth."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from fxgpt_pipelines.assets.models import diffusion_model
from fxgpt_pipelines.checks import calibration as checks
from fxgpt_pipelines.code_versions import code_version
from fxgpt_pipelines.partitions import grid
from fxgpt_pipelines.reading import arrays_of, calibration_of, forecasts_of, spans_of, test_bands
from fxgpt_pipelines.recording import materialized, table
from fxgpt_pipelines.resources import LakeResource

GROUP = "calibration"


class ForecastsConfig(dg.Config):
    """`n_paths` sampled futures by `n_steps` Euler steps; `seed` of their noise."""

    n_paths: int = 64
    n_steps: int = 2
    seed: int = 11


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
    deps=[diffusion_model],
    kinds={"pytorch"},
)
def out_of_sample_forecasts(
    context: dg.AssetExecutionContext, config: ForecastsConfig, lake: LakeResource
) -> "dg.MaterializeResult[Any]":
    """Quantiles of the next 24 candles' cumulative returns at every candle behind the training span."""
    from fxgpt_pipelines import forecasting
    from fxgpt_pipelines.pictures import picture

    with lake.making(context, config.model_dump(), seed=config.seed) as making:
        inputs = tuple(making.read(asset) for asset in ("candles", "features", "diffusion_model"))
        reused = making.unchanged()
        artifact = reused or forecasting.forecast_span(making, inputs, config.model_dump(), context.log.info)
    forecasts = forecasts_of(artifact)
    return materialized(
        artifact,
        reused=reused is not None,
        metadata={
            "last_forecast": picture(f"{context.partition_key}: the last forecast", forecasting.fan(forecasts)),
            "origins": len(forecasts),
            "left_out": artifact.summary["left_out"],
        },
    )


@dg.asset(
    partitions_def=grid,
    group_name=GROUP,
    code_version=code_version("calibration_quantiles"),
    deps=[out_of_sample_forecasts],
    kinds={"numpy"},
)
def calibration_quantiles(context: dg.AssetExecutionContext, lake: LakeResource) -> "dg.MaterializeResult[Any]":
    """Split conformal offsets for each step and coverage, from the calibration span only."""
    from fxgpt_core.conformal.split import fit
    from fxgpt_core.forecasts.forecast import realised

    with lake.making(context, {}) as making:
        candles, model, stored = (making.read(asset) for asset in ("candles", "diffusion_model", "forecasts"))
        reused = making.unchanged()
        if reused is None:
            arrays, forecasts = arrays_of(candles), forecasts_of(stored)
            part = forecasts.select(spans_of(model).calibration.mask(forecasts.known_at_us))
            outcome = realised(arrays.close, arrays.known_at_us, part)
            identity = {name: stored.summary[name] for name in ("model_sha256", "sampling_sha256")}
            fitted = fit(part, outcome, **identity)
            artifact = making.write_bytes(fitted.to_json().encode(), "json", {"origins": len(part), **identity})
        else:
            artifact = reused
    calibration = calibration_of(artifact, stored)
    rows = [
        {"step": int(step), **{f"{c:.0%}": float(x) for c, x in zip(calibration.coverages, offsets, strict=True)}}
        for step, offsets in zip(calibration.steps, calibration.offsets, strict=True)
    ]
    return materialized(artifact, reused=reused is not None, metadata={"offsets_in_units_of_scale": table(rows)})


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
            forecasts, bands = test_bands(stored, calibration, spans_of(model))
            measured = validating.measured(arrays_of(candles), forecasts, bands, config.model_dump())
            artifact = making.write_json(measured, validating.summary(measured))
        else:
            artifact = reused
    measured = artifact.json()
    yield materialized(artifact, reused=reused is not None, metadata=validating.shown(measured))
    yield from checks.verdicts(measured)
