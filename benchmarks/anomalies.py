"""Anomalies by the autoencoder against simpler detectors, on four hourly symbols: what they find, and what their flags foretell.

    python -m benchmarks.anomalies PATH [--preset small] [--symbols EURUSD …] [--json]

PATH or its folder fx/oanda_h1 holds SYMBOL_h1.parquet: hourly candles, `ts` their open in UTC.

Everything is trained on the first half of a series. All detectors have the same windows, and thresholds from the same validation
windows, at the end of that half. `volatility` is the standard deviation of the window's returns; `distance` the autoencoder's
inputs without a network; `principal components` the linear network of the same latent size. Areas under the curve are of freak
windows planted into the second half against its own windows. What a detector foretells is what the next 24 candles are beyond
volatilities of 24, 50 and 240 candles: a regression is fitted on 50–65 % of the series and scored behind it.

`by score`: what the log of the error adds; `by flag`: what the flag alone adds; both are shares of variance, and 0 is nothing.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from benchmarks.hourly_candles import SYMBOLS, read
from benchmarks.planted_anomalies import FREAKS, area_under_curve, planted
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import FxgptError
from fxgpt_core.patterns.anomalies import AnomalyModel, Layer, anomaly_of
from fxgpt_core.training.autoencoder_parameters import preset
from fxgpt_core.training.autoencoder_training import TrainedAutoencoder, threshold_of, train_autoencoder

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Score = Callable[[CandleArrays], FloatArray]

PERCENTILE = 95.0
AHEAD = 24
PAST = (24, 50, 240)
PLACES = 200
KEPT = 400
TARGETS: Final = ("next-day volatility", "next-day move")


@dataclass(frozen=True, eq=False)
class Case:
    """One symbol: its candles, the training, rows of the validation windows, and the second half in two parts."""

    symbol: str
    candles: CandleArrays
    trained: TrainedAutoencoder
    fitted: slice
    judged: slice


def case_of(symbol: str, candles: CandleArrays, size: str) -> Case:
    n, half = len(candles), len(candles) // 2
    trained = train_autoencoder(candles.slice(0, half), preset(size), symbol=symbol, seed=17)
    return Case(symbol, candles, trained, slice(half + AHEAD, int(n * 0.65) - AHEAD), slice(int(n * 0.65), n - AHEAD))


def detectors(case: Case) -> dict[str, Score]:
    """The scores float64[N] of each candle's window, by detector."""
    own, inputs = case.trained.model, case.trained.data.inputs
    size, latent = own.window * inputs.shape[1], own.layers[1].bias.size
    nothing = (Layer(np.zeros((size, size), np.float32), np.zeros(size, np.float32)),)
    windows = inputs[case.trained.data.normal[:, None] + np.arange(1 - own.window, 1)].reshape(-1, size).astype(np.float64)
    linear = (principal_components(windows, latent),)
    networks = {"autoencoder": own.layers, "principal components": linear, "distance": nothing}
    found: dict[str, Score] = {name: _score(own, layers) for name, layers in networks.items()}
    return found | {"volatility": lambda candles: volatility(candles, own.window)}


def _score(model: AnomalyModel, layers: tuple[Layer, ...]) -> Score:
    changed = AnomalyModel(model.symbol, model.timeframe, model.window, model.threshold, model.usual, layers)
    return lambda candles: anomaly_of(changed, candles).error


def principal_components(windows: FloatArray, latent: int) -> Layer:
    """The linear reconstruction from so many components as one layer."""
    mean = windows.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov(windows.T))
    kept = vectors[:, -latent:] @ vectors[:, -latent:].T
    return Layer(np.ascontiguousarray(kept, np.float32), (mean - mean @ kept).astype(np.float32))


def volatility(candles: CandleArrays, window: int) -> FloatArray:
    """float64[N]: root mean square of the log-returns of the last candles."""
    squares = np.concatenate(([0.0], np.cumsum(np.diff(np.log(candles.close), prepend=np.nan)[1:] ** 2)))
    found = np.full(len(candles), np.nan)
    found[window:] = np.sqrt(np.maximum(squares[window:] - squares[:-window], 0.0) / window)
    return found


def areas(case: Case, score: Score, scores: FloatArray) -> dict[str, float]:
    """The area under the curve for each freak, planted at the same places of the judged part for every detector."""
    rows = np.arange(case.judged.start, case.judged.stop)
    rows = rows[np.isfinite(scores[rows])]
    places = np.sort(np.random.default_rng(1).choice(rows, PLACES, replace=False))
    found = {}
    for name in FREAKS:
        freaks = [
            score(planted(case.candles.slice(int(place) - KEPT, int(place) + 1), name, KEPT, seed=number))[-1]
            for number, place in enumerate(places)
        ]
        found[name] = area_under_curve(np.array([one for one in freaks if np.isfinite(one)]), scores[rows])
    return found


def foretold(case: Case, column: FloatArray) -> dict[str, float]:
    """Share of the variance of each target explained on the judged part by this column float64[N] and the past's volatilities,
    less what these explain alone.
    """
    past = np.column_stack([np.log(volatility(case.candles, span)) for span in PAST])
    with_it = np.column_stack((past, column))
    return {
        name: _explained(case, with_it, target) - _explained(case, past, target) for name, target in targets(case.candles).items()
    }


def targets(candles: CandleArrays) -> dict[str, FloatArray]:
    """Log of the root mean square of the next 24 returns, and log of the size of their sum in units of a hundredth per cent."""
    ahead = np.full((2, len(candles)), np.nan)
    log_close = np.log(candles.close)
    ahead[0, :-AHEAD] = np.log(volatility(candles, AHEAD)[AHEAD:])
    ahead[1, :-AHEAD] = np.log(np.abs(log_close[AHEAD:] - log_close[:-AHEAD]) + 1e-4)
    return dict(zip(TARGETS, ahead, strict=True))


