"""Is one forecaster better than another, or was it luck: paired differences of their scores, resampled in blocks."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError

FloatArray = npt.NDArray[np.float64]

RESAMPLES: Final = 2_000
CONFIDENCE: Final = 0.95

BETTER, WORSE, ALIKE = "better", "worse", "not told apart"


@dataclass(frozen=True)
class PairedDifference:
    """`mean` of ours − theirs over `n` cases known to both, and the central 95 % of its resampled means, `low` to `high`."""

    mean: float
    low: float
    high: float
    n: int

    @property
    def verdict(self) -> str:
        """Better when all of the interval is below zero (scores: less is better), worse when all is above."""
        if self.high < 0.0:
            return BETTER
        return WORSE if self.low > 0.0 else ALIKE


def paired_difference(
    ours: FloatArray, theirs: FloatArray, block: int, seed: int, resamples: int = RESAMPLES
) -> PairedDifference:
    """The difference of two scores float64[N] of the same origins in order of time; NaN cases do not count.

    Moving-block bootstrap (Künsch 1989): scores of overlapping horizons repeat each other, so `block` cases in a row stay
    together; it is at least the step. Raises `BadInputError` for other shapes, and below two blocks of cases.
    """
    if ours.shape != theirs.shape or ours.ndim != 1:
        raise BadInputError(
            f"scores of shapes {ours.shape} and {theirs.shape} found; give one number for each of the same origins"
        )
    difference = ours - theirs
    difference = difference[np.isfinite(difference)]
    n = len(difference)
    if block < 1 or n < 2 * block:
        raise BadInputError(
            f"{n} cases known to both and blocks of {block} found; a block is at least 1 and two fit; forecast more"
        )
    total = np.concatenate(([0.0], np.cumsum(difference)))
    blocks = (total[block:] - total[:-block]) / block
    chosen = np.random.default_rng(seed).integers(0, len(blocks), (resamples, -(-n // block)))
    low, high = np.quantile(blocks[chosen].mean(axis=1), [(1.0 - CONFIDENCE) / 2.0, (1.0 + CONFIDENCE) / 2.0])
    return PairedDifference(float(difference.mean()), float(low), float(high), n)
