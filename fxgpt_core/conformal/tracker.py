"""The quantile tracker: an offset that grows after each miss and shrinks after each hit, as outcomes become known."""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fxgpt_core.conformal.method import State, fold
from fxgpt_core.conformal.nonconformity import Around, Scores, thresholds
from fxgpt_core.errors import BadInputError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.integer[Any]]

SPREAD_LEVEL = 0.99


@dataclass(frozen=True)
class Tracker:
    """Starts at the offset of CQR; each outcome that becomes known moves it by rate × (miss − (1 − coverage)).

    The rate is `learning_rate` × the 99 % absolute distance from the median in the calibration span, in units of scale, so that
    it is at home in the data whatever their units; less where the outcome of a step comes so late that the offset would swing
    (`rates`). The coverage over a long time is that asked for, whatever the market does, while offsets stay bounded; nothing is
    promised over a short one. An offset that starts infinite stays so.
    Source: Angelopoulos, Candès, Tibshirani, Conformal PID Control (2023), the P part, with the delay of each step's outcome.
    Raises `BadInputError` for a learning rate outside (0, 1].
    """

    learning_rate: float = 0.02

    name: ClassVar[str] = "tracker"
    around: ClassVar[Around] = "quantiles"

    def __post_init__(self) -> None:
        if not 0.0 < self.learning_rate <= 1.0:
            raise BadInputError(f"learning_rate {self.learning_rate} found; it is above 0 and at most 1; 0.02 is usual")

    def fit(self, scores: Scores) -> State:
        """`offsets` float64[S,C] to start at; `spread` float64[S], the 99 % absolute distance from the median."""
        return {"offsets": thresholds(scores.values, scores.coverages), "spread": spread(scores.residual)}

    def offsets(self, state: State, scores: Scores) -> FloatArray:
        """The offset of each origin, after all that was known by then."""
        rate = self.rates(state, scores.steps, scores.coverages)
        allowed = 1.0 - scores.coverages

        def learn(now: FloatArray, arrived: FloatArray, used: FloatArray) -> FloatArray:
            return np.where(np.isnan(arrived), now, now + rate * ((arrived > used) - allowed))

        return fold(scores, state["offsets"], learn)

    def rates(self, state: State, steps: IntArray, coverages: FloatArray) -> FloatArray:
        """float64[S,C]: how far one miss and one hit together move the offset, in units of scale.

        An offset that answers a deviation of the share of misses, h candles late, by rate × density × deviation does not swing
        while rate × density × h ≤ 1/e: x' = −k·x(t − h) has a solution without oscillation for k·h ≤ 1/e only. The density of
        scores at the threshold is taken for that of a Gaussian with the same 99 % distance; heavier tails have less.
        """
        normal = NormalDist()
        edges = [normal.inv_cdf((1.0 + coverage) / 2.0) for coverage in coverages.tolist()]
        density = np.array([2.0 * normal.pdf(edge) for edge in edges]) * normal.inv_cdf((1.0 + SPREAD_LEVEL) / 2.0)
        steady = 1.0 / (math.e * steps[:, None] * density)
        return state["spread"][:, None] * np.minimum(self.learning_rate, steady)


def spread(residual: FloatArray) -> FloatArray:
    """float64[S]: the 99 % quantile of the known residuals float64[N,S]; 0 where none is known."""
    known = [column[np.isfinite(column)] for column in residual.T]
    return np.array([float(np.quantile(column, SPREAD_LEVEL)) if len(column) else 0.0 for column in known])
