"""Conformalized quantile regression: the forecast's own quantiles, widened or narrowed alike on both sides."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from fxgpt_core.conformal.method import State
from fxgpt_core.conformal.nonconformity import Around, Scores, thresholds

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Cqr:
    """The ⌈(n+1)·coverage⌉-th smallest distance outside the forecast's quantiles, in units of scale; negative narrows.

    Source: Romano, Patterson, Candès, Conformalized Quantile Regression (2019).
    """

    name: ClassVar[str] = "cqr"
    around: ClassVar[Around] = "quantiles"

    def fit(self, scores: Scores) -> State:
        """`offsets` float64[S,C]."""
        return {"offsets": thresholds(scores.values, scores.coverages)}

    def offsets(self, state: State, scores: Scores) -> FloatArray:
        """The same for every origin."""
        return np.broadcast_to(state["offsets"], scores.values.shape)
