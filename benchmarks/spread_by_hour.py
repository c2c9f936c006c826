"""How wide spreads are in each hour of the FX week, over those of liquid hours: measured, beside the table the library ships.

    python -m benchmarks.spread_by_hour FOLDER
    python -m benchmarks.spread_by_hour FOLDER --json

FOLDER holds parquet files named by their symbol (EURUSD_h1.parquet), of candles of an hour or shorter with both sides: `ts` (open
time, UTC), `bid_open`, `ask_open`, `bid_close`, `ask_close`. The first and the last quote of each hour count, crossed ones not.
Each symbol and calendar year of at least `FEWEST_HOURS` gives one ratio for each hour; the table has the median of the ratios.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from fxgpt_core.errors import BadInputError, FxgptError
from fxgpt_core.market.sessions import hour_of_week
from fxgpt_core.market.spreads import DAY_MULTIPLIERS, LIQUID_HOURS, WEEK_CLOSE_MULTIPLIER, WEEK_OPEN_MULTIPLIERS
from fxgpt_core.market.symbols import symbol

FloatArray = npt.NDArray[np.float64]

COLUMNS: Final = ("ts", "bid_open", "ask_open", "bid_close", "ask_close")
FEWEST_HOURS: Final = 400
"""Hours of quotes below which a symbol's year tells nothing: about a month."""
OPEN_HOURS: Final = 120
MONDAY, FRIDAY = 0, 4
SHIPPED: Final = np.array([*DAY_MULTIPLIERS, *WEEK_OPEN_MULTIPLIERS, WEEK_CLOSE_MULTIPLIER])
ROWS: Final = (
    *(f"hour {hour} begins" for hour in range(24)),
    "hour 23 ends",
    *(f"week's hour {hour} begins" for hour in range(len(WEEK_OPEN_MULTIPLIERS))),
    "week ends",
)


@dataclass(frozen=True)
class Measured:
    """`ratios` float64[years, rows] to the spread of liquid hours, in the order of `ROWS`; `liquid_pips` is that of all years."""

    symbol: str
    liquid_pips: float
    ratios: FloatArray


def measured(folder: Path) -> list[Measured]:
    """What each file of the folder tells. Raises `BadInputError` where there is none long enough, or one without quotes."""
    found = [_measured_file(path) for path in sorted(folder.glob("*.parquet"))]
    if not sum(len(one.ratios) for one in found):
        raise BadInputError(
            f"{folder} holds {len(found)} parquet files and no year of {FEWEST_HOURS} hours of quotes; name a folder of candles "
            "with bid_open, ask_open, bid_close and ask_close"
        )
    return found


def multipliers(found: list[Measured]) -> FloatArray:
    """float64[rows]: the median of every symbol's and year's ratio."""
    medians: FloatArray = np.nanmedian(np.concatenate([one.ratios for one in found]), axis=0)
    return medians


def _measured_file(path: Path) -> Measured:
    known = symbol(path.name.partition("_")[0])
    hours = _hours(path)
    liquid = hours.filter((pl.col("hour") % 24).is_in(list(LIQUID_HOURS)))["first"].to_numpy()
    if not len(liquid) or np.median(liquid) == 0.0:
        raise BadInputError(
            f"{path} has {len(liquid)} liquid hours with quotes, and no median spread above 0 to compare with; take it away"
        )
    years = [part for _, part in hours.group_by("year", maintain_order=True) if len(part) >= FEWEST_HOURS]
    ratios = np.array([_ratios(part) for part in years]).reshape(-1, len(ROWS))
    return Measured(known.name, float(np.median(liquid)) / known.pip, ratios)


def _hours(path: Path) -> pl.DataFrame:
    """One row an hour: `year`, `hour` of the FX week, and the `first` and `last` spread in it."""
    candles = pl.read_parquet(path)
    if missing := [name for name in COLUMNS if name not in candles.columns]:
        raise BadInputError(
            f"{path} lacks {', '.join(missing)}; {', '.join(COLUMNS)} are needed; take it away or rename its columns"
        )
    quotes = (
        candles.sort("ts")
        .with_columns(first=pl.col("ask_open") - pl.col("bid_open"), last=pl.col("ask_close") - pl.col("bid_close"))
        .filter(pl.col("first") >= 0.0, pl.col("last") >= 0.0)
        .group_by_dynamic("ts", every="1h")
        .agg(pl.col("first").first(), pl.col("last").last())
    )
    stamped = quotes.with_columns(
        year=pl.col("ts").dt.year(), hour=pl.Series(hour_of_week(quotes["ts"].dt.epoch("us").to_numpy()))
    )
    return stamped.filter(pl.col("hour") < OPEN_HOURS)


def _ratios(hours: pl.DataFrame) -> FloatArray:
    """float64[rows]: the median spread of each row over that of liquid hours; NaN for a row without quotes."""
    hour, first, last = (hours[name].to_numpy() for name in ("hour", "first", "last"))
    day, of_day = np.divmod(hour, 24)
    early = np.isin(of_day, np.arange(len(WEEK_OPEN_MULTIPLIERS)))
    liquid = np.median(first[np.isin(of_day, LIQUID_HOURS)])
    parts = [first[(of_day == each) & ~(early & (day == MONDAY))] for each in range(24)]
    parts.append(last[(of_day == 23) & (day < FRIDAY)])
    parts += [first[hour == each] for each in range(len(WEEK_OPEN_MULTIPLIERS))]
    parts.append(last[hour == OPEN_HOURS - 1])
    ratios: FloatArray = np.array([np.median(part) if len(part) else np.nan for part in parts]) / liquid
    return ratios


def _lines(found: list[Measured]) -> Iterator[str]:
    now = multipliers(found)
    yield f"{'':24}{'shipped':>9}{'measured':>9}{'25 %':>7}{'75 %':>7}"
    low, high = np.nanquantile(np.concatenate([one.ratios for one in found]), [0.25, 0.75], axis=0)
    for name, shipped, value, *middle in zip(ROWS, SHIPPED, now, low, high, strict=True):
        yield f"{name:24}{shipped:9.2f}{value:9.2f}{middle[0]:7.2f}{middle[1]:7.2f}"
    for one in found:
        typical = symbol(one.symbol).typical_spread_pips
        yield (
            f"{one.symbol}: {one.liquid_pips:.1f} pips in liquid hours, {one.liquid_pips / typical:.2f} times the typical "
            f"{typical}; {len(one.ratios)} years"
        )


def main(arguments: list[str]) -> int:
    """Measure and print; 0, or the exit code of what was wrong with the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    try:
        found = measured(chosen.folder)
    except FxgptError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if chosen.json:
        table = dict(zip(ROWS, multipliers(found).tolist(), strict=True))
        print(json.dumps({"multipliers": table, "liquid_pips": {one.symbol: one.liquid_pips for one in found}}))
    else:
        print("\n".join(_lines(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
