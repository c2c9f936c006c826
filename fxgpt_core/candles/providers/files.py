"""Candles from a CSV or Parquet file, as brokers and notebooks write them."""

import gzip
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from fxgpt_core.candles.provider import not_available
from fxgpt_core.candles.schema import COLUMNS, PRICES, check_candles
from fxgpt_core.candles.stamps import utc_stamps
from fxgpt_core.errors import BadInputError, CandleSchemaError
from fxgpt_core.market.timeframes import Timeframe

TIME_NAMES = ("time", "timestamp", "date", "datetime", "open_time", "ts")
VOLUME_NAMES = ("volume", "tick_volume", "tickvol", "vol")
CSV_SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz")
PARQUET_SUFFIX = ".parquet"
SEPARATORS = (",", ";", "\t")
HEADER_BYTES = 4096


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
        return check_candles(read_candle_file(path), timeframe)


def read_candle_file(path: Path) -> pl.DataFrame:
    """The candles of a .csv (.tsv, .txt, .csv.gz) or .parquet file, in time order, with the columns of a candle frame.

    Columns, in any order and case: the open time as one of time, timestamp, date, datetime, open_time, ts (or a nameless
    first column, as pandas writes its index, or date and time in two columns); open, high, low, close; and, optionally, one
    of volume, tick_volume, tickvol, vol (0 where absent). Other columns are ignored. CSV files need a header line; commas,
    semicolons and tabs separate. Stamps are ISO ("2024-01-31 17:00", "2024.01.31 17:00:00", "2024-01-31T17:00:00Z",
    "…+02:00") or epoch seconds, ms, µs or ns; stamps without a zone are taken for UTC, a mixture is refused.

    Raises `BadInputError` for a file that cannot be read, `CandleSchemaError` for columns, stamps or numbers that cannot be
    used. Whether the series is sound (order, grid, OHLC) is `check_candles`' question.
    """
    if not path.is_file():
        raise BadInputError(f"there is no file {path}; a CSV or Parquet file of candles is needed; check the path")
    table = _plain_names(_table(path), path)
    time = _time_column(table, path)
    missing = [name for name in PRICES if name not in table.columns]
    if missing:
        raise CandleSchemaError(
            f"{path} lacks the columns {', '.join(missing)} (found: {', '.join(table.columns)}); needed are a time column "
            f"({', '.join(TIME_NAMES)}), {', '.join(PRICES)}; rename the columns, and give a CSV file a header line"
        )
    volume = next((table[name] for name in VOLUME_NAMES if name in table.columns), pl.zeros(len(table), eager=True))
    numbers = [_numbers(table[name], path) for name in PRICES] + [_numbers(volume, path).rename("volume")]
    frame = pl.DataFrame([utc_stamps(time, str(path)).rename("open_time"), *numbers]).select(COLUMNS)
    return frame.sort("open_time", maintain_order=True)


def _table(path: Path) -> pl.DataFrame:
    name = path.name.lower()
    try:
        if name.endswith(PARQUET_SUFFIX):
            return pl.read_parquet(path)
        if name.endswith(CSV_SUFFIXES):
            # As text: a type guessed from the first rows would turn a broken cell into a crash far from its row.
            return pl.read_csv(path, separator=_separator(path), infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise BadInputError(f"{path} cannot be read ({error}); a CSV file with a header or a Parquet file is needed") from error
    allowed = ", ".join((*CSV_SUFFIXES, PARQUET_SUFFIX))
    raise BadInputError(f"{path} is not a candle file by its name; allowed are {allowed}; convert or rename it")


def _separator(path: Path) -> str:
    with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as file:
        header = file.read(HEADER_BYTES).split(b"\n")[0].decode("utf-8", errors="replace")
    return max(SEPARATORS, key=header.count)


def _plain_names(table: pl.DataFrame, path: Path) -> pl.DataFrame:
    plain = [name.strip().strip("<>\ufeff").lower() for name in table.columns]
    used = {*TIME_NAMES, *PRICES, *VOLUME_NAMES}
    repeated = sorted({name for name in plain if plain.count(name) > 1 and name in used})
    if repeated:
        raise CandleSchemaError(
            f"{path} has more than one column named {', '.join(repeated)} (case does not count): {', '.join(table.columns)}; "
            "each may occur once; remove the other"
        )
    kept = [index for index, name in enumerate(plain) if name in used or (index == 0 and name == "")]
    return pl.DataFrame([table.to_series(index).rename(plain[index] or "time") for index in kept])


def _time_column(table: pl.DataFrame, path: Path) -> pl.Series:
    found = [name for name in table.columns if name in TIME_NAMES]
    if sorted(found) == ["date", "time"] and table.schema["date"] == table.schema["time"] == pl.String:
        return table["date"] + " " + table["time"]
    if len(found) != 1:
        raise CandleSchemaError(
            f"{path} has {len(found)} time columns ({', '.join(found) or 'none'}); exactly one of "
            f"{', '.join(TIME_NAMES)} is needed (or date and time, both as text); rename or remove columns"
        )
    return table[found[0]]


def _numbers(column: pl.Series, path: Path) -> pl.Series:
    text = column.str.strip_chars() if column.dtype == pl.String else column
    numbers = text.cast(pl.Float64, strict=False)
    broken = numbers.is_null().arg_true()
    if len(broken):
        raise CandleSchemaError(
            f"{path}: {len(broken)} values of {column.name} are not numbers (first: {column[int(broken[0])]!r} in data row "
            f"{int(broken[0]) + 1}); a decimal point and no thousands separator is the form; correct or remove those rows"
        )
    return numbers
