"""What share of the capital a symbol has at each candle: the allocation's weight, the policy's, or a blend of both."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError
from fxgpt_core.portfolio.allocation import allocation, past_days
from fxgpt_core.portfolio.optimal_weights import AllocationParameters
from fxgpt_core.portfolio.policy_blend import PolicyMode, WeightBounds, blended
from fxgpt_core.portfolio.universe import Universe

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_PARTS_KEPT: Final = 64
NO_OPINION: Final = 1.0
"""The multiple where a symbol has no weight yet: as much as with equal weights."""


@dataclass(frozen=True, eq=False)
class Capital:
    """The capital that `symbol` shares with the others of a universe of K symbols and D days.

    `policy` float64[D,K] are a trained policy's weights at the end of each day, without cash; None: the allocation rules alone.
    Raises `BadInputError` for a symbol that the universe lacks and for weights of another shape.
    """

    symbol: str
    universe: Universe
    policy: FloatArray | None = None
    mode: PolicyMode = PolicyMode.HYBRID

    def __post_init__(self) -> None:
        self.universe.column(self.symbol)
        if self.policy is not None and self.policy.shape != self.universe.close.shape:
            raise BadInputError(
                f"a policy's weights of {self.policy.shape} found for {self.universe.close.shape} days and symbols; each day "
                "needs one for each symbol: make them of the same universe"
            )

    def multiples(self, known_at_us: IntArray, parameters: AllocationParameters, alpha: float) -> FloatArray:
        """float64[N]: the symbol's weight at candles known at int64[N] in µs, ascending, times the number of symbols with one.

        1 is an equal share. `alpha` is the policy's part of a hybrid. Only the days that the candles need are looked at; the
        answer is the same, to the last bit, as from all of them.
        """
        if len(known_at_us) == 0:
            return np.empty(0)
        ended = self.universe.complete_days(known_at_us)
        first = max(0, int(ended[0]) - 1 - past_days(parameters))
        rows = slice(first, max(int(ended[-1]), first))
        weights = self._weights(rows, parameters, alpha)
        of_day = weights[:, self.universe.column(self.symbol)] * np.isfinite(weights).sum(axis=1)
        place = ended - 1 - first
        found = np.full(len(known_at_us), np.nan)
        found[place >= 0] = of_day[place[place >= 0]]
        return np.where(np.isnan(found), NO_OPINION, found)

    def _weights(self, rows: slice, parameters: AllocationParameters, alpha: float) -> FloatArray:
        policy = None if self.policy is None else self.policy[rows]
        bounds = WeightBounds(parameters.min_weight, parameters.max_weight)
        if policy is not None and self.mode is PolicyMode.RL_ONLY:
            return blended(policy, policy, alpha, self.mode, bounds)
        allocated = _allocated(self.universe, rows.start, rows.stop, parameters)
        return allocated if policy is None else blended(policy, allocated, alpha, self.mode, bounds)


@lru_cache(maxsize=_PARTS_KEPT)
def _allocated(universe: Universe, first: int, stop: int, parameters: AllocationParameters) -> FloatArray:
    """float64[stop − first, K]: kept, because the candles of one day all ask for the same days."""
    part = replace(universe, day=universe.day[first:stop], close=universe.close[first:stop])
    return allocation(part, parameters).weights
