"""The largest moves and spreads that were, in the units of the shocks of a stress test, and the falls of the crises.

    python -m benchmarks.shock_sizes FOLDER
    python -m benchmarks.shock_sizes FOLDER --timeframe 5m --json

FOLDER holds Parquet or CSV files of candles named by their symbol (EURUSD_h1.parquet; columns: see README), with the spread
where it is known. A move is told in daily ranges, the mean log(high / low) of the 20 FX days before it. Volatility is the
mean daily range of five FX days over that of the 20 before; a spread the mean over a day of its multiple of the median at
that hour of the FX day. Of a crisis is told its largest fall in percent, from a high to a later low, and the share of its
candles found.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fxgpt_core.backtest.crises import CRISES
from fxgpt_core.backtest.stress_parameters import StressParameters
from fxgpt_core.candles.arrays import CandleArrays, candle_arrays
from fxgpt_core.candles.providers.files import checked_candle_file
from fxgpt_core.errors import BadInputError, FxgptError
from fxgpt_core.market.sessions import hour_of_week
from fxgpt_core.market.symbols import symbol
from fxgpt_core.market.timeframes import HOUR_US, Timeframe, timeframe

FloatArray = npt.NDArray[np.float64]
Largest = tuple[float, int]

SHOCKS = StressParameters()
NIGHT_HOURS = 12


def measured(candles: CandleArrays) -> dict[str, Largest]:
    """The largest of each kind: its size, and the open time in µs of the candle it began in.

    Raises `BadInputError` for candles of less than 26 FX days.
    """
    begins = np.flatnonzero(np.diff(candles.fx_day, prepend=candles.fx_day[:1] - 1))
    days = SHOCKS.wilder_hours // 24
    if len(begins) <= SHOCKS.range_days + days:
        raise BadInputError(
            f"{len(begins)} FX days found, more than {SHOCKS.range_days + days} are needed: a move is measured by the "
            f"{SHOCKS.range_days} days before it; give more candles"
        )
    ranges = np.log(np.maximum.reduceat(candles.high, begins) / np.minimum.reduceat(candles.low, begins))
    usual = _means(ranges, SHOCKS.range_days)
    day = np.searchsorted(begins, np.arange(len(candles)), side="right") - 1
    known = day >= SHOCKS.range_days
    unit = np.full(len(candles), np.nan)
    unit[known] = usual[day[known] - SHOCKS.range_days]
    gap = np.concatenate(([np.nan], np.abs(np.log(candles.open[1:] / candles.close[:-1]))))
    found = {"jump": _largest(gap / unit, candles)}
    for hours in (SHOCKS.crash_hours, NIGHT_HOURS):
        fall, rise = _reach(candles, _candles_in(hours, candles.timeframe))
        found |= {f"fall_{hours}h": _largest(fall / unit, candles), f"rise_{hours}h": _largest(rise / unit, candles)}
    later = _means(ranges, days)[SHOCKS.range_days :]
    ratio = later / usual[: len(later)]
    row = int(np.argmax(ratio))
    found["volatility"] = (float(ratio[row]), int(candles.open_time_us[begins[row + SHOCKS.range_days]]))
    return found if candles.spread is None else found | _widest(candles, candles.spread)


def falls(candles: CandleArrays) -> dict[str, dict[str, float]]:
    """Of each crisis with candles its largest `fall_pct`, in percent of the high before, and the share of them, `coverage`."""
    found = {}
    for crisis in CRISES:
        part = candles.select(crisis.window.slice(candles.known_at_us))
        if len(part) > 1:
            lowest = (part.low[1:] / np.maximum.accumulate(part.high)[:-1]).min()
            coverage = crisis.coverage(part.open_time_us, part.timeframe)
            found[crisis.name] = {"fall_pct": 100.0 * float(1.0 - lowest), "coverage": coverage}
    return found


def _candles_in(hours: int, length: Timeframe) -> int:
    return -(-hours * HOUR_US // length.us)


def _means(values: FloatArray, n: int) -> FloatArray:
    """float64[N-n+1]: the mean of each n in a row."""
    means: FloatArray = np.lib.stride_tricks.sliding_window_view(values, n).mean(axis=1)
    return means


def _reach(candles: CandleArrays, n: int) -> tuple[FloatArray, FloatArray]:
    """float64[N] each: how far the log price falls and rises from a candle's open within n candles; fewer at the end."""
    windows = np.lib.stride_tricks.sliding_window_view
    low = windows(np.pad(candles.low, (0, n - 1), constant_values=np.inf), n).min(axis=1)
    high = windows(np.pad(candles.high, (0, n - 1)), n).max(axis=1)
    return np.log(candles.open / low), np.log(high / candles.open)


def _widest(candles: CandleArrays, spread: FloatArray) -> dict[str, Largest]:
    """Nothing where the spread of no whole day is known."""
    hour = hour_of_week(candles.open_time_us) % 24
    usual = np.full(24, np.nan)
    for each in np.unique(hour[~np.isnan(spread)]):
        usual[each] = np.nanmedian(spread[hour == each])
    means = _means(spread / usual[hour], _candles_in(SHOCKS.spread_hours, candles.timeframe))
    return {} if np.isnan(means).all() else {"spread": _largest(means, candles)}


def _largest(values: FloatArray, candles: CandleArrays) -> Largest:
    row = int(np.nanargmax(values))
    return float(values[row]), int(candles.open_time_us[row])


def _read(folder: Path, length: Timeframe) -> Iterator[tuple[str, CandleArrays]]:
    files = sorted(path for path in folder.glob("*") if path.suffix in {".csv", ".parquet"})
    if not files:
        raise BadInputError(f"{folder} holds no CSV or Parquet file; name a folder of candles such as EURUSD_h1.parquet")
    for path in files:
        yield symbol(path.name.partition("_")[0]).name, candle_arrays(checked_candle_file(path, length), length)


def _row(name: str, candles: CandleArrays) -> dict[str, Any]:
    largest = {kind: {"size": size, "at": _iso(at)} for kind, (size, at) in measured(candles).items()}
    span = {"first": _iso(int(candles.open_time_us[0])), "last": _iso(int(candles.open_time_us[-1]))}
    return {"symbol": name, **span, "largest": largest, "crises": falls(candles)}


def _iso(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / 1e6, tz=UTC).strftime("%Y-%m-%d %H:%M")


def _lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield f"{row['symbol']}, {row['first']} to {row['last']}"
        yield from (f"  {kind:<12}{found['size']:6.2f}  {found['at']}" for kind, found in row["largest"].items())
        for name, fell in row["crises"].items():
            yield f"  {name:<16}{fell['fall_pct']:5.1f} %  of {fell['coverage']:.0%} of the candles"


def main(arguments: list[str]) -> int:
    """Measure and print; 0, or the exit code of what was wrong with the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--timeframe", default="1h")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    try:
        rows = [_row(name, candles) for name, candles in _read(asked.folder, timeframe(asked.timeframe))]
    except FxgptError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(json.dumps(rows) if asked.json else "\n".join(_lines(rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
