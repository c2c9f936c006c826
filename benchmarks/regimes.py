"""Regimes of the hidden Markov model against volatility terciles and against one regime, on folds that no fit has seen.

    python -m benchmarks.regimes DATA_DIR
    python -m benchmarks.regimes DATA_DIR --symbols EURUSD --folds 5 --json

DATA_DIR or its folder fx/oanda_h1 holds SYMBOL_h1.parquet: hourly candles, `ts` their open in UTC. Each fold is trained on all
candles before it but for a purge of a day, the first on two fifths. Classes of candles are the believed regime, the four regimes
by their probability, three terciles of the 24-candle volatility, or all as one. In training each class gets mean and deviation of
the return that follows, and the mean volatility of the day that follows. Judged in the test windows, strung together:

density: mean log density of the return of the next candle, and of the next 24, by the Gaussian of the class (a mixture of four,
where classes have probabilities), in thousandths of a nat; above 0 the hidden Markov model is better. volatility: R² of the next
day's realised volatility by the mean of its class, against the mean of all. drift: mean return of the next 24 candles in each
believed regime, in basis points. Brackets are the central 95 % of a moving-block bootstrap, blocks of a week.
"""

import argparse
import json
import sys
import timeit
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from benchmarks.hourly_candles import SYMBOLS, read
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import FxgptError
from fxgpt_core.forecasts.paired import PairedDifference, paired_difference
from fxgpt_core.regimes.detection import detect_regime
from fxgpt_core.regimes.hidden_markov import fit_regimes
from fxgpt_core.regimes.observations import VOLATILITY, observations
from fxgpt_core.regimes.regime import REGIMES, UNKNOWN
from fxgpt_core.regimes.regime_model import RegimeModel
from fxgpt_core.regimes.regime_parameters import RegimeParameters
from fxgpt_core.validation.expanding import ExpandingParameters, expanding_folds

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

DAY, WEEK = 24, 120
AHEAD: Final = (1, DAY)
REGIME, PROBABILITY, TERCILES, ONE = "regime", "probability", "terciles", "one"
OURS, THEIRS = (REGIME, PROBABILITY), (TERCILES, ONE)
INITIAL_SHARE: Final = 0.4
BASIS_POINT, MILLINAT = 1e-4, 1e-3


@dataclass(frozen=True, eq=False)
class Targets:
    """What follows each of N candles: log-returns of the next 1 and 24, realised volatility of the next 24; NaN at the end."""

    returns: dict[int, FloatArray]
    volatility: FloatArray


@dataclass(frozen=True, eq=False)
class Scores:
    """Of each test candle by classes: loss by horizon (negative log density) and squared error of the next day's volatility."""

    losses: dict[int, FloatArray]
    squares: FloatArray


def targets_of(candles: CandleArrays) -> Targets:
    """What follows, with NaN where the series ends."""
    log_close = np.log(candles.close)
    returns = {}
    for ahead in AHEAD:
        returns[ahead] = np.full(len(candles), np.nan)
        returns[ahead][:-ahead] = log_close[ahead:] - log_close[:-ahead]
    squares = np.concatenate(([0.0], np.cumsum(np.diff(log_close) ** 2)))
    volatility = np.full(len(candles), np.nan)
    volatility[:-DAY] = np.sqrt(squares[DAY:] - squares[:-DAY])
    return Targets(returns, volatility)


def terciles(candles: CandleArrays, parameters: RegimeParameters, n_train: int) -> IntArray:
    """int64[N]: 0 to 2 by the terciles of the train candles' volatility, UNKNOWN where it is not known."""
    volatility = observations(candles, parameters)[:, VOLATILITY]
    edges = np.nanquantile(volatility[:n_train], [1 / 3, 2 / 3])
    return np.where(np.isnan(volatility), UNKNOWN, np.searchsorted(edges, volatility))


