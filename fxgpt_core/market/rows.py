"""Which rows of a series are chosen: one notion for costs, candles and decisions."""

import numpy as np
import numpy.typing as npt

Rows = slice | npt.NDArray[np.bool_] | npt.NDArray[np.int64]
"""A slice, a mask bool[N] of N rows, or int64 indices."""
