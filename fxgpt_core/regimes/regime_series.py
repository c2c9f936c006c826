"""The regimes of a series of candles, and when they changed."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from fxgpt_core.regimes.regime import UNKNOWN

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Transition:
    """A regime that began to be believed at a close: codes `before` (UNKNOWN where none was) and `after`, and its probability."""

    known_at_us: int
    before: int
    after: int
    probability: float


@dataclass(frozen=True, eq=False)
class RegimeSeries:
    """N candles, by when they are known (int64[N], µs).

    `regime` int8[N]: the believed regime, UNKNOWN before one can be told. `probability` float64[N,4]: of each regime at this
    close, NaN before it can be told; a switch of which is the likeliest is believed only after the model's dwell.
    """

    known_at_us: IntArray
    regime: npt.NDArray[np.int8]
    probability: FloatArray

    def __len__(self) -> int:
        return len(self.regime)

    @cached_property
    def run_starts(self) -> IntArray:
        """int64[R]: the rows at which a run of one regime, or of none, begins."""
        return np.flatnonzero(np.diff(self.regime, prepend=np.int8(UNKNOWN - 1)))

    @property
    def transitions(self) -> tuple[Transition, ...]:
        """Every change to a known regime, in order."""
        before = np.concatenate(([UNKNOWN], self.regime[:-1])) if len(self) else self.regime
        return tuple(
            Transition(int(self.known_at_us[row]), int(before[row]), code, float(self.probability[row, code]))
            for row, code in zip(self.run_starts.tolist(), self.regime[self.run_starts].tolist(), strict=True)
            if code != UNKNOWN
        )
