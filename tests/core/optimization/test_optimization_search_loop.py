"""The loop of the benchmarks is the search of a run, without its ledger; what is kept of a run is worked out by hand."""

import dataclasses

import numpy as np
import pytest
from search_problem import GENETIC, memory_store, problem

from benchmarks.kept_trials import Kept
from benchmarks.search_loop import Field, searched
from fxgpt_core.optimization.engines.genetic import GeneticParameters
from fxgpt_core.optimization.engines.hybrid import GRID_SIZE
from fxgpt_core.optimization.engines.named import EngineName, EngineParameters
from fxgpt_core.optimization.plan import planned
from fxgpt_core.optimization.study import optimize


@pytest.mark.parametrize("name", [EngineName.NSGA2, EngineName.HYBRID])
def test_the_loop_of_the_benchmarks_evaluates_what_the_first_search_of_a_run_does(name: EngineName) -> None:
    small, engine = problem(), EngineParameters(name, GeneticParameters(population=8), seeded=4)
    looks, n = (GRID_SIZE, GRID_SIZE + 16) if name is EngineName.HYBRID else (0, 24)
    asked = dataclasses.replace(GENETIC, n_trials=n, n_final_trials=n, max_folds=1, engine=engine)
    store = memory_store()
    optimize(small, asked, store)
    stored = store.evaluations(1, 0)
    found = searched(Field(small, planned(small, asked)[0].window, asked.limits), engine, n, asked.seed)
    assert found.looks == looks == np.count_nonzero(stored.phase == "screen")
    assert np.array_equal(found.told.genomes, stored.genome)
    assert np.array_equal(found.told.objectives, stored.objectives)
    assert np.array_equal(found.told.violation, stored.violation)
    assert np.array_equal(found.sharpe_per_period, stored.sharpe_per_period)
    # Of the grid, which is only looked at, nothing is kept in full.
    assert min(trial.trial_number for trial in store.trials(1)) == looks


def test_what_ninety_nine_folds_would_take_is_worked_out_from_the_last_search() -> None:
    measured = Kept(300, 90, last_trials=100, last_kept=20, ledger_bytes=1, short_bytes=400.0, full_bytes=10_000.0,
                    run_s=9.0, short_ms=0.03, full_ms=0.6, free_bytes_when_archived=1)  # fmt: skip
    # 250,000 trials of 400 bytes and 50,000 of 10,000 more; 7.5 s and 30 s.
    assert measured.ninety_nine_folds == pytest.approx((0.6, 37.5 / 60))
