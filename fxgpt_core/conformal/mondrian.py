"""Mondrian conformal: an offset for each kind of origin, where there are enough of the kind."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from fxgpt_core.conformal.method import State
from fxgpt_core.conformal.nonconformity import Around, Scores, thresholds
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.sessions import SESSIONS, session_left

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

By = Literal["volatility", "session", "label"]
BYS = ("volatility", "session", "label")
TERCILES = (1.0 / 3.0, 2.0 / 3.0)


@dataclass(frozen=True)
class Mondrian:
    """CQR within each bin of origins: `by` "volatility" (terciles of the scale in the calibration span), "session" (the last
    opened of the sessions that are open) or "label" (a regime the caller gives).

    A step of a bin with fewer than `minimum` scores, or a label never seen, takes the offset of all bins together; `pooled` says
    which. Source: Vovk, Conditional Validity of Inductive Conformal Predictors (2012). Raises `BadInputError` for another `by`.
    """

    by: By = "volatility"
    minimum: int = 200

    name: ClassVar[str] = "mondrian"
    around: ClassVar[Around] = "quantiles"

    def __post_init__(self) -> None:
        if self.by not in BYS or self.minimum < 1:
            raise BadInputError(f"{self} found; bins are by one of {BYS} and need at least one score")

    def fit(self, scores: Scores) -> State:
        """`offsets` float64[S,C] of all origins; `edges` float64[2] of the terciles; of B bins `labels` float64[B], `n`
        float64[B,S] scores, `pooled` float64[B,S] (1: too few, the offset of all) and `binned` float64[B,S,C] offsets.
        """
        edges = np.quantile(scores.volatility, TERCILES)
        bins = self._bins(scores, edges)
        labels = np.unique(bins)
        pooled = thresholds(scores.values, scores.coverages)
        n = np.array([np.isfinite(scores.values[bins == label, :, 0]).sum(axis=0) for label in labels])
        own = np.array([thresholds(scores.values[bins == label], scores.coverages) for label in labels])
        too_few = n < self.minimum
        return {
            "offsets": pooled,
            "edges": edges,
            "labels": labels.astype(np.float64),
            "n": n.astype(np.float64),
            "pooled": too_few.astype(np.float64),
            "binned": np.where(too_few[:, :, None], pooled, own),
        }

    def offsets(self, state: State, scores: Scores) -> FloatArray:
        """The offset of each origin's bin, known when the origin is."""
        bins = self._bins(scores, state["edges"])
        place = np.minimum(np.searchsorted(state["labels"], bins), len(state["labels"]) - 1)
        seen = state["labels"][place] == bins
        return np.where(seen[:, None, None], state["binned"][place], state["offsets"])

    def _bins(self, scores: Scores, edges: FloatArray) -> IntArray:
        """int64[N]: the bin of each origin. Raises `BadInputError` where labels are needed and none are given."""
        if self.by == "volatility":
            return np.searchsorted(edges, scores.volatility).astype(np.int64)
        if self.by == "session":
            return session_bins(scores.known_at_us)
        if scores.labels is None:
            raise BadInputError(
                "bins by label need a label for each origin and none are given; give labels, or bin by volatility"
            )
        return scores.labels


def session_bins(known_at_us: IntArray) -> IntArray:
    """int64[N]: 1 + the place in `SESSIONS` of the last session that is open at UTC times int64[N] in µs, 0 where none is."""
    bins = np.zeros(len(known_at_us), dtype=np.int64)
    for number, session in enumerate(SESSIONS, start=1):
        bins[session_left(known_at_us, session) > 0.0] = number
    return bins
