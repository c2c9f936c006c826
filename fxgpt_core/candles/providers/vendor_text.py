"""Text files without a header line, plain, .gz or .zip, as vendors ship them."""

import codecs
import gzip
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from fxgpt_core.candles.providers.files import numbers
from fxgpt_core.candles.schema import COLUMNS, PRICES
from fxgpt_core.candles.stamps import shown_cell
from fxgpt_core.errors import BadInputError, CandleSchemaError

UNREADABLE = (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError)


def text_bytes(path: Path, limit: int = -1) -> bytes:
    """The bytes of a file, unpacked, without a byte order mark; the first `limit` of them.

    Of a .zip: its one .csv, or its one .txt where it has no .csv. Raises `BadInputError` where that cannot be read.
    """
    name = path.name.lower()
    try:
        if name.endswith(".zip"):
            with zipfile.ZipFile(path) as archive, archive.open(_member(archive, path)) as file:
                return file.read(limit).removeprefix(codecs.BOM_UTF8)
        with gzip.open(path) if name.endswith(".gz") else path.open("rb") as file:
            return file.read(limit).removeprefix(codecs.BOM_UTF8)
    except UNREADABLE as error:
        raise BadInputError(f"{path} cannot be read ({error}); a whole file, .gz or .zip is needed; download it again") from error


def _member(archive: zipfile.ZipFile, path: Path) -> str:
    names = archive.namelist()
    found = [name for name in names if name.lower().endswith(".csv")] or [name for name in names if name.lower().endswith(".txt")]
    if len(found) != 1:
        raise BadInputError(
            f"{path} holds {len(found)} files of candles ({', '.join(found or names) or 'nothing'}); one .csv is needed; "
            "unpack it and import each file by itself"
        )
    return found[0]


def text_table(path: Path, columns: Sequence[str], separator: str) -> pl.DataFrame:
    """The cells of a file without a header as text, String[N] for each name of `columns`.

    Raises `BadInputError` for a file that is no such table, `CandleSchemaError` for another number of columns.
    """
    try:
        # As text: a type guessed from the first rows would turn a broken cell into a crash far from its row.
        table = pl.read_csv(text_bytes(path), has_header=False, separator=separator, infer_schema=False, quote_char=None)
    except pl.exceptions.PolarsError as error:
        said = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
        raise BadInputError(
            f"{path} cannot be read ({said}); lines of {separator.join(columns)} in UTF-8 are needed; download it again"
        ) from error
    if table.width != len(columns):
        raise CandleSchemaError(
            f"{path} has {table.width} columns; needed are {len(columns)} ({separator.join(columns)}); name the file's format"
        )
    return table.rename(dict(zip(table.columns, columns, strict=True)))


def wall_clock(text: pl.Series, form: str, example: str, path: Path) -> pl.Series:
    """Datetime[N] without a zone of stamps in one form; raises `CandleSchemaError` naming the first in another form."""
    stamps = text.str.strip_chars().str.to_datetime(form, time_unit="us", strict=False)
    broken = stamps.is_null().arg_true()
    if len(broken):
        row = int(broken[0])
        raise CandleSchemaError(
            f"{path}: {len(broken)} of {len(text)} stamps cannot be read (first: {shown_cell(text[row])} in row {row + 1}); "
            f"stamps like {example} are needed; correct those rows, or name the format of the file"
        )
    return stamps


def candle_frame(open_time: pl.Series, table: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Candle columns of stamps in UTC and a table of text with open, high, low, close and volume, in the file's order."""
    values = [numbers(table[name], path) for name in (*PRICES, "volume")]
    return pl.DataFrame([open_time.rename("open_time"), *values]).select(COLUMNS)
