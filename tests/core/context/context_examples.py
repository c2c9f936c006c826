"""Small context series for the tests, and the plain loop that the join is compared with."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from fxgpt_core.context.series import ContextSeries, checked_series

TIME_TYPE = pl.Datetime("us", "UTC")
START = datetime(2024, 1, 1, tzinfo=UTC)
ALWAYS = timedelta(days=100_000)


def utc(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=UTC)


def times(*known: datetime) -> pl.DataFrame:
    return pl.DataFrame({"known_at": pl.Series(known, dtype=TIME_TYPE)})


def hours(n: int) -> pl.DataFrame:
    return times(*(START + timedelta(hours=hour) for hour in range(n)))


def series_of(*rows: tuple[datetime, date, float | None], stale_after: timedelta = ALWAYS, name: str = "it") -> ContextSeries:
    """A series of (known_at, refers_to, value) about one subject."""
    known, refers_to, values = zip(*rows, strict=True)
    frame = pl.DataFrame({
        "known_at": pl.Series(known, dtype=TIME_TYPE),
        "refers_to": pl.Series(refers_to, dtype=pl.Date),
        "subject": ["X"] * len(rows),
        "value": pl.Series(values, dtype=pl.Float64),
    })  # fmt: skip
    return checked_series(name, frame, stale_after, timedelta(0))


def looked_up(series: ContextSeries, moment: datetime) -> tuple[float | None, float | None]:
    """Value and age in hours at a moment, by looking at every row: the oracle of `joined`."""
    known = [row for row in series.frame.iter_rows(named=True) if row["known_at"] <= moment]
    if not known:
        return None, None
    newest = max(row["refers_to"] for row in known)
    last = max((row for row in known if row["refers_to"] == newest), key=lambda row: row["known_at"])
    age = moment - last["known_at"]
    return (last["value"] if age <= series.stale_after else None), age / timedelta(hours=1)


def written(folder: Path, text: str, name: str = "file.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path
