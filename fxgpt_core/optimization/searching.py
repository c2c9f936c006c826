"""One search: ask the engine, play the batch, tell the engine, store the batch; until the budget or a rule ends it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from fxgpt_core.errors import BrokenLineageError
from fxgpt_core.optimization.convergence import Convergence, End
from fxgpt_core.optimization.engines.engine import Engine, IntArray, Told
from fxgpt_core.optimization.engines.named import engine
from fxgpt_core.optimization.evaluator import Evaluator, Measured
from fxgpt_core.optimization.objectives import Objectives, objective_value, objectives_of
from fxgpt_core.optimization.plan import Search, SearchParameters
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.optimization.screening import day_ends
from fxgpt_core.optimization.space import Genomes, decoded, distinct, encoded, trial_seed
from fxgpt_core.performance.measures import Metrics
from fxgpt_core.registry.evaluations import Evaluations
from fxgpt_core.registry.searches import Lease, SearchEnd
from fxgpt_core.registry.trials import TrialRecord, TrialStore
from fxgpt_core.strategy.parameters import StrategyParameters

SCREEN = "screen"
BESIDE_THE_COLUMNS = ("cost_ratio", "n_periods", "sharpe_per_period")
"""Metrics that a trial record keeps in fields of its own, not among the user's 17 result columns."""


@dataclass(frozen=True, eq=False)
class Run:
    """What all searches of a run have in common, and where they are stored."""

    problem: Problem
    parameters: SearchParameters
    store: TrialStore
    run_id: int


class Evaluators(NamedTuple):
    """Plays the sets of a search on all candles of its window, and at the last candle of each day alone."""

    whole: Evaluator
    screen: Evaluator


def evaluators_of(problem: Problem, search: Search) -> Evaluators:
    """What plays the sets of a search; it holds no more candles than that needs."""
    found = problem.only(search.regime)
    return Evaluators(Evaluator(found.around(search.window)), Evaluator(day_ends(found).around(search.window)))


class Searching:
    """One search of a run, gone on with where the ledger ends."""

    def __init__(self, run: Run, search: Search, lease: Lease) -> None:
        self.run, self.search, self.lease = run, search, lease
        self.engine: Engine = engine(run.parameters.engine, beginning(run.problem, run.parameters, search))
        self.convergence = Convergence(run.parameters.convergence)
        self.n_done = 0
        self._play = evaluators_of(run.problem, search)

    def recall(self, stored: Evaluations) -> None:
        """Tell the engine what the ledger holds of this search. Raises `BrokenLineageError` when it is not of this search."""
        for seed, batch in batches(stored, self.search, self.run.parameters.seed):
            self._tell(batch, seed)

    def step(self) -> TrialRecord | None:
        """Ask for a batch, play it, store it; its last trial, or None when the engine has nothing more to propose.

        In full are kept, with their batch, the trials of it that the engine holds, and those on the front of all so far: as what
        is dropped or beaten never comes back, of each generation all survivors are there, and of the search its Pareto front.
        """
        number = self.search.first + self.n_done
        seed, screening = trial_seed(self.run.parameters.seed, number), self.engine.screening
        genomes = self.engine.ask(self.search.n_trials - self.n_done, seed)
        if not len(genomes):
            return None
        trials = self._played(genomes, number, seed, screening)
        on_front = number + self._tell(_told(genomes, trials), seed)
        self.run.store.record(self.run.run_id, trials, {*self.population, *on_front.tolist()}, self.lease)
        return trials[-1]

    def over(self) -> End | None:
        """Whether the search has found what it will find, or spent its budget."""
        return End.BUDGET if self.n_done >= self.search.n_trials else self.convergence.reached()

    def end(self, reason: End) -> None:
        """Store why the search ended, and with what population."""
        ended = SearchEnd(str(reason), self.n_done, self.convergence.hypervolume, tuple(self.population))
        self.run.store.end_search(self.run.run_id, self.lease, ended)

    @property
    def population(self) -> list[int]:
        """The trial numbers among which the search's choice is made."""
        return [self.search.first + int(row) for row in self.engine.population]

    def _tell(self, batch: Told, seed: int) -> IntArray:
        """Which of the batch are on the front of all so far; none of a cheap look."""
        screening = self.engine.screening
        self.engine.tell(batch, seed)
        self.n_done += len(batch)
        return np.empty(0, np.int64) if screening else self.convergence.tell(batch)

    def _played(self, genomes: Genomes, number: int, seed: int, screening: bool) -> list[TrialRecord]:
        sets = [decoded(genome, self.run.problem.components.fitted) for genome in genomes]
        measured = (self._play.screen if screening else self._play.whole).measured(sets, self.search.window)
        about = Trial(number, self.search.index, SCREEN if screening else self.search.phase, seed)
        limits = self.run.parameters.limits
        return [
            record(replace(about, number=number + row), genome, parameters, each, limits.violation(each))
            for row, (genome, parameters, each) in enumerate(zip(genomes, sets, measured, strict=True))
        ]


