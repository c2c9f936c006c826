"""Does a computation see the future? Cut the future off, compute again, compare what both know."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from fxgpt_core.errors import BadInputError

ROWS = "(rows)"
DEFAULT_CUTS = 5
_CUT = "__cut"


@dataclass(frozen=True)
class LookaheadDifference:
    """One column that changes when the future is cut off.

    `first_time` is the earliest row that changed, `cut_time` the last candle left at the first cut that showed it, `n_rows` how
    many rows changed over all cuts, `max_difference` the largest absolute change: infinite where a value appears, vanishes or
    is not a number. The column `ROWS` stands for rows that appear or vanish.
    """

    column: str
    first_time: datetime
    cut_time: datetime
    n_rows: int
    max_difference: float


@dataclass(frozen=True)
class LookaheadReport:
    """What was compared (cuts in rows kept, rows over all cuts, columns) and what differed."""

    cuts: tuple[int, ...]
    rows_compared: int
    columns_compared: tuple[str, ...]
    differences: tuple[LookaheadDifference, ...]

    @property
    def clean(self) -> bool:
        """True if nothing differed at any cut."""
        return not self.differences


def lookahead_differences(
    compute: Callable[[pl.DataFrame], pl.DataFrame],
    candles: pl.DataFrame,
    cuts: Sequence[int] | None = None,
    *,
    relative_tolerance: float = 0.0,
    time_column: str = "open_time",
) -> LookaheadReport:
    """Compare `compute(candles)` with `compute(candles[:cut])`, for each cut, on every row up to and with the cut's last.

    `compute` gives a frame with unique `time_column`; a row that vanishes, or only appears, when the future is cut off is a
    difference too, so the last row before the cut, where most leaks show, cannot be left out. Values must be equal, or within
    `relative_tolerance` of the larger magnitude; null equals null, NaN equals NaN. Default cuts: `spread_cuts`. Raises
    `BadInputError` for cuts outside [1, rows), and where the time column is missing or not unique.
    """
    chosen = spread_cuts(len(candles)) if cuts is None else tuple(cuts)
    if not chosen or not all(1 <= cut < len(candles) for cut in chosen):
        raise BadInputError(
            f"the cuts {list(chosen)} cannot be used on {len(candles)} candles; at least one cut is needed, each the number of "
            "candles kept: from 1 to one less than all; choose such cuts"
        )
    whole = _computed(compute, candles, time_column)
    found: list[LookaheadDifference] = []
    compared = 0
    for cut in chosen:
        last = candles[time_column][cut - 1]
        known = whole.filter(pl.col(time_column) <= last)
        part = _computed(compute, candles.head(cut), time_column)
        compared += len(known)
        found += _row_differences(known, part, last, time_column)
        found += _value_differences(known, part, last, time_column, relative_tolerance)
    columns = tuple(name for name in whole.columns if name != time_column)
    return LookaheadReport(chosen, compared, columns, _by_column(found))


def spread_cuts(n_rows: int, n_cuts: int = DEFAULT_CUTS) -> tuple[int, ...]:
    """So many cuts (numbers of rows kept), evenly spread from a third of the series to its last row but one; fewer if short."""
    first, final = n_rows // 3, n_rows - 1
    spread = {final, *(first + (final - first) * index // (n_cuts - 1) for index in range(n_cuts - 1))}
    return tuple(sorted(cut for cut in spread if 1 <= cut < n_rows))


def _computed(compute: Callable[[pl.DataFrame], pl.DataFrame], candles: pl.DataFrame, time_column: str) -> pl.DataFrame:
    result = compute(candles)
    if time_column not in result.columns or result[time_column].is_duplicated().any():
        raise BadInputError(
            f"the computation gave the columns {', '.join(result.columns)}; it must give {time_column!r}, one row for each "
            "time; name the time column with time_column, and split the computation if it gives several rows for a time"
        )
    return result


def _row_differences(known: pl.DataFrame, part: pl.DataFrame, last: datetime, time_column: str) -> list[LookaheadDifference]:
    vanished = known.join(part, on=time_column, how="anti")[time_column]
    appeared = part.join(known, on=time_column, how="anti")[time_column]
    times = pl.concat([vanished, appeared])
    return [LookaheadDifference(ROWS, times.min(), last, len(times), math.inf)] if len(times) else []  # type: ignore[arg-type]


def _value_differences(
    known: pl.DataFrame, part: pl.DataFrame, last: datetime, time_column: str, tolerance: float
) -> Iterable[LookaheadDifference]:
    both = known.join(part, on=time_column, how="inner", suffix=_CUT)
    for name in known.columns:
        if name == time_column or both.is_empty():
            continue
        if name not in part.columns:
            yield LookaheadDifference(name, both[time_column].min(), last, len(both), math.inf)  # type: ignore[arg-type]
            continue
        change = _difference(both.schema, name, tolerance)
        changed = both.select(time_column, change=change).filter(pl.col("change") > 0.0)
        if not changed.is_empty():
            largest = changed["change"].max()
            yield LookaheadDifference(name, changed[time_column].min(), last, len(changed), float(largest))  # type: ignore[arg-type]


def _difference(schema: pl.Schema, name: str, tolerance: float) -> pl.Expr:
    """The absolute change of a column: 0 within the tolerance, infinite where it is not a number."""
    whole, part = pl.col(name), pl.col(name + _CUT)
    if not (schema[name].is_numeric() and schema[name + _CUT].is_numeric()):
        return pl.when(whole.eq_missing(part)).then(0.0).otherwise(math.inf)
    change = (whole.cast(pl.Float64) - part.cast(pl.Float64)).abs()
    allowed = tolerance * pl.max_horizontal(whole.cast(pl.Float64).abs(), part.cast(pl.Float64).abs())
    return (
        pl.when(whole.eq_missing(part)).then(0.0)
        .when(change.is_null() | ~change.is_finite()).then(math.inf)
        .when(change <= allowed).then(0.0)
        .otherwise(change)
    )  # fmt: skip


def _by_column(found: list[LookaheadDifference]) -> tuple[LookaheadDifference, ...]:
    merged: dict[str, LookaheadDifference] = {}
    for new in found:
        old = merged.get(new.column)
        merged[new.column] = new if old is None else LookaheadDifference(
            new.column, min(old.first_time, new.first_time), old.cut_time, old.n_rows + new.n_rows,
            max(old.max_difference, new.max_difference),
        )  # fmt: skip
    return tuple(merged.values())
