"""What every parameter set of a run, losers too, returned on each day that one of its searches saw."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.backtest.engine import execution_parameters
from fxgpt_core.backtest.sets import ParameterSet, Replay, play_sets
from fxgpt_core.market.timeframes import DAY_US, Timeframe
from fxgpt_core.optimization.outcome import OptimizationOutcome
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.optimization.space import decoded
from fxgpt_core.regimes.regime import GLOBAL
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.validation.folds import Window

FloatArray = npt.NDArray[np.float64]

MOST_SETS = 200
"""Sets whose days are compared: enough to tell how often the best of some days is the best of others."""
SETS_AT_ONCE = 16
"""Sets whose decisions are held in memory together; of all others only the returns of days are."""
UNLIMITED_DAYS = 5


@dataclass(frozen=True, eq=False)
class Searched:
    """Daily returns float64[T, K], as fractions, of the K distinct sets of a run (`params_sha256`) on the T FX days of `span`.

    A position of any of them lasts at most `holding_days`; `UNLIMITED_DAYS` stand for sets without a time exit.
    """

    span: Window
    params_sha256: tuple[str, ...]
    returns: FloatArray
    holding_days: int


def searched(
    problem: Problem, outcome: OptimizationOutcome, progress: Callable[[int, int], None] = lambda done, total: None
) -> Searched:
    """The sets of the run (`tried`), in the order of their first trial, played over one span: an account of its own, flat at the
    start.

    Whose days these are: each was in the train window of some search, from the first fold's first day to the last day of the
    final search. A set was chosen on its own search's window only; of its other days its own search saw nothing, and some were
    test windows. So nothing here is unseen, and only the search as a whole is judged by it. A set that was tried again is one
    column: it is the same strategy. `progress(done, total)` counts sets.
    """
    wanted = tried(problem, outcome)
    span = Window(outcome.folds[0].fold.train.start_us, outcome.span.stop_us)
    parts = []
    for first in range(0, len(wanted), SETS_AT_ONCE):
        part = wanted[first : first + SETS_AT_ONCE]
        parts.append(_played(problem, part, span))
        progress(first + len(part), len(wanted))
    names, longest = (
        tuple(each.name for each in wanted),
        holding_days([each.parameters for each in wanted], problem.candles.timeframe),
    )
    return Searched(span, names, np.concatenate(parts, axis=1), longest)


@dataclass(frozen=True)
class Tried:
    """One set as it was tried: with entries anywhere, or in one regime alone."""

    params_sha256: str
    regime: str
    parameters: StrategyParameters

    @property
    def name(self) -> str:
        """The hash of the set, and behind it the regime if it is of one."""
        return self.params_sha256 if self.regime == GLOBAL else f"{self.params_sha256}@{self.regime}"


def tried(problem: Problem, outcome: OptimizationOutcome) -> list[Tried]:
    """The distinct sets of a run, at most `MOST_SETS` of them, in the order of their first trial: the choices, and of all
    evaluations, losers too, every so many-th.
    """
    evaluations, regimes = outcome.evaluations, {row.search: row.regime for row in outcome.searches}
    names = [(name, regimes[search]) for name, search in zip(evaluations.params_sha256, evaluations.search.tolist(), strict=True)]
    first: dict[tuple[str, str], int] = {}
    for row, name in enumerate(names):
        first.setdefault(name, row)
    rows = np.array(list(first.values()), dtype=np.int64)
    of_choices = {each.trial_number for each in (outcome.final, *outcome.choices)}
    chosen = {first[names[row]] for row, number in enumerate(evaluations.number.tolist()) if number in of_choices}
    room = max(MOST_SETS - len(chosen), 0)
    spread = rows if len(rows) <= MOST_SETS else rows[np.linspace(0, len(rows) - 1, room).round().astype(np.int64)]
    fitted = problem.components.fitted
    return [
        Tried(names[row][0], names[row][1], decoded(evaluations.genome[row], fitted))
        for row in sorted({*spread.tolist(), *chosen})
    ]


def _played(problem: Problem, sets: list[Tried], span: Window) -> FloatArray:
    """`daily_returns` of sets, each with entries where it was tried."""
    found = np.empty((0, 0))
    for regime in dict.fromkeys(each.regime for each in sets):
        columns = [column for column, each in enumerate(sets) if each.regime == regime]
        returns = daily_returns(problem.only(regime), [sets[column].parameters for column in columns], span)
        found = np.empty((len(returns), len(sets))) if not found.size else found
        found[:, columns] = returns
    return found


def holding_days(sets: list[StrategyParameters], timeframe: Timeframe) -> int:
    """FX days that a position of any of the sets may last."""
    limits = [execution_parameters(each, timeframe).max_candles for each in sets]
    longest = -(-max(limits) * timeframe.us // DAY_US)
    return max(longest, UNLIMITED_DAYS) if 0 in limits else longest


def daily_returns(problem: Problem, sets: list[StrategyParameters], span: Window) -> FloatArray:
    """float64[T, K]: the return of each FX day of the span, as a fraction, of each of K sets."""
    rows = span.slice(problem.candles.known_at_us)
    candles = problem.candles.slice(rows.start, rows.stop)
    members = [ParameterSet(i, execution_parameters(each, candles.timeframe)) for i, each in enumerate(sets)]
    decisions = [problem.decisions(each, span) for each in sets]
    replay = Replay(candles, problem.costs_at(rows), problem.account, problem.finer)
    return play_sets(replay, decisions, members, daily=True).daily.T
