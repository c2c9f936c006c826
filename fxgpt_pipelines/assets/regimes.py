"""Regimes: a hidden Markov model of four kinds of market, fitted on the train span, and what it says of every candle."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from fxgpt_pipelines.assets.candles import candles
from fxgpt_pipelines.checks import features as feature_checks
from fxgpt_pipelines.checks import regimes as checks
from fxgpt_pipelines.code_versions import code_version
from fxgpt_pipelines.partitions import cell, grid
from fxgpt_pipelines.recording import materialized, told_before
from fxgpt_pipelines.resources import LakeResource

CUTS = 20


class RegimesConfig(dg.Config):
    """`seed` of the restarts; shares of the three spans, of which the model is fitted on the first, as the diffusion model is.

    The others are those of `RegimeParameters`; spans in candles, 0 for those that suit the timeframe.
    """

    seed: int = 7
    n_states: int = 4
    volatility_span: int = 0
    trend_span: int = 0
    min_dwell: int = 5
    prior_weight: float = 0.3
    n_restarts: int = 3
    train_share: float = 0.5
    calibration_share: float = 0.15


@dg.asset(
    partitions_def=grid,
    group_name="features",
    code_version=code_version("regimes"),
    deps=[candles],
    check_specs=checks.REGIME_CHECKS,
    pool="data",
    kinds={"numpy"},
)
def regimes(
    context: dg.AssetExecutionContext, config: RegimesConfig, lake: LakeResource
) -> "Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]":
    """A model of four regimes, trending up or down, ranging and volatile; it names each candle by what was known at its close."""
    from fxgpt_core.regimes.regime_model import RegimeModel
    from fxgpt_core.validation.lookahead import lookahead_differences, spread_cuts
    from fxgpt_pipelines import detecting

    with lake.making(context, config.model_dump(), seed=config.seed) as making:
        read = making.read("candles")
        reused = artifact = making.unchanged()
        if artifact is None:
            model, spans = detecting.fitted(read, config.model_dump())
            frame = read.frame()
            seen = feature_checks.looked_ahead(lookahead_differences(model.frame, frame, spread_cuts(len(frame), CUTS)))
            if seen["differences"]:
                yield feature_checks.lookahead("regimes", seen)
                raise feature_checks.leaking("regimes", seen)
            artifact = detecting.stored(making, read, model, spans, seen)
    symbol, timeframe = cell(context.partition_key)
    pictures = told_before(context, artifact, "price", "latest") or detecting.drawn(
        read, RegimeModel.from_json(artifact.bytes().decode()), f"{symbol} {timeframe}"
    )
    yield materialized(artifact, reused=reused is not None, metadata=pictures | detecting.tables(artifact.summary))
    yield feature_checks.lookahead("regimes", artifact.summary["look_ahead"])
    yield checks.named(artifact.summary)
