"""Adaptive conformal inference: the level that is asked of recent scores moves with hits and misses. Here for comparison."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from fxgpt_core.conformal.method import State, fold
from fxgpt_core.conformal.nonconformity import RANK_DIGITS, Around, Scores, thresholds
from fxgpt_core.errors import BadInputError

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Aci:
    """The threshold of the last `window` scores at the miss rate α_t, α_{t+1} = α_t + `gamma` × ((1 − coverage) − miss).

    Its coverage is that asked for within (max(α, 1 − α) + h·gamma) / (n·gamma) after n outcomes of step h, because it answers
    α_t ≤ 0 with an infinite band and α_t ≥ 1 with an empty one; `calibrated_bands` caps and flags both.
    Source: Gibbs, Candès, Adaptive Conformal Inference Under Distribution Shift (2021), with the delay of each step's outcome.
    Raises `BadInputError` for a gamma outside (0, 1) or an empty window.
    """

    gamma: float = 0.005
    window: int = 500

    name: ClassVar[str] = "aci"
    around: ClassVar[Around] = "quantiles"

    def __post_init__(self) -> None:
        if not 0.0 < self.gamma < 1.0 or self.window < 1:
            raise BadInputError(f"{self} found; gamma lies between 0 and 1 and the window holds at least one score")

    def fit(self, scores: Scores) -> State:
        """`offsets` float64[S,C] to start at; `recent` float64[W,S,C], latest scores, oldest first, +inf before too few."""
        recent = np.full((self.window, *scores.values.shape[1:]), math.inf)
        for place in np.ndindex(recent.shape[1:]):
            column = scores.values[(slice(None), *place)]
            known = column[np.isfinite(column)][-self.window :]
            recent[(slice(self.window - len(known), None), *place)] = known
        return {"offsets": thresholds(recent, scores.coverages), "recent": recent}

    def offsets(self, state: State, scores: Scores) -> FloatArray:
        """The offset of each origin, after all that was known by then; −inf where the band is empty."""
        allowed = 1.0 - scores.coverages
        recent = state["recent"].copy()
        miss_rate = np.broadcast_to(allowed, recent.shape[1:]).copy()

        def learn(now: FloatArray, arrived: FloatArray, used: FloatArray) -> FloatArray:
            known = ~np.isnan(arrived)
            if not known.any():
                return now
            miss_rate[known] += self.gamma * (allowed - (arrived > used))[known]
            recent[:-1, known], recent[-1, known] = recent[1:, known], arrived[known]
            return np.where(known, _thresholds(recent, miss_rate), now)

        return fold(scores, state["offsets"], learn)


def _thresholds(recent: FloatArray, miss_rate: FloatArray) -> FloatArray:
    """float64[S,C]: the conformal threshold of scores float64[W,S,C], each at its own miss rate float64[S,C]."""
    ordered = np.sort(recent, axis=0)
    known = np.isfinite(ordered).sum(axis=0)
    rank = np.ceil(np.round((known + 1) * (1.0 - miss_rate), RANK_DIGITS)).astype(np.int64)
    at_rank = np.take_along_axis(ordered, np.clip(rank, 1, len(ordered))[None] - 1, axis=0)[0]
    return np.where(rank > known, math.inf, np.where(rank < 1, -math.inf, at_rank))
