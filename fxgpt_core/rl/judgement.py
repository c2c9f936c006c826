"""What a policy is worth beside weights that never change: equal ones, and the best that the training days knew."""

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.performance.ratios import deviation, mean, ratio
from fxgpt_core.rl.accounts import Accounts
from fxgpt_core.rl.environment import EpisodeRows

FloatArray = npt.NDArray[np.float64]

PARTS: Final = 4
"""Static weights are looked for in quarters."""
DAYS_A_YEAR: Final = 260.0


@dataclass(frozen=True)
class Judged:
    """What weights earned over some days, all costs paid: total return and deepest fall as fractions, annual Sharpe ratio."""

    name: str
    days: int
    total_return: float
    sharpe_ratio: float
    max_drawdown: float


def static_weights(n_symbols: int) -> FloatArray:
    """float64[G,K+1]: every split of the capital into quarters among K symbols and cash."""
    places = product(range(PARTS + 1), repeat=n_symbols)
    splits = [(*parts, PARTS - sum(parts)) for parts in places if sum(parts) <= PARTS]
    return np.array(splits, dtype=np.float64) / PARTS


def equal_weights(n_symbols: int) -> FloatArray:
    """float64[K+1]: the same for each symbol, no cash."""
    return np.append(np.full(n_symbols, 1.0 / n_symbols), 0.0)


def held(accounts: Accounts, weights: FloatArray, rows: EpisodeRows) -> FloatArray:
    """float64[L]: the equity at the end of each day under weights float64[K+1] that stay, of the rows [first, stop − 1)."""
    return accounts.day_equity(np.tile(weights, (rows.stop - rows.first - 1, 1)), rows.first)


def best_static(accounts: Accounts, rows: EpisodeRows) -> FloatArray:
    """float64[K+1]: the static weights that earned most over the rows; of equals, the one with most cash."""
    found = static_weights(len(accounts.traded))
    ends = [held(accounts, weights, rows)[-1] for weights in found]
    best: FloatArray = found[max(range(len(found)), key=lambda place: (ends[place], found[place, -1]))]
    return best


def judged(name: str, equity: FloatArray) -> Judged:
    """The measures of an equity float64[L] at the end of each day, of a capital of 1."""
    curve = np.concatenate(([1.0], equity))
    returns = curve[1:] / curve[:-1] - 1.0
    sharpe = ratio(mean(returns), deviation(returns) / np.sqrt(DAYS_A_YEAR)) if deviation(returns) > 0.0 else 0.0
    fall = float(np.max(1.0 - curve / np.maximum.accumulate(curve)))
    return Judged(name, len(equity), float(curve[-1] - 1.0), sharpe, fall)
