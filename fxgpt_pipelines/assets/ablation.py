"""Ablation: what each component adds on the unseen span, with it and without it, costs included."""

from typing import Any

import dagster as dg
from pydantic import Field

from fxgpt_pipelines.assets.calibration import calibration_quantiles
from fxgpt_pipelines.assets.optimization import COMPONENTS, GROUP
from fxgpt_pipelines.code_versions import code_version
from fxgpt_pipelines.partitions import grid
from fxgpt_pipelines.recording import materialized, table, two_columns
from fxgpt_pipelines.resources import LakeResource


class AblationConfig(dg.Config):
    """`parameters`: changes of the default parameter set, which alone has been chosen by nothing that this span shows. The others
    as of optimized_parameters, whose vault is not played here either; `seed` draws the intervals.
    """

    seed: int = 7
    vault_share: float = 0.2
    parameters: dict[str, Any] = Field(default_factory=dict)
    components: list[str] | None = None
    policy_mode: str = "hybrid"
    account_currency: str | None = None
    charges: dict[str, Any] | None = None


@dg.asset(
    partitions_def=grid,
    group_name=GROUP,
    code_version=code_version("ablation"),
    deps=[calibration_quantiles, *COMPONENTS],
    kinds={"numba"},
)
def ablation(context: dg.AssetExecutionContext, config: AblationConfig, lake: LakeResource) -> "dg.MaterializeResult[Any]":
    """One parameter set on the candles that no model has seen, but the vault: whole, without each component, with each alone."""
    from fxgpt_pipelines import ablating, searching

    asked = config.model_dump()
    with lake.making(context, asked, seed=config.seed) as making:
        searching.inputs_of(making, searching.charges_of(asked), searching.used_of(making, asked))
        reused = making.unchanged()
        artifact = reused or ablating.ablated(making, asked, context.log.info)
    stored = artifact.json()
    return materialized(
        artifact,
        reused=reused is not None,
        metadata={
            "gains": ablating.picture_of(stored),
            "plays": table(ablating.rows(stored)),
            "played": two_columns(ablating.played(stored)),
        },
    )
