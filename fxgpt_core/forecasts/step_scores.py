"""What forecasts were worth at each step ahead, against a random walk of the same scale."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.forecasts.forecast import Forecasts
from fxgpt_core.forecasts.random_walk import random_walk_like
from fxgpt_core.forecasts.scores import crps, directional_accuracy, rmse

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class StepScore:
    """One step of so many candles over `n` known outcomes, all in cumulative log-return; no number is NaN.

    `skill`: 1 − crps over that of the random walk, positive when better; 0 where the walk makes no error. `accuracy`: share of
    the moves whose sign the median has, 0 where nothing moved. `rmse` of the median.
    """

    step: int
    n: int
    crps: float
    crps_random_walk: float
    skill: float
    accuracy: float
    rmse: float
    rmse_random_walk: float


def step_scores(forecasts: Forecasts, outcome: FloatArray) -> tuple[StepScore, ...]:
    """The scores of each step that has a known outcome; `outcome` float64[N,S] as `forecast.realised` gives it, NaN not known."""
    walk = random_walk_like(forecasts)
    ours, theirs = crps(forecasts, outcome), crps(walk, outcome)
    accuracy = np.nan_to_num(directional_accuracy(forecasts, outcome))
    errors, walk_errors = rmse(forecasts, outcome), rmse(walk, outcome)
    known = np.isfinite(outcome)
    scores = []
    for s in np.flatnonzero(known.any(axis=0)).tolist():
        mean, reference = float(ours[known[:, s], s].mean()), float(theirs[known[:, s], s].mean())
        scores.append(
            StepScore(
                step=int(forecasts.steps[s]),
                n=int(known[:, s].sum()),
                crps=mean,
                crps_random_walk=reference,
                skill=1.0 - mean / reference if reference > 0.0 else 0.0,
                accuracy=float(accuracy[s]),
                rmse=float(errors[s]),
                rmse_random_walk=float(walk_errors[s]),
            )
        )
    return tuple(scores)
