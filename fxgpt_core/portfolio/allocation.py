"""How the capital is shared among the symbols day by day: rebalanced by the calendar and on drift, from complete days only."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl

from fxgpt_core.portfolio.optimal_weights import (
    DRIFTED,
    HELD,
    NOT_KNOWN,
    REASONS,
    SCHEDULED,
    AllocationParameters,
    solution,
)
from fxgpt_core.portfolio.universe import Universe

_KEPT = 128

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Allocation:
    """Weights of K symbols at the end of D FX days, each for the day that follows; NaN where a symbol has none yet.

    `day` int32[D] as in the universe, `weights` float64[D,K], `rebalanced` bool[D], `reason` int8[D] codes of `REASONS`.
    """

    names: tuple[str, ...]
    day: npt.NDArray[np.int32]
    weights: FloatArray
    rebalanced: npt.NDArray[np.bool_]
    reason: npt.NDArray[np.int8]

    def to_frame(self) -> pl.DataFrame:
        """A row a day: its date, a column `weight_SYMBOL` for each symbol (null where it has none), `rebalanced` and `reason`."""
        weights = {f"weight_{name}": self.weights[:, column] for column, name in enumerate(self.names)}
        day = pl.Series(self.day, dtype=pl.Int32).cast(pl.Date)
        why = [REASONS[code] for code in self.reason.tolist()]
        return pl.DataFrame({"day": day, **weights, "rebalanced": self.rebalanced, "reason": why}, nan_to_null=True)

    def reason_counts(self) -> dict[str, int]:
        """How many days have each reason."""
        return {text: int((self.reason == code).sum()) for code, text in enumerate(REASONS)}


def past_days(parameters: AllocationParameters) -> int:
    """How many days, the present one included, are enough for its weights: they are the same as from all days."""
    return parameters.window + 1 + parameters.rebalance_freq


def latest_window(universe: Universe, parameters: AllocationParameters) -> tuple[tuple[str, ...], FloatArray]:
    """The returns float64[T,K] of the latest `window` days of the symbols that know all of them, and their names."""
    window = universe.returns[-parameters.window :]
    known = np.flatnonzero(np.all(np.isfinite(window), axis=0))
    return tuple(universe.names[column] for column in known), window[:, known]


@lru_cache(maxsize=_KEPT)
def allocation(universe: Universe, parameters: AllocationParameters) -> Allocation:
    """The weights at the end of each day, from the returns of `window` days up to it; read-only, and kept for the same universe.

    They are optimal on the first day of each block of `rebalance_freq` calendar days counted from 1970-01-01, and when one has
    drifted from its target by more than `drift`; in between they drift with the prices. So they do not depend on where the
    universe starts, but for its first `past_days`. A symbol joins at the first rebalance that sees a whole window of it.
    """
    days, symbols = universe.close.shape
    returns = universe.returns
    weights, rebalanced = np.full((days, symbols), np.nan), np.zeros(days, dtype=bool)
    reason = np.full(days, NOT_KNOWN, dtype=np.int8)
    block = universe.day // parameters.rebalance_freq
    firsts = 1 + np.flatnonzero(np.diff(block))
    firsts = firsts[firsts >= parameters.window]
    for first, stop in pairwise([*firsts.tolist(), days]):
        row, why = first, None
        while row < stop:
            target, found = _target(returns[row - parameters.window + 1 : row + 1], parameters)
            held = _held(target, universe.close[row:stop])
            far = np.flatnonzero(np.any(np.abs(held - target) > parameters.drift * target, axis=1))
            until = row + int(far[0]) if len(far) else stop
            weights[row:until] = held[: until - row]
            rebalanced[row] = found != NOT_KNOWN
            reason[row] = found if why is None or found != SCHEDULED else why
            reason[row + 1 : until] = HELD if rebalanced[row] else NOT_KNOWN
            row, why = until, DRIFTED
    for column in (weights, rebalanced, reason):
        column.flags.writeable = False
    return Allocation(universe.names, universe.day, weights, rebalanced, reason)


def _held(target: FloatArray, close: FloatArray) -> FloatArray:
    """float64[D,K]: what the weights of the first day become as the prices of the next move, while cash stays."""
    grown = target * (close / close[0])
    held: FloatArray = grown / (1.0 + np.nansum(grown - target, axis=1, keepdims=True))
    return held


def _target(returns: FloatArray, parameters: AllocationParameters) -> tuple[FloatArray, int]:
    known = np.isfinite(returns).all(axis=0)
    weights = np.full(returns.shape[1], np.nan)
    if not known.any():
        return weights, NOT_KNOWN
    found = solution(returns[:, known], parameters)
    weights[known] = found.weights
    return weights, found.reason
