"""A context series: values of the world, each with the moment it was published."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from fxgpt_core.errors import BadInputError

TIME_TYPE = pl.Datetime("us", "UTC")
KEYS = {"known_at": TIME_TYPE, "refers_to": pl.Date(), "subject": pl.String()}
VALUE_TYPES = (pl.Float64, pl.String, pl.Boolean)
FORMAT = b"fxgpt context 1\n"


@dataclass(frozen=True, eq=False)
class ContextSeries:
    """Rows of `known_at` (when published), `refers_to` (the date it is about), `subject` (EUR, EURUSD, VIX, …) and values.

    Sorted by these three, which no two rows share. Several publications for one date and subject are revisions: the latest known
    at a time counts. `stale_after` is the age from which on a value counts as missing.
    """

    name: str
    frame: pl.DataFrame
    stale_after: timedelta

    @property
    def values(self) -> tuple[str, ...]:
        """Names of the value columns."""
        return tuple(name for name in self.frame.columns if name not in KEYS)

    def of(self, subject: str) -> "ContextSeries":
        """The rows about one subject, possibly none."""
        return ContextSeries(self.name, self.frame.filter(pl.col("subject") == subject), self.stale_after)


def checked_series(name: str, frame: pl.DataFrame, stale_after: timedelta, ends_after: timedelta) -> ContextSeries:
    """The series of a frame with the key columns and values (Float64, String, Boolean; null is allowed), sorted, if it is sound.

    Sound: at least one row and one value column; no null key; no two rows with the same key; numbers finite; nothing published
    before its matter has ended, which is `ends_after` past midnight UTC of `refers_to`. Raises `BadInputError`.
    """
    _check_columns(name, frame)
    values = [column for column in frame.columns if column not in KEYS]
    ordered = frame.select(*KEYS, *values).sort(*KEYS)
    ended = pl.col("refers_to").cast(TIME_TYPE) + ends_after
    numbers = [column for column in values if ordered.schema[column] == pl.Float64]
    finite = pl.all_horizontal(pl.lit(True), *(pl.col(column).is_finite().fill_null(True) for column in numbers))
    missing = pl.any_horizontal(pl.col(*KEYS).is_null())
    _refuse(name, ordered, missing, "without known_at, refers_to or subject", "each needs all three; complete them")
    _refuse(name, ordered, ordered.select(*KEYS).is_duplicated(), "for the same date, subject and moment of publication",
            "each may occur once; remove the others")  # fmt: skip
    _refuse(name, ordered, ~finite, "with a number that is not finite", "leave a value that is not known empty")
    _refuse(name, ordered, pl.col("known_at") < ended, "published before what they are about had ended",
            "a value is known when it is published, not before; correct the dates")  # fmt: skip
    return ContextSeries(name, ordered, stale_after)


def context_sha256(frame: pl.DataFrame) -> str:
    """SHA-256 of the rows of a series: names, types, values; how they were stored does not enter, −0.0 counts as 0.0."""
    digest = hashlib.sha256(FORMAT + len(frame).to_bytes(8, "little"))
    for column in frame.iter_columns():
        digest.update(f"{column.name}\0{column.dtype}\n".encode())
        digest.update(column.is_null().to_numpy().tobytes())
        digest.update(_bytes(column))
    return digest.hexdigest()


def _bytes(column: pl.Series) -> bytes:
    if column.dtype == pl.String:
        texts = [text.encode() for text in column.fill_null("")]
        return b"".join(len(text).to_bytes(8, "little") + text for text in texts)
    if column.dtype == pl.Boolean:
        return column.fill_null(False).to_numpy().tobytes()
    if column.dtype == pl.Float64:
        return (column.fill_null(0.0).to_numpy().astype("<f8") + 0.0).tobytes()
    return column.to_physical().cast(pl.Int64).fill_null(0).to_numpy().astype("<i8").tobytes()


def _check_columns(name: str, frame: pl.DataFrame) -> None:
    wrong = [f"{key} ({frame.schema.get(key, 'absent')})" for key, kind in KEYS.items() if frame.schema.get(key) != kind]
    values = [column for column in frame.columns if column not in KEYS]
    wrong += [f"{column} ({frame.schema[column]})" for column in values if frame.schema[column] not in VALUE_TYPES]
    if wrong or not values:
        raise BadInputError(
            f"context series {name}: {', '.join(wrong) or 'no value column'} cannot be used; known_at in UTC "
            "microseconds, refers_to as a date, subject as text, and values of numbers, text or true/false are needed; convert "
            "or add the columns"
        )
    if frame.is_empty():
        raise BadInputError(f"context series {name}: there are 0 rows; at least one is needed; check the file")


def _refuse(name: str, frame: pl.DataFrame, broken: pl.Expr | pl.Series, found: str, remedy: str) -> None:
    rows = frame.filter(broken)
    if len(rows):
        first = rows.select(*KEYS).row(0, named=True)
        shown = ", ".join(f"{key} {value}" for key, value in first.items())
        raise BadInputError(f"context series {name}: {len(rows)} of {len(frame)} rows {found} (first: {shown}); {remedy}")
