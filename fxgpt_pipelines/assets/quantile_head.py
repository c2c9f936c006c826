"""The quantile head: what the paths of a model say, in one call of a small network; made only where it is asked for."""

from typing import Any

import dagster as dg

from fxgpt_pipelines.assets.models import diffusion_model
from fxgpt_pipelines.code_versions import code_version
from fxgpt_pipelines.partitions import grid
from fxgpt_pipelines.recording import materialized, two_columns
from fxgpt_pipelines.resources import LakeResource
from fxgpt_pipelines.sampler_config import SamplerConfig


class QuantileHeadConfig(SamplerConfig):
    """The sampler it stands for, whose `n_paths` teach; `n_origins` windows of the training span are shown; `seed` of weights,
    batches and noise.
    """

    n_paths: int = 128
    n_origins: int = 1_536
    seed: int = 13


# Its group is part of no job: it takes minutes, and forecasts need it only when their method is quantile_head.
@dg.asset(
    partitions_def=grid,
    group_name="distillation",
    code_version=code_version("quantile_head"),
    deps=[diffusion_model],
    pool="gpu",
    kinds={"pytorch"},
)
def quantile_head(
    context: dg.AssetExecutionContext, config: QuantileHeadConfig, lake: LakeResource
) -> "dg.MaterializeResult[Any]":
    """A small network that learned on the training span what one sampler of the model says; the random walk where it did not."""
    from fxgpt_pipelines import distilling

    with lake.making(context, config.model_dump(), seed=config.seed) as making:
        inputs = tuple(making.read(asset) for asset in ("candles", "features", "diffusion_model"))
        reused = making.unchanged()
        artifact = reused or distilling.distilled(making, inputs, config.model_dump(), context.log.info)
    return materialized(
        artifact, reused=reused is not None, metadata={"numbers": two_columns(distilling.numbers(artifact.summary))}
    )