def weights_of(classes: IntArray) -> FloatArray:
    """float64[N,5]: 1 in the column of the class, the last of which is UNKNOWN."""
    return np.eye(len(REGIMES) + 1)[classes]


def weighted(probability: FloatArray) -> FloatArray:
    """float64[N,5]: probabilities [N,4], and 1 in the last column where they are not known."""
    unknown = np.isnan(probability[:, :1])
    return np.hstack((np.where(unknown, 0.0, probability), unknown))


def scored(weights: FloatArray, targets: Targets, train: slice, test: slice) -> Scores:
    """Each test candle by the moments of its classes in training; a class that training lacks takes those of all."""
    losses = {}
    for ahead in AHEAD:
        mean, deviation = moments(targets.returns[ahead][train], weights[train])
        white = (targets.returns[ahead][test][:, np.newaxis] - mean) / deviation
        # A class without weight has the logarithm −∞, and the last candles have no return yet.
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = np.log(weights[test]) - 0.5 * np.log(2.0 * np.pi * deviation**2) - 0.5 * white**2
            losses[ahead] = -np.logaddexp.reduce(parts, axis=1)
    expected = weights[test] @ moments(targets.volatility[train], weights[train])[0]
    return Scores(losses, (targets.volatility[test] - expected) ** 2)


