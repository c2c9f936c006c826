"""Features: the 40 columns every model and every live decision reads, computed by one function."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from fxgpt_core.errors import BrokenLineageError
from fxgpt_core.market.timeframes import timeframe as timeframe_of
from fxgpt_pipelines.assets.candles import candles
from fxgpt_pipelines.checks import features as checks
from fxgpt_pipelines.code_versions import code_version
from fxgpt_pipelines.partitions import cell, grid
from fxgpt_pipelines.recording import materialized, table
from fxgpt_pipelines.resources import LakeResource


@dg.asset(
    name="features",
    partitions_def=grid,
    group_name="features",
    code_version=code_version("features"),
    deps=[candles],
    check_specs=checks.FEATURE_CHECKS,
    kinds={"polars"},
)
def feature_matrix(
    context: dg.AssetExecutionContext, lake: LakeResource
) -> "Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]":
    """40 causal, scale-free features for each candle, known at its close."""
    from fxgpt_core.features.matrix import FEATURES, WARM_UP, features
    from fxgpt_core.validation.lookahead import lookahead_differences

    timeframe = timeframe_of(cell(context.partition_key)[1])
    with lake.making(context, {}) as making:
        frame = making.read("candles").frame()
        report = lookahead_differences(lambda part: features(part, timeframe), frame)
        yield checks.lookahead(report)
        if not report.clean:
            columns = ", ".join(difference.column for difference in report.differences)
            raise BrokenLineageError(f"features that change when the future is cut off: {columns}; none may; repair them first")
        matrix = features(frame, timeframe)
        reused = making.unchanged()
        span = {"first": matrix["known_at"][0].isoformat(), "last": matrix["known_at"][-1].isoformat()}
        summary = {"features": len(FEATURES), "warm_up": WARM_UP, **span}
        artifact = reused or making.write_frame(matrix, summary)
    rows = (
        matrix.select(FEATURES)
        .describe(percentiles=(0.05, 0.5, 0.95))
        .transpose(include_header=True, header_name="feature", column_names="statistic")
    )
    yield materialized(artifact, reused=reused is not None, metadata={"columns": table(rows.to_dicts())})
    yield checks.warm_up(matrix, FEATURES, WARM_UP)
