"""Searches that are killed with SIGKILL at random moments leave the trial tables of one that was not.

    python -m benchmarks.killed_searches
    python -m benchmarks.killed_searches --kills 40 --seed 3 --engine tpe --json

A search of a planted problem runs once undisturbed. Then it runs again, on another ledger, in a process that is killed after a
random time (behind its beginning at most a tenth of what the first took), and again until it has been killed so often; the last
one is let be. Compared are all rows of the trial tables, but for what the clock says.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import select

from benchmarks.search_material import planted, search
from fxgpt_core.optimization.engines.named import EngineName
from fxgpt_core.optimization.study import optimize
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.tables import (
    metadata,
    optimization_parameters,
    optimization_results,
    optimization_searches,
    trial_ledger,
)
from fxgpt_core.registry.trials import TrialStore

TABLES = (trial_ledger, optimization_results, optimization_parameters, optimization_searches)
OF_THE_CLOCK = frozenset({"created_at", "started_at", "ended_at", "heartbeat_at", "worker", "id"})


@dataclass(frozen=True)
class Killed:
    """How often a search was killed, at how many trials of how many, and whether its tables are those of one that was not."""

    engine: str
    kills: int
    at_trials: list[int]
    trials: int
    lost: int
    repeated: int
    identical: bool


def killed(engine: EngineName, trials: int, kills: int, seed: int) -> Killed:
    """Kill a search so often, let it end, and compare."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        compiling, whole, cut = (_ledger(Path(folder) / name) for name in ("compiling.db", "whole.db", "cut.db"))
        _killed_after(compiling.url, (engine, trials), None)  # what it compiles is there for all that are timed
        moments = [time.monotonic()]
        for _ in range(2):  # the second finds all trials there, so that it tells how long a process takes besides
            _killed_after(whole.url, (engine, trials), None)
            moments.append(time.monotonic())
        begin_s = moments[2] - moments[1]
        latest_s = begin_s + (moments[1] - moments[0] - begin_s) / 10.0
        at: list[int] = []
        while len(at) < kills and _killed_after(cut.url, (engine, trials), float(rng.uniform(0.3 * begin_s, latest_s))):
            at.append(len(TrialStore(cut).evaluations(1)))
        _run(cut.url, engine, trials)
        expected, found = _rows(whole), _rows(cut)
        numbers = TrialStore(cut).evaluations(1).number.tolist()
        n = len(TrialStore(whole).evaluations(1))
        for ledger in (compiling, whole, cut):
            ledger.close()
    return Killed(str(engine), len(at), at, n, n - len(set(numbers)), len(numbers) - len(set(numbers)), found == expected)


def _ledger(file: Path) -> Ledger:
    ledger = Ledger(f"sqlite:///{file}")
    metadata.create_all(ledger.engine)
    return ledger


def _run(url: str, engine: EngineName, trials: int) -> None:
    optimize(planted(), search(engine, trials), TrialStore(Ledger(url)))


def _killed_after(url: str, asked: tuple[EngineName, int], seconds: float | None) -> bool:
    """Whether a process of the search was still at it after so long, and was killed; None lets it be."""
    search_asked = ["--engine", str(asked[0]), "--trials", str(asked[1])]
    child = subprocess.Popen([sys.executable, "-m", "benchmarks.killed_searches", "--child", url, *search_asked])
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
    return child.wait() == -signal.SIGKILL


def _rows(ledger: Ledger) -> dict[str, list[tuple[Any, ...]]]:
    with ledger.reading() as connection:
        return {
            table.name: sorted(
                tuple(value for name, value in row._mapping.items() if name not in OF_THE_CLOCK)
                for row in connection.execute(select(table))
            )
            for table in TABLES
        }


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--trials", type=int, default=2_000, help="of each of the four searches; of TPE a tenth")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--engine", default="nsga2", choices=[str(name) for name in EngineName])
    parser.add_argument("--child", metavar="URL", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    if asked.child:
        _run(asked.child, EngineName(asked.engine), asked.trials)
        return 0
    found = killed(EngineName(asked.engine), asked.trials, asked.kills, asked.seed)
    if asked.json:
        print(json.dumps(asdict(found)))
    else:
        print(f"{found.engine}: killed {found.kills} times, at {found.at_trials} of {found.trials} trials")
        print(f"lost {found.lost}, repeated {found.repeated}, tables identical: {'yes' if found.identical else 'NO'}")
    return 0 if found.identical else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
