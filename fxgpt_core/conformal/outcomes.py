"""What became of forecasts, and when that was known: all that a calibration learns from."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.forecast import Forecasts, realised

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

NEVER: Final = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Outcomes:
    """The outcomes of N forecasts at S steps.

    `rows` int64[N]: the origin's place among the candles, ascending; `realised` float64[N,S]: cumulative log-return, NaN where it
    is not known yet or a hole lies before it; `known_us` int64[N,S]: the close of the candle that many steps ahead, `NEVER` where
    it is not there yet. Raises `BadInputError` when shapes or orders do not fit.
    """

    rows: IntArray
    realised: FloatArray
    known_us: IntArray

    def __post_init__(self) -> None:
        shape = self.realised.shape
        if len(shape) != 2 or self.known_us.shape != shape or self.rows.shape != shape[:1] or (np.diff(self.rows) <= 0).any():
            raise BadInputError(
                f"outcomes of shape {shape} with times {self.known_us.shape} and rows {self.rows.shape} found; give one "
                "ascending row for each origin and one outcome and time for each step, as outcomes_of does"
            )

    def __len__(self) -> int:
        return len(self.rows)

    def select(self, mask: npt.NDArray[Any] | slice) -> "Outcomes":
        """The outcomes of the origins chosen by a mask bool[N], by indices or by a slice."""
        return Outcomes(self.rows[mask], self.realised[mask], self.known_us[mask])

    def until(self, known_at_us: int) -> "Outcomes":
        """What was known of them at a moment."""
        later = self.known_us > known_at_us
        return Outcomes(self.rows, np.where(later, np.nan, self.realised), np.where(later, NEVER, self.known_us))


def outcomes_of(close: FloatArray, known_at_us: IntArray, forecasts: Forecasts) -> Outcomes:
    """The outcomes of forecasts among the candles with these closes, float64[T], known at int64[T].

    Raises `BadInputError` for an origin without candle.
    """
    found = realised(close, known_at_us, forecasts)
    rows = np.searchsorted(known_at_us, forecasts.known_at_us).astype(np.int64)
    ends = rows[:, None] + forecasts.steps[None, :]
    there = ends < len(known_at_us)
    return Outcomes(rows, found, np.where(there, known_at_us[np.where(there, ends, 0)], NEVER))
