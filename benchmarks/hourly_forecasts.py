"""Every forecaster on four hourly symbols: trained to 2020, calibrated on 2021-H1, tested on 2021-H2 to 2022-H1.

    python -m benchmarks.hourly_forecasts DATA_DIR
    python -m benchmarks.hourly_forecasts DATA_DIR --symbols EURUSD --forecasters walk_without_season garch_t sssd --json

DATA_DIR or its folder fx/oanda_h1 holds SYMBOL_h1.parquet: hourly candles, `ts` their open in UTC, to 2022-06-30.
CRPS and pinball loss are in 1e-4 of log-return. Differences of CRPS are in percent of the reference's, below zero better, with
the central 95 % of a moving-block bootstrap (a block is the step, and at least a day). Coverage is that of the forecast's own
quantiles, then of 95 % bands calibrated before the test (cqr) and learning on in it (tracker), judged by the independent cases
there are. A band that was fixed before keeps what its span happened to be: a star tells where it is off even for two spans that
are alike. "Hindsight" is no forecast: a regression of volatility that was fitted on the test span itself, whole or but for the
weeks that it is scored on; a bound of what knowing volatility is worth.
With `--every K` one candle in K is an origin, for all forecasters, and fewer cases count.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.hourly_bound import Hindsight, hindsight
from benchmarks.hourly_candles import SYMBOLS, read_frame
from benchmarks.hourly_forecasters import FITS, REFERENCES, Fitted, Lesson
from benchmarks.hourly_scores import AFTER, BEFORE, HORIZONS, calibrated_coverage, differences, horizon_scores
from fxgpt_core.candles.arrays import CandleArrays, candle_arrays
from fxgpt_core.errors import BadInputError, FxgptError
from fxgpt_core.features.matrix import features
from fxgpt_core.forecasts.forecast import Forecasts
from fxgpt_core.forecasts.horizons import longest_step
from fxgpt_core.forecasts.volatility import fit_volatility
from fxgpt_core.market.sessions import stretch_starts
from fxgpt_core.market.timeframes import Timeframe

IntArray = npt.NDArray[np.int64]

TRAINED_UNTIL, CALIBRATED_UNTIL, TESTED_UNTIL = (
    int(datetime(*day, tzinfo=UTC).timestamp() * 1e6) for day in ((2021, 1, 1), (2021, 7, 1), (2022, 7, 1))
)
READY: Final = 400
"""Candles behind a hole before an origin: warm-up of the features and a context."""


@dataclass(frozen=True, eq=False)
class Series:
    """A symbol's candles and features, the rows that are trained on, and the origins of calibration and test."""

    symbol: str
    table: pl.DataFrame
    candles: CandleArrays
    n_train: int
    calibration: IntArray
    test: IntArray


def read(folder: Path, symbol: str, every: int) -> Series:
    """The series of a symbol. Raises `MissingError` for an absent file, `BadInputError` when it does not reach the test span."""
    frame = read_frame(folder, symbol)
    candles = candle_arrays(frame, Timeframe.H1)
    rows = np.arange(len(candles))
    ready = rows - stretch_starts(candles.open_time_us, Timeframe.H1) >= READY
    n_train, from_test, stop = np.searchsorted(
        candles.known_at_us, [TRAINED_UNTIL, CALIBRATED_UNTIL, TESTED_UNTIL], side="right"
    ).tolist()
    # A longest step lies between the spans, so that no outcome of one is in the next.
    apart = longest_step(Timeframe.H1)
    calibration = rows[(rows >= n_train + apart) & (rows < from_test - apart) & ready][::every]
    test = rows[(rows >= from_test) & (rows < stop) & ready][::every]
    if n_train <= READY or min(len(calibration), len(test)) * every < 2 * apart:
        raise BadInputError(
            f"{symbol} has {n_train} candles to train on, {len(calibration)} origins to calibrate on and {len(test)} to test on; "
            "give candles from before 2021 to 2022-06, and a smaller --every"
        )
    return Series(symbol, features(frame, Timeframe.H1), candles, n_train, calibration, test)


def measure(series: Series, names: list[str], asked: argparse.Namespace) -> dict[str, Any]:
    """What is said of each forecaster of a symbol; the references are made first, whether asked for or not."""
    made: dict[str, tuple[Fitted, Forecasts, Forecasts, float]] = {}
    found: dict[str, Any] = {}
    for name in dict.fromkeys((*REFERENCES, *names)):
        tell(f"{series.symbol} {name}: fitting on {series.n_train} candles")
        fitted = FITS[name](
            Lesson(
                symbol=series.symbol,
                features=series.table.head(series.n_train),
                candles=series.candles.slice(0, series.n_train),
                preset=asked.preset,
                minutes=asked.minutes,
                seed=asked.seed,
                tell=tell,
            )
        )
        began = time.monotonic()
        calibration, test = (
            forecast(fitted, series, origins, asked.seed, f"{series.symbol} {name}: {span}")
            for span, origins in (("calibration span", series.calibration), ("test span", series.test))
        )
        made[name] = fitted, calibration, test, time.monotonic() - began
    for name in names:
        fitted, calibration, test, seconds = made[name]
        found[name] = {
            "fit_s": fitted.seconds,
            "forecast_s": seconds,
            "note": fitted.note,
            "horizons": horizon_scores(test, series.candles),
            "difference": {
                reference: differences(test, made[reference][2], series.candles, asked.seed)
                for reference in REFERENCES
                if reference != name
            },
            "calibrated": calibrated_coverage(calibration, test, series.candles),
        }
    return found


