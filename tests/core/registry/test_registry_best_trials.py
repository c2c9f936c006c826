"""The best trials are those that a look at every row finds, and what trades is loaded with all its sets."""

from dataclasses import replace

import numpy as np
import pytest
from deployment_examples import PLACE, desk_of
from registry_examples import PARAMETERS, proposal, request, trial
from sqlalchemy import delete, text

from fxgpt_core.errors import BadInputError, BrokenLineageError, MissingError
from fxgpt_core.registry.best_trials import BestTrialsQuery, best_trials
from fxgpt_core.registry.deployed_sets import active_sets, sets_of
from fxgpt_core.registry.deployment_records import RegimeMapping
from fxgpt_core.registry.searches import PlannedSearch
from fxgpt_core.registry.tables import deployment_configs, regime_parameters
from fxgpt_core.registry.trials import TrialStore

N_RUNS, N_TRIALS = 4, 30
QUERIES = [
    BestTrialsQuery(*PLACE),
    BestTrialsQuery(*PLACE, n=1),
    BestTrialsQuery(*PLACE, n=200),
    BestTrialsQuery(*PLACE, regime="ranging", n=7),
    BestTrialsQuery(*PLACE, max_drawdown_pct=12.0),
    BestTrialsQuery(*PLACE, min_win_rate=0.5, n=5),
    BestTrialsQuery(*PLACE, max_drawdown_pct=9.0, min_win_rate=0.6),
    BestTrialsQuery(*PLACE, max_drawdown_pct=-1.0),
    BestTrialsQuery("EURUSD", "4h"),
    BestTrialsQuery("GBPUSD", "1h", n=3),
]


def filled(ledger):
    """Four runs, the last of another symbol, each of two searches, one of regime ranging; Sharpe ratios with many ties.

    Returns every trial as (symbol, regime, run, trial, sharpe, drawdown, win rate).
    """
    store, rng, found = TrialStore(ledger), np.random.default_rng(3), []
    plan = [PlannedSearch(i, "search", regime, "random", 100 * i, 100, 0, 1) for i, regime in enumerate(("global", "ranging"))]
    for run in range(N_RUNS):
        symbol = "EURUSD" if run < N_RUNS - 1 else "GBPUSD"
        run_id = store.open_run(request(f"00000000-0000-5000-8000-00000000000{run}", symbol=symbol), plan)
        trials = []
        for number in range(N_TRIALS):
            sharpe, drawdown, win_rate = float(rng.integers(-3, 4)), float(rng.uniform(5, 20)), float(rng.uniform(0.3, 0.7))
            metrics = {**trial().metrics, "sharpe_ratio": sharpe, "max_drawdown_pct": drawdown, "win_rate": win_rate}
            trials.append(trial(number, fold=number % 2, metrics=metrics))
            found.append((symbol, plan[number % 2].regime, run_id, number, sharpe, drawdown, win_rate))
        store.record(run_id, trials)
    return found


def expected(rows, query):
    """By reading everything: of equals the earlier run, then the earlier trial."""
    wanted = [
        (-sharpe, run_id, number)
        for symbol, regime, run_id, number, sharpe, drawdown, win_rate in rows
        if (symbol, "1h", regime) == (query.symbol, query.timeframe, query.regime)
        and (query.max_drawdown_pct is None or drawdown <= query.max_drawdown_pct)
        and (query.min_win_rate is None or win_rate >= query.min_win_rate)
    ]
    return [(run_id, number) for _, run_id, number in sorted(wanted)][: query.n]


def test_the_best_are_those_that_a_look_at_every_row_finds_with_their_ninety_parameters(migrated_ledger):
    rows = filled(migrated_ledger)
    for query in QUERIES:
        found = best_trials(migrated_ledger, query)
        assert [(each.run_id, each.trial_number) for each in found] == expected(rows, query), query
        assert all(each.parameters == PARAMETERS.to_json() for each in found)
        assert {each.regime for each in found} <= {query.regime}
    (first,) = best_trials(migrated_ledger, QUERIES[1])
    assert (first.results["sharpe_ratio"], first.phase, first.params_sha256) == (3.0, "search", PARAMETERS.sha256)


def test_a_trial_that_was_not_kept_in_full_is_not_among_them(sqlite_ledger):
    store = TrialStore(sqlite_ledger)
    run_id = store.open_run(request())
    store.record(run_id, [trial(0), trial(1)], in_full=[1])
    assert [each.trial_number for each in best_trials(sqlite_ledger, QUERIES[0])] == [1]


@pytest.mark.parametrize(
    "query", [BestTrialsQuery(*PLACE, regime="sideways"), BestTrialsQuery(*PLACE, n=0), BestTrialsQuery(*PLACE, n=1001)]
)
def test_a_regime_or_a_number_that_cannot_be_is_refused(sqlite_ledger, query):
    with pytest.raises(BadInputError, match="ask for 1 to 1000 of one of global, trending_up"):
        best_trials(sqlite_ledger, query)


def test_each_run_is_read_by_the_index_of_its_best(sqlite_ledger):
    """A scan would be right too, and a hundred times slower with a million trials."""
    from fxgpt_core.registry import best_trials as module

    asked = module._best(QUERIES[4], True).compile(sqlite_ledger.engine, compile_kwargs={"literal_binds": True})
    with sqlite_ledger.reading() as connection:
        plan = [row[-1] for row in connection.execute(text(f"EXPLAIN QUERY PLAN {asked}"))]
    assert any("COVERING INDEX idx_results_best (run_id=? AND regime=?)" in step for step in plan)
    assert not [step for step in plan if step.startswith("SCAN") and "LIST" not in step]


def test_what_trades_is_loaded_with_the_set_of_each_regime_and_its_pause(migrated_ledger, tmp_path):
    desk = desk_of(migrated_ledger, tmp_path)
    with pytest.raises(MissingError, match="nothing is deployed for EURUSD 1h"):
        active_sets(migrated_ledger, *PLACE)
    whole, ranging = (proposal(migrated_ledger, number, regime=regime) for number, regime in enumerate(("global", "ranging")))
    reasons = dict.fromkeys(("trending_up", "trending_down", "volatile"), "too few trades")
    asked = replace(desk.request, approval_reason="it passed", regime_parameters_id=whole)
    first = desk.deployments.deploy(asked)
    alone = active_sets(migrated_ledger, *PLACE)
    assert (alone.deployment, alone.whole, alone.by_regime, alone.pause) == (first, PARAMETERS.to_json(), {}, None)
    second = desk.deployments.deploy(replace(asked, regimes=RegimeMapping({"ranging": ranging}, reasons)))
    pause = desk.pauses.pause(*PLACE, by="ann", reason="news")
    both = active_sets(migrated_ledger, *PLACE)
    assert (both.deployment, both.by_regime, both.fallbacks, both.pause) == (
        second,
        {"ranging": PARAMETERS.to_json()},
        reasons,
        pause,
    )
    assert sets_of(migrated_ledger, first.id).by_regime == {}
    with migrated_ledger.begin() as connection:
        connection.execute(deployment_configs.update().values(global_params_id=None))
        connection.execute(delete(regime_parameters).where(regime_parameters.c.id == ranging))
    with pytest.raises(BrokenLineageError, match=rf"names the proposals \[{ranging}\]"):
        active_sets(migrated_ledger, *PLACE)
