"""Allocation: the closes of all symbols that share an account, and how the default parameters share the capital among them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from fxgpt_pipelines import allocation_shown
from fxgpt_pipelines.assets.candles import candles
from fxgpt_pipelines.assets.optimization import GROUP
from fxgpt_pipelines.checks import allocation as checks
from fxgpt_pipelines.checks import features
from fxgpt_pipelines.code_versions import code_version
from fxgpt_pipelines.partitions import cell, grid
from fxgpt_pipelines.recording import materialized, told_before
from fxgpt_pipelines.resources import LakeResource

if TYPE_CHECKING:
    import polars as pl

    from fxgpt_core.registry.artifact import Artifact

TOLD = ("weights", "latest", "reasons", "frontier")


@dg.asset(
    partitions_def=grid,
    group_name=GROUP,
    code_version=code_version("allocation"),
    deps=[candles],
    check_specs=checks.ALLOCATION_CHECKS,
    pool="data",
    kinds={"polars"},
)
def allocation(
    context: dg.AssetExecutionContext, lake: LakeResource
) -> "Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]":
    """Closes by FX day of every symbol that has candles now, and each one's share of the capital by the default parameters."""
    from fxgpt_core.portfolio.universe import universe_of
    from fxgpt_pipelines.reading import arrays_of

    symbol, name = cell(context.partition_key)
    with lake.making(context, {}) as making:
        own = making.read("candles")
        names = sorted({*making.lake.symbols("candles", name), symbol})
        read = {other: own if other == symbol else making.read("candles", symbol=other) for other in names}
        reused = artifact = making.unchanged()
        if artifact is None:
            closes = universe_of({other: arrays_of(found) for other, found in read.items()}).to_frame()
            seen = _looked_ahead(closes)
            if seen["differences"]:
                yield features.lookahead("allocation", seen)
                raise features.leaking("weights", seen)
            frame = closes.hstack(_weights(closes).drop("day"))
            solved = checks.solved_of(frame)
            span = {"first": str(frame["day"][0]), "last": str(frame["day"][-1])}
            artifact = making.write_frame(frame, {"symbols": names, "look_ahead": seen, **solved, **span})
    yield materialized(artifact, reused=reused is not None, metadata=_told(context, artifact))
    yield features.lookahead("allocation", artifact.summary["look_ahead"])
    yield checks.solved(artifact.summary)


def _weights(closes: "pl.DataFrame") -> "pl.DataFrame":
    from fxgpt_core.portfolio.allocation import allocation as allocated
    from fxgpt_core.portfolio.optimal_weights import AllocationParameters
    from fxgpt_core.portfolio.universe import Universe

    return allocated(Universe.from_frame(closes), AllocationParameters()).to_frame()


def _looked_ahead(closes: "pl.DataFrame") -> dict[str, Any]:
    from fxgpt_core.validation.lookahead import lookahead_differences

    return features.looked_ahead(lookahead_differences(_weights, closes, time_column="day"))


def _told(context: dg.AssetExecutionContext, artifact: "Artifact") -> dict[str, Any]:
    known = {"symbols": ", ".join(artifact.summary["symbols"])}
    return known | (told_before(context, artifact, *TOLD) or allocation_shown.metadata(artifact.frame()))