@dataclass(frozen=True)
class Trial:
    """Where in a run a trial stands."""

    number: int
    search: int
    phase: str
    seed: int


def record(about: Trial, genome: Genomes, parameters: StrategyParameters, measured: Measured, violation: float) -> TrialRecord:
    """The record of a trial that was played."""
    objectives = objectives_of(measured.metrics)
    return TrialRecord(
        trial_number=about.number,
        fold=about.search,
        phase=about.phase,
        seed=about.seed,
        parameters=parameters.to_json(),
        metrics={**result_columns(measured.metrics), "objective_value": objective_value(objectives)},
        objectives=objectives.to_json(),
        n_periods=measured.metrics.n_periods,
        sharpe_per_period=measured.metrics.sharpe_per_period,
        params_sha256=parameters.sha256,
        genome=genome.astype("<u2").tobytes(),
        violation=violation,
    )


def beginning(problem: Problem, parameters: SearchParameters, search: Search) -> Genomes:
    """The genomes a search begins with: the default set, then those of an earlier run that had not seen its test days."""
    default = encoded(StrategyParameters.default().replace(**problem.components.fitted))
    warm = parameters.warm_start
    if warm is None or not warm.serves(search.fold):
        return default[np.newaxis]
    earlier = [np.frombuffer(bytes.fromhex(text), dtype="<u2").astype(np.uint16) for text in warm.genomes]
    return distinct(np.array([default, *earlier]))


def batches(stored: Evaluations, search: Search, seed: int) -> Iterator[tuple[int, Told]]:
    """The batches of a search as the ledger holds them, each with its seed. Raises `BrokenLineageError`."""
    expected = search.first + np.arange(len(stored))
    if len(stored) > search.n_trials or not np.array_equal(stored.number, expected):
        raise BrokenLineageError(
            f"the ledger holds {len(stored)} trials of search {search.index}, numbers {stored.number[:1]} to "
            f"{stored.number[-1:]}, and at most {search.n_trials} from {search.first} on were made: it was changed by hand, "
            "restore it from a backup"
        )
    starts = [row for row in range(len(stored)) if row == 0 or stored.seed[row] != stored.seed[row - 1]]
    for first, stop in pairwise([*starts, len(stored)]):
        found, wanted = int(stored.seed[first]), trial_seed(seed, int(stored.number[first]))
        if found != wanted:
            raise BrokenLineageError(
                f"trial {stored.number[first]} of the ledger has the seed {found}, this run's would be {wanted}; the ledger was "
                "changed by hand: restore it from a backup, or search with another seed"
            )
        rows = slice(first, stop)
        yield found, Told(stored.genome[rows], stored.objectives[rows], stored.violation[rows])


def result_columns(measured: Metrics) -> dict[str, float | int]:
    """The user's 17 columns of a result."""
    return {name: value for name, value in measured.to_json().items() if name not in BESIDE_THE_COLUMNS}


def _told(genomes: Genomes, trials: Sequence[TrialRecord]) -> Told:
    rows = np.array([Objectives.from_json(trial.objectives).values() for trial in trials])
    return Told(genomes, rows, np.array([trial.violation for trial in trials]))
