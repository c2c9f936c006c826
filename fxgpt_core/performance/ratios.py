"""Arithmetic that stays defined: ratios held within ± `RATIO_LIMIT`, means of nothing, deviations of what does not vary.

A ratio with nothing below the line is 0 if there is nothing above it either, else ± the limit: a run without a loss does not
become infinite.
"""

import math

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

RATIO_LIMIT = 100.0


def ratio(above: float, below: float) -> float:
    """`above` / `below`, held; a `below` that is not positive counts as 0."""
    if below > 0.0:
        return held(above / below)
    return math.copysign(RATIO_LIMIT, above) if above != 0.0 else 0.0


def held(value: float) -> float:
    """The value, no further from 0 than `RATIO_LIMIT`."""
    return min(max(value, -RATIO_LIMIT), RATIO_LIMIT)


def mean(values: FloatArray) -> float:
    """Mean of values [n]; 0 if there are none."""
    return float(values.mean()) if len(values) else 0.0


def deviation(values: FloatArray) -> float:
    """Sample deviation (ddof 1) of values [n]; 0 for fewer than two, and exactly 0 for equal ones."""
    # The mean of equal values is rounded, which would leave a deviation of 1e-17 to divide by.
    if len(values) < 2 or values.min() == values.max():
        return 0.0
    return float(np.std(values, ddof=1))
