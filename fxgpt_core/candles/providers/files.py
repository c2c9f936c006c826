"""Candles from a CSV or Parquet file, as brokers and notebooks write them."""

import codecs
import csv
import gzip
import io
import os
import re
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from fxgpt_core.candles.provider import not_available
from fxgpt_core.candles.schema import PRICES, SPREAD, candle_columns, check_candles
from fxgpt_core.candles.stamps import shown_cell, utc_stamps
from fxgpt_core.errors import BadInputError, CandleSchemaError
from fxgpt_core.market.timeframes import Timeframe

TIME_NAMES = ("time", "timestamp", "date", "datetime", "open_time", "ts")
VOLUME_NAMES = ("volume", "tick_volume", "tickvol", "vol")
QUOTES = ("bid_close", "ask_close")
CSV_SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz")
PARQUET_SUFFIX = ".parquet"
SEPARATORS = (",", ";", "\t")
HEADER_BYTES = 4096
SHOWN_COLUMNS, SHOWN_LETTERS = 12, 30
DATA = re.compile(r"\s*[-+]?\d")


class FilesProvider:
    """Candles straight from files named by symbol and timeframe."""

    name = "files"

    def __init__(self, files: Mapping[tuple[str, Timeframe], Path]) -> None:
        self._files = dict(files)

    def available(self) -> list[tuple[str, Timeframe]]:
        """The series whose files were named."""
        return sorted(self._files, key=lambda item: (item[0], item[1].us))

    def candles(self, symbol: str, timeframe: Timeframe) -> pl.DataFrame:
        """The file's candles; raises `MissingError`, and what `read_candle_file` and `check_candles` raise."""
        path = self._files.get((symbol, timeframe))
        if path is None:
            raise not_available(self, symbol, timeframe)
        return checked_candle_file(path, timeframe)


def checked_candle_file(path: Path, timeframe: Timeframe) -> pl.DataFrame:
    """The candles of a file as `check_candles` returns them; raises what it and `read_candle_file` raise, naming the file."""
    return checked_frame(read_candle_file(path), timeframe, path)


def checked_frame(frame: pl.DataFrame, timeframe: Timeframe, path: Path) -> pl.DataFrame:
    """The candles of a file as `check_candles` returns them; raises what it raises, naming the file."""
    try:
        return check_candles(frame, timeframe)
    except CandleSchemaError as error:
        raise CandleSchemaError(f"{path}: {error}") from error


def read_candle_file(path: Path) -> pl.DataFrame:
    """The candles of a .csv (.tsv, .txt, .csv.gz) or .parquet file, in time order, with the columns of a candle frame.

    Columns, in any order and case: the open time as one of time, timestamp, date, datetime, open_time, ts (or date and time in
    two columns, or, where none has such a name, a nameless first column, as pandas writes its index); open, high, low, close;
    and, optionally, one of volume, tick_volume, tickvol, vol (0 where absent), and spread, or bid_close and ask_close, in price
    units, empty where not known. Other columns are ignored. CSV files need a header line; commas, semicolons and tabs separate.
    Stamps are ISO ("2024-01-31 17:00", "2024.01.31 17:00:00", "2024-01-31T17:00:00Z", "…+02:00") or epoch seconds, ms, µs or ns;
    stamps without a zone are taken for UTC, a mixture is refused.

    Raises `BadInputError` for a file that cannot be read, `CandleSchemaError` for columns, stamps or numbers that cannot be
    used. Whether the series is sound (order, grid, OHLC) is `check_candles`' question.
    """
    check_is_file(path)
    given = _table(path)
    table = _plain_names(given, path)
    time = _time_column(table, path, given.columns)
    missing = [name for name in PRICES if name not in table.columns]
    if missing:
        raise CandleSchemaError(
            f"{path} lacks the columns {', '.join(missing)} ({_found(given.columns)}); needed are a time column "
            f"({', '.join(TIME_NAMES)}), {', '.join(PRICES)}; rename the columns, and give a CSV file a header line"
        )
    volume = next((table[name] for name in VOLUME_NAMES if name in table.columns), pl.zeros(len(table), eager=True))
    values = [numbers(table[name], path) for name in PRICES] + [numbers(volume, path).rename("volume")]
    frame = pl.DataFrame([utc_stamps(time, str(path)).rename("open_time"), *values, *_spread(table, path)])
    return frame.select(candle_columns(frame)).sort("open_time", maintain_order=True)


def check_is_file(path: Path) -> None:
    """Raise `BadInputError` where a path names no file."""
    if not os.path.isfile(path):
        found = f"{path} is a directory" if os.path.isdir(path) else f"there is no file {path}"
        raise BadInputError(f"{found}; a CSV or Parquet file of candles is needed; check the path")


