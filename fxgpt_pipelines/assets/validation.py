"""Expanding validation: one asset a fold, each trained on all before it and tested on what follows, and all of them together."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from fxgpt_pipelines.assets.features import feature_matrix
from fxgpt_pipelines.code_versions import code_version
from fxgpt_pipelines.folding import fold_name
from fxgpt_pipelines.partitions import grid
from fxgpt_pipelines.recording import materialized, table
from fxgpt_pipelines.resources import LakeResource

GROUP = "validation"
N_FOLDS = 5


class FoldConfig(dg.Config):
    """`preset` of the training and its `seed`; the first train window is `initial_share` of the candles; `start`: "retrain" from
    fresh weights, or "fine_tune" from the fold before; every `every`-th candle is forecast, by `n_paths` of `n_steps`.
    """

    preset: str = "demo"
    seed: int = 7
    initial_share: float = 0.5
    start: str = "retrain"
    every: int = 4
    n_paths: int = 64
    n_steps: int = 2


def _fold(index: int, before: list[dg.AssetsDefinition]) -> dg.AssetsDefinition:
    @dg.asset(
        name=fold_name(index),
        partitions_def=grid,
        group_name=GROUP,
        code_version=code_version(fold_name(index)),
        deps=[feature_matrix, *before[-1:]],
        pool="gpu",
        kinds={"pytorch"},
        description=f"Fold {index + 1} of {N_FOLDS}: a model of all candles before it, scored on its own by horizon.",
    )
    def fold(context: dg.AssetExecutionContext, config: FoldConfig, lake: LakeResource) -> "dg.MaterializeResult[Any]":
        from fxgpt_pipelines import folding

        settings = config.model_dump() | {"n_folds": N_FOLDS}
        with lake.making(context, settings, seed=config.seed) as making:
            for asset in folding.inputs(index, settings):
                making.read(asset)
            reused = making.unchanged()
            artifact = reused or folding.folded(making, index, settings, context.log.info)
        return materialized(
            artifact,
            reused=reused is not None,
            metadata={
                "scores": folding.scores_table(artifact.summary["scores"]),
                "contradictions": table(artifact.summary["contradictions"]),
                **{name: artifact.summary[name] for name in ("origins", "shrink", "lean", "seconds")},
            },
        )

    return fold


FOLDS: list[dg.AssetsDefinition] = []
for number in range(N_FOLDS):
    FOLDS.append(_fold(number, FOLDS))


@dg.asset(
    partitions_def=grid,
    group_name=GROUP,
    code_version=code_version("horizon_validation"),
    deps=FOLDS,
    check_specs=[
        dg.AssetCheckSpec(
            "horizons_agree",
            asset="horizon_validation",
            description="Where two horizons point somewhere, they seldom point opposite ways.",
        )
    ],
    kinds={"numpy"},
)
def horizon_validation(
    context: dg.AssetExecutionContext, lake: LakeResource
) -> "Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]":
    """What forecasts are worth at 1h, 4h, 1d and 1w over all folds, and whether these horizons contradict each other."""
    from fxgpt_pipelines import folding

    with lake.making(context, {}) as making:
        folds = [making.read(fold_name(index)) for index in range(N_FOLDS)]
        reused = making.unchanged()
        if reused is None:
            measured = folding.together(folds)
            artifact = making.write_json(measured, {row["horizon"]: row["skill"] for row in measured["horizons"]})
        else:
            artifact = reused
    measured = artifact.json()
    yield materialized(
        artifact,
        reused=reused is not None,
        metadata={
            "skill": folding.skill_picture(measured),
            "horizons": table(measured["horizons"]),
            "contradictions": table(measured["contradictions"]),
            "folds": folding.fold_table(measured["folds"]),
        },
    )
    flagged = [row for row in measured["contradictions"] if row["flagged"]]
    yield dg.AssetCheckResult(
        check_name="horizons_agree",
        passed=not flagged,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "flagged": table(flagged),
            "limit": folding.FLAGGED,
            "remedy": "trade one horizon only, or ask for a larger uncertainty before a signal; the directions are mostly noise",
        },
    )
