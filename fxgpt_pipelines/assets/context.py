"""Context: everything imported that concerns a symbol, joined to its candles as it was known at each of them."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from fxgpt_core.market.symbols import symbol as symbol_of
from fxgpt_core.market.timeframes import timeframe as timeframe_of
from fxgpt_pipelines.assets.candles import GROUP, candles
from fxgpt_pipelines.code_versions import code_version
from fxgpt_pipelines.partitions import cell, grid
from fxgpt_pipelines.recording import materialized, table
from fxgpt_pipelines.resources import LakeResource

if TYPE_CHECKING:
    import polars as pl

KEYS = ("open_time", "known_at")
NOTHING = "no context imported; `fxgpt context import FILE --kind vix` imports some; the times of the candles alone were stored"


@dg.asset(partitions_def=grid, group_name=GROUP, code_version=code_version("context_series"), deps=[candles], kinds={"polars"})
def context_series(context: dg.AssetExecutionContext, lake: LakeResource) -> "dg.MaterializeResult[Any]":
    """Imported context as it was known at the close of each candle; the times alone where nothing was imported."""
    import polars as pl

    from fxgpt_core.context.kinds import context_of_symbol
    from fxgpt_core.context.store import FOLDER, ContextStore

    symbol, name = cell(context.partition_key)
    store = ContextStore(lake.settings().data_root / FOLDER)
    imported = [store.latest(kind) for kind in store.kinds()]
    with lake.making(context, {"context_sha256": {stored.kind: stored.sha256 for stored in imported}}) as making:
        times = making.read("candles").frame().select("open_time")
        rows = times.with_columns(known_at=pl.col("open_time") + timeframe_of(name).duration)
        frame = context_of_symbol(rows, [store.read(stored) for stored in imported], symbol_of(symbol))
        reused = making.unchanged()
        span = {"first": frame["known_at"][0].isoformat(), "last": frame["known_at"][-1].isoformat()}
        artifact = reused or making.write_frame(frame, {"kinds": [stored.kind for stored in imported], **span})
    metadata = _coverage(frame, context.partition_key) if imported else {"context": dg.MetadataValue.md(NOTHING)}
    return materialized(artifact, reused=reused is not None, metadata=metadata)


def _coverage(frame: "pl.DataFrame", partition: str) -> dict[str, Any]:
    """Of every column: the share of candles at which it has a value, and when it first and last has one; and the shares drawn."""
    from fxgpt_pipelines.pictures import bars

    names = [name for name in frame.columns if name not in KEYS]
    known = [frame.filter(frame[name].is_not_null())["known_at"] for name in names]
    shares = [len(times) / len(frame) for times in known]
    rows = [
        {"column": name, "coverage": share, "first": times.min(), "last": times.max()}
        for name, share, times in zip(names, shares, known, strict=True)
    ]
    return {"coverage": bars(f"{partition}: share of candles with a value", names, shares, "share"), "columns": table(rows)}
