"""Context joined to candles or features as it was known at the time of each row."""

from collections.abc import Sequence

import polars as pl

from fxgpt_core.context.series import TIME_TYPE, ContextSeries
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.timeframes import HOUR_US

_AGE = "__published"


def joined(rows: pl.DataFrame, series: Sequence[ContextSeries]) -> pl.DataFrame:
    """The rows (any frame with `known_at`, UTC µs, ascending) with, from each series (one subject), what was known then.

    Of every series: `<name>_<value>` for each value and `<name>_age_hours`, the hours since its publication. What counts is the
    newest date known and its latest publication; a value published at the very instant of a row counts as known. Before the
    first publication all are null; a value older than `stale_after` is null, its age is kept and says why. A late revision of
    an earlier date changes nothing. Raises `BadInputError`.
    """
    check_rows(rows)
    lazy = rows.lazy()
    taken = set(rows.columns)
    for one in series:
        columns = {value: f"{one.name}_{value}" for value in one.values}
        age = f"{one.name}_age_hours"
        if one.frame["subject"].n_unique() > 1 or taken & {*columns.values(), age}:
            raise BadInputError(
                f"context series {one.name} has {one.frame['subject'].n_unique()} subjects, and gives the columns "
                f"{', '.join([*columns.values(), age])}; one subject, and names not taken yet, are needed; choose a subject"
            )
        taken |= {*columns.values(), age}
        hours = (pl.col("known_at") - pl.col(_AGE)).dt.total_microseconds() / HOUR_US
        fresh = pl.col("known_at") - pl.col(_AGE) <= one.stale_after
        lazy = (
            lazy.join_asof(_newest(one).rename(columns), left_on="known_at", right_on=_AGE, strategy="backward", coalesce=False)
            .with_columns(pl.when(fresh).then(pl.col(*columns.values())), hours.alias(age))
            .drop(_AGE)
        )
    return lazy.collect()


def _newest(one: ContextSeries) -> pl.LazyFrame:
    """The publications at which the newest known date appears or is revised, one for each moment."""
    # Sorted by known_at, then refers_to: a row behind the largest date so far can never be the newest.
    days = pl.col("refers_to").to_physical()
    newest = one.frame.lazy().filter(days == days.cum_max()).unique("known_at", keep="last", maintain_order=True)
    return newest.select(pl.col("known_at").alias(_AGE), *one.values).set_sorted(_AGE)


def check_rows(rows: pl.DataFrame) -> None:
    """Raises `BadInputError` for rows that context cannot be joined to."""
    found = rows.schema.get("known_at")
    if found != TIME_TYPE or rows["known_at"].null_count() or not rows["known_at"].is_sorted():
        raise BadInputError(
            f"the rows to join context to have known_at of type {found or 'none'}; UTC microseconds, none missing, ascending, "
            "are needed; add known_at = open_time + timeframe and sort by it"
        )
