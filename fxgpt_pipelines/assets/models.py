"""The diffusion model: trained on the training span only, kept as safetensors, registered in MLflow."""

from typing import Any

import dagster as dg
from pydantic import Field

from fxgpt_pipelines.assets.features import feature_matrix
from fxgpt_pipelines.code_versions import code_version
from fxgpt_pipelines.partitions import grid
from fxgpt_pipelines.recording import materialized, two_columns
from fxgpt_pipelines.resources import LakeResource, TrackingResource


class DiffusionModelConfig(dg.Config):
    """`preset`: a named size of training (demo, tiny, …); `seed` of weights, batches and noise; shares of the three spans.

    `force`: rows of the plan by name, such as precision: fp32 (`fxgpt train --plan` lists them).
    """

    preset: str = "demo"
    seed: int = 7
    train_share: float = 0.5
    calibration_share: float = 0.15
    force: dict[str, str] = Field(default_factory=dict)


@dg.asset(
    partitions_def=grid,
    group_name="models",
    code_version=code_version("diffusion_model"),
    deps=[feature_matrix],
    pool="gpu",
    kinds={"pytorch", "mlflow"},
)
def diffusion_model(
    context: dg.AssetExecutionContext, config: DiffusionModelConfig, lake: LakeResource, tracking: TrackingResource
) -> "dg.MaterializeResult[Any]":
    """A denoising diffusion model of the returns of the next candles, up to a week; its features are chosen, and it is trained,
    on the training span only.
    """
    from fxgpt_pipelines import training

    with lake.making(context, config.model_dump(), seed=config.seed) as making:
        for asset in ("candles", "features"):
            making.read(asset)
        reused = making.unchanged()
        snapshots = lake.settings().data_root / "training"
        made = reused or training.trained(making, config.model_dump(), context.log.info, snapshots)
        artifact = training.registered(making, made, tracking.tracking)
    folder = training.kept(artifact, lake.settings().model_root)
    return materialized(
        artifact,
        reused=reused is not None,
        metadata={
            "training": training.curve(artifact.summary),
            "numbers": two_columns(training.numbers(artifact.summary)),
            "shrinkage": training.shrinkage(artifact.summary),
            "features": training.chosen(artifact.summary),
            "plan": training.plan(artifact.summary),
            "folder": dg.MetadataValue.path(str(folder)),
            **training.version_facts(artifact),
        },
    )
