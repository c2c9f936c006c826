"""How much a find hangs on its exact numbers, all together."""

import json
from dataclasses import replace

import numpy as np
import pytest
from search_problem import GENETIC, SMALL, memory_store, problem

from fxgpt_core.optimization.distance import distance_from_default
from fxgpt_core.optimization.plateau import neighbours, sharpe_on
from fxgpt_core.optimization.robustness import robustness
from fxgpt_core.optimization.study import optimize


@pytest.fixture(scope="module")
def run():
    small = problem(24 * 40, edge=0.6)
    return small, optimize(small, replace(GENETIC, max_folds=2, seed=3), memory_store())


@pytest.fixture(scope="module")
def found(run):
    return robustness(*run, runs=20)


def test_the_plateau_is_of_the_proposed_set_on_its_own_train_window(run, found):
    small, outcome = run
    window = outcome.own_window
    assert window.stop_us == outcome.span.stop_us
    assert small.evaluate(outcome.proposed, window).metrics.sharpe_ratio == found.plateau.score
    assert found.plateau.score == pytest.approx(outcome.final.metrics["sharpe_ratio"])
    near = neighbours(outcome.proposed)[:3]
    assert sharpe_on(small, window)([each.parameters for each in near]).tolist() == found.plateau.alone[:3].tolist()


def test_importance_is_of_every_evaluation_and_the_distance_of_the_proposed_set(run, found):
    assert found.importance is not None
    assert found.importance.n == run[1].n_trials
    assert len(found.importance.names) == run[1].evaluations.genome.shape[1]
    assert found.distance == distance_from_default(run[1].proposed)
    assert found.consistency.n_folds == len(run[1].folds)
    assert len(found.late.sharpe) == 20


def test_all_is_stored_and_every_measure_is_told_with_what_it_says(found):
    stored = json.loads(json.dumps(found.to_json(), allow_nan=False))
    measures = {"consistency", "late_entries", "plateau", "distance", "importance", "importance_unknown"}
    assert set(stored) == measures | {"global_set_alone"}
    told = {each.measure: each for each in found.told}
    assert told["plateau, one parameter moved"].value == found.plateau.share_alone
    assert told["effective parameters"].value == found.importance.effective_parameters
    assert told["folds with a Sharpe ratio above 0"].value == found.consistency.positive
    assert found.distance.moves[0].name in told["distance from the defaults"].says
    assert all(each.says for each in found.told)
    # Of sets by regime these know the global one alone, and say so.
    by_regime = replace(found, by_regime=True)
    alone = {each.measure for each in by_regime.told if each.says.startswith("of the global set alone")}
    assert alone == {each.measure for each in found.told if each.measure.startswith(("plateau", "distance"))}
    assert [each.measure for each in by_regime.told] == [each.measure for each in found.told]


def test_too_few_evaluations_say_why_nothing_is_known_of_importance(run):
    few = optimize(run[0], replace(SMALL, max_folds=1, n_trials=2, n_final_trials=2), memory_store())
    found = robustness(run[0], few, runs=1, score=lambda sets: np.ones(len(sets)))
    assert found.importance is None
    assert found.unknown.startswith("places (4, 69), 4 scores")
    assert found.to_json()["importance"] is None
    (told,) = [each for each in found.told if each.measure == "effective parameters"]
    assert np.isnan(told.value)
    assert "at least 40 evaluations" in told.says


def test_the_seed_draws_what_is_moved_together_and_when_entries_come(run, found):
    score = sharpe_on(run[0], run[1].own_window)
    one, same, other = (robustness(*run, seed, 5, score=lambda sets: np.array([each.risk_atr_multiplier for each in sets]))
                        for seed in (1, 1, 2))  # fmt: skip
    assert (one.plateau.together == same.plateau.together).all()
    assert (one.plateau.together != other.plateau.together).any()
    assert (one.late.sharpe == same.late.sharpe).all()
    assert (one.late.sharpe != other.late.sharpe).any()
    assert score([run[1].proposed])[0] == found.plateau.score
