"""What a run keeps in full, in rows and bytes of a SQLite ledger, and what keeping it costs.

    python -m benchmarks.kept_trials
    python -m benchmarks.kept_trials --folds 2 --trials 2500 --json

A run of NSGA-II that spends its whole budget is made on two years of five-minute candles that are made up. Then its batches are
stored once more in ledgers of their own, as the run did and with nothing in full: the difference, in bytes of the file and in
seconds of the processor, is what is kept in full. At last the run goes to the archive: told are the bytes that are free again.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path

from benchmarks.ledger_filling import open_run
from benchmarks.optimization_material import problem_of, two_years
from fxgpt_core.optimization.convergence import NEVER
from fxgpt_core.optimization.plan import SearchParameters
from fxgpt_core.optimization.study import optimize
from fxgpt_core.registry import retention
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.searches import Lease
from fxgpt_core.registry.tables import metadata
from fxgpt_core.registry.trials import TrialRecord, TrialStore

Batch = tuple[Sequence[TrialRecord], Collection[int]]


YEAR_OF_FOLDS = 100 * 2_500
"""Trials of 99 folds and a last search, 50 generations of 50 each: two years in steps of a week."""


@dataclass(frozen=True)
class Kept:
    """Trials of a run and of its last search, how many are kept in full, and what one takes: a row of the ledger (`short`), and
    besides all numbers of one that is kept (`full`). Seconds are of the processor.
    """

    trials: int
    kept: int
    last_trials: int
    last_kept: int
    ledger_bytes: int
    short_bytes: float
    full_bytes: float
    run_s: float
    short_ms: float
    full_ms: float
    free_bytes_when_archived: int

    @property
    def ninety_nine_folds(self) -> tuple[float, float]:
        """Gigabytes of a run of 99 folds, and the minutes that storing it takes, when as many are kept as of the last search."""
        kept = YEAR_OF_FOLDS * self.last_kept / self.last_trials
        parts = ((self.short_bytes, self.full_bytes), (self.short_ms, self.full_ms))
        size, taken = (short * YEAR_OF_FOLDS + full * kept for short, full in parts)
        return size / 1e9, taken / 6e4


class Listening(TrialStore):
    """A store that remembers what it was asked to store."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self.batches: list[Batch] = []

    def record(
        self,
        run_id: int,
        trials: Sequence[TrialRecord],
        in_full: Collection[int] | None = None,
        lease: Lease | None = None,
    ) -> None:
        super().record(run_id, trials, in_full, lease)
        self.batches.append((trials, in_full or ()))


def kept(folds: int, trials: int, final_trials: int, seed: int) -> Kept:
    """One run, its batches stored again, its archive."""
    problem = problem_of(two_years(seed), seed)
    search = SearchParameters(seed, trials, final_trials, folds, convergence=NEVER)
    with tempfile.TemporaryDirectory() as folder:
        ledgers = {name: _ledger(Path(folder) / name) for name in ("first", "run", "empty", "short", "full")}
        optimize(problem, replace(search, n_trials=50, n_final_trials=50, max_folds=1), TrialStore(ledgers["first"]))  # compiles
        store, began = Listening(ledgers["run"]), time.process_time()
        outcome = optimize(problem, search, store)
        run_s = time.process_time() - began
        nothing, _ = _stored(ledgers["empty"], [])
        short, short_s = _stored(ledgers["short"], [(batch, ()) for batch, _ in store.batches])
        full, full_s = _stored(ledgers["full"], store.batches)
        numbers = [trial.trial_number for batch, in_full in store.batches for trial in batch if trial.trial_number in in_full]
        found = Kept(
            trials=outcome.n_trials,
            kept=len(numbers),
            last_trials=outcome.searches[-1].n_done,
            last_kept=sum(number >= outcome.searches[-1].first_number for number in numbers),
            ledger_bytes=full,
            short_bytes=(short - nothing) / outcome.n_trials,
            full_bytes=(full - short) / len(numbers),
            run_s=run_s,
            short_ms=1e3 * short_s / outcome.n_trials,
            full_ms=1e3 * (full_s - short_s) / len(numbers),
            free_bytes_when_archived=_freed(ledgers["run"]),
        )
        for ledger in ledgers.values():
            ledger.close()
    return found


def _ledger(file: Path) -> Ledger:
    ledger = Ledger(f"sqlite:///{file}")
    metadata.create_all(ledger.engine)
    return ledger


def _stored(ledger: Ledger, batches: Sequence[Batch]) -> tuple[int, float]:
    """The bytes of a ledger that is given some batches, and the seconds of the processor that took."""
    store, began = TrialStore(ledger), time.process_time()
    run_id = open_run(store, "stored")
    for trials, in_full in batches:
        store.record(run_id, trials, in_full)
    return _pages(ledger, "page_count"), time.process_time() - began


def _freed(ledger: Ledger) -> int:
    """Bytes that are free in the file once its runs are archived; the file keeps its length, and later runs fill it."""
    retention.archive(ledger, ledger.now() + timedelta(days=1))
    return _pages(ledger, "freelist_count")


def _pages(ledger: Ledger, of: str) -> int:
    with ledger.reading() as connection:
        counts = [int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()) for name in (of, "page_size")]
    return counts[0] * counts[1]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folds", type=int, default=8)
    parser.add_argument("--trials", type=int, default=1_000, help="of each fold")
    parser.add_argument("--final-trials", type=int, default=2_500)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    found = kept(asked.folds, asked.trials, asked.final_trials, asked.seed)
    size, minutes = found.ninety_nine_folds
    if asked.json:
        print(json.dumps({**asdict(found), "ninety_nine_folds_gb": size, "ninety_nine_folds_minutes": minutes}))
        return 0
    of_last, each = (found.last_kept, found.last_trials), (found.short_bytes, found.full_bytes)
    print("{} of {} trials are kept in full, of the last search {} of {}".format(found.kept, found.trials, *of_last))
    print("the ledger takes {:.1f} MB: {:.0f} bytes a trial, {:.0f} more in full".format(found.ledger_bytes / 1e6, *each))
    print(f"run {found.run_s:.1f} s; of it storing {found.short_ms:.3f} ms a trial, {found.full_ms:.3f} ms more in full")
    print(f"archived, {found.free_bytes_when_archived / 1e6:.1f} MB of the file are free for other runs")
    print(f"99 folds and a last search of 2,500 trials each would take {size:.2f} GB, and {minutes:.1f} min to store")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