def _explained(case: Case, columns: FloatArray, target: FloatArray) -> float:
    columns = np.column_stack((np.ones(len(columns)), columns))
    known = np.isfinite(columns).all(axis=1) & np.isfinite(target)
    fit, judge = (np.flatnonzero(known[part]) + part.start for part in (case.fitted, case.judged))
    weights = np.linalg.lstsq(columns[fit], target[fit], rcond=None)[0]
    left = target[judge] - columns[judge] @ weights
    return 1.0 - float((left**2).mean() / target[judge].var())


def after_flags(case: Case, flagged: npt.NDArray[np.bool_]) -> dict[str, float]:
    """At the first candle of each run of flags, runs apart by a day: mean return of the next day over its deviation, its t, and
    the size of the next day's move over that of all days.
    """
    log_close = np.log(case.candles.close)
    begun = np.flatnonzero(flagged[1:] & ~flagged[:-1]) + 1
    begun = begun[(begun >= case.judged.start) & (begun < case.judged.stop)]
    apart = [int(row) for number, row in enumerate(begun) if number == 0 or row - begun[number - 1] >= AHEAD]
    rows = np.arange(case.judged.start, case.judged.stop)
    every = log_close[rows + AHEAD] - log_close[rows]
    moves = log_close[np.array(apart, dtype=np.int64) + AHEAD] - log_close[apart]
    mean = float(moves.mean()) if len(moves) else math.nan
    error = float(moves.std(ddof=1)) / math.sqrt(len(moves)) if len(moves) > 1 else math.nan
    return {
        "runs": len(apart),
        "mean": mean / float(every.std()),
        "t": mean / error,
        "size": float(np.abs(moves).mean() / np.abs(every).mean()) if len(moves) else math.nan,
    }


def measured(case: Case) -> dict[str, dict[str, Any]]:
    """What is said of each detector of a symbol."""
    found: dict[str, dict[str, Any]] = {}
    for name, score in detectors(case).items():
        scores = score(case.candles)
        threshold = threshold_of(scores[case.trained.data.validation], PERCENTILE)
        flagged = scores > threshold
        found[name] = {
            "flagged": float(flagged[case.judged].mean()),
            "areas": areas(case, score, scores),
            "by score": foretold(case, np.log(scores)),
            "by flag": foretold(case, np.where(np.isfinite(scores), flagged, np.nan)),
            "after": after_flags(case, flagged),
        }
    return found


def timed(case: Case) -> dict[str, float]:
    """Seconds of the training and of the whole history, and milliseconds of one candle from all it needs: the best of some."""
    model, n = case.trained.model, len(case.candles)
    latest = case.candles.slice(n - model.candles_needed, n)
    whole = min(_seconds(lambda: anomaly_of(model, case.candles)) for _ in range(3))
    one = min(_seconds(lambda: anomaly_of(model, latest)) for _ in range(200))
    return {"training_s": case.trained.seconds, "history_s": whole, "candles": n, "candle_ms": 1e3 * one}


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def mean_over(results: Mapping[str, Mapping[str, Any]], detector: str, *keys: str) -> float:
    values = []
    for of_symbol in results.values():
        value: Any = of_symbol[detector]
        for key in keys:
            value = value[key]
        values.append(value)
    return float(np.nanmean(values))


def tell(results: Mapping[str, Mapping[str, Any]], times: Mapping[str, Mapping[str, float]]) -> None:
    names = list(next(iter(results.values())))
    print(f"means over {', '.join(results)}")
    print(f"{'':<38}" + "".join(f"{name:>22}" for name in names))
    rows: list[tuple[str, ...]] = [("areas", name) for name in FREAKS]
    rows += [(by, name) for by in ("by score", "by flag") for name in TARGETS] + [("after", "size"), ("flagged",)]
    for keys in rows:
        print(f"{' '.join(keys):<38}" + "".join(f"{mean_over(results, name, *keys):>22.4f}" for name in names))
    of_all = [np.mean([mean_over(results, name, "areas", freak) for freak in FREAKS]) for name in names]
    print(f"{'areas, mean':<38}" + "".join(f"{area:>22.4f}" for area in of_all))
    print("share flagged; the day after a run of flags begins: runs, mean return in deviations, its t, size of the move")
    for symbol, of_symbol in results.items():
        for name in names:
            after = of_symbol[name]["after"]
            said = f"{after['runs']:5.0f}{after['mean']:+8.3f}{after['t']:+7.2f}{after['size']:6.2f}"
            print(f"  {symbol} {name:<21}{of_symbol[name]['flagged']:6.3f}{said}")
    for symbol, of in times.items():
        said = f"{of['candles']} candles in {of['history_s']:.2f} s, one in {of['candle_ms']:.3f} ms"
        print(f"{symbol}: trained in {of['training_s']:.1f} s, {said}")


def main(arguments: list[str]) -> int:
    """Measure and print; 0, or the exit code of what was wrong with the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--preset", default="small", help="tiny, small or base")
    parser.add_argument("--symbols", nargs="+", default=list(SYMBOLS), choices=SYMBOLS)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    results, times = {}, {}
    try:
        for symbol in asked.symbols:
            case = case_of(symbol, read(asked.path, symbol), asked.preset)
            results[symbol], times[symbol] = measured(case), timed(case)
    except FxgptError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if asked.json:
        print(json.dumps({"detectors": results, "times": times}))
    else:
        tell(results, times)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
