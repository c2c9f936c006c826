"""Candles: as the provider has them, then checked and of the partition's timeframe."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from fxgpt_core.errors import BadInputError, CandleSchemaError
from fxgpt_core.market.symbols import symbol as symbol_of
from fxgpt_core.market.timeframes import timeframe as timeframe_of
from fxgpt_pipelines.checks import candles as checks
from fxgpt_pipelines.code_versions import code_version
from fxgpt_pipelines.partitions import cell, grid
from fxgpt_pipelines.recording import materialized, told_before, two_columns
from fxgpt_pipelines.resources import LakeResource

if TYPE_CHECKING:
    import polars as pl

    from fxgpt_core.market.symbols import Symbol
    from fxgpt_core.market.timeframes import Timeframe
    from fxgpt_core.registry.artifact import Artifact

GROUP = "candles"


class RawCandlesConfig(dg.Config):
    """What of a series is read.

    `hold_out_candles`: the latest candles that stay unseen, to be released one by one as live. `provider`: name, or auto.
    `sync_from`: the source to download what is missing from, and to read then; empty: what is there is read. `since`: from when
    on it is wanted, UTC, as 2020-01-31; empty: from where the stored series begins.
    """

    hold_out_candles: int = 0
    provider: str = "auto"
    sync_from: str = ""
    since: str = ""

    def provider_read(self) -> str:
        """The name of the provider that is read, or auto. Raises `BadInputError` for two that contradict each other."""
        if self.sync_from and self.provider not in ("auto", self.sync_from):
            raise BadInputError(
                f"sync_from is {self.sync_from!r} and provider {self.provider!r}; what is downloaded is read; leave one out"
            )
        if self.since and not self.sync_from:
            raise BadInputError(
                f"since is {self.since!r} without sync_from; it is about a download; name a source, or leave it out"
            )
        return self.sync_from or self.provider


@dg.asset(partitions_def=grid, group_name=GROUP, code_version=code_version("raw_candles"), pool="data", kinds={"polars"})
def raw_candles(context: dg.AssetExecutionContext, config: RawCandlesConfig, lake: LakeResource) -> "dg.MaterializeResult[Any]":
    """Candles as the provider has them: of the partition's timeframe, or of the longest shorter one it has."""
    from fxgpt_core.candles.versions import candles_sha256
    from fxgpt_pipelines.providing import provided
    from fxgpt_pipelines.syncing import Download, synced

    symbol, name = cell(context.partition_key)
    timeframe, provider, told = timeframe_of(name), config.provider_read(), {}
    if config.sync_from:
        wanted = Download(config.sync_from, symbol, timeframe, config.since)
        told = synced(lake, wanted, context.log.info, datetime.now(UTC))
    source = provided(lake.settings(), symbol, timeframe, provider)
    frame = source.without_last(config.hold_out_candles)
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
    return materialized(artifact, reused=reused is not None, metadata=told | {"source": two_columns(settings)})


@dg.asset(
    partitions_def=grid,
    group_name=GROUP,
    code_version=code_version("candles"),
    deps=[raw_candles],
    check_specs=checks.CANDLE_CHECKS,
    pool="data",
    kinds={"polars"},
)
def candles(context: dg.AssetExecutionContext, lake: LakeResource) -> "Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]":
    """Checked candles of the partition's timeframe; 4h and 1d are resampled from the shorter candles of the source."""
    from fxgpt_core.candles.defects.inspection import Grade

    symbol, name = cell(context.partition_key)
    with lake.making(context, {}) as making:
        raw = making.read("raw_candles")
        reused = artifact = making.unchanged()
        if artifact is None:
            try:
                frame, seen = _examined(raw, symbol_of(symbol), timeframe_of(name))
            except CandleSchemaError as error:
                yield checks.schema_failed(error)
                raise
            if seen["grade"] == Grade.RED:
                yield checks.schema_passed(seen)
                yield checks.quality(seen, _picture(context.partition_key, raw, seen))
                raise checks.refused(seen, context.partition_key)
            artifact = making.write_frame(frame, seen)
    found = artifact.summary
    told = told_before(context, artifact, "close", "quality") or {
        "close": _picture(context.partition_key, raw, found),
        "quality": two_columns({name: value for name, value in found.items() if not isinstance(value, list | dict)}),
    }
    yield materialized(artifact, reused=reused is not None, metadata=told)
    yield checks.schema_passed(found)
    yield checks.quality(found)


def _examined(raw: "Artifact", symbol: "Symbol", timeframe: "Timeframe") -> "tuple[pl.DataFrame, dict[str, Any]]":
    """The candles of a timeframe made of the raw ones, and the verdict on both. Raises `CandleSchemaError`."""
    from fxgpt_core.candles.defects.inspection import inspect
    from fxgpt_core.candles.quality import quality
    from fxgpt_core.candles.resample import resample
    from fxgpt_core.candles.schema import check_candles
    from fxgpt_core.candles.verdict import verdict

    source, given = timeframe_of(raw.summary["source_timeframe"]), raw.frame()
    frame = check_candles(given if source == timeframe else resample(given, source, timeframe), timeframe)
    pause = timedelta(minutes=symbol.daily_break_minutes)
    # As the provider has them: a defect of one minute would be hidden in its day.
    return frame, verdict(quality(frame, timeframe, pause), inspect(given, source, daily_break=pause), given)


def _picture(partition: str, raw: "Artifact", found: Mapping[str, Any]) -> dg.MarkdownMetadataValue:
    from fxgpt_pipelines.pictures import graded_line

    given = raw.frame()
    grades = {month["month"]: month["grade"] for month in found["months"]}
    return graded_line(f"{partition}: close", given["open_time"], given["close"], grades)
