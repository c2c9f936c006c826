"""The search itself: per fold on its train window, the choice tested on its test window, then a last search for today.

Trials are numbered over the whole run and each is one transaction in the ledger. Every proposal depends on the ledger's
trials of its own fold and on (seed, trial number) only, so a run killed at any point ends as if it had not been.
"""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from fxgpt_core import content_hash
from fxgpt_core.errors import BrokenLineageError
from fxgpt_core.optimization.objectives import IDLE, Objectives, gains, objective_value, objectives_of
from fxgpt_core.optimization.outcome import FoldOutcome, OptimizationOutcome, mean_in_sample_sharpe, walked_forward
from fxgpt_core.optimization.pareto import knee, pareto_front
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.optimization.space import EvaluatedTrial, SamplerParameters, propose, trial_seed
from fxgpt_core.performance.measures import Metrics
from fxgpt_core.registry.trials import RunRequest, TrialRecord, TrialStore
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.validation.folds import Fold, FoldParameters, Window, latest_train, walk_forward

RUN_NAMESPACE = uuid.UUID("5f0b6d3e-0d0f-5a55-9a0b-6f7867707400")
METHOD = "bayesian"
REGIME_MODE = REGIME = "global"
BESIDE_THE_COLUMNS = ("cost_ratio", "n_periods", "sharpe_per_period")
"""Metrics that a trial record keeps in fields of its own, not among the user's 17 result columns."""


@dataclass(frozen=True)
class SearchParameters:
    """The budget of a run: the latest `max_folds` folds × `n_trials`, then `n_final_trials` on the latest train window.

    `min_trades`: closed trades on a train window below which a trial counts as idle and cannot be chosen.
    """

    seed: int = 7
    n_trials: int = 25
    n_final_trials: int = 40
    max_folds: int = 8
    min_trades: int = 5
    folds: FoldParameters = field(default_factory=FoldParameters)
    sampler: SamplerParameters = field(default_factory=SamplerParameters)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "SearchParameters":
        """The record as `asdict` stored it with a proposal."""
        inner = {"folds": FoldParameters(**values["folds"]), "sampler": SamplerParameters(**values["sampler"])}
        return cls(**{**values, **inner})


@dataclass(frozen=True)
class Search:
    """One search of a run: trials `first` … `first + n_trials` − 1 on one train window; `fold` None is the final search."""

    index: int
    window: Window
    first: int
    n_trials: int
    fold: Fold | None

    @property
    def phase(self) -> str:
        """`search` for a fold, `final` for the last one."""
        return "final" if self.fold is None else "search"


@dataclass(frozen=True)
class SearchProgress:
    """After a trial: `done` of `total` trials, seconds since this process began, and an estimate of the seconds left.

    The estimate is the pace since this process's first trial, which compiles and imports; None after that one alone.
    """

    done: int
    total: int
    search: int
    phase: str
    trial: TrialRecord
    elapsed_s: float
    remaining_s: float | None


