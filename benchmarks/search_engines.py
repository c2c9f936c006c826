"""The engines side by side: how much of the box of objectives each reaches with as many trials, and how long it takes.

    python -m benchmarks.search_engines
    python -m benchmarks.search_engines --seeds 3 --trials 500 --engines nsga2 random --json

One search on one window of a made-up problem with an edge and all components, by each engine and seed. Told are the hypervolume
of what keeps all limits (1: the whole box), after a tenth, a quarter and all of the trials, the seconds of the engine itself and
of playing what it proposed, and how often it reached more than random search with the same seed. TPE is slow to propose: it is
given `--tpe-trials` on `--tpe-seeds` seeds.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from benchmarks.search_loop import Field, searched
from benchmarks.search_material import made_up, with_components
from fxgpt_core.optimization.engines.named import EngineName, EngineParameters
from fxgpt_core.optimization.hypervolume import hypervolumes
from fxgpt_core.validation.folds import Window

DAYS: Final = 60
EDGE: Final = 0.05
SLOW: Final = (EngineName.TPE, EngineName.TPE_WEIGHTED)
SHARES: Final = (0.1, 0.25, 1.0)


@dataclass(frozen=True)
class Reached:
    """One search: the hypervolume after each share of its trials, and where its seconds went."""

    engine: str
    seed: int
    trials: int
    hypervolume: tuple[float, ...]
    engine_s: float
    played_s: float
    feasible: int


def made_up_field() -> Field:
    """Sixty days of hourly candles with an edge."""
    problem = with_components(made_up(24 * DAYS, EDGE, seed=3), seed=5)
    return Field(problem, Window(int(problem.candles.known_at_us[0]), int(problem.candles.known_at_us[-1]) + 1))


def reached(field: Field, name: EngineName, trials: int, seed: int) -> Reached:
    """One search."""
    found = searched(field, EngineParameters(name), trials, seed)
    # A cheap look at the grid is no result: it counts as trials, and reaches nothing.
    refined = found.told.rows(slice(found.looks, None))
    good = np.cumsum(refined.violation == 0.0)
    counts = [int(good[n - 1]) if (n := round(share * trials) - found.looks) > 0 else 0 for share in SHARES]
    volumes = hypervolumes(refined.objectives[refined.violation == 0.0], counts)
    feasible = int(good[-1]) if len(good) else 0
    return Reached(str(name), seed, trials, tuple(volumes.tolist()), found.engine_s, found.played_s, feasible)


def compared(names: Sequence[EngineName], trials: int, seeds: int, tpe: tuple[int, int]) -> list[Reached]:
    """Every engine on every seed; TPE with its own number of trials and seeds."""
    field = made_up_field()
    return [
        reached(field, name, n, seed)
        for name in names
        for n, count in [tpe if name in SLOW else (trials, seeds)]
        for seed in range(1, count + 1)
    ]


def wins(found: Sequence[Reached]) -> dict[str, list[int]]:
    """By engine: on how many seeds it reached more than random search, of how many with as many trials."""
    baseline = {(each.seed, each.trials): each.hypervolume[-1] for each in found if each.engine == EngineName.RANDOM}
    told: dict[str, list[int]] = {}
    for each in found:
        if each.engine != EngineName.RANDOM and (each.seed, each.trials) in baseline:
            won = told.setdefault(each.engine, [0, 0])
            won[0] += each.hypervolume[-1] > baseline[each.seed, each.trials]
            won[1] += 1
    return told


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--tpe-trials", type=int, default=200)
    parser.add_argument("--tpe-seeds", type=int, default=2)
    parser.add_argument("--engines", nargs="+", default=[str(name) for name in EngineName], choices=[str(n) for n in EngineName])
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    found = compared([EngineName(name) for name in asked.engines], asked.trials, asked.seeds, (asked.tpe_trials, asked.tpe_seeds))
    if asked.json:
        print(json.dumps({"searches": [asdict(each) for each in found], "more_than_random": wins(found)}))
        return 0
    print("      engine trials seeds   hv 10%   hv 25%  hv 100%  lowest highest  engine ms/trial  played ms/trial")
    for name in asked.engines:
        rows = [each for each in found if each.engine == name]
        volumes = np.array([each.hypervolume for each in rows])
        means = " ".join(f"{value:8.4f}" for value in volumes.mean(axis=0))
        spent = [
            1e3 * sum(getattr(each, part) for each in rows) / sum(each.trials for each in rows)
            for part in ("engine_s", "played_s")
        ]
        print(
            f"{name:>12} {rows[0].trials:6d} {len(rows):5d} {means} {volumes[:, -1].min():7.4f} {volumes[:, -1].max():7.4f} "
            f"{spent[0]:16.3f} {spent[1]:16.3f}"
        )
    for name, (won, of) in wins(found).items():
        print(f"{name} reached more than random search on {won} of {of} seeds")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
