"""Tables of text as people and services write them (CSV, Parquet), and their columns as dates, stamps and numbers."""

import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from fxgpt_core.candles.stamps import shown_cell, utc_stamps
from fxgpt_core.errors import BadInputError

CSV_SUFFIXES = (".csv", ".txt", ".csv.gz")
PARQUET_SUFFIX = ".parquet"
SHOWN_COLUMNS = 12
AMERICAN = r"^\s*\d{1,2}/\d{1,2}/\d{4}\s*$"
MONTHS = 12


def read_table(path: Path) -> pl.DataFrame:
    """A .csv (.txt, .csv.gz; comma-separated with a header, all columns text) or .parquet file with plain column names.

    Plain: lower case, every run of other signs than letters and digits as one underscore. Raises `BadInputError`.
    """
    name = path.name.lower()
    if not path.is_file():
        raise BadInputError(f"there is no file {path}; a CSV or Parquet file is needed; check the path")
    if not name.endswith((*CSV_SUFFIXES, PARQUET_SUFFIX)):
        allowed = ", ".join((*CSV_SUFFIXES, PARQUET_SUFFIX))
        raise BadInputError(f"{path} is not a table by its name; allowed are {allowed}; convert or rename it")
    try:
        # As text: a type guessed from the first rows would turn a broken cell into a crash far from its row.
        table = pl.read_parquet(path) if name.endswith(PARQUET_SUFFIX) else pl.read_csv(path, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        said = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
        raise BadInputError(
            f"{path} cannot be read ({said}); a CSV in UTF-8 with a header or a Parquet is needed; correct it"
        ) from error
    table = _without_blank_lines(table)
    plain = [re.sub(r"[\W_]+", "_", column.lower()).strip("_") for column in table.columns]
    repeated = sorted({column for column in plain if plain.count(column) > 1})
    if repeated or table.is_empty():
        found = f"more than one column {', '.join(repeated)}" if repeated else "no row below its header"
        raise BadInputError(f"{path} has {found}; rows, and columns of different names (case does not count), are needed")
    return table.rename(dict(zip(table.columns, plain, strict=True)))


def _without_blank_lines(table: pl.DataFrame) -> pl.DataFrame:
    """Without rows that are empty or repeat the header, as scripts leave them that append to a file."""
    empty = pl.all_horizontal(pl.all().is_null())
    if set(table.dtypes) != {pl.String}:
        return table.filter(~empty)
    header = pl.all_horizontal(pl.col(name).eq_missing(pl.lit(name)) for name in table.columns)
    return table.filter(~(empty | header))


def optional_column(table: pl.DataFrame, names: Sequence[str]) -> pl.Series | None:
    """The column with the first of the names that is there."""
    return next((table[name] for name in names if name in table.columns), None)


def column(table: pl.DataFrame, names: Sequence[str], path: Path) -> pl.Series:
    """The column with the first of the names that is there; raises `BadInputError`."""
    found = optional_column(table, names)
    if found is None:
        shown = ", ".join(table.columns[:SHOWN_COLUMNS]) + (", …" if table.width > SHOWN_COLUMNS else "")
        raise BadInputError(
            f"{path} has no column {' or '.join(names)} (found: {shown}); one of them is needed; rename or add it"
        )
    return found


def texts(given: pl.Series, path: Path) -> pl.Series:
    """String[N] without blanks around; raises `BadInputError` for an empty cell."""
    stripped = given.cast(pl.String).str.strip_chars().replace("", None)
    _refuse(given, stripped.is_null(), path, "are empty", "fill them in, or remove those rows")
    return stripped


def numbers(given: pl.Series, path: Path) -> pl.Series:
    """Float64[N]; an empty cell is null. Raises `BadInputError` for what is no finite number."""
    stripped = given.str.strip_chars().replace("", None) if given.dtype == pl.String else given
    cast = stripped.cast(pl.Float64, strict=False)
    broken = stripped.is_not_null() & ~cast.is_finite().fill_null(False)
    _refuse(given, broken, path, "are not numbers", "a decimal point and no thousands separator is the form; correct them")
    return cast


def dates(given: pl.Series, path: Path) -> pl.Series:
    """Date[N] of a column of dates or stamps of midnight; raises `BadInputError` for a time of day.

    01/31/2024, as American sources write, is month/day/year where some day is above 12, so that it cannot be day/month/year.
    """
    stamps = utc_stamps(_american(given), f"{path}: {given.name}")
    midnight = stamps.dt.truncate("1d")
    _refuse(given, stamps != midnight, path, "have a time of day in UTC", "a date is meant; write dates without time and zone")
    return midnight.dt.date()


def _american(given: pl.Series) -> pl.Series:
    if given.dtype != pl.String or not given.str.contains(AMERICAN).all():
        return given
    read = given.str.strip_chars().str.to_date("%m/%d/%Y", strict=False)
    sure = read.null_count() == 0 and (read.dt.day() > MONTHS).any()
    return read if sure else given


def _refuse(given: pl.Series, broken: pl.Series, path: Path, found: str, remedy: str) -> None:
    rows = broken.arg_true()
    if len(rows):
        first = f"{shown_cell(given[int(rows[0])])} in data row {int(rows[0]) + 1}"
        raise BadInputError(f"{path}: {len(rows)} of {len(given)} values of {given.name} {found} (first: {first}); {remedy}")
