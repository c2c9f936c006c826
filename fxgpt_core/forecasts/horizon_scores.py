"""What forecasts were worth at each named horizon, and whether their horizons agree with each other."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import Forecasts
from fxgpt_core.forecasts.horizons import horizon_steps
from fxgpt_core.forecasts.paired import paired_difference
from fxgpt_core.forecasts.random_walk import random_walk_like
from fxgpt_core.forecasts.scores import central_coverage, crps, drawdown, sign_returns
from fxgpt_core.forecasts.step_scores import StepScore, step_scores
from fxgpt_core.market.timeframes import timeframe as timeframe_of

FloatArray = npt.NDArray[np.float64]

CLEAR = 0.1
"""A median is a direction when it is so many of the random walk's deviations of its horizon away from zero."""
YEAR_US = 365.25 * 86_400e6


@dataclass(frozen=True)
class HorizonScore(StepScore):
    """The score of a named horizon, of whose `n` outcomes `n_eff` do not overlap.

    `difference` of its crps and the random walk's with the 95 % interval `low` to `high`, None where two blocks of outcomes do
    not fit. `sharpe` a year and `drawdown` (log-return), before costs, of holding the median's sign, one trade after another.
    `covered`: share of outcomes in the raw central bands of `forecasts.scores.CENTRAL`.
    """

    horizon: str
    n_eff: int
    difference: float | None
    low: float | None
    high: float | None
    sharpe: float | None
    drawdown: float
    covered: tuple[float, ...]


@dataclass(frozen=True)
class Contradiction:
    """Of `n` origins at which both medians are directions, the `share` at which they point opposite ways."""

    shorter: str
    longer: str
    n: int
    share: float


def horizon_scores(forecasts: Forecasts, outcome: FloatArray, *, seed: int = 0) -> tuple[HorizonScore, ...]:
    """The scores of each named horizon that has a known outcome; `outcome` float64[N,S] as `forecast.realised` gives it.

    `seed` of the bootstrap. Raises `BadInputError` when no horizon has one.
    """
    by_step = {score.step: score for score in step_scores(forecasts, outcome)}
    ours, theirs = crps(forecasts, outcome), crps(random_walk_like(forecasts), outcome)
    covered = central_coverage(forecasts, outcome)
    scores = []
    for horizon, step, s in _columns(forecasts):
        if step not in by_step:
            continue
        score = by_step[step]
        trades = sign_returns(forecasts, outcome, step)[:, s]
        trades = trades[np.isfinite(trades)]
        paired = paired_difference(ours[:, s], theirs[:, s], step, seed) if score.n >= 2 * step else None
        scores.append(
            HorizonScore(
                **asdict(score),
                horizon=horizon,
                n_eff=score.n // step,
                difference=paired.mean if paired else None,
                low=paired.low if paired else None,
                high=paired.high if paired else None,
                sharpe=_sharpe(trades, forecasts.known_at_us),
                drawdown=drawdown(trades),
                covered=tuple(covered[s].tolist()),
            )
        )
    if not scores:
        raise BadInputError(f"none of {len(forecasts)} forecasts has an outcome that is known at a named horizon; forecast more")
    return tuple(scores)


def contradictions(forecasts: Forecasts, clear: float = CLEAR) -> tuple[Contradiction, ...]:
    """How often two horizons contradict each other, for every pair of the named ones.

    One path holds all horizons, so a forecast may turn: up in an hour and down in a day. Often, it says that neither is known.
    """
    leaning = forecasts.level(0.5) / forecasts.scale
    found = []
    for (shorter, _, near), (longer, _, far) in combinations(_columns(forecasts), 2):
        both = (np.abs(leaning[:, near]) >= clear) & (np.abs(leaning[:, far]) >= clear)
        opposite = both & (np.sign(leaning[:, near]) != np.sign(leaning[:, far]))
        found.append(Contradiction(shorter, longer, int(both.sum()), float(opposite.sum() / max(1, both.sum()))))
    return tuple(found)


def _columns(forecasts: Forecasts) -> Sequence[tuple[str, int, int]]:
    """Name, step and column of the named horizons that the forecasts reach."""
    steps = forecasts.steps.tolist()
    named = horizon_steps(timeframe_of(forecasts.timeframe)).items()
    return [(name, step, steps.index(step)) for name, step in named if step in steps]


def _sharpe(trades: FloatArray, known_at_us: npt.NDArray[np.int64]) -> float | None:
    """Mean over deviation of trades that follow each other, times the root of how many there were a year; None below two."""
    if len(trades) < 2 or float(trades.std(ddof=1)) == 0.0:
        return None
    years = float(known_at_us[-1] - known_at_us[0]) / YEAR_US
    return float(trades.mean() / trades.std(ddof=1)) * math.sqrt(len(trades) / years)
