"""What the ledger takes to store 100 trials, to find the best of a million, and to load what is deployed; on each database.

    python -m benchmarks.ledger --json
    python -m benchmarks.ledger --trials 100000 --databases sqlite

A fresh ledger is filled with `--trials` rows of `trial_ledger` and of `optimization_results`, in `--runs` runs of three series,
half of them of the series that is asked. The 90 parameters of each trial are stored only for the last `--with-parameters`, which
are drawn with the highest Sharpe ratios, so that the best are found with theirs. The filling is not the measurement. Each time
is the median of `--repeats`, told with the slowest and with the processor's share of it in this process, which tells what the
clock owes to others on the machine (PostgreSQL's own work is in another process); `limit` is that of the user's document.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks import ledger_filling as filling
from fxgpt_core.errors import BadInputError, FxgptError
from fxgpt_core.registry import migration
from fxgpt_core.registry.best_trials import BestTrialsQuery, best_trials
from fxgpt_core.registry.deployed_sets import active_sets
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.trials import TrialStore

LIMITS = {"insert_100_trials_s": 10.0, "best_parameters_ms": 1000.0, "load_deployment_ms": 500.0}
DATABASES = ("sqlite", "postgresql")
N_INSERTED = 100
PLACE = filling.PLACE
QUERIES = {
    "best_parameters_ms": BestTrialsQuery(*PLACE),
    "best_under_limits_ms": BestTrialsQuery(*PLACE, max_drawdown_pct=10.0, min_win_rate=0.55),
    "best_where_none_is_ms": BestTrialsQuery(*PLACE, max_drawdown_pct=0.0, min_win_rate=1.0),
}


@contextmanager
def opened(database: str, folder: Path) -> Iterator[Ledger]:
    """A fresh, migrated ledger of a kind: a file, or a PostgreSQL server that is started for it and stopped."""
    with ExitStack() as stack:
        url = f"sqlite:///{folder / 'ledger.db'}"
        if database == "postgresql":
            url = stack.enter_context(import_module("tests.postgres_process").running_postgres())
        ledger = Ledger(url)
        stack.callback(ledger.close)
        migration.upgrade(ledger)
        yield ledger


def measure(ledger: Ledger, folder: Path, size: filling.Size, repeats: int) -> dict[str, Any]:
    """Medians and slowest times of each question, on a ledger that is filled first."""
    fill_s = seconds(lambda: filling.fill(ledger, size))
    filling.deploy(ledger, folder)
    store, batches = TrialStore(ledger), iter(range(repeats + 1))

    def insert() -> None:
        number = next(batches)
        store.record(filling.open_run(store, f"batch-{number}"), filling.records(N_INSERTED, number))

    asked: dict[str, Callable[[], object]] = {name: partial(best_trials, ledger, query) for name, query in QUERIES.items()}
    asked["load_deployment_ms"] = lambda: active_sets(ledger, *PLACE)
    asked["insert_100_trials_s"] = insert
    found: dict[str, Any] = {"fill_s": fill_s}
    for name, work in asked.items():
        work()  # the first one compiles the statement
        scale, busy = 1e3 if name.endswith("_ms") else 1.0, time.process_time()
        spent = [seconds(work) * scale for _ in range(repeats)]
        found |= {name: statistics.median(spent), f"{name}_slowest": max(spent)}
        found[f"{name}_processor"] = (time.process_time() - busy) * scale / repeats
    counts = [len(best_trials(ledger, query)) for query in QUERIES.values()]
    whole = all(len(each.parameters) == filling.N_PARAMETERS for each in best_trials(ledger, QUERIES["best_parameters_ms"]))
    return found | {"found": dict(zip(QUERIES, counts, strict=True)), "best_have_their_parameters": whole}


def seconds(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1_000_000)
    parser.add_argument("--with-parameters", type=int, default=10_000, help="trials whose 90 parameters are stored")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--databases", nargs="+", choices=DATABASES, default=list(DATABASES))
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--repeats", type=int, default=21)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    size = filling.Size(asked.trials, asked.with_parameters, asked.runs, asked.seed)
    found: dict[str, Any] = {"size": asdict(size), "limits": LIMITS, "repeats": asked.repeats}
    try:
        if not 1 <= size.with_parameters <= size.trials // size.runs or asked.repeats < 1:
            raise BadInputError(f"{size} with {asked.repeats} repeats cannot be; parameters are those of trials of the last run")
        for database in asked.databases:
            with tempfile.TemporaryDirectory() as folder, opened(database, Path(folder)) as ledger:
                found[database] = measure(ledger, Path(folder), size, asked.repeats)
    except FxgptError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(json.dumps(found)) if asked.json else tell(found)
    return 0


def tell(found: dict[str, Any]) -> None:
    """Print the times for people."""
    size = found["size"]
    print(
        f"{size['trials']} trials with their results in {size['runs']} runs; the 90 parameters only of the last "
        f"{size['with_parameters']}, the best; medians of {found['repeats']}"
    )
    for database in [name for name in DATABASES if name in found]:
        numbers = found[database]
        print(f"{database}  (filled in {numbers['fill_s']:.0f} s)")
        for name in (*QUERIES, "load_deployment_ms", "insert_100_trials_s"):
            limit = f"   limit {LIMITS[name]:g}" if name in LIMITS else ""
            slowest, processor = (numbers[f"{name}_{what}"] for what in ("slowest", "processor"))
            print(f"  {name:<24} {numbers[name]:9.3f}   slowest {slowest:9.3f}   processor {processor:9.3f}{limit}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
