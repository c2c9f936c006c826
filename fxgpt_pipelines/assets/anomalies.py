"""The autoencoder of normal history: windows of candles that it cannot put together again are anomalies."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from fxgpt_pipelines.assets.candles import candles
from fxgpt_pipelines.checks import anomalies as checks
from fxgpt_pipelines.checks import features as feature_checks
from fxgpt_pipelines.code_versions import code_version
from fxgpt_pipelines.partitions import grid
from fxgpt_pipelines.recording import materialized, two_columns
from fxgpt_pipelines.resources import LakeResource, TrackingResource


class PatternAutoencoderConfig(dg.Config):
    """`preset`: a named size of training (small, tiny, base); windows of `window` candles; `percentile` of the errors on the
    validation windows from which on one is an anomaly; `epochs` through the windows, 0: as the preset says; `seed` of weights and
    batches; shares of the three spans, as of diffusion_model.
    """

    preset: str = "small"
    window: int = 50
    percentile: float = 95.0
    epochs: float = 0.0
    seed: int = 17
    train_share: float = 0.5
    calibration_share: float = 0.15


@dg.asset(
    partitions_def=grid,
    group_name="models",
    code_version=code_version("pattern_autoencoder"),
    deps=[candles],
    check_specs=checks.ANOMALY_CHECKS,
    pool="gpu",
    kinds={"pytorch", "mlflow"},
)
def pattern_autoencoder(
    context: dg.AssetExecutionContext, config: PatternAutoencoderConfig, lake: LakeResource, tracking: TrackingResource
) -> "Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]":
    """What windows of candles are like in the training span; those it cannot put together again are flagged as anomalies."""
    from fxgpt_pipelines import autoencoding

    with lake.making(context, config.model_dump(), seed=config.seed) as making:
        read = making.read("candles")
        reused = making.unchanged()
        artifact = reused
        if artifact is None:
            folder = lake.settings().data_root / "training"
            made = autoencoding.trained(making, read, config.model_dump(), context.log.info, folder)
            if made.summary["look_ahead"]["differences"]:
                yield checks.look_ahead(made.summary)
                raise feature_checks.leaking("anomalies", made.summary["look_ahead"])
            artifact = autoencoding.kept(making, made)
        artifact = autoencoding.registered(making, artifact, tracking.tracking)
    yield materialized(
        artifact,
        reused=reused is not None,
        metadata={
            "training": autoencoding.curve(artifact.summary),
            "errors": autoencoding.histogram(artifact.summary),
            "anomalies": autoencoding.prices(artifact, read),
            "flagged": autoencoding.shares(artifact.summary),
            "numbers": two_columns(autoencoding.numbers(artifact.summary)),
            **autoencoding.version_facts(artifact),
        },
    )
    yield checks.look_ahead(artifact.summary)
    yield checks.rarity(artifact.summary)
