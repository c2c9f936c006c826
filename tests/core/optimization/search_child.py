"""Run the small search on a ledger in a process of its own, pausing after each trial, so that a test can kill it."""

import sys
import time

from search_problem import SMALL, problem

from fxgpt_core.optimization.study import optimize
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.trials import TrialStore

if __name__ == "__main__":
    url, pause_s = sys.argv[1], float(sys.argv[2])
    optimize(problem(), SMALL, TrialStore(Ledger(url)), progress=lambda _: time.sleep(pause_s))
