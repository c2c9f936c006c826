"""Context: everything imported that concerns a symbol, joined to its candles as it was known at each of them."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from fxgpt_core.market.symbols import symbol as symbol_of
from fxgpt_core.market.timeframes import timeframe as timeframe_of
from fxgpt_pipelines.assets.candles import GROUP, candles
from fxgpt_pipelines.code_versions import code_version
from fxgpt_pipelines.partitions import grid
from fxgpt_pipelines.recording import materialized, table, told_before
from fxgpt_pipelines.resources import LakeResource

if TYPE_CHECKING:
    from fxgpt_core.context.series import ContextSeries
    from fxgpt_core.registry.artifact import Artifact
    from fxgpt_core.registry.lake import Making

NOTHING = "no context imported; `fxgpt context import FILE --kind vix` imports some; the times of the candles alone were stored"


@dg.asset(
    partitions_def=grid,
    group_name=GROUP,
    code_version=code_version("context_series"),
    deps=[candles],
    pool="data",
    kinds={"polars"},
)
def context_series(context: dg.AssetExecutionContext, lake: LakeResource) -> "dg.MaterializeResult[Any]":
    """Imported context as it was known at the close of each candle; the times alone where nothing was imported."""
    from fxgpt_core.context.store import FOLDER, ContextStore

    store = ContextStore(lake.settings().data_root / FOLDER)
    imported = [store.latest(kind) for kind in store.kinds()]
    with lake.making(context, {"context_sha256": {stored.kind: stored.sha256 for stored in imported}}) as making:
        candles_read = making.read("candles")
        reused = making.unchanged()
        artifact = reused or _joined(making, candles_read, [store.read(stored) for stored in imported])
    return materialized(artifact, reused=reused is not None, metadata=_coverage(context, artifact))


def _joined(making: "Making", candles_read: "Artifact", imported: "list[ContextSeries]") -> "Artifact":
    """The series joined to the candles, and stored."""
    import polars as pl

    from fxgpt_core.context.coverage import coverage
    from fxgpt_core.context.kinds import context_of_symbol

    duration = timeframe_of(candles_read.timeframe).duration
    rows = candles_read.frame().select("open_time", known_at=pl.col("open_time") + duration)
    frame = context_of_symbol(rows, imported, symbol_of(candles_read.symbol))
    span = {"first": frame["known_at"][0].isoformat(), "last": frame["known_at"][-1].isoformat()}
    summary = {"kinds": [series.name for series in imported], "coverage": coverage(frame), **span}
    return making.write_frame(frame, summary)


def _coverage(context: dg.AssetExecutionContext, artifact: "Artifact") -> dict[str, Any]:
    """Of every column: the share of candles at which it has a value, and when it first and last has one; and the shares drawn."""
    from fxgpt_pipelines.pictures import bars

    if not artifact.summary["kinds"]:
        return {"context": dg.MetadataValue.md(NOTHING)}
    if told := told_before(context, artifact, "coverage", "columns"):
        return told
    rows = artifact.summary["coverage"]
    names, shares = [row["column"] for row in rows], [row["coverage"] for row in rows]
    title = f"{context.partition_key}: share of candles with a value"
    return {"coverage": bars(title, names, shares, "share"), "columns": table(rows)}
