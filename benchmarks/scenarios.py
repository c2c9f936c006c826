"""Do scenario probabilities come true? Those told beside the share of cases that happened, on real candles.

    python -m benchmarks.scenarios DATA_DIR
    python -m benchmarks.scenarios DATA_DIR --json

DATA_DIR holds fx/oanda_h1/SYMBOL_h1.parquet (hourly candles to 2022-06, `ts` their open in UTC). Bands are those of a random walk
with season, fitted to 2020, by the tracker started on 2021-H1; cases are the candles from July 2021 on. "Beyond" asks whether
the return at the step is farther than so many scales up, or down. "Before" asks which of a target and a stop, so many scales
away, is met first, for a long and for a short at every candle: told by the bands, and happened by the highs and lows of the
candles of a week. "Within" asks the same of the candles up to the step, where neither may be met. Cases whose candle holds both,
or with a hole, do not count, and for "before" those that meet neither.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.hourly_candles import SYMBOLS, read_frame
from fxgpt_core.candles.arrays import CandleArrays, candle_arrays
from fxgpt_core.conformal.bands import Bands, bands_behind
from fxgpt_core.conformal.calibration import fit
from fxgpt_core.conformal.outcomes import outcomes_of
from fxgpt_core.conformal.scenarios import probability_below, scenarios
from fxgpt_core.errors import FxgptError
from fxgpt_core.forecasts.random_walk import RandomWalk
from fxgpt_core.forecasts.volatility import fit_volatility
from fxgpt_core.market.sessions import stretch_starts
from fxgpt_core.market.timeframes import Timeframe

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

TRAINED, CALIBRATED = (int(datetime(2021, month, 1, tzinfo=UTC).timestamp()) * 1_000_000 for month in (1, 7))
STEPS: Final = (4, 24)
DISTANCES: Final = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)
PAIRS: Final = ((1.0, 0.5), (1.0, 1.0), (2.0, 1.0), (1.0, 2.0), (3.0, 1.0))
"""Target and stop, in scales of the step."""
WEEK: Final = 120
NEITHER, TARGET, STOP, UNCLEAR = range(4)


@dataclass(frozen=True)
class Row:
    """`told` and `happened` are shares of `n` cases of all symbols."""

    question: str
    step: int
    told: float
    happened: float
    n: int


@dataclass(frozen=True, eq=False)
class Series:
    """Candles, the bands of their rows int64[N] from July 2021 on, and the log-returns that followed float64[N,S]."""

    candles: CandleArrays
    bands: Bands
    rows: IntArray
    realised: FloatArray


def read(folder: Path, symbol: str) -> Series:
    """The series of a symbol. Raises `MissingError` for an absent file."""
    frame = read_frame(folder, symbol)
    candles = candle_arrays(frame, Timeframe.H1)
    n = int(np.searchsorted(candles.known_at_us, TRAINED))
    walk = RandomWalk(symbol, fit_volatility(candles.slice(0, n)))
    forecasts = walk.forecast(frame, candles, np.arange(n, len(candles)), seed=0)
    outcomes = outcomes_of(candles.close, candles.known_at_us, forecasts)
    before = forecasts.known_at_us < CALIBRATED
    known = outcomes.select(before).until(CALIBRATED)
    calibration = fit(forecasts.select(before), known, model_sha256="", sampling_sha256="")
    bands = bands_behind(calibration, forecasts, candles)
    later = bands.known_at_us >= CALIBRATED
    rows = np.searchsorted(candles.known_at_us, bands.known_at_us[later])
    return Series(candles, bands.select(later), rows, outcomes.realised[forecasts.known_at_us >= CALIBRATED])


def measured(folder: Path) -> list[Row]:
    """A row for each question and step. Raises `MissingError`."""
    parts: dict[tuple[str, int], list[FloatArray]] = {}
    for symbol in SYMBOLS:
        series = read(folder, symbol)
        for step in STEPS:
            for question, cases in (*_beyond(series, step), *_first(series, step)):
                parts.setdefault((question, step), []).append(cases)
    together = {key: np.concatenate(each) for key, each in parts.items()}
    return [
        Row(question, step, float(cases[:, 0].mean()), float(cases[:, 1].mean()), len(cases))
        for (question, step), cases in together.items()
    ]


def _beyond(series: Series, step: int) -> Iterator[tuple[str, FloatArray]]:
    """float64[M,2]: the probability told, and whether it happened."""
    bands, column = series.bands, int(np.flatnonzero(series.bands.steps == step)[0])
    returned, scale = series.realised[:, column], bands.scale[:, column]
    known = np.isfinite(returned)
    for distance in DISTANCES:
        up, down = bands.median[:, column] + distance * scale, bands.median[:, column] - distance * scale
        told = np.concatenate([1.0 - probability_below(bands, step, up)[known], probability_below(bands, step, down)[known]])
        happened = np.concatenate([(returned > up)[known], (returned < down)[known]])
        yield f"beyond {distance} scales", np.column_stack([told, happened])


def _first(series: Series, step: int) -> Iterator[tuple[str, FloatArray]]:
    """The same of target and stop, for a long and for a short at every candle."""
    bands, column = series.bands, int(np.flatnonzero(series.bands.steps == step)[0])
    scale = bands.scale[:, column]
    for target, stop in PAIRS:
        for sign in (1, -1):
            side = np.full(len(scale), sign, dtype=np.int8)
            told = scenarios(bands, step, side, 0.0, np.expm1(target * scale), np.expm1(stop * scale))
            for within, question in ((WEEK, "before"), (step, "within the step before")):
                happened = _met_first(series, sign, (target * scale, stop * scale), within)
                counts = (happened == TARGET) | (happened == STOP) | ((happened == NEITHER) & (within == step))
                shares = told.target_met if within == step else told.target_first
                cases = np.column_stack([shares, happened == TARGET])[counts]
                yield f"target {target} {question} stop {stop}", cases


def _met_first(series: Series, sign: int, distances: tuple[FloatArray, FloatArray], within: int) -> IntArray:
    """int64[N]: `TARGET`, `STOP` or `NEITHER` in the candles `within`; `UNCLEAR` where one holds both, or a hole comes first."""
    candles, found = series.candles, np.full(len(series.rows), NEITHER)
    starts = stretch_starts(candles.open_time_us, Timeframe.H1)
    close = candles.close[series.rows]
    far, near = close * np.exp(sign * distances[0]), close * np.exp(-sign * distances[1])
    for ahead in range(1, within + 1):
        row = np.minimum(series.rows + ahead, len(candles) - 1)
        open_ = found == NEITHER
        found[open_ & ((series.rows + ahead >= len(candles)) | (starts[row] != starts[series.rows]))] = UNCLEAR
        open_ = found == NEITHER
        high, low = candles.high[row], candles.low[row]
        won, lost = (high >= far, low <= near) if sign > 0 else (low <= far, high >= near)
        found[open_ & won], found[open_ & lost], found[open_ & won & lost] = TARGET, STOP, UNCLEAR
    return found


def main(arguments: list[str]) -> int:
    """Measure and print; 0, or the exit code of what was wrong with the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DATA_DIR")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    try:
        rows = measured(chosen.folder)
    except FxgptError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if chosen.json:
        print(json.dumps([asdict(row) for row in rows]))
        return 0
    print(f"{'question':<44}{'step':>6}{'told':>10}{'happened':>10}{'cases':>9}")
    for row in rows:
        print(f"{row.question:<44}{row.step:6d}{row.told:10.4f}{row.happened:10.4f}{row.n:9d}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
