"""Which of the four names a hidden state has: by what it is like, never by its number, so that a refit keeps the names.

A fit that starts anywhere finds another of many equally likely mixtures each time, and most of them mix trend with volatility.
So each state is drawn to an anchor while it is fitted, and named by where it ends.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.regimes.regime import RANGING, TRENDING_DOWN, TRENDING_UP, VOLATILE

FloatArray = npt.NDArray[np.float64]

ANCHORS: Final = (
    (0.0, 1.2),
    (0.0, -1.2),
    (-0.5, 0.0),
    (1.5, 0.0),
    (-1.5, 0.0),
    (0.0, 2.2),
    (0.0, -2.2),
    (3.0, 0.0),
)
"""Where the first, second … state is drawn to: volatility in standard deviations of the train span around its mean, and trend."""

LEAST_VOLATILE: Final = 0.75
"""Volatility, as in `ANCHORS`, above which a state is volatile whatever its trend: halfway from the train mean to the anchor."""
LEAST_TREND: Final = 0.6
"""Trend above which a state that is not volatile trends: halfway from none to the anchor."""


def named(volatility: FloatArray, trend: FloatArray) -> tuple[int, ...]:
    """The regime of each of K hidden states, by their mean volatility and trend (float64[K], in the units of `ANCHORS`).

    Each state is judged by itself, so there are no ties, and order does not matter. Several states may share a name, and a
    name may have no state: its probability is 0 then, and no candle is ever called by it.
    """
    calm = np.where(trend > LEAST_TREND, TRENDING_UP, np.where(trend < -LEAST_TREND, TRENDING_DOWN, RANGING))
    return tuple(int(code) for code in np.where(volatility > LEAST_VOLATILE, VOLATILE, calm))
