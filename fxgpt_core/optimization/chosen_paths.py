"""What a search's choice is worth when it is made again and again: on each combinatorial split, where it was unseen.

A walk-forward is one history of choices. Here the trial that is best on a split's train days is followed through its test
groups, and the groups are joined into as many whole histories as there are paths.
Source: López de Prado, Advances in Financial Machine Learning (2018), chapter 12.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.market.timeframes import DAY_US
from fxgpt_core.optimization.searched import Searched
from fxgpt_core.performance.bootstrap import sharpe_ratios
from fxgpt_core.performance.daily import WEEKDAYS_A_YEAR
from fxgpt_core.performance.luck import MOST_LOSING_CHOICES, LuckTest
from fxgpt_core.performance.trials import check_trials
from fxgpt_core.validation.combinatorial import (
    CombinatorialParameters,
    backtest_paths,
    combinatorial_splits,
    group_rows,
)
from fxgpt_core.validation.purging import label_ends

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

    @property
    def test(self) -> LuckTest:
        """The share of histories that lose, beside its limit; Sharpe ratios are told by the year of weekdays."""
        low, middle, high = np.quantile(self.sharpes, (0.0, 0.5, 1.0)) * WEEKDAYS_A_YEAR**0.5
        told = (
            "Does it pay to choose by the Sharpe ratio, on the days that did not choose? The share of histories that lose, of "
            f"{len(self.returns)} that {len(self.chosen)} choices make; their annual Sharpe ratios are {low:.2f} to {high:.2f}, "
            f"the median is {middle:.2f}."
        )
        return LuckTest("other_choices", self.loss_share, "<=", MOST_LOSING_CHOICES, told)

    def to_json(self) -> dict[str, object]:
        """How many histories and choices, the Sharpe ratio a day of each history, and the share that lose."""
        return {"choices": len(self.chosen), "sharpes_per_day": self.sharpes.tolist(), "loss_share": self.loss_share}


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


def in_other_choices(tried: Searched, parameters: CombinatorialParameters | None = None) -> ChosenPaths:
    """The histories of a search: ten groups of its days, two of them tested at a time, by default.

    Days on which a position may still be open that was entered before a test day, or the other way round, do not choose for it.
    Raises as `chosen_paths`.
    """
    days = np.arange(1, len(tried.returns) + 1, dtype=np.int64) * DAY_US
    return chosen_paths(tried.returns, days, label_ends(days, tried.holding_days), parameters or CombinatorialParameters())
