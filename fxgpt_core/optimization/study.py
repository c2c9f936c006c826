"""A run: every search of its plan, by as many processes as ask for one, and then what they come to.

Each batch of trials is one transaction in the ledger. What is proposed depends on the ledger's trials of its own search and on
the run's seed only, so a run killed at any point ends as if it had not been.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from fxgpt_core.optimization.conclusion import StoredRun, concluded
from fxgpt_core.optimization.convergence import End
from fxgpt_core.optimization.outcome import OptimizationOutcome
from fxgpt_core.optimization.plan import Search, SearchParameters, planned, run_uuid
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.optimization.searching import Run, Searching
from fxgpt_core.process_identity import ProcessIdentity
from fxgpt_core.regimes.regime import GLOBAL
from fxgpt_core.registry.searches import PlannedSearch
from fxgpt_core.registry.trials import Proposal, RunRequest, TrialRecord, TrialStore

POLL_S = 0.2


@dataclass(frozen=True)
class SearchProgress:
    """After a batch: `done` of `total` trials, seconds since this process began, and an estimate of the seconds left.

    The estimate is the pace since this process's first batch, which compiles and imports; None after that one alone.
    """

    done: int
    total: int
    search: int
    phase: str
    trial: TrialRecord
    elapsed_s: float
    remaining_s: float | None


@dataclass(frozen=True)
class Clocks:
    """What tells the time, and what waits, in seconds."""

    now: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep


def optimize(
    problem: Problem,
    parameters: SearchParameters,
    store: TrialStore,
    *,
    progress: Callable[[SearchProgress], None] | None = None,
    clocks: Clocks | None = None,
) -> OptimizationOutcome:
    """Run, resume or join the optimization of a problem; the same call after a crash continues where the ledger ends.

    Several processes that call it share the run: each takes the next search that nobody works on. A run that is complete gives
    what it gave. Raises `BadInputError` when the forecasts are too short for one fold, `BrokenLineageError` when the ledger's
    trials are not those of this run, `RefusedError` when it was stopped before anything could be proposed.
    """
    searches = planned(problem, parameters)
    run_id = store.open_run(_request(problem, parameters, searches), [_planned(search, parameters) for search in searches])
    work = _Work(Run(problem, parameters, store, run_id), searches, clocks or Clocks(), progress)
    try:
        work.do()
        outcome = concluded(problem, parameters, StoredRun.read(store, run_id))
    except BaseException as error:  # an interrupted run is told as failed too, and goes on when it is opened again
        store.fail(run_id, f"{type(error).__name__}: {error}")
        raise
    store.finish(run_id, outcome.final, outcome.pareto, work.pace.elapsed_s)
    place = (problem.symbol, str(problem.candles.timeframe))
    proposal = Proposal(outcome.final.trial_number, *place, GLOBAL, outcome.proposed.to_json())
    own = {} if outcome.regime_sets is None else outcome.regime_sets.by_regime
    by_regime = {
        name: store.record_proposal(run_id, Proposal(outcome.regime_trials[name].trial_number, *place, name, each.to_json()))
        for name, each in own.items()
    }
    return replace(outcome, regime_parameters_id=store.record_proposal(run_id, proposal), regime_parameters_ids=by_regime)


class _Work:
    """What one process does of a run."""

    def __init__(
        self, run: Run, searches: list[Search], clocks: Clocks, progress: Callable[[SearchProgress], None] | None
    ) -> None:
        self.run, self.searches, self.clocks, self.progress = run, searches, clocks, progress
        self.pace = _Pace(clocks.now, sum(search.n_trials for search in searches))
        self.worker = str(ProcessIdentity.own())

    def do(self) -> None:
        """Take searches until all have ended, by whomever."""
        while any(row.ended_at is None for row in self.run.store.searches(self.run.run_id)):
            lease = self.run.store.claim(self.run.run_id, self.worker)
            if lease is None:
                self.clocks.wait(POLL_S)
                continue
            search = self.searches[lease.search]
            searching = Searching(self.run, search, lease)
            searching.recall(self.run.store.evaluations(self.run.run_id, search.index))
            searching.end(self._search(searching))

    def _search(self, searching: Searching) -> End:
        """Batch after batch; why it ended."""
        search = searching.search
        while (reason := searching.over() or self._asked_to_end(searching)) is None:
            trial = searching.step()
            if trial is None:
                return End.EXHAUSTED
            if self.progress is not None:
                done = trial.trial_number + 1
                elapsed_s, left_s = self.pace.after(done)
                self.progress(SearchProgress(done, self.pace.total, search.index, search.phase, trial, elapsed_s, left_s))
        return reason

    def _asked_to_end(self, searching: Searching) -> End | None:
        """Stopped by a person or the clock; but the last search makes one batch, so that there is something to propose."""
        search = searching.search
        if search.fold is None and search.regime == GLOBAL and not searching.population:
            return None
        if self.run.store.stop_asked(self.run.run_id) is not None:
            return End.STOPPED
        timeout = self.run.parameters.convergence.timeout_s
        return End.TIMEOUT if timeout is not None and self.pace.elapsed_s > timeout else None


class _Pace:
    """Counts the trials of this process against the clock, by their numbers: what a search leaves out is done too."""

    def __init__(self, now: Callable[[], float], total: int) -> None:
        self.now, self.total = now, total
        self.began = now()
        self.first: tuple[float, int] | None = None

    @property
    def elapsed_s(self) -> float:
        return self.now() - self.began

    def after(self, done: int) -> tuple[float, float | None]:
        """Seconds since the beginning, and seconds left, after so many trials."""
        now = self.now()
        self.first = self.first or (now, done)
        since, at = self.first
        return now - self.began, (now - since) / (done - at) * (self.total - done) if done > at else None


def _request(problem: Problem, parameters: SearchParameters, searches: list[Search]) -> RunRequest:
    known_at = problem.bands.known_at_us
    return RunRequest(
        run_uuid=run_uuid(problem, parameters),
        symbol=problem.symbol,
        timeframe=str(problem.candles.timeframe),
        method=parameters.engine.name.method,
        regime_mode=parameters.regime_mode,
        start_us=int(known_at[0]),
        end_us=searches[-1].window.stop_us,
        n_trials=sum(search.n_trials for search in searches),
        notes=f"walk-forward search by {parameters.engine.name}, one for each fold",
    )


def _planned(search: Search, parameters: SearchParameters) -> PlannedSearch:
    return PlannedSearch(
        search=search.index,
        phase=search.phase,
        regime=search.regime,
        engine=str(parameters.engine.name),
        first_number=search.first,
        n_planned=search.n_trials,
        start_us=search.window.start_us,
        stop_us=search.window.stop_us,
    )