def optimize(
    problem: Problem,
    parameters: SearchParameters,
    store: TrialStore,
    *,
    progress: Callable[[SearchProgress], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> OptimizationOutcome:
    """Run, or resume, the optimization of a problem; the same call after a crash continues where the ledger ends.

    Raises `BadInputError` when the forecasts are too short for one fold, `BrokenLineageError` when the ledger's trials are
    not those of this run.
    """
    searches = planned(problem, parameters)
    total = sum(search.n_trials for search in searches)
    run_id = store.open_run(_request(problem, parameters, total))
    trials = resumed(store.trials(run_id), searches, parameters.seed)
    pace = _Pace(clock, total)
    try:
        for search in searches:
            for number in range(max(search.first, len(trials)), search.first + search.n_trials):
                trial = run_trial(problem, parameters, search, trials[search.first :], number)
                store.record(run_id, trial)
                trials.append(trial)
                if progress is not None:
                    progress(pace.after(trial, search))
        outcome = concluded(problem, searches, trials, run_id)
    except Exception as error:
        store.fail(run_id, f"{type(error).__name__}: {error}")
        raise
    store.finish(run_id, outcome.final, outcome.pareto, pace.elapsed_s)
    proposal = (outcome.final.trial_number, problem.symbol, str(problem.candles.timeframe), REGIME, outcome.proposed.to_json())
    return replace(outcome, regime_parameters_id=store.record_proposal(run_id, *proposal))


class _Pace:
    """Counts the trials of this process against the clock."""

    def __init__(self, clock: Callable[[], float], total: int) -> None:
        self.clock, self.total = clock, total
        self.began = clock()
        self.first: tuple[float, int] | None = None

    @property
    def elapsed_s(self) -> float:
        return self.clock() - self.began

    def after(self, trial: TrialRecord, search: Search) -> SearchProgress:
        now, done = self.clock(), trial.trial_number + 1
        left = None
        if self.first is None:
            self.first = now, done
        elif done > self.first[1]:
            left = (now - self.first[0]) / (done - self.first[1]) * (self.total - done)
        return SearchProgress(done, self.total, search.index, search.phase, trial, now - self.began, left)


def planned(problem: Problem, parameters: SearchParameters) -> list[Search]:
    """The searches of a run in order: one for each of the latest folds of the forecasts, numbered from 0, then the final one."""
    known_at = problem.bands.known_at_us
    latest = walk_forward(known_at, parameters.folds)[-parameters.max_folds :]
    folds = [replace(fold, index=index) for index, fold in enumerate(latest)]
    searches = [Search(fold.index, fold.train, fold.index * parameters.n_trials, parameters.n_trials, fold) for fold in folds]
    first = len(folds) * parameters.n_trials
    last = Search(len(folds), latest_train(known_at, parameters.folds), first, parameters.n_final_trials, None)
    return [*searches, last]


def run_uuid(problem: Problem, parameters: SearchParameters) -> str:
    """The name of a run: a version 5 UUID of problem and search parameters, the same whenever the same is asked."""
    recipe = {"problem": problem.sha256, "search": asdict(parameters)}
    return str(uuid.uuid5(RUN_NAMESPACE, content_hash.of_json(recipe)))


def run_trial(
    problem: Problem, parameters: SearchParameters, search: Search, before: Sequence[TrialRecord], number: int
) -> TrialRecord:
    """Propose from the trials before it in the same search, play on the train window, and make the record."""
    seed = trial_seed(parameters.seed, number)
    history = [EvaluatedTrial(trial.parameters, Objectives.from_json(trial.objectives)) for trial in before]
    candidate = propose(history, parameters.sampler, seed, problem.components.fitted)
    measured = problem.evaluate(candidate, search.window).metrics
    objectives = objectives_of(measured, parameters.min_trades)
    return TrialRecord(
        trial_number=number,
        fold=search.index,
        phase=search.phase,
        seed=seed,
        parameters=candidate.to_json(),
        metrics={**_result_columns(measured), "objective_value": objective_value(objectives)},
        objectives=objectives.to_json(),
        n_periods=measured.n_periods,
        sharpe_per_period=measured.sharpe_per_period,
        params_sha256=candidate.sha256,
    )


def resumed(trials: Sequence[TrialRecord], searches: Sequence[Search], seed: int) -> list[TrialRecord]:
    """The ledger's trials of this run, checked to be its first ones in order. Raises `BrokenLineageError`."""
    expected = [
        (number, search.index, search.phase, trial_seed(seed, number))
        for search in searches
        for number in range(search.first, search.first + search.n_trials)
    ]
    for position, trial in enumerate(trials):
        found = (trial.trial_number, trial.fold, trial.phase, trial.seed)
        if position >= len(expected) or found != expected[position]:
            raise BrokenLineageError(
                f"the ledger's trial at position {position} is (number, fold, phase, seed) {found}, this run's would be "
                f"{expected[position] if position < len(expected) else 'none'}; the ledger was changed by hand: "
                "restore it from a backup, or search with another seed"
            )
    return list(trials)


def chosen(trials: Sequence[TrialRecord]) -> tuple[TrialRecord, tuple[int, ...], bool]:
    """The knee of the Pareto front of a search's trials, the front's trial numbers, and whether every trial was idle."""
    idle = IDLE.to_json()
    active = [trial for trial in trials if dict(trial.objectives) != idle] or list(trials)
    points = gains([Objectives.from_json(trial.objectives) for trial in active])
    front = tuple(active[index].trial_number for index in pareto_front(points))
    best = active[knee(points)]
    return best, front, dict(best.objectives) == idle


def concluded(problem: Problem, searches: Sequence[Search], trials: Sequence[TrialRecord], run_id: int) -> OptimizationOutcome:
    """The outcome of a complete run; a pure function of the problem and the ledger's trials."""
    folds: list[FoldOutcome] = []
    for search in searches:
        if search.fold is None:
            continue
        best, _, idle = chosen(trials[search.first : search.first + search.n_trials])
        picked = StrategyParameters.from_json(best.parameters)
        test = problem.evaluate(picked, search.fold.test).metrics
        folds.append(FoldOutcome(search.fold, best, picked, float(best.metrics["sharpe_ratio"]), test, idle))
    final, front, _ = chosen(trials[searches[-1].first :])
    return OptimizationOutcome(
        run_id=run_id,
        proposed=StrategyParameters.from_json(final.parameters),
        final=final,
        folds=tuple(folds),
        out_of_sample=walked_forward(problem, [(fold.parameters, fold.fold.test) for fold in folds]),
        in_sample_sharpe=mean_in_sample_sharpe(folds),
        pareto=front,
        trials=tuple(trials),
    )


def concluded_again(problem: Problem, proposal: Mapping[str, Any], trials: Sequence[TrialRecord]) -> OptimizationOutcome:
    """The outcome of the run of a stored proposal once more, from the ledger's trials of it. Raises `BrokenLineageError`."""
    parameters, run_id = SearchParameters.from_json(proposal["search"]), int(proposal["run_id"])
    searches = planned(problem, parameters)
    outcome = concluded(problem, searches, resumed(trials, searches, parameters.seed), run_id)
    if outcome.proposed.sha256 != proposal["params_sha256"]:
        raise BrokenLineageError(
            f"the trials of run {run_id} now propose {outcome.proposed.sha256[:16]}, the stored set is "
            f"{proposal['params_sha256'][:16]}; candles, forecasts or calibration changed since: "
            "materialize optimized_parameters again"
        )
    was, now = proposal["out_of_sample"], outcome.out_of_sample.metrics.to_json()
    changed = [name for name in was if name in now and was[name] != now[name]]
    if changed:
        name = changed[0]
        raise BrokenLineageError(
            f"the choices of run {run_id} now have a {name} of {now[name]} on their unseen test windows, {was[name]} is stored; "
            "candles, costs or the backtest changed since: materialize optimized_parameters again"
        )
    return outcome


def _result_columns(measured: Metrics) -> dict[str, float | int]:
    return {name: value for name, value in measured.to_json().items() if name not in BESIDE_THE_COLUMNS}


def _request(problem: Problem, parameters: SearchParameters, total: int) -> RunRequest:
    known_at = problem.bands.known_at_us
    return RunRequest(
        run_uuid=run_uuid(problem, parameters),
        symbol=problem.symbol,
        timeframe=str(problem.candles.timeframe),
        method=METHOD,
        regime_mode=REGIME_MODE,
        start_us=int(known_at[0]),
        end_us=int(known_at[-1]),
        n_trials=total,
        notes="walk-forward search, multi-objective TPE per fold",
    )
