"""How much faster the feature table is than the same table in pandas, what it takes of memory, and what a day more costs.

    python -m benchmarks.features
    python -m benchmarks.features --candles m1_2018.parquet m1_2019.parquet --timeframe 1m --json

Without `--candles` it takes seeded, generated minutes. Nothing is timed before both tables are equal within 1e-4 of each column's
largest value: over a million candles the running deviations of pandas gather rounding dust (1e-7 where the price stands still),
while ours stay within 1e-15 of the windows written out; and averages begin differently, so the first thousand rows do not count.
Each time is the median of `--repeats` runs, ours and pandas' in turn.
Peak memory is that of a process of its own, over what it held when the candles were read.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.features_in_pandas import features_in_pandas
from fxgpt_core.candles.providers.files import read_candle_file
from fxgpt_core.candles.schema import check_candles
from fxgpt_core.errors import BadInputError, FxgptError
from fxgpt_core.features.incremental import extended
from fxgpt_core.features.matrix import FEATURES, features, features_by_symbol
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.timeframes import DAY_US, Timeframe, timeframe

TOLERANCE = 1e-4
SETTLED = 1_000
GENERATED_ROWS = 1_671_851
GENERATED_START_US = 1_514_844_000_000_000  # 2018-01-01 22:00 UTC
SHARES = (0.25, 0.5, 1.0)
SYMBOLS = 4


def generated(n_rows: int, seed: int) -> pl.DataFrame:
    """So many minutes of a seeded random walk on the FX week."""
    span_us = int(n_rows * 60e6 * 7 / 5) + 7 * DAY_US
    times = expected_open_times(GENERATED_START_US, GENERATED_START_US + span_us, Timeframe.M1)[:n_rows]
    rng = np.random.default_rng(seed)
    close = 1.1 * np.exp(np.cumsum(1e-4 * rng.standard_normal(len(times))))
    opened = np.concatenate(([1.1], close[:-1]))
    over, under = (1.0 + 1e-4 * rng.random(len(times)) for _ in range(2))
    return pl.DataFrame(
        {
            "open_time": pl.Series(times).cast(pl.Datetime("us", "UTC")),
            "open": opened,
            "high": np.maximum(opened, close) * over,
            "low": np.minimum(opened, close) / under,
            "close": close,
            "volume": rng.integers(1, 200, len(times)).astype(float),
        }
    )


def measure(candles: pl.DataFrame, length: Timeframe, repeats: int) -> dict[str, Any]:
    """Seconds of both tables and their ratio, seconds by rows, and the share that one day more takes."""
    theirs = candles.to_pandas()
    table = features(candles, length)
    require_equal(table, pl.from_pandas(features_in_pandas(theirs)))
    ours_s, pandas_s = [], []
    for _ in range(repeats):
        # In turn, so that whatever else the machine does falls on both.
        ours_s.append(seconds(lambda: features(candles, length)))
        pandas_s.append(seconds(lambda: features_in_pandas(theirs)))
    day = max(1, DAY_US // length.us)
    known = table.head(len(table) - day)
    day_s = statistics.median(seconds(lambda: extended(known, candles, length)) for _ in range(repeats))
    ours = statistics.median(ours_s)
    return {
        "rows": len(candles),
        "table_mb": table.estimated_size() / 1e6,
        "ours_s": ours,
        "pandas_s": statistics.median(pandas_s),
        "ratio": statistics.median(pandas_s) / ours,
        "seconds_by_rows": {
            str(part): statistics.median(seconds(lambda: features(candles.head(part), length)) for _ in range(repeats))  # noqa: B023
            for part in (int(share * len(candles)) for share in SHARES)
        },
        "cores_used_by_symbols": statistics.median(cores_used(candles, length) for _ in range(repeats)),
        "one_day_more_s": day_s,
        "one_day_more_share": day_s / ours,
    }


def require_equal(ours: pl.DataFrame, theirs: pl.DataFrame) -> None:
    """Two tables that differ must not be compared; raises `AssertionError` naming the column."""
    for name in FEATURES:
        a, b = ours[name].to_numpy()[SETTLED:], theirs[name].to_numpy()[SETTLED:]
        gap = float(np.max(np.abs(a - b)))
        assert gap <= TOLERANCE * float(np.max(np.abs(b))), f"{name} differs by {gap}"


def cores_used(candles: pl.DataFrame, length: Timeframe) -> float:
    """Seconds of processors over seconds, of the features of four symbols: the quarters of the series, as if each were one."""
    rows = len(candles) // SYMBOLS
    parts = (candles.slice(n * rows, rows).with_columns(symbol=pl.lit(str(n))) for n in range(SYMBOLS))
    wanted = features_by_symbol(pl.concat(parts).lazy(), length)
    began, spent = time.perf_counter(), time.process_time()
    wanted.collect()
    return (time.process_time() - spent) / (time.perf_counter() - began)


def seconds(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def peak_mb(candles: Path, length: Timeframe) -> float:
    """Peak memory in MB of a process that makes the features of a file, less what it held when the candles were read."""
    code = (
        "import sys, polars as pl\n"
        "from pathlib import Path\n"
        "from fxgpt_core.features.matrix import features\n"
        "from fxgpt_core.market.timeframes import timeframe\n"
        "def kb(what):\n"
        "    lines = Path('/proc/self/status').read_text().splitlines()\n"
        "    return next(int(line.split()[1]) for line in lines if line.startswith(what))\n"
        "candles = pl.read_parquet(sys.argv[1])\n"
        "before = kb('VmRSS')\n"
        "features(candles, timeframe(sys.argv[2]))\n"
        "print((kb('VmHWM') - before) / 1e3)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(candles), str(length)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def read(paths: list[Path], length: Timeframe) -> pl.DataFrame:
    """The candles of one or several files, one after the other in time."""
    return check_candles(pl.concat([read_candle_file(path) for path in paths]).sort("open_time"), length)


def main(arguments: list[str]) -> int:
    import tempfile

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candles", type=Path, nargs="+", help="CSV or Parquet files of one series (columns: see README)")
    parser.add_argument("--timeframe", default="1m")
    parser.add_argument("--rows", type=int, default=GENERATED_ROWS, help="generated minutes, without --candles")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    try:
        length = timeframe(asked.timeframe) if asked.candles else Timeframe.M1
        candles = read(asked.candles, length) if asked.candles else generated(asked.rows, asked.seed)
        if len(candles) <= 2 * SETTLED:
            raise BadInputError(f"{len(candles)} candles are too few to measure; more than {2 * SETTLED} are needed; give more")
        found = measure(candles, length, asked.repeats)
    except FxgptError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "candles.parquet"
        candles.write_parquet(kept)
        found["peak_mb"] = peak_mb(kept, length)
    found["peak_over_table"] = found["peak_mb"] / found["table_mb"]
    if asked.json:
        print(json.dumps(found))
        return 0
    print(f"{found['rows']} candles, {len(FEATURES)} features, equal in both")
    print(f"fxgpt         {found['ours_s']:8.2f} s")
    print(f"pandas        {found['pandas_s']:8.2f} s")
    print(f"ratio         {found['ratio']:8.1f} times")
    for rows, spent in found["seconds_by_rows"].items():
        print(f"{rows:>12}  {spent:8.2f} s")
    print(f"{SYMBOLS} symbols     {found['cores_used_by_symbols']:8.1f} cores used")
    print(f"one day more  {found['one_day_more_s']:8.3f} s, {found['one_day_more_share']:.2%} of the whole")
    print(
        f"peak memory   {found['peak_mb']:8.0f} MB, {found['peak_over_table']:.1f} times the table's {found['table_mb']:.0f} MB"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
