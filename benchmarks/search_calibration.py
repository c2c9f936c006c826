"""How often whole searches of worthless forecasts pass the tests of luck, and how often those whose forecasts know something.

    python -m benchmarks.search_calibration
    python -m benchmarks.search_calibration --noise 20 --planted 10 --json

Each is a run as `optimized_parameters` makes one, small: NSGA-II on twenty folds of fourteen days, each tested on the next five,
`--trials` a search, on candles of a random walk of its own. Bands know nothing (noise), or a share `--edge` of each move to come.
`benchmarks.gate_calibration` draws returns instead, and is far quicker.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from typing import Any

import numpy as np

from benchmarks.search_material import made_up
from fxgpt_core.cli.countdown import Countdown
from fxgpt_core.optimization.convergence import NEVER
from fxgpt_core.optimization.engines.genetic import GeneticParameters
from fxgpt_core.optimization.engines.named import EngineName, EngineParameters
from fxgpt_core.optimization.limits import TrialLimits
from fxgpt_core.optimization.luck_of_search import TrialsEver, luck_of_search
from fxgpt_core.optimization.plan import SearchParameters
from fxgpt_core.optimization.study import optimize
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.tables import metadata
from fxgpt_core.registry.trials import TrialStore
from fxgpt_core.validation.folds import FoldParameters

CANDLES = 24 * 120


def failed(edge: float, seed: int, trials: int) -> list[str]:
    """The tests of luck that one search fails."""
    problem = made_up(CANDLES, edge, seed)
    search = SearchParameters(
        seed=seed,
        n_trials=trials,
        n_final_trials=trials,
        max_folds=20,
        vault_share=0.0,
        folds=FoldParameters(train_days=14, test_days=5, step_days=5, purge_candles=24),
        limits=TrialLimits(min_trades=2),
        engine=EngineParameters(EngineName.NSGA2, GeneticParameters(population=8)),
        convergence=NEVER,
    )
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(f"sqlite:///{folder}/ledger.db")
        metadata.create_all(ledger.engine)
        outcome = optimize(problem, search, TrialStore(ledger))
        ledger.close()
    found = luck_of_search(problem, outcome, TrialsEver(outcome.n_trials, 0.0), np.random.default_rng(seed))
    return [test.name for test in found.luck.tests if not test.passed]


def rates(edge: float, runs: int, trials: int) -> dict[str, Any]:
    """The share of runs that pass all tests of luck, and how many fail each."""
    tell = Countdown(lambda line: print(line, file=sys.stderr, flush=True), f"searches with an edge of {edge:g}")
    counted: Counter[str] = Counter()
    passed = 0
    for number in range(runs):
        names = failed(edge, 1_000 + number, trials)
        passed += not names
        counted.update(names)
        tell(number + 1, runs)
    return {"edge": edge, "searches": runs, "passed": passed / runs, "failed": dict(counted)}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--noise", type=int, default=200)
    parser.add_argument("--planted", type=int, default=50)
    parser.add_argument("--edge", type=float, default=0.6)
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    noise, planted = rates(0.0, asked.noise, asked.trials), rates(asked.edge, asked.planted, asked.trials)
    if asked.json:
        print(json.dumps({"noise": noise, "planted": planted}))
    else:
        for name, row in (("noise", noise), ("planted", planted)):
            print(f"{name:>8} {row['searches']:4d} searches, {row['passed']:.1%} pass; failed: {row['failed']}")
    return 0 if noise["passed"] <= 0.05 and planted["passed"] >= 0.8 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
