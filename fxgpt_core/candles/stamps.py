"""Stamps as files write them, to UTC microseconds."""

import polars as pl

from fxgpt_core.errors import CandleSchemaError

UTC = pl.Datetime("us", "UTC")
ZONE = r"(?i)(z|\s?utc|[+-]\d{2}:?\d{2})$"
EPOCH = r"^\d{9,19}(\.\d+)?$"
FORMS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d")
# Upper bounds (exclusive) of epoch seconds, ms and µs: the year 5138 in each unit; above the last are nanoseconds.
EPOCH_LIMITS = ((1e11, 1_000_000.0), (1e14, 1_000.0), (1e17, 1.0))
EPOCH_NANOSECOND_US = 0.001
ALLOWED = "ISO stamps (2024-01-31 17:00:00, optionally with Z or +02:00) and epoch seconds, ms, µs or ns are allowed"


def utc_stamps(column: pl.Series, origin: str) -> pl.Series:
    """Datetime("us", "UTC")[N] of a column of stamps (text, numbers, dates or datetimes); those without a zone are UTC.

    Raises `CandleSchemaError`, naming `origin`, for a stamp that cannot be read and for stamps of which only some have a zone.
    """
    kind = column.dtype
    if isinstance(kind, pl.Datetime):
        aware = column if kind.time_zone else column.dt.replace_time_zone("UTC")
        return _complete(column, aware.dt.convert_time_zone("UTC").dt.cast_time_unit("us"), origin)
    if kind == pl.Date:
        return _complete(column, column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC"), origin)
    if kind.is_numeric():
        return _complete(column, _from_epoch(column), origin)
    if kind == pl.String:
        text = column.str.strip_chars()
        return _complete(column, _from_text(text, origin), origin)
    raise CandleSchemaError(f"{origin}: the time column is of type {kind}; {ALLOWED}; convert it")


def shown_cell(value: object) -> str:
    """A cell as a message names it."""
    return "an empty cell" if value is None else repr(value)


def _from_text(text: pl.Series, origin: str) -> pl.Series:
    if len(text) and text.str.contains(EPOCH).all():
        return _from_epoch(text.cast(pl.Float64) if text.str.contains(r"\.").any() else text.cast(pl.Int64))
    n_aware = int(text.str.contains(ZONE).sum())
    if 0 < n_aware < len(text):
        first = text.filter(text.str.contains(ZONE) != text.str.contains(ZONE)[0])[0]
        raise CandleSchemaError(
            f"{origin}: {n_aware} of {len(text)} stamps have a time zone and the others have none (first unlike the one above: "
            f"{first!r}); all or none must; write all of them in UTC"
        )
    plain = (
        text.str.replace(r"^(\d{4})[./](\d{2})[./](\d{2})", "${1}-${2}-${3}")
        .str.replace(r"^(\d{4}-\d{2}-\d{2})[Tt]", "${1} ")
        .str.replace(r"(?i)(z|\s?utc)$", "+00:00")
    )
    if n_aware:
        parsed = [plain.str.to_datetime(f"{form}%z", time_unit="us", strict=False) for form in FORMS]
    else:
        parsed = [plain.str.to_datetime(form, time_unit="us", strict=False, time_zone="UTC") for form in FORMS]
    return pl.select(pl.coalesce(parsed)).to_series().cast(UTC)


def _from_epoch(numbers: pl.Series) -> pl.Series:
    if not len(numbers) or numbers.max() is None:
        return numbers.cast(pl.Int64).cast(UTC)
    # One unit for the whole column, by its largest value: a unit that changed within a file would be a broken file.
    largest = float(numbers.cast(pl.Float64).max() or 0.0)  # type: ignore[arg-type]
    unit_us = next((unit for limit, unit in EPOCH_LIMITS if largest < limit), EPOCH_NANOSECOND_US)
    if numbers.dtype.is_integer():
        whole = numbers.cast(pl.Int64)
        return (whole * int(unit_us) if unit_us >= 1.0 else whole // 1_000).cast(UTC)
    return (numbers * unit_us).round().cast(pl.Int64).cast(UTC)


def _complete(column: pl.Series, stamps: pl.Series, origin: str) -> pl.Series:
    broken = stamps.is_null().arg_true()
    if len(broken):
        first = int(broken[0])
        raise CandleSchemaError(
            f"{origin}: {len(broken)} of {len(stamps)} stamps cannot be read (first: {shown_cell(column[first])} in data row "
            f"{first + 1}); {ALLOWED}; rewrite the time column"
        )
    return stamps
