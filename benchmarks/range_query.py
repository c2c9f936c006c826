"""How much faster a day of one symbol is found by a range query over a lake of minutes than by reading whole files.

    python -m benchmarks.range_query
    python -m benchmarks.range_query --candles m1_2018.parquet m1_2019.parquet --json

The lake is made in a temporary folder: seeded, generated minutes of 28 symbols, two years each; with `--candles` those candles
under every symbol. Nothing is timed before all ways give equal answers. Each time is the median of `--repeats`, all ways in turn,
with the files in the machine's memory; a query counts from asking the ledger for the file on. `cold_s` also opens DuckDB. For
comparison: polars' own lazy scan of the one file, which skips row groups too.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.features import generated, read
from fxgpt_core.errors import BadInputError, FxgptError
from fxgpt_core.market.symbols import SYMBOLS
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.registry import migration
from fxgpt_core.registry.code_identity import UNKNOWN, CodeIdentity
from fxgpt_core.registry.lake import Lake
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.range_query import RangeReader, lake_files

N_SYMBOLS = 28
GENERATED_ROWS = 745_000  # two years of minutes
DIGITS = 5
ASSET, LENGTH = "candles", Timeframe.M1
DAY = timedelta(days=1)


def fill(lake: Lake, n_symbols: int, candles: Callable[[int], pl.DataFrame]) -> list[str]:
    """A lake of candles by the symbol's number; the symbols in it."""
    names = list(SYMBOLS)[:n_symbols]
    for number, symbol in enumerate(names):
        with lake.making(ASSET, symbol, str(LENGTH), {}, code_sha256=UNKNOWN, run_id="benchmark") as making:
            making.write_frame(candles(number), {})
    return names


def measure(lake: Lake, symbols: list[str], repeats: int) -> dict[str, Any]:
    """Median seconds of each way to one day of one symbol, and the ratios to the range query."""
    paths = {symbol: lake.latest(ASSET, symbol, str(LENGTH)).path for symbol in symbols}
    asked = symbols[len(symbols) // 2]
    times = pl.read_parquet(paths[asked], columns=["open_time"])["open_time"]
    start = times[len(times) // 2].replace(hour=0, minute=0)
    day = pl.col("open_time").is_between(start, start + DAY, closed="left")

    def named(frame: pl.DataFrame, symbol: str) -> pl.DataFrame:
        return frame.select(pl.lit(symbol).alias("symbol"), pl.all())

    def every_file() -> pl.DataFrame:
        frames = [named(pl.read_parquet(path), symbol).filter(day) for symbol, path in paths.items()]
        return pl.concat(frames).filter(pl.col("symbol") == asked)

    with RangeReader() as reader:
        ways = {
            "query_s": lambda: reader.read(lake_files(lake, ASSET, [asked], LENGTH), start, start + DAY),
            "cold_s": lambda: cold(lake, asked, start),
            "polars_scan_s": lambda: named(pl.scan_parquet(paths[asked]).filter(day).collect(), asked),
            "one_file_s": lambda: named(pl.read_parquet(paths[asked]).filter(day), asked),
            "all_files_s": every_file,
        }
        answers = [way() for way in ways.values()]
        for name, answer in zip(ways, answers, strict=True):
            assert answer.equals(answers[0]), f"{name} gives another answer than the query"
        spent: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(repeats):
            # In turn, so that whatever else the machine does falls on all.
            for name, way in ways.items():
                spent[name].append(seconds(way))
    medians = {name: statistics.median(each) for name, each in spent.items()}
    sizes = {"symbols": len(symbols), "rows_of_each": len(times), "rows_found": len(answers[0])}
    size = {"lake_mb": sum(path.stat().st_size for path in paths.values()) / 1e6}
    ratios = {f"{name.removesuffix('_s')}_ratio": medians[name] / medians["query_s"] for name in ways if name != "query_s"}
    return sizes | size | medians | ratios


def cold(lake: Lake, symbol: str, start: datetime) -> pl.DataFrame:
    """The query by a DuckDB that is opened for it."""
    with RangeReader() as reader:
        return reader.read(lake_files(lake, ASSET, [symbol], LENGTH), start, start + DAY)


def seconds(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def generated_of(number: int, n_rows: int, seed: int) -> pl.DataFrame:
    """The generated minutes of the symbol of a number, with as many decimals as quotes have."""
    return generated(n_rows, seed + number).with_columns(pl.col("open", "high", "low", "close").round(DIGITS))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candles", type=Path, nargs="+", help="CSV or Parquet files of minutes (columns: see README)")
    parser.add_argument("--symbols", type=int, default=N_SYMBOLS)
    parser.add_argument("--rows", type=int, default=GENERATED_ROWS, help="generated minutes of each symbol, without --candles")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        try:
            if not 1 <= asked.symbols <= len(SYMBOLS):
                raise BadInputError(f"{asked.symbols} symbols cannot be; 1 to {len(SYMBOLS)} can; choose another number")
            given = read(asked.candles, LENGTH) if asked.candles else None
            ledger = Ledger(f"sqlite:///{folder}/ledger.db")
            migration.upgrade(ledger)
            lake = Lake(Path(folder) / "lake", ledger, CodeIdentity(UNKNOWN, None, UNKNOWN))
            make = (lambda number: generated_of(number, asked.rows, asked.seed)) if given is None else (lambda _: given)
            found = measure(lake, fill(lake, asked.symbols, make), asked.repeats)
            ledger.close()
        except FxgptError as error:
            print(error, file=sys.stderr)
            return error.exit_code
    print(json.dumps(found)) if asked.json else tell(found)
    return 0


def tell(found: dict[str, Any]) -> None:
    """Print the times and ratios for people."""
    sizes = f"{found['symbols']} symbols of {found['rows_of_each']} minutes, {found['lake_mb']:.0f} MB"
    print(f"{sizes}; a day of one: {found['rows_found']} rows, equal in all")
    print(f"range query            {found['query_s'] * 1e3:9.1f} ms")
    labels = {
        "cold": "with opening DuckDB",
        "polars_scan": "polars' lazy scan",
        "one_file": "its whole file",
        "all_files": "all files",
    }
    for name, label in labels.items():
        print(f"{label:<22} {found[f'{name}_s'] * 1e3:9.1f} ms {found[f'{name}_ratio']:8.1f} times")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
