"""How good calibrated forecasts are on candles they never saw: fold by fold, step by step, against a random walk."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.conformal.bands import Bands, calibrated_bands
from fxgpt_core.conformal.calibration import DEFAULT, Calibration, CalibrationParameters, fit
from fxgpt_core.conformal.coverage import JUDGED, CoverageRow, coverage_table
from fxgpt_core.conformal.outcomes import Outcomes
from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import Forecasts
from fxgpt_core.forecasts.step_scores import StepScore, step_scores
from fxgpt_core.validation.folds import Fold
from fxgpt_core.validation.purging import label_ends

FloatArray = npt.NDArray[np.float64]

THROWN_AWAY = "recalibrated within a fold"
"""Model and sampler of the folds' own calibrations, which measure the method and are never deployed."""


@dataclass(frozen=True)
class FoldScore(StepScore):
    """The score of one step over the test window of one fold.

    `coverage`: of bands calibrated on the fold's purged train window (`n_calibration` outcomes) over its test window.
    """

    fold: int
    n_calibration: int
    coverage: tuple[CoverageRow, ...]


@dataclass(frozen=True)
class WalkForwardScores:
    """`folds`: one score for each fold and step with a known outcome; `pooled`: coverage over all test windows together."""

    folds: tuple[FoldScore, ...]
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
    scores: list[FoldScore] = []
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
        scores += _scored(fold.index, step_scores(forecasts.select(test), realised), own, coverage)
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


def _scored(fold: int, scores: Sequence[StepScore], calibration: Calibration, coverage: Sequence[CoverageRow]) -> list[FoldScore]:
    n_calibration = dict(zip(calibration.steps.tolist(), calibration.n_scores.tolist(), strict=True))
    return [
        FoldScore(
            **asdict(score),
            fold=fold,
            n_calibration=n_calibration[score.step],
            coverage=tuple(row for row in coverage if row.step == score.step),
        )
        for score in scores
    ]


def _pooled(tested: Sequence[tuple[Bands, FloatArray]], judged: Sequence[float]) -> list[CoverageRow]:
    first = tested[0][0]
    stacked = {
        name: np.concatenate([getattr(bands, name) for bands, _ in tested])
        for name in ("known_at_us", "lower", "upper", "uncalibrated", "median", "scale")
    }
    bands = Bands(steps=first.steps, coverages=first.coverages, ordered=True, **stacked)
    return coverage_table(bands, np.concatenate([outcome for _, outcome in tested]), judged)
