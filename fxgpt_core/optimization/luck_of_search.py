"""Could a run's stitched out-of-sample record be luck? The tests of luck, with every trial of the run and of all before it."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError
from fxgpt_core.optimization.outcome import OptimizationOutcome
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.optimization.searched import Searched, searched
from fxgpt_core.performance.bootstrap import LEAST_RETURNS, block_length
from fxgpt_core.performance.luck import Luck, LuckParameters, luck, unjudged
from fxgpt_core.performance.measures import period_returns, periods_a_year
from fxgpt_core.performance.overfitting import backtest_overfitting
from fxgpt_core.performance.significance import sharpe_moments
from fxgpt_core.performance.trials import Trials, luck_variance

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TrialsEver:
    """The ledger's trials of a symbol and timeframe, over all runs: how many, and the variance of their Sharpe ratios a day."""

    n: int
    sharpe_variance: float


@dataclass(frozen=True, eq=False)
class LuckOfSearch:
    """The verdicts on a run, and what they rest on; `missing` says why it could not be judged, and then no test passes.

    `sharpe_per_period`: of the returns float64[n] that are judged, the days of the stitched test windows.
    """

    luck: Luck
    ever: TrialsEver
    searched: Searched
    returns: FloatArray
    parameters: LuckParameters
    missing: str = ""

    @property
    def sharpe_per_period(self) -> float:
        """The Sharpe ratio of a day that is judged; 0 where nothing was earned or lost."""
        return sharpe_moments(self.returns).sharpe

    @property
    def dispersion(self) -> float:
        """Standard deviation of the Sharpe ratios a day of all trials ever made: luck, and what trials differ in besides."""
        return math.sqrt(self.ever.sharpe_variance)

    def to_json(self) -> dict[str, object]:
        """Every number of `Luck`, null where not known, what they rest on, and why nothing was judged, if so."""
        days, sets = self.searched.returns.shape
        return {
            "not_judged": self.missing,
            "trials_ever": self.ever.n,
            "sets_searched": sets,
            "days_searched": days,
            "days_judged": len(self.returns),
            "sharpe_per_day": self.sharpe_per_period,
            "dispersion": self.dispersion,
            **self.luck.to_json(),
        }

    @cached_property
    def logits(self) -> FloatArray:
        """float64[C]: how the choice of each half of the days ranks in the other, below 0 worse than the median."""
        return np.empty(0) if self.missing else backtest_overfitting(self.searched.returns, self.parameters.n_blocks).logits


def luck_of_search(
    problem: Problem,
    outcome: OptimizationOutcome,
    ever: TrialsEver,
    rng: np.random.Generator,
    parameters: LuckParameters | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> LuckOfSearch:
    """Judge the folds' choices by their test windows, and the search by all days it saw (`searched`).

    `ever` counts test windows that earlier runs looked at: they are not unseen any more. The variance that deflates is what
    these very returns would give worthless trials, see docs/decisions/0020. `periods_a_year` is measured, not the parameters'.
    Raises `BadInputError` when fewer trials are counted than this run made.
    """
    if ever.n < outcome.n_trials:
        raise BadInputError(
            f"{ever.n} trials are counted, and this run alone made {outcome.n_trials}; every trial ever made counts, not only "
            "those of the last search: take the number from the ledger"
        )
    stitched, parameters = outcome.out_of_sample, parameters or LuckParameters()
    returns = period_returns(stitched.result, stitched.candles)
    found = searched(problem, outcome, progress)
    missing = too_little(returns, found.returns, parameters)
    if missing:
        return LuckOfSearch(unjudged(len(returns)), ever, found, returns, parameters, missing)
    trials = Trials(ever.n, luck_variance(found.returns, block_length(returns)), len(found.returns))
    parameters = replace(parameters, periods_a_year=periods_a_year(stitched.candles))
    return LuckOfSearch(luck(returns, trials, found.returns, parameters, rng), ever, found, returns, parameters)


def too_little(returns: FloatArray, tried: FloatArray, parameters: LuckParameters) -> str:
    """Why returns [n] and those of the sets tried [T, K] are too few for the tests of luck, and what to do; or nothing."""
    days, sets = tried.shape
    least_days = max(LEAST_RETURNS, 2 * parameters.n_blocks)
    if len(returns) >= LEAST_RETURNS and days >= least_days and sets >= 2:
        return ""
    return (
        f"{len(returns)} days of test windows, and {sets} parameter sets on {days} days found; needed are at least "
        f"{LEAST_RETURNS} days, and 2 sets on {least_days} days: search more folds (max_folds, more candles) and more trials"
    )
