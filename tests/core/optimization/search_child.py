"""Run a small search on a ledger in a process of its own, pausing after each batch, so that a test can kill it."""

import sys
import time

from search_problem import GENETIC, SMALL, problem

from fxgpt_core.optimization.study import optimize
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.trials import TrialStore

if __name__ == "__main__":
    url, pause_s, engine = sys.argv[1], float(sys.argv[2]), sys.argv[3]
    search = GENETIC if engine == "nsga2" else SMALL
    optimize(problem(), search, TrialStore(Ledger(url)), progress=lambda _: time.sleep(pause_s))