def moments(values: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """float64[C] twice: mean and standard deviation of values [N] by weights [N,C]; of all values where a class has none."""
    known = np.isfinite(values)
    values, weights = values[known], weights[known]
    shares = np.where(weights.sum(axis=0) < 2.0, 1.0, weights)
    shares = shares / shares.sum(axis=0)
    mean = values @ shares
    return mean, np.sqrt(((values[:, np.newaxis] - mean) ** 2 * shares).sum(axis=0))


def measured(candles: CandleArrays, n_folds: int, seed: int) -> dict[str, Any]:
    """Everything that is told of one symbol."""
    targets, parameters = targets_of(candles), RegimeParameters()
    by_rule: dict[str, list[Scores]] = {rule: [] for rule in (*OURS, *THEIRS)}
    regime, rows, kept = [], [], []
    before: IntArray | None = None
    for fold in expanding_folds(candles.known_at_us, ExpandingParameters(n_folds, INITIAL_SHARE, DAY)):
        train, test = fold.train.slice(candles.known_at_us), fold.test.slice(candles.known_at_us)
        model = fit_regimes(candles.slice(0, train.stop), parameters, seed)
        series = model.series(candles)
        found = series.regime.astype(np.int64)
        weights = {
            REGIME: weights_of(found),
            PROBABILITY: weighted(series.probability),
            TERCILES: weights_of(terciles(candles, parameters, train.stop)),
            ONE: weights_of(np.zeros(len(candles), np.int64)),
        }
        for rule, of_rule in weights.items():
            by_rule[rule].append(scored(of_rule, targets, train, test))
        if before is not None:
            kept.append(float(np.mean(before[test] == found[test])))
        before = found
        regime.append(found[test])
        rows.append(np.arange(test.start, test.stop))
    strung = {rule: _strung(scores) for rule, scores in by_rule.items()}
    return {
        "n_test": sum(len(one) for one in rows),
        "n_candles": len(candles),
        "ms": _milliseconds(model, candles),
        "names_kept": kept,
        "density": {ours: {theirs: _density(strung[ours], strung[theirs], seed) for theirs in THEIRS} for ours in OURS},
        "volatility": _explained(strung, seed),
        "drift": _drift(np.concatenate(regime), targets.returns[DAY][np.concatenate(rows)], seed),
    }


def _milliseconds(model: RegimeModel, candles: CandleArrays) -> dict[str, float]:
    """The best of five: the whole series, and the latest regime from the candles that it needs."""
    latest = candles.slice(max(0, len(candles) - model.candles_needed), len(candles))
    calls = {"series": lambda: model.series(candles), "latest": lambda: detect_regime(model, latest)}
    return {name: 1e3 * min(timeit.repeat(call, number=1, repeat=5)) for name, call in calls.items()}


def _strung(scores: list[Scores]) -> Scores:
    losses = {ahead: np.concatenate([one.losses[ahead] for one in scores]) for ahead in AHEAD}
    return Scores(losses, np.concatenate([one.squares for one in scores]))


def _density(ours: Scores, theirs: Scores, seed: int) -> dict[str, Any]:
    """Gain of log density a candle, in thousandths of a nat."""
    return {
        str(ahead): _gain(paired_difference(ours.losses[ahead], theirs.losses[ahead], WEEK, seed), MILLINAT) for ahead in AHEAD
    }


def _explained(scores: dict[str, Scores], seed: int) -> dict[str, Any]:
    """R² against the mean of all, and what the regimes explain more than the terciles, as a share of that mean's error."""
    error = float(np.nanmean(scores[ONE].squares))
    shares = {rule: 1.0 - float(np.nanmean(scores[rule].squares)) / error for rule in (*OURS, TERCILES)}
    more = {rule: _gain(paired_difference(scores[rule].squares, scores[TERCILES].squares, WEEK, seed), error) for rule in OURS}
    return shares | {"more": more}


def _drift(regime: IntArray, following: FloatArray, seed: int) -> dict[str, Any]:
    """Mean return of the next day in each regime, in basis points, and the share of its candles."""
    told: dict[str, Any] = {}
    for code, name in enumerate(REGIMES):
        of_it = following[regime == code]
        enough = int(np.isfinite(of_it).sum()) >= 2 * WEEK
        found = _gain(paired_difference(-of_it, np.zeros(len(of_it)), WEEK, seed), BASIS_POINT) if enough else None
        told[name] = {"share": float(np.mean(regime == code)), "next_day": found}
    return told


def _gain(difference: PairedDifference, unit: float) -> dict[str, Any]:
    """A difference of losses as a gain, in a unit."""
    turned = PairedDifference(-difference.mean / unit, -difference.high / unit, -difference.low / unit, difference.n)
    return asdict(turned) | {"verdict": difference.verdict}


def _text(found: dict[str, Any] | None, digits: int = 1) -> str:
    if found is None:
        return "too few"
    return f"{found['mean']:+.{digits}f} [{found['low']:+.{digits}f}, {found['high']:+.{digits}f}]"


def _tell(symbol: str, found: dict[str, Any]) -> None:
    volatility = found["volatility"]
    kept = " ".join(f"{share:.0%}" for share in found["names_kept"])
    ms = found["ms"]
    print(f"{symbol}: {found['n_test']} test candles; names kept from fold to fold {kept}")
    print(f"  {found['n_candles']} candles in {ms['series']:.0f} ms, the latest regime in {ms['latest']:.2f} ms")
    for ours in OURS:
        for theirs in THEIRS:
            by_ahead = {ahead: _text(gain) for ahead, gain in found["density"][ours][theirs].items()}
            print(f"  density by {ours:11} over {theirs:8}  next candle {by_ahead['1']:>22}  next day {by_ahead['24']:>22}")
    for ours in OURS:
        more = _text({name: 100.0 * volatility["more"][ours][name] for name in ("mean", "low", "high")})
        print(f"  volatility by {ours:11}  R² {volatility[ours]:5.1%}, by terciles {volatility[TERCILES]:5.1%}; more {more} %")
    for name, row in found["drift"].items():
        print(f"  drift {name:14} {row['share']:4.0%} of candles, next day {_text(row['next_day'])} bp")


def main(arguments: list[str]) -> int:
    """Measure and print; 0, or the exit code of what was wrong with the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--symbols", nargs="+", default=SYMBOLS)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    found: dict[str, Any] = {}
    try:
        for symbol in asked.symbols:
            found[symbol] = measured(read(asked.folder, symbol), asked.folds, asked.seed)
            if not asked.json:
                _tell(symbol, found[symbol])
    except FxgptError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if asked.json:
        print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
