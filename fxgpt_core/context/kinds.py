"""The kinds of context that can be imported, and all of it joined to the rows of a symbol."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import polars as pl

from fxgpt_core.context import cot, daily_index, economic_calendar, news_sentiment, retail_sentiment
from fxgpt_core.context.as_of import joined
from fxgpt_core.context.series import ContextSeries
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.symbols import Symbol

Reader = Callable[[Path], ContextSeries]
OfSymbol = Callable[[ContextSeries, Symbol], ContextSeries]


@dataclass(frozen=True)
class ContextKind:
    """How a file of this kind is read, from which age its values are missing, and which part of it a symbol has.

    `of_symbol` is None for the calendar, which is not joined by its values but by the hours to its releases.
    """

    read: Reader
    stale_after: timedelta
    of_symbol: OfSymbol | None


def _whole(series: ContextSeries, symbol: Symbol) -> ContextSeries:
    return series


def _own(series: ContextSeries, symbol: Symbol) -> ContextSeries:
    return series.of(symbol.name)


def _index(name: str) -> ContextKind:
    return ContextKind(partial(daily_index.read_daily_index, name=name), daily_index.STALE_AFTER, _whole)


def _cot(kind: str) -> ContextKind:
    return ContextKind(partial(cot.read_cot, kind=kind), cot.STALE_AFTER, cot.cot_of_symbol)


KINDS: dict[str, ContextKind] = {
    **{name: _index(name) for name in ("vix", "spx", "spy", "qqq")},
    **{kind: _cot(kind) for kind in (cot.LEGACY, cot.FINANCIAL)},
    economic_calendar.NAME: ContextKind(economic_calendar.read_calendar, economic_calendar.STALE_AFTER, None),
    news_sentiment.NAME: ContextKind(news_sentiment.read_news, news_sentiment.STALE_AFTER, _own),
    retail_sentiment.NAME: ContextKind(
        lambda path: retail_sentiment.RecordedSnapshots(path).snapshots(), retail_sentiment.STALE_AFTER, _own
    ),
}


def kind_of(name: str) -> ContextKind:
    """The kind of a name; raises `BadInputError`."""
    if name not in KINDS:
        raise BadInputError(f"the kind of context {name!r} is unknown; known: {', '.join(KINDS)}; choose one of them")
    return KINDS[name]


def check_published(series: ContextSeries, now: datetime) -> None:
    """Raises `BadInputError` if values are known only after `now`: of a day that has not ended. Calendars reach ahead rightly."""
    later = series.frame.filter(pl.col("known_at") > now)
    if len(later) and series.name != economic_calendar.NAME:
        raise BadInputError(
            f"context series {series.name}: {len(later)} of {len(series.frame)} rows are known after now (first: "
            f"{later['refers_to'][0]}, known at {later['known_at'][0]}); a value of a day that has not ended is not its value; "
            "remove those rows, or import again when they are known"
        )


def notes(series: ContextSeries) -> tuple[str, ...]:
    """What a person who imports a series should know, in words; often nothing."""
    return economic_calendar.notes(series) if series.name == economic_calendar.NAME else ()


def context_of_symbol(rows: pl.DataFrame, imported: Sequence[ContextSeries], symbol: Symbol) -> pl.DataFrame:
    """The rows (as in `as_of.joined`) with everything imported that concerns the symbol, as it was known at each row."""
    parts = [of_symbol(series, symbol) for series in imported if (of_symbol := KINDS[series.name].of_symbol) is not None]
    frame = joined(rows, parts)
    for series in imported:
        if series.name == economic_calendar.NAME:
            frame = economic_calendar.release_hours(frame, series, symbol)
    return frame