def forecast(fitted: Fitted, series: Series, origins: IntArray, seed: int, what: str) -> Forecasts:
    """The forecasts of a span, telling how long it will still take where the forecaster can say."""
    from fxgpt_core.diffusion.forecaster import DiffusionForecaster

    if not isinstance(fitted.forecaster, DiffusionForecaster):
        return fitted.forecaster.forecast(series.table, series.candles, origins, seed=seed)
    began = time.monotonic()

    def progress(done: int, total: int) -> None:
        if done % 1_000 == 0:
            spent = time.monotonic() - began
            tell(f"{what}: {done} of {total} forecasts, {spent / done * (total - done):.0f} s left")

    return fitted.forecaster.forecast(series.table, series.candles, origins, seed=seed, progress=progress)


def tell(line: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {line}", file=sys.stderr, flush=True)


def show(symbol: str, found: dict[str, Any], bound: dict[str, Hindsight]) -> None:
    """Two tables of a symbol: scores and differences, then coverage."""
    print(f"\n{symbol}: scores on the test span")
    print(f"{'forecaster':<22}{'':>4}{'CRPS':>8}{'pin 5':>8}{'pin 95':>8}{'raw coverage':>18}", end="")
    print("".join(f"{'against ' + reference:>40}" for reference in REFERENCES))
    for horizon in HORIZONS:
        for name, said in found.items():
            row = said["horizons"][horizon]
            losses = "".join(f"{1e4 * row[key]:8.3f}" for key in ("crps", "pinball_05", "pinball_95"))
            covered = " ".join(f"{row['raw_coverage'][level]:.3f}" for level in ("50", "80", "95"))
            against = "".join(f"{difference(said['difference'].get(reference), horizon):>40}" for reference in REFERENCES)
            print(f"{name:<22}{horizon:>4}{losses}{covered:>18}{against}")
    print(f"\n{symbol}: coverage of calibrated 95 % bands on the test span, before (cqr) and after (tracker) adaptation")
    print("(*: off even for a test span that is like the span of calibration)")
    for horizon in HORIZONS:
        for name, said in found.items():
            rows = [said["calibrated"][method][horizon] for method in (BEFORE, AFTER)]
            print(f"{name:<22}{horizon:>4}  {coverage(rows[0]):<32}{coverage(rows[1]):<32}band {rows[0]['low']:.3f} to "
                  f"{rows[0]['high']:.3f}, {rows[0]['n_eff']} cases")  # fmt: skip
    for what, of in (("of the whole span", "whole"), ("of other weeks", "other_weeks")):
        against = ", ".join(f"{100 * getattr(shares, of):+.2f} % at {horizon}" for horizon, shares in bound.items())
        print(f"\nhindsight {what} against {REFERENCES[0]}: {against}")
    print()
    for name, said in found.items():
        print(f"{name:<22} fitted in {said['fit_s']:.1f} s, forecast in {said['forecast_s']:.1f} s {said['note']}")


def difference(by_horizon: dict[str, Any] | None, horizon: str) -> str:
    if by_horizon is None:
        return "-"
    row = by_horizon[horizon]
    return f"{100 * row['share']:+.2f} % [{100 * row['low']:+.2f}, {100 * row['high']:+.2f}] {row['verdict']}"


def coverage(row: dict[str, Any]) -> str:
    return f"{row['observed']:.3f} {row['verdict']}" + ("" if row["exchangeable"] else " *")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DATA_DIR")
    parser.add_argument("--symbols", nargs="+", default=list(SYMBOLS), choices=SYMBOLS)
    parser.add_argument("--forecasters", nargs="+", default=list(FITS), choices=list(FITS))
    parser.add_argument("--preset", default="base", help="size of the diffusion models")
    parser.add_argument("--minutes", type=float, default=10.0, help="at most so long for the training steps of a diffusion model")
    parser.add_argument("--every", type=int, default=1, help="one candle in so many is an origin")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    found, bounds = {}, {}
    try:
        if asked.every < 1 or asked.minutes <= 0.0:
            raise BadInputError(f"--every {asked.every} and --minutes {asked.minutes} found; both are positive")
        for symbol in asked.symbols:
            series = read(asked.folder, symbol, asked.every)
            found[symbol] = measure(series, asked.forecasters, asked)
            volatility = fit_volatility(series.candles.slice(0, series.n_train))
            bounds[symbol] = hindsight(series.table, series.candles, volatility, series.test)
            if not asked.json:
                show(symbol, found[symbol], bounds[symbol])
    except FxgptError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if asked.json:
        about = {"every": asked.every, "seed": asked.seed, "preset": asked.preset}
        shares = {symbol: {horizon: asdict(share) for horizon, share in bound.items()} for symbol, bound in bounds.items()}
        print(json.dumps({**about, "symbols": found, "hindsight": shares}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
