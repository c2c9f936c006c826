"""Sums and deviations over the last candles, made of the values in the window and of nothing else.

Running sums, as TA-Lib's and pandas', add what enters and take off what leaves: after a large value has left, its rounding
stays, and a root shows it. Here a window of 20 is made of windows of 16 and 4, these of windows of 8 and 2, and so on: a window
of zeros sums to exactly 0, and a value does not depend on where the series begins, to the last bit.
"""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

# Rows of a block: its arrays fit a processor's cache. Over a million rows it is memory that takes the time.
BLOCK = 1 << 14


def rolling_sum(values: FloatArray, span: int) -> FloatArray:
    """Sum of the last `span` values; NaN for the first rows, and where one of them is."""
    return _in_blocks(values, span, _sums)


def rolling_deviation(values: FloatArray, span: int) -> FloatArray:
    """Population standard deviation of the last `span` values; NaN for the first rows, and where one of them is."""
    return _in_blocks(values, span, _deviations)


def _in_blocks(values: FloatArray, span: int, rolling: Callable[[FloatArray, int], FloatArray]) -> FloatArray:
    found = np.empty(len(values))
    for start in range(0, len(values), BLOCK):
        before = min(start, span - 1)
        found[start : start + BLOCK] = rolling(values[start - before : start + BLOCK], span)[before:]
    found[: span - 1] = math.nan
    return found


def _sums(values: FloatArray, span: int) -> FloatArray:
    """The first span − 1 rows lack values, and mean nothing."""
    # `part` sums the last `width` values; `total` the last `taken`.
    part, width = values.copy(), 1
    total, taken = np.zeros(len(values)), 0
    while True:
        if span & width:
            total[taken:] += part[: max(0, len(part) - taken)]
            taken += width
        if taken == span:
            return total
        part[width:] += part[:-width].copy()
        width *= 2


def _deviations(values: FloatArray, span: int) -> FloatArray:
    """As `_sums`, with means and squared deviations, which are merged without cancellation (Chan, Golub & LeVeque 1979)."""
    part, width = (values.copy(), np.zeros(len(values))), 1
    total, taken = (np.zeros(len(values)), np.zeros(len(values))), 0
    while True:
        if span & width:
            total = _merged(total, taken, part, width)
            taken += width
        if taken == span:
            return np.asarray(np.sqrt(total[1] / span))
        part = _merged(part, width, part, width)
        width *= 2


def _merged(
    late: tuple[FloatArray, FloatArray], n_late: int, early: tuple[FloatArray, FloatArray], n_early: int
) -> tuple[FloatArray, FloatArray]:
    """Mean and squared deviations of the last `n_late` values and the `n_early` before them."""
    n_both = n_late + n_early
    means, squares = late[0].copy(), late[1].copy()
    rows = slice(0, max(0, len(means) - n_late))
    apart = early[0][rows] - means[n_late:]
    means[n_late:] += apart * (n_early / n_both)
    squares[n_late:] += early[1][rows]
    squares[n_late:] += apart * apart * (n_late * n_early / n_both)
    return means, squares