def _table(path: Path) -> pl.DataFrame:
    name = path.name.lower()
    try:
        if name.endswith(PARQUET_SUFFIX):
            return pl.read_parquet(path)
        if name.endswith(CSV_SUFFIXES):
            # As text: a type guessed from the first rows would turn a broken cell into a crash far from its row.
            return pl.read_csv(path, separator=_separator(path), infer_schema=False)
    except (pl.exceptions.PolarsError, OSError, EOFError, zlib.error) as error:
        # A parser's first line says what is wrong; the others name arguments that nobody here can give.
        said = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
        where = "" if name.endswith(PARQUET_SUFFIX) else _odd_line(path)
        raise BadInputError(
            f"{path} cannot be read ({said}{where}); a CSV file with a header, in UTF-8, or a Parquet file is needed; correct it"
        ) from error
    allowed = ", ".join((*CSV_SUFFIXES, PARQUET_SUFFIX))
    raise BadInputError(f"{path} is not a candle file by its name; allowed are {allowed}; convert or rename it")


def _opened(path: Path) -> gzip.GzipFile | io.BufferedReader:
    return gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb")


def _separator(path: Path) -> str:
    with _opened(path) as file:
        first = file.read(HEADER_BYTES)
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise BadInputError(f"{path} is written in UTF-16; UTF-8 is needed; save it as CSV in UTF-8")
    header = first.split(b"\n")[0].decode("utf-8", errors="replace")
    return max(SEPARATORS, key=header.count)


def _odd_line(path: Path) -> str:
    """Where a CSV file stops being one, in words: the first line with more cells than the header, or an unclosed quote."""
    start = 1
    try:
        with _opened(path) as file:
            lines = csv.reader(io.TextIOWrapper(file, "utf-8", newline=""), delimiter=_separator(path), strict=True)
            width = len(next(lines, ()))
            for cells in lines:
                start += 1
                if len(cells) > width:
                    return f", in line {start}"
    except csv.Error:
        return f", in line {start + 1}"
    except (OSError, ValueError, EOFError, zlib.error):
        pass
    return ""


def _found(columns: Sequence[str]) -> str:
    """The header as it was found, and what to do when it is none."""
    told = ", ".join(name[:SHOWN_LETTERS] or '""' for name in columns[:SHOWN_COLUMNS])
    like_data = sum(bool(DATA.match(name)) for name in columns) > len(columns) // 2
    hint = "; the first line looks like data: add a header line" if like_data else ""
    return f"found: {told}{', …' if len(columns) > SHOWN_COLUMNS else ''}{hint}"


def _spread(table: pl.DataFrame, path: Path) -> list[pl.Series]:
    """The spread as a file tells it, else ask minus bid at the close; none where it tells neither."""
    if SPREAD in table.columns:
        return [numbers(table[SPREAD], path, may_be_empty=True)]
    if not set(QUOTES) <= set(table.columns):
        return []
    bid, ask = (numbers(table[name], path, may_be_empty=True) for name in QUOTES)
    return [(ask - bid).rename(SPREAD)]


def _plain_names(table: pl.DataFrame, path: Path) -> pl.DataFrame:
    plain = [name.strip().strip("<>\ufeff").lower() for name in table.columns]
    used = {*TIME_NAMES, *PRICES, *VOLUME_NAMES, SPREAD, *QUOTES}
    repeated = sorted({name for name in plain if plain.count(name) > 1 and name in used})
    if repeated:
        raise CandleSchemaError(
            f"{path} has more than one column named {', '.join(repeated)} (case does not count; {_found(table.columns)}); "
            "each may occur once; remove the other"
        )
    # pandas writes its index as a nameless first column: the time, unless a column says so itself.
    index_is_time = not set(TIME_NAMES) & set(plain)
    kept = [index for index, name in enumerate(plain) if name in used or (index == 0 and name == "" and index_is_time)]
    return pl.DataFrame([table.to_series(index).rename(plain[index] or "time") for index in kept])


def _time_column(table: pl.DataFrame, path: Path, given: Sequence[str]) -> pl.Series:
    found = [name for name in table.columns if name in TIME_NAMES]
    if sorted(found) == ["date", "time"] and table.schema["date"] == table.schema["time"] == pl.String:
        return table["date"] + " " + table["time"]
    if len(found) != 1:
        raise CandleSchemaError(
            f"{path} has {len(found)} time columns ({', '.join(found) or 'none'}; {_found(given)}); exactly one of "
            f"{', '.join(TIME_NAMES)} is needed (or date and time, both as text); rename or remove columns"
        )
    return table[found[0]]


def numbers(column: pl.Series, path: Path, *, may_be_empty: bool = False) -> pl.Series:
    """Float64[N] of a column of numbers or text, null where a cell may be empty and is.

    Raises `CandleSchemaError` naming the first value that is no number.
    """
    text = column.str.strip_chars() if column.dtype == pl.String else column
    values = text.cast(pl.Float64, strict=False)
    empty = text.is_null() | (text == "" if text.dtype == pl.String else False)
    broken = (values.is_null() & ~empty if may_be_empty else values.is_null()).arg_true()
    if len(broken):
        row = int(broken[0])
        raise CandleSchemaError(
            f"{path}: {len(broken)} values of {column.name} are not numbers (first: {shown_cell(column[row])} in data row "
            f"{row + 1}); a decimal point and no thousands separator is the form; correct or remove those rows"
        )
    return values
