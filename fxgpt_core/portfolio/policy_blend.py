"""The policy's weights and the allocation's made one: rl_only, hybrid or advisory, within bounds for each symbol."""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError

FloatArray = npt.NDArray[np.float64]


class PolicyMode(StrEnum):
    """Whose weights are traded; in advisory the policy is recorded and changes nothing."""

    RL_ONLY = "rl_only"
    HYBRID = "hybrid"
    ADVISORY = "advisory"


@dataclass(frozen=True)
class WeightBounds:
    """The smallest and largest weight of a symbol. Raises `BadInputError` unless 0 ≤ least ≤ most ≤ 1."""

    least: float = 0.0
    most: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.least <= self.most <= 1.0:
            raise BadInputError(f"weights from {self.least} to {self.most} found; 0 ≤ least ≤ most ≤ 1 is needed; correct them")


def blended(
    policy: FloatArray, allocation: FloatArray, alpha: float, mode: PolicyMode, bounds: WeightBounds | None = None
) -> FloatArray:
    """float64[D,K]: weights of K symbols, what is left of 1 is cash: alpha · policy + (1 − alpha) · allocation in hybrid.

    Both are float64[D,K], without the column of cash. In hybrid a row of which one of them knows nothing (NaN) is the other's,
    and a symbol that one of them does not know has the other's part only; else what is not known stays NaN. Then each weight is
    cut to the bounds, and where their sum is above 1, what lies above the least weight is made smaller in proportion. Raises
    `BadInputError` for other shapes, an alpha outside 0 to 1, or a least weight that K symbols cannot all have.
    """
    bounds = bounds or WeightBounds()
    if policy.shape != allocation.shape or policy.ndim != 2 or not (math.isfinite(alpha) and 0.0 <= alpha <= 1.0):
        raise BadInputError(
            f"weights of {policy.shape} and {allocation.shape} and alpha {alpha} found; both must have a row a day and a "
            "column a symbol, without cash, and alpha lies from 0 to 1; give such"
        )
    if bounds.least * policy.shape[1] > 1.0:
        raise BadInputError(
            f"a least weight of {bounds.least} for each of {policy.shape[1]} symbols adds up to more than 1; lower it"
        )
    return _bounded(_mixed(policy, allocation, alpha, mode), bounds)


def _mixed(policy: FloatArray, allocation: FloatArray, alpha: float, mode: PolicyMode) -> FloatArray:
    if mode is PolicyMode.RL_ONLY:
        return policy
    if mode is PolicyMode.ADVISORY:
        return allocation
    nobody, nothing = (np.isnan(weights).all(axis=1, keepdims=True) for weights in (policy, allocation))
    mixed = alpha * np.nan_to_num(policy, nan=0.0) + (1.0 - alpha) * np.nan_to_num(allocation, nan=0.0)
    return np.where(nobody, allocation, np.where(nothing, policy, mixed))


def _bounded(weights: FloatArray, bounds: WeightBounds) -> FloatArray:
    cut = np.clip(weights, bounds.least, bounds.most)
    floor, total = (np.zeros(len(cut)) for _ in range(2))
    # One column after the other: the same order of sums whatever the number of rows.
    for column in range(cut.shape[1]):
        known = np.isfinite(cut[:, column])
        floor += np.where(known, bounds.least, 0.0)
        total += np.where(known, cut[:, column], 0.0)
    over = total > 1.0
    share = np.where(over, (1.0 - floor) / np.where(over, total - floor, 1.0), 1.0)
    return np.where(over[:, None], bounds.least + (cut - bounds.least) * share[:, None], cut)
