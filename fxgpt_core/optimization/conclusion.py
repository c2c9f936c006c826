"""What a run's searches come to: the choice of each fold on its unseen test window, and the set that is proposed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fxgpt_core.errors import BrokenLineageError, MissingError, RefusedError
from fxgpt_core.optimization.limits import UNTRADED
from fxgpt_core.optimization.objectives import Objectives, gains
from fxgpt_core.optimization.outcome import FoldOutcome, OptimizationOutcome, mean_in_sample_sharpe, walked_forward
from fxgpt_core.optimization.pareto import knee, pareto_front
from fxgpt_core.optimization.plan import Search, SearchParameters, planned, searchable
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.optimization.regime_choice import sets_of_searches
from fxgpt_core.regimes.regime import GLOBAL
from fxgpt_core.registry.evaluations import Evaluations
from fxgpt_core.registry.searches import SearchRow
from fxgpt_core.registry.trials import TrialRecord, TrialStore
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.strategy.regime_sets import RegimeSets, Strategy


@dataclass(frozen=True, eq=False)
class StoredRun:
    """What the ledger holds of a run: its searches, what each ended with (`trials`, in full), every evaluation."""

    run_id: int
    searches: Sequence[SearchRow]
    trials: Sequence[TrialRecord]
    evaluations: Evaluations

    @classmethod
    def read(cls, store: TrialStore, run_id: int) -> "StoredRun":
        """From the ledger. Raises `MissingError` when a trial that a search ended with is no longer there in full."""
        searches = store.searches(run_id)
        wanted = {number for row in searches for number in row.population}
        trials = store.trials(run_id, wanted)
        if gone := sorted(wanted - {trial.trial_number for trial in trials}):
            raise MissingError(
                f"of the {len(wanted)} trials that searches of run {run_id} ended with {len(gone)} are no longer there in full, "
                f"the first {gone[0]}: the run is in the archive, or rows were deleted by hand; restore the ledger from a "
                "backup, or search again with another seed"
            )
        return cls(run_id, searches, trials, store.evaluations(run_id))

    def population(self, search: Search) -> list[TrialRecord]:
        """The trials among which a search's choice is made; none of a search that never began."""
        wanted = set(self.searches[search.index].population)
        return [trial for trial in self.trials if trial.trial_number in wanted]


def chosen(trials: Sequence[TrialRecord]) -> tuple[TrialRecord, tuple[int, ...]]:
    """The knee of the Pareto front of a search's trials, and the front's trial numbers.

    Only trials that keep every limit are looked at; where none does, those that come nearest to it.
    """
    least = min(trial.violation for trial in trials)
    best = [trial for trial in trials if trial.violation <= least]
    points = gains([Objectives.from_json(trial.objectives) for trial in best])
    front = tuple(best[index].trial_number for index in pareto_front(points))
    return best[knee(points)], front


def concluded(problem: Problem, parameters: SearchParameters, stored: StoredRun) -> OptimizationOutcome:
    """The outcome of a complete run; a pure function of the problem and what the ledger holds.

    Raises `RefusedError` when the run was stopped before a fold, or the last search, had a trial.
    """
    searches = planned(problem, parameters)
    choices = {search: chosen(trials) for search in searches if (trials := stored.population(search))}
    last = next(search for search in searches if search.fold is None)
    whole = [search for search in choices if search.regime == GLOBAL]
    if last not in choices or len(whole) < 2:
        raise RefusedError(
            f"run {stored.run_id} ended with trials in {len(choices)} of {len(searches)} searches; the last one and at least one "
            "fold are needed to propose a set: search again with another seed"
        )
    best = {search: trial for search, (trial, _) in choices.items()}
    folds = [_fold(problem, parameters, search, best) for search in whole if search.fold is not None]
    final, front = choices[last]
    return OptimizationOutcome(
        run_id=stored.run_id,
        proposed=StrategyParameters.from_json(final.parameters),
        regime_sets=_regime_sets(problem, parameters, last, best),
        regime_trials={search.regime: trial for search, trial in best.items() if search.fold is None},
        final=final,
        folds=tuple(folds),
        out_of_sample=walked_forward(problem, [(fold.parameters, fold.fold.test) for fold in folds]),
        in_sample_sharpe=mean_in_sample_sharpe(folds),
        pareto=front,
        evaluations=stored.evaluations,
        searches=tuple(stored.searches),
        span=searchable(problem, parameters),
    )


def concluded_again(problem: Problem, proposal: Mapping[str, Any], store: TrialStore) -> OptimizationOutcome:
    """The outcome of the run of a stored proposal once more, from the ledger's trials of it. Raises `BrokenLineageError`."""
    parameters, run_id = SearchParameters.from_json(proposal["search"]), int(proposal["run_id"])
    outcome = concluded(problem, parameters, StoredRun.read(store, run_id))
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


def _fold(problem: Problem, parameters: SearchParameters, search: Search, best: Mapping[Search, TrialRecord]) -> FoldOutcome:
    if search.fold is None:
        raise ValueError(f"search {search.index} has no fold")
    trial = best[search]
    picked: Strategy = StrategyParameters.from_json(trial.parameters)
    train_sharpe = float(trial.metrics["sharpe_ratio"])
    sets = _regime_sets(problem, parameters, search, best)
    if sets is not None:
        picked, train_sharpe = sets, problem.evaluate(sets, search.window).metrics.sharpe_ratio
    test = problem.evaluate(picked, search.fold.test).metrics
    return FoldOutcome(search.fold, trial, picked, train_sharpe, test, trial.violation > UNTRADED)


def _regime_sets(
    problem: Problem, parameters: SearchParameters, search: Search, best: Mapping[Search, TrialRecord]
) -> RegimeSets | None:
    """The sets by regime of one window, from what its searches chose; None where all regimes are searched together."""
    if parameters.regime_mode == GLOBAL:
        return None
    choices = {each.regime: trial for each, trial in best.items() if each.window == search.window and each.fold == search.fold}
    return sets_of_searches(problem, search.window, choices, parameters.regime_choice)
