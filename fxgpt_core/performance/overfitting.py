"""Does the trial that is best in one half of the past stay good in the other? Probability of backtest overfitting by CSCV.

Source: Bailey, Borwein, López de Prado and Zhu, The Probability of Backtest Overfitting, Journal of Computational Finance (2017).
The past is cut into S blocks; each half of the blocks chooses the best trial, and the other half ranks the choice.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError
from fxgpt_core.performance.trials import check_trials

FloatArray = npt.NDArray[np.float64]

BLOCKS: Final = 16
MOST_BLOCKS: Final = 20  # C(20, 10) is 184,756; two more blocks are four times as many
_NUMBERS_AT_ONCE: Final = 1 << 20
# Below this share of the mean square a variance is rounding.
_ROUNDING: Final = 1e-12


@dataclass(frozen=True, eq=False)
class Overfitting:
    """What the halves showed, each float64[C]: Sharpe ratios a period of the trial chosen, and how it ranks where it was unseen.

    `logits` are ln(ω / (1 − ω)), ω the out-of-sample rank of the chosen trial over N + 1; below 0 is worse than the median.
    """

    in_sample: FloatArray
    out_of_sample: FloatArray
    logits: FloatArray

    @property
    def pbo(self) -> float:
        """Share of choices that are at or below the median of all trials where they were unseen: λ <= 0."""
        return float(np.mean(self.logits <= 0.0))

    @property
    def loss_probability(self) -> float:
        """Share of choices whose out-of-sample Sharpe ratio is below 0."""
        return float(np.mean(self.out_of_sample < 0.0))

    @property
    def slope(self) -> float:
        """Out-of-sample Sharpe ratio by in-sample Sharpe ratio of the choices, least squares; NaN if the latter are all alike.

        Mostly below 0, with an edge too: the better one half of a series is, the worse is its rest.
        """
        centred = self.in_sample - self.in_sample.mean()
        below = float(centred @ centred)
        return float(centred @ self.out_of_sample) / below if below > 0.0 else math.nan


def backtest_overfitting(returns: FloatArray, n_blocks: int = BLOCKS) -> Overfitting:
    """All C(S, S / 2) halves of returns [T, N] of N trials over the same T periods, in S blocks, the first T mod S one longer.

    Every trial of the search, winners and losers: the median is theirs. A trial that does not vary in a half has Sharpe ratio 0.
    Raises `BadInputError` below two trials, for S odd or outside 2 to 20, below two periods a block, for what is not finite.
    """
    _check(returns, n_blocks)
    shorter, longer = divmod(len(returns), n_blocks)
    periods = shorter + (np.arange(n_blocks) < longer)
    starts = np.cumsum(periods) - periods
    blocks = _Blocks(
        periods.astype(np.float64), np.add.reduceat(returns, starts, axis=0), np.add.reduceat(returns**2, starts, axis=0)
    )
    found = []
    for halves in _halves(n_blocks, returns.shape[1]):
        ones, others = blocks.sharpe_ratios(halves), blocks.sharpe_ratios(1.0 - halves)
        found += [_choices(ones, others), _choices(others, ones)]
    return Overfitting(*(np.concatenate(column) for column in zip(*found, strict=True)))


@dataclass(frozen=True, eq=False)
class _Blocks:
    """Of S blocks: periods float64[S], sums of returns float64[S, N] and of their squares."""

    periods: FloatArray
    sums: FloatArray
    squares: FloatArray

    def sharpe_ratios(self, members: FloatArray) -> FloatArray:
        """float64[C, N]: the Sharpe ratio a period of every trial over the blocks of each row of members [C, S], 1 or 0."""
        n = (members @ self.periods)[:, np.newaxis]
        squares = members @ self.squares
        mean = members @ self.sums / n
        scatter = squares - n * mean**2
        varies = scatter > _ROUNDING * squares
        return np.divide(mean, np.sqrt(np.abs(scatter) / (n - 1.0)), out=np.zeros_like(mean), where=varies)


def _halves(n_blocks: int, n_trials: int) -> Iterator[FloatArray]:
    """Members float64[C / 2, S] of the halves that hold the first block, the rest being their complements, in portions that fit
    into memory.
    """
    chosen = np.array([(0, *others) for others in combinations(range(1, n_blocks), n_blocks // 2 - 1)])
    members = np.zeros((len(chosen), n_blocks))
    np.put_along_axis(members, chosen, 1.0, axis=1)
    at_once = max(1, _NUMBERS_AT_ONCE // n_trials)
    return (members[first : first + at_once] for first in range(0, len(members), at_once))


def _choices(seen: FloatArray, unseen: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """float64[C] thrice, of Sharpe ratios [C, N]: seen and unseen one of the trial that is best where seen, and its logit."""
    best = np.argmax(seen, axis=1)[:, np.newaxis]
    shown = np.take_along_axis(unseen, best, axis=1)
    # Trials that show the same share the mean of their ranks.
    rank = (unseen < shown).sum(axis=1) + ((unseen == shown).sum(axis=1) + 1.0) / 2.0
    logits = np.log(rank / (unseen.shape[1] + 1.0 - rank))
    return np.take_along_axis(seen, best, axis=1)[:, 0], shown[:, 0], logits


def _check(returns: FloatArray, n_blocks: int) -> None:
    if n_blocks % 2 or not 2 <= n_blocks <= MOST_BLOCKS:
        raise BadInputError(f"{n_blocks} blocks found; allowed are even numbers from 2 to {MOST_BLOCKS}; {BLOCKS} is usual")
    check_trials(returns, least_periods=2 * n_blocks, least_trials=2)
