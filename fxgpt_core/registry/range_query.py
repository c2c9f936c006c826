"""A span of stored series without reading them whole: DuckDB skips the row groups of a Parquet file that lie outside it.

Skipping a part of a file means not hashing it: what is compared with the record is the number of rows, and the columns must be
those asked for. With `verify`, `lake_files` and `stored_files` read the files whole and compare the hash first.
"""

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType

import duckdb
import polars as pl

from fxgpt_core.candles.store import CandleStore
from fxgpt_core.errors import BadInputError, CorruptArtifactError
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.registry.lake import Lake

TIME = "open_time"
# Every value is bound. Files of one asset may differ in their columns: an optional one is null where a file lacks it.
SPAN = """
SELECT COLUMNS(?) FROM read_parquet(?, filename = 'symbol', union_by_name = true, hive_partitioning = false)
WHERE open_time >= ? AND open_time < ?
"""
REMEDY = "restore it from a backup, or make it again"


@dataclass(frozen=True)
class SeriesFile:
    """The Parquet file of one symbol's series, with the number of rows that was recorded when it was written."""

    symbol: str
    path: Path
    rows: int | None


def lake_files(
    lake: Lake, asset: str, symbols: Sequence[str], timeframe: Timeframe, *, verify: bool = False
) -> tuple[SeriesFile, ...]:
    """The files of the latest artifacts of an asset.

    Raises `MissingError` naming the asset to make; with `verify` also `CorruptArtifactError` where bytes changed.
    """
    found = [lake.latest(asset, symbol, timeframe.value) for symbol in symbols]
    if verify:
        for artifact in found:
            artifact.bytes()
    return tuple(SeriesFile(artifact.symbol, artifact.path, artifact.rows) for artifact in found)


def stored_files(
    store: CandleStore, symbols: Sequence[str], timeframe: Timeframe, *, verify: bool = False
) -> tuple[SeriesFile, ...]:
    """The files of the latest imported or downloaded candles. Raises `MissingError`, and as `lake_files` with `verify`."""
    found = [store.latest(symbol, timeframe) for symbol in symbols]
    if verify:
        for stored in found:
            store.read(stored)
    return tuple(SeriesFile(stored.symbol, stored.path, stored.rows) for stored in found)


class RangeReader:
    """An open DuckDB without a database of its own, which reads Parquet files and writes nothing; close it after use."""

    def __init__(self) -> None:
        # Nothing is fetched from the network: what is needed is built in.
        self._connection = duckdb.connect(config={"autoinstall_known_extensions": False})
        self._connection.execute("SET TimeZone = 'UTC'").fetchall()

    def __enter__(self) -> "RangeReader":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._connection.close()

    def read(self, files: Sequence[SeriesFile], start: datetime, stop: datetime, columns: Sequence[str] = ()) -> pl.DataFrame:
        """`symbol`, `open_time` and `columns` (all of the files where none is named) of the rows in [start, stop), aware.

        By symbol and time; no row is no error. Raises `BadInputError` for a span or columns that cannot be, and
        `CorruptArtifactError` for a file that is gone, is no Parquet file, or has another number of rows than was recorded.
        """
        _check_span(start, stop)
        paths = {str(file.path): file.symbol for file in files}
        if len(set(paths.values())) != len(files) or not files:
            named = ", ".join(file.symbol for file in files) or "none"
            raise BadInputError(f"the symbols are {named}; one or more are needed, each once; correct them")
        try:
            wanted = _columns(files, columns)
            bound = [["symbol", *wanted], [glob.escape(path) for path in paths], start, stop]
            rows: pl.DataFrame = self._connection.sql(SPAN, params=bound).pl()
        except (duckdb.Error, pl.exceptions.PolarsError, OSError) as error:
            raise CorruptArtifactError(f"{', '.join(paths)}: not every file can be read ({error}); {REMEDY}") from error
        symbol = pl.col("symbol").replace_strict(paths, return_dtype=pl.String)
        return rows.select(symbol, *wanted).sort("symbol", TIME)


def _check_span(start: datetime, stop: datetime) -> None:
    for moment in (start, stop):
        if moment.tzinfo is None:
            raise BadInputError(f"{moment} names no time zone; the moments of a span must; add timezone.utc")
    if start >= stop:
        raise BadInputError(f"the span from {start} to {stop} is empty; the start must be before the stop; change one of them")


def _columns(files: Sequence[SeriesFile], asked: Sequence[str]) -> list[str]:
    """open_time and the columns asked for, in that order, or all there are; each is in one file at least."""
    there = dict.fromkeys(name for file in files for name in _columns_of(file))
    lacking = [name for name in (TIME, *asked) if name not in there]
    if lacking:
        raise BadInputError(
            f"there are no columns {', '.join(lacking)} in the files of {', '.join(file.symbol for file in files)}; there are "
            f"{', '.join(there)}; name some of these (a table without {TIME} has no span to ask for)"
        )
    return list(dict.fromkeys((TIME, *(asked or there))))


def _columns_of(file: SeriesFile) -> list[str]:
    whole = pl.scan_parquet(file.path, glob=False)
    rows = whole.select(pl.len()).collect().item()
    if rows != file.rows:
        raise CorruptArtifactError(f"{file.path} has {rows} rows, {file.rows} were recorded; {REMEDY}")
    return whole.collect_schema().names()
