"""What a search's choice is worth when it is made again and again: on each combinatorial split, where it was unseen.

A walk-forward is one history of choices. Here the trial that is best on a split's train days is followed through its test
groups, and the groups are joined into as many whole histories as there are paths.
Source: López de Prado, Advances in Financial Machine Learning (2018), chapter 12.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.performance.bootstrap import sharpe_ratios
from fxgpt_core.performance.trials import check_trials
from fxgpt_core.validation.combinatorial import (
    CombinatorialParameters,
    backtest_paths,
    combinatorial_splits,
    group_rows,
)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ChosenPaths:
    """P histories of choices over T days: `returns` float64[P,T], and `chosen` int64[S], the trial that each split chose."""

    returns: FloatArray
    chosen: IntArray

    @property
    def sharpes(self) -> FloatArray:
        """float64[P]: the Sharpe ratio a day of each history."""
        return sharpe_ratios(self.returns)

    @property
    def loss_share(self) -> float:
        """The share of histories that lose."""
        return float(np.mean(self.sharpes < 0.0))


def chosen_paths(
    returns: FloatArray, known_at_us: IntArray, end_us: IntArray, parameters: CombinatorialParameters
) -> ChosenPaths:
    """The histories that choosing by Sharpe ratio makes of the daily returns [T, N] of every trial of a search, losers too.

    `known_at_us` int64[T] is when each day was over, `end_us` int64[T] when all that was decided on it had ended
    (`validation.purging.interval_ends`): train days that share a moment with a test day do not choose. Of trials that are alike
    the first is chosen. Raises `BadInputError` as `check_trials` and `combinatorial_splits` do.
    """
    check_trials(returns)
    splits = combinatorial_splits(known_at_us, end_us, parameters)
    chosen = np.array([int(np.argmax(sharpe_ratios(returns[split.train].T))) for split in splits])
    groups, paths = group_rows(len(returns), parameters.n_groups), backtest_paths(parameters)
    histories = [
        np.concatenate([returns[rows, chosen[split]] for rows, split in zip(groups, path, strict=True)]) for path in paths
    ]
    return ChosenPaths(np.array(histories), chosen)
