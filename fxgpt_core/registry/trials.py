"""Optimization runs and their trials: each batch is one transaction, so a killed run resumes where the ledger ends."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError

from fxgpt_core.errors import RefusedError
from fxgpt_core.registry import runs, searches
from fxgpt_core.registry.evaluations import Evaluations, read_evaluations
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.runs import Proposal, RunRequest
from fxgpt_core.registry.runs_ever import require_not_archived, run_ids_ever
from fxgpt_core.registry.searches import Lease, PlannedSearch, SearchEnd, SearchRow
from fxgpt_core.registry.tables import trial_ledger
from fxgpt_core.registry.trial_rows import TrialRecord, read_trials, write_in_full, write_ledger

__all__ = ["Proposal", "RunRequest", "TrialRecord", "TrialStore"]


class TrialStore:
    """The optimization tables of one ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def open_run(self, request: RunRequest, plan: Sequence[PlannedSearch] = ()) -> int:
        """The id of the run, new or the one of the same `run_uuid`, with its searches; a failed run is running again.

        Raises `BadInputError` when that uuid already names a different request.
        """
        with self.ledger.begin() as connection:
            require_not_archived(connection, request.run_uuid)
            run_id = runs.opened(connection, request, self.ledger.now())
            searches.plan(connection, run_id, plan)
            return run_id

    def trials(self, run_id: int, numbers: Collection[int] | None = None) -> list[TrialRecord]:
        """The trials of a run that are kept in full, all or those of some numbers, in the order of their numbers."""
        with self.ledger.reading() as connection:
            return read_trials(connection, run_id, numbers)

    def evaluations(self, run_id: int, search: int | None = None) -> Evaluations:
        """Every evaluation of a run, or of one of its searches, in the order of its number, as arrays."""
        with self.ledger.reading() as connection:
            return read_evaluations(connection, run_id, search)

    def record(
        self,
        run_id: int,
        trials: Sequence[TrialRecord],
        in_full: Collection[int] | None = None,
        lease: Lease | None = None,
    ) -> None:
        """Store a batch in one transaction: a row of the ledger for each, and all numbers of those `in_full` (None: of all).

        Raises `RefusedError` when a number is taken or the lease was lost, `BadInputError` for bad numbers.
        """
        kept = [each for each in trials if in_full is None or each.trial_number in in_full]
        now = self.ledger.now()
        try:
            with self.ledger.begin() as connection:
                if lease is not None:
                    searches.beat(connection, run_id, lease, now)
                write_ledger(connection, run_id, trials, now)
                write_in_full(connection, run_id, searches.regimes(connection, run_id), kept, now)
        except IntegrityError as error:
            numbers = ", ".join(str(each.trial_number) for each in trials[:3]) + (" …" if len(trials) > 3 else "")
            raise RefusedError(
                f"trial {numbers} of run {run_id} was not stored: {error.orig}. A trial is recorded once, in a run "
                "that exists; read `evaluations(run_id)` and continue with the next number"
            ) from error

    def finish(self, run_id: int, best: TrialRecord, pareto: Sequence[int], duration_s: float) -> None:
        """Mark a run completed, with its best trial and its Pareto front; a run completed before is left as it is."""
        with self.ledger.begin() as connection:
            if runs.status_of(connection, run_id) != "completed":
                about = {"total_duration_sec": round(duration_s), "updated_at": self.ledger.now()}
                runs.finished(connection, run_id, best.metrics, pareto, about)

    def fail(self, run_id: int, reason: str) -> None:
        """Mark a run failed and keep why; its trials stay, and opening it again resumes it."""
        with self.ledger.begin() as connection:
            runs.status_of(connection, run_id)
            runs.set_run(connection, run_id, self.ledger.now(), status="failed", notes=reason)

    def record_proposal(self, run_id: int, proposal: Proposal) -> int:
        """The id of the proposed parameter set's row; the same proposal again is the same row. Raises `MissingError`."""
        with self.ledger.begin() as connection:
            return runs.proposed(connection, run_id, proposal, self.ledger.now())

    def searches(self, run_id: int) -> list[SearchRow]:
        """The searches of a run, in their order."""
        with self.ledger.reading() as connection:
            return searches.read(connection, run_id)

    def claim(self, run_id: int, worker: str) -> Lease | None:
        """The next search of a run that nobody works on, now the worker's; None when there is none (left)."""
        with self.ledger.begin() as connection:
            return searches.claim(connection, run_id, worker, self.ledger.now())

    def end_search(self, run_id: int, lease: Lease, end: SearchEnd) -> None:
        """Mark a search ended, with why. Raises `RefusedError` when the lease was lost."""
        with self.ledger.begin() as connection:
            searches.end(connection, run_id, lease, end, self.ledger.now())

    def ask_to_stop(self, run_id: int, by: str, reason: str) -> None:
        """Ask whoever works on a run to end its searches with what is there. Raises `MissingError`, `RefusedError`."""
        with self.ledger.begin() as connection:
            searches.ask_to_stop(connection, run_id, (by, reason), self.ledger.now())

    def stop_asked(self, run_id: int) -> str | None:
        """Why a run is to stop, and who asked for it; None if nobody did."""
        with self.ledger.reading() as connection:
            return searches.stop_asked(connection, run_id)

    def n_trials_ever(self, symbol: str, timeframe: str) -> int:
        """How many trials were ever recorded for a symbol and timeframe, over all runs, finished or not."""
        with self.ledger.reading() as connection:
            return int(connection.execute(_ever(symbol, timeframe, func.count())).scalar_one())

    def sharpe_variance(self, symbol: str, timeframe: str) -> float:
        """Sample variance of the per-period Sharpe ratios of all those trials; 0 with fewer than two."""
        sharpe = trial_ledger.c.sharpe_per_period
        with self.ledger.reading() as connection:
            n, mean = connection.execute(_ever(symbol, timeframe, func.count(), func.avg(sharpe))).one()
            if n < 2:
                return 0.0
            # Around the mean, not by the sum of squares, which cancels.
            squares: float = connection.execute(
                _ever(symbol, timeframe, func.sum((sharpe - mean) * (sharpe - mean)))
            ).scalar_one()
        return squares / (int(n) - 1)


def _ever(symbol: str, timeframe: str, *columns: Any) -> Select[Any]:
    return select(*columns).select_from(trial_ledger).where(trial_ledger.c.run_id.in_(run_ids_ever(symbol, timeframe)))
