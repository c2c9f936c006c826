"""Features: the 60 columns every model and every live decision reads, computed by one function; and what other markets tell."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from fxgpt_core.errors import BrokenLineageError
from fxgpt_core.market.symbols import symbol as symbol_of
from fxgpt_core.market.timeframes import timeframe as timeframe_of
from fxgpt_pipelines.assets.candles import candles
from fxgpt_pipelines.assets.context import context_series
from fxgpt_pipelines.checks import features as checks
from fxgpt_pipelines.code_versions import code_version
from fxgpt_pipelines.partitions import cell, grid
from fxgpt_pipelines.recording import materialized, table, told_before
from fxgpt_pipelines.resources import LakeResource

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from fxgpt_core.registry.artifact import Artifact

GROUP = "features"


@dg.asset(
    name="features",
    partitions_def=grid,
    group_name=GROUP,
    code_version=code_version("features"),
    deps=[candles],
    check_specs=checks.FEATURE_CHECKS,
    pool="data",
    kinds={"polars"},
)
def feature_matrix(
    context: dg.AssetExecutionContext, lake: LakeResource
) -> "Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]":
    """60 causal, scale-free features for each candle, known at its close."""
    from fxgpt_core.features.matrix import FEATURES, WARM_UP, features

    timeframe = timeframe_of(cell(context.partition_key)[1])
    with lake.making(context, {}) as making:
        read = making.read("candles")
        reused = artifact = making.unchanged()
        if artifact is None:
            frame = read.frame()
            seen = _looked_ahead(lambda part: features(part, timeframe), frame)
            if seen["differences"]:
                yield checks.lookahead("features", seen)
                raise checks.leaking("features", seen)
            matrix = features(frame, timeframe)
            found = checks.complete(matrix, FEATURES)
            found |= checks.settled(lambda part: features(part, timeframe, warm_up=0), frame, WARM_UP)
            if checks.is_broken(found):
                yield checks.warm_up(found)
                raise _unsettled(found)
            artifact = making.write_frame(matrix, {"warm_up": WARM_UP, "look_ahead": seen, **found, **_span(matrix)})
    yield materialized(artifact, reused=reused is not None, metadata=_columns(context, artifact, FEATURES))
    yield checks.lookahead("features", artifact.summary["look_ahead"])
    yield checks.warm_up(artifact.summary)


@dg.asset(
    partitions_def=grid,
    group_name=GROUP,
    code_version=code_version("intermarket_features"),
    deps=[candles, context_series],
    check_specs=checks.INTERMARKET_CHECKS,
    pool="data",
    kinds={"polars"},
)
def intermarket_features(
    context: dg.AssetExecutionContext, lake: LakeResource
) -> "Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]":
    """Correlation with and beta to a stock index, and the strength of both currencies among all symbols that have candles now."""
    import polars as pl

    from fxgpt_core.features.intermarket import INTERMARKET, index_of
    from fxgpt_core.features.intermarket import intermarket_features as computed

    symbol, name = cell(context.partition_key)
    with lake.making(context, {}) as making:
        read, known = making.read("candles"), making.read("context_series")
        names = [other for other in making.lake.symbols("candles", name) if other != symbol]
        others = {other: making.read("candles", symbol=other) for other in names}
        reused = artifact = making.unchanged()
        if artifact is None:
            frames = {other: read_of.frame() for other, read_of in others.items()}
            about = known.frame()

            def of_part(part: "pl.DataFrame") -> "pl.DataFrame":
                until = pl.col("open_time") <= part["open_time"][-1]
                cut = {other: frame.filter(until) for other, frame in frames.items()}
                return computed(part, timeframe_of(name), symbol_of(symbol), others=cut, context=about.head(len(part)))

            frame = read.frame()
            seen = _looked_ahead(of_part, frame)
            if seen["differences"]:
                yield checks.lookahead("intermarket_features", seen)
                raise checks.leaking("features", seen)
            matrix = of_part(frame)
            about_others = {"index": index_of(about) or "none", "other_symbols": names}
            artifact = making.write_frame(matrix, {"look_ahead": seen, **about_others, **_span(matrix)})
    told = {"index": artifact.summary["index"], "other_symbols": ", ".join(artifact.summary["other_symbols"]) or "none"}
    yield materialized(artifact, reused=reused is not None, metadata=told | _columns(context, artifact, INTERMARKET))
    yield checks.lookahead("intermarket_features", artifact.summary["look_ahead"])


def _looked_ahead(compute: "Callable[[pl.DataFrame], pl.DataFrame]", frame: "pl.DataFrame") -> dict[str, Any]:
    from fxgpt_core.validation.lookahead import lookahead_differences

    return checks.looked_ahead(lookahead_differences(compute, frame))


def _unsettled(found: dict[str, Any]) -> BrokenLineageError:
    from fxgpt_core.validation.warm_up import MOST_DRIFT

    return BrokenLineageError(
        f"behind the warm-up {found['missing_values']} values are missing or not finite, and another start moves "
        f"{found['drift_of'] or 'no feature'} by {found['drift']} standard deviations; none may be missing, and {MOST_DRIFT} is "
        "allowed; repair the feature, or lengthen the warm-up; `fxgpt features check --warm-up` shows more"
    )


def _span(matrix: "pl.DataFrame") -> dict[str, str]:
    return {"first": matrix["known_at"][0].isoformat(), "last": matrix["known_at"][-1].isoformat()}


def _columns(context: dg.AssetExecutionContext, artifact: "Artifact", names: "Sequence[str]") -> dict[str, Any]:
    """How the values of each column are spread."""
    told = told_before(context, artifact, "columns")
    if told:
        return told
    spread = artifact.frame().select(names).describe(percentiles=(0.05, 0.5, 0.95))
    rows = spread.transpose(include_header=True, header_name="feature", column_names="statistic")
    return {"columns": table(rows.to_dicts())}
