"""Patterns: chart shapes, candlesticks and breakouts of each candle series, what became of them, and what they are worth."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from fxgpt_core.market.timeframes import timeframe as timeframe_of
from fxgpt_pipelines.assets.candles import candles
from fxgpt_pipelines.checks import features as checks
from fxgpt_pipelines.code_versions import code_version
from fxgpt_pipelines.partitions import cell, grid
from fxgpt_pipelines.recording import materialized, told_before
from fxgpt_pipelines.resources import LakeResource

if TYPE_CHECKING:
    import polars as pl

    from fxgpt_core.market.timeframes import Timeframe

GROUP = "features"
# Signals are rare, and a detector takes milliseconds: more cuts than features have.
CUTS = 20


class PatternConfig(dg.Config):
    """`draws`: how many sets of random entries the event study compares each kind with; `seed` draws them."""

    draws: int = 2_000
    seed: int = 7


@dg.asset(
    name="patterns",
    partitions_def=grid,
    group_name=GROUP,
    code_version=code_version("patterns"),
    deps=[candles],
    check_specs=[
        dg.AssetCheckSpec("no_look_ahead", asset="patterns", blocking=True, description=checks.NO_LOOK_AHEAD),
    ],
    pool="data",
    kinds={"numba"},
)
def chart_patterns(
    context: dg.AssetExecutionContext, config: PatternConfig, lake: LakeResource
) -> "Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]":
    """Every pattern by the default parameters, with its points, confidence and fate, and the event study of the train span."""
    from fxgpt_core.candles.arrays import candle_arrays
    from fxgpt_core.patterns.event_study import StudyParameters, event_study
    from fxgpt_core.patterns.events import events
    from fxgpt_core.patterns.parameters import PatternParameters
    from fxgpt_core.patterns.signals import patterns_of
    from fxgpt_core.validation.lookahead import lookahead_differences, spread_cuts
    from fxgpt_core.validation.spans import SpanParameters, split_spans
    from fxgpt_pipelines import patterns_shown

    timeframe = timeframe_of(cell(context.partition_key)[1])
    with lake.making(context, config.model_dump(), seed=config.seed) as making:
        read = making.read("candles")
        frame = read.frame()
        reused = artifact = making.unchanged()
        if artifact is None:
            cuts = spread_cuts(len(frame), CUTS)
            seen = checks.looked_ahead(lookahead_differences(lambda part: _signals(part, timeframe), frame, cuts))
            if seen["differences"]:
                yield checks.lookahead("patterns", seen)
                raise checks.leaking("patterns", seen)
            arrays, parameters = candle_arrays(frame, timeframe), PatternParameters()
            found = events(arrays, parameters)
            train = split_spans(arrays.known_at_us, SpanParameters()).train
            study = event_study(arrays, found, train, StudyParameters(draws=config.draws), config.seed)
            signals = patterns_of(arrays, parameters)
            summary = patterns_shown.summary(found, study, signals) | {"look_ahead": seen, "studied": str(train)}
            artifact = making.write_frame(found, summary | _span(frame))
    metadata = told_before(context, artifact, *patterns_shown.TOLD) or patterns_shown.metadata(artifact, frame)
    yield materialized(artifact, reused=reused is not None, metadata=metadata)
    yield checks.lookahead("patterns", artifact.summary["look_ahead"])


def _signals(part: "pl.DataFrame", timeframe: "Timeframe") -> "pl.DataFrame":
    """The signals of candles as a table, by open time."""
    import polars as pl

    from fxgpt_core.candles.arrays import candle_arrays
    from fxgpt_core.patterns.parameters import PatternParameters
    from fxgpt_core.patterns.signals import patterns_of

    signals = patterns_of(candle_arrays(part, timeframe), PatternParameters())
    return pl.DataFrame({"open_time": part["open_time"], **signals.columns()})


def _span(frame: "pl.DataFrame") -> dict[str, str]:
    return {"first": frame["open_time"][0].isoformat(), "last": frame["open_time"][-1].isoformat()}
