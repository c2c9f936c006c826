"""Split conformal: one symmetric distance from the median for each step and coverage."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from fxgpt_core.conformal.method import State
from fxgpt_core.conformal.nonconformity import Around, Scores, thresholds

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Split:
    """The ⌈(n+1)·coverage⌉-th smallest |outcome − median| of the calibration span, in units of scale.

    Source: Lei et al., Distribution-Free Predictive Inference for Regression (2018).
    """

    name: ClassVar[str] = "split"
    around: ClassVar[Around] = "median"

    def fit(self, scores: Scores) -> State:
        """`offsets` float64[S,C]."""
        return {"offsets": thresholds(scores.values, scores.coverages)}

    def offsets(self, state: State, scores: Scores) -> FloatArray:
        """The same for every origin."""
        return np.broadcast_to(state["offsets"], scores.values.shape)
