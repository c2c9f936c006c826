"""Candles: as the provider has them, then checked and of the partition's timeframe."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dagster as dg

from fxgpt_core.errors import CandleSchemaError
from fxgpt_core.market.symbols import symbol as symbol_of
from fxgpt_core.market.timeframes import timeframe as timeframe_of
from fxgpt_pipelines.checks import candles as checks
from fxgpt_pipelines.code_versions import code_version
from fxgpt_pipelines.partitions import cell, grid
from fxgpt_pipelines.recording import materialized, two_columns
from fxgpt_pipelines.resources import LakeResource

GROUP = "candles"


class RawCandlesConfig(dg.Config):
    """`hold_out_candles`: the latest candles that stay unseen, to be released one by one as live; `provider`: name, or auto."""

    hold_out_candles: int = 0
    provider: str = "auto"


@dg.asset(partitions_def=grid, group_name=GROUP, code_version=code_version("raw_candles"), kinds={"polars"})
def raw_candles(context: dg.AssetExecutionContext, config: RawCandlesConfig, lake: LakeResource) -> "dg.MaterializeResult[Any]":
    """Candles as the provider has them: of the partition's timeframe, or of the longest shorter one it has."""
    from fxgpt_core.candles.versions import candles_sha256
    from fxgpt_pipelines.providing import provided

    symbol, timeframe = cell(context.partition_key)
    source = provided(lake.settings(), symbol, timeframe_of(timeframe), config.provider)
    frame = source.without_last(config.hold_out_candles, timeframe_of(timeframe))
    settings = {
        "provider": source.provider,
        "source_timeframe": str(source.source_timeframe),
        "hold_out_candles": config.hold_out_candles,
        "candles_sha256": candles_sha256(frame),
    }
    with lake.making(context, settings) as making:
        reused = making.unchanged()
        summary = settings | {"first": frame["open_time"][0].isoformat(), "last": frame["open_time"][-1].isoformat()}
        artifact = reused or making.write_frame(frame, summary)
    return materialized(artifact, reused=reused is not None, metadata={"source": two_columns(settings)})


@dg.asset(
    partitions_def=grid,
    group_name=GROUP,
    code_version=code_version("candles"),
    deps=[raw_candles],
    check_specs=checks.CANDLE_CHECKS,
    kinds={"polars"},
)
def candles(context: dg.AssetExecutionContext, lake: LakeResource) -> "Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]":
    """Checked candles of the partition's timeframe; 4h and 1d are resampled from the shorter candles of the source."""
    from fxgpt_core.candles.defects.inspection import Grade, inspect
    from fxgpt_core.candles.quality import quality
    from fxgpt_core.candles.resample import resample
    from fxgpt_core.candles.schema import check_candles
    from fxgpt_pipelines.pictures import graded_line

    symbol, name = cell(context.partition_key)
    timeframe = timeframe_of(name)
    with lake.making(context, {}) as making:
        raw = making.read("raw_candles")
        source = timeframe_of(raw.summary["source_timeframe"])
        given = raw.frame()
        try:
            frame = given if source == timeframe else resample(given, source, timeframe)
            frame = check_candles(frame, timeframe)
        except CandleSchemaError as error:
            yield checks.schema_failed(error)
            raise
        pause = timedelta(minutes=symbol_of(symbol).daily_break_minutes)
        report = quality(frame, timeframe, pause)
        # As the provider has them: a defect of one minute would be hidden in its day.
        found = inspect(given, source, daily_break=pause)
        grades = {month.month: str(month.grade) for month in found.months}
        picture = graded_line(f"{context.partition_key}: close", given["open_time"].to_list(), given["close"].to_list(), grades)
        verdicts = checks.schema_passed(report), checks.quality(report, found, picture)
        if found.grade is Grade.RED:
            yield from verdicts
        checks.require_no_red(found, context.partition_key)
        n_quarantined = int(found.with_quarantine(given)["quarantined"].sum())
        reused = making.unchanged()
        summary = report.to_dict() | {"defects": found.counts, "n_quarantined": n_quarantined}
        artifact = reused or making.write_frame(frame, summary)
    yield materialized(artifact, reused=reused is not None, metadata={"close": picture, "quality": two_columns(report.to_dict())})
    yield from verdicts
