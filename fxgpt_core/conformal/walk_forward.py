"""How good calibrated forecasts are on candles they never saw: fold by fold, horizon by horizon, against a random walk."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.conformal.bands import Bands, calibrated_bands
from fxgpt_core.conformal.calibration import DEFAULT, Calibration, CalibrationParameters, fit
from fxgpt_core.conformal.coverage import JUDGED, CoverageRow, coverage_table
from fxgpt_core.conformal.outcomes import Outcomes
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import Forecasts
from fxgpt_core.forecasts.random_walk import random_walk_like
from fxgpt_core.forecasts.scores import crps, directional_accuracy, rmse
from fxgpt_core.validation.folds import Fold
from fxgpt_core.validation.purging import label_ends

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

THROWN_AWAY = "recalibrated within a fold"
"""Model and sampler of the folds' own calibrations, which measure the method and are never deployed."""


@dataclass(frozen=True)
class HorizonScore:
    """One fold and horizon: `n` known outcomes of the test window, errors in cumulative log-return.

    `crps_skill` = 1 − crps / crps_baseline, positive when better than a random walk of the same scale. `directional_accuracy`:
    share of the moves whose sign the median had, 0 when nothing moved. `coverage`: of bands calibrated on the fold's purged
    train window (`n_calibration` outcomes) over its test window.
    """

    fold: int
    step: int
    n: int
    n_calibration: int
    crps: float
    crps_baseline: float
    crps_skill: float
    directional_accuracy: float
    rmse: float
    rmse_baseline: float
    coverage: tuple[CoverageRow, ...]


@dataclass(frozen=True)
class WalkForwardScores:
    """`folds`: one score for each fold and horizon with a known outcome; `pooled`: coverage over all test windows together."""

    folds: tuple[HorizonScore, ...]
    pooled: tuple[CoverageRow, ...]


def walk_forward_scores(
    forecasts: Forecasts,
    outcomes: Outcomes,
    folds: Sequence[Fold],
    parameters: CalibrationParameters = DEFAULT,
    judged: Sequence[float] = JUDGED,
) -> WalkForwardScores:
    """Recalibrate on each fold's train window and score its test window; an adaptive method learns on from there.

    Raises `BadInputError` when a label of a train window reaches into its test window, or when no fold has a known outcome.
    """
    rows = np.arange(len(forecasts))
    baseline = random_walk_like(forecasts)
    scores: list[HorizonScore] = []
    tested: list[tuple[Bands, FloatArray]] = []
    for fold in folds:
        check_purged(forecasts, fold)
        train, test = rows[fold.train.slice(forecasts.known_at_us)], rows[fold.test.slice(forecasts.known_at_us)]
        realised = outcomes.realised[test]
        if len(train) == 0 or not np.isfinite(realised).any():
            continue
        own = _thrown_away(forecasts.select(train), outcomes.select(train), parameters)
        later = rows[(rows <= test[-1]) & (forecasts.known_at_us >= own.settled_us)]
        bands = calibrated_bands(forecasts.select(later), outcomes.select(later), own).select(later >= test[0])
        coverage = coverage_table(bands, realised, judged)
        scores += _scored(fold.index, forecasts.select(test), baseline.select(test), realised, own.n_scores, coverage)
        tested.append((bands, realised))
    if not scores:
        raise BadInputError(f"none of {len(folds)} folds holds a forecast whose outcome is known; forecast more candles")
    return WalkForwardScores(tuple(scores), tuple(_pooled(tested, judged)))


def _thrown_away(forecasts: Forecasts, outcomes: Outcomes, parameters: CalibrationParameters) -> Calibration:
    return fit(forecasts, outcomes, parameters, model_sha256=THROWN_AWAY, sampling_sha256=THROWN_AWAY)


def check_purged(forecasts: Forecasts, fold: Fold) -> None:
    """Raise `BadInputError` when the longest horizon of a train row of the fold ends in its test window or later."""
    longest = int(forecasts.steps.max())
    ends = label_ends(forecasts.known_at_us, longest)[fold.train.slice(forecasts.known_at_us)]
    late = int((ends >= fold.test.start_us).sum())
    if late:
        raise BadInputError(
            f"{late} train rows of fold {fold.index} have a label of {longest} candles that reaches into the test window "
            f"{fold.test}; purge at least {longest} candles in FoldParameters.purge_candles"
        )


def _scored(
    fold: int,
    forecasts: Forecasts,
    baseline: Forecasts,
    realised: FloatArray,
    n_scores: IntArray,
    coverage: Sequence[CoverageRow],
) -> list[HorizonScore]:
    ours, theirs = crps(forecasts, realised), crps(baseline, realised)
    hits, errors, baseline_errors = directional_accuracy(forecasts, realised), rmse(forecasts, realised), rmse(baseline, realised)
    known = np.isfinite(realised)
    return [
        HorizonScore(
            fold=fold,
            step=step,
            n=int(known[:, s].sum()),
            n_calibration=int(n_scores[s]),
            crps=float(ours[known[:, s], s].mean()),
            crps_baseline=float(theirs[known[:, s], s].mean()),
            crps_skill=_skill(ours[known[:, s], s], theirs[known[:, s], s]),
            directional_accuracy=float(np.nan_to_num(hits[s])),
            rmse=float(errors[s]),
            rmse_baseline=float(baseline_errors[s]),
            coverage=tuple(row for row in coverage if row.step == step),
        )
        for s, step in enumerate(forecasts.steps.tolist())
        if known[:, s].any()
    ]


def _skill(ours: FloatArray, theirs: FloatArray) -> float:
    reference = float(theirs.mean())
    return 1.0 - float(ours.mean()) / reference if reference > 0.0 else 0.0


def _pooled(tested: Sequence[tuple[Bands, FloatArray]], judged: Sequence[float]) -> list[CoverageRow]:
    first = tested[0][0]
    stacked = {
        name: np.concatenate([getattr(bands, name) for bands, _ in tested])
        for name in ("known_at_us", "lower", "upper", "uncalibrated", "median", "scale")
    }
    bands = Bands(steps=first.steps, coverages=first.coverages, **stacked)
    return coverage_table(bands, np.concatenate([outcome for _, outcome in tested]), judged)
