"""Which parameters decide: against Optuna's functional ANOVA, scikit-learn's permutation, a tree by hand, and planted ones."""

import math

import numpy as np
import optuna
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance

from fxgpt_core.errors import BadInputError
from fxgpt_core.optimization.importance import ForestParameters, Importance, importance, main_effects, ranked_within

NAMES = [f"p{i:02d}" for i in range(69)]
PLANTED = {"p03", "p20", "p50"}
SMALL = ForestParameters(n_trees=24, repeats=3)


def evaluations(n, seed=1, noise=0.1):
    rng = np.random.default_rng(seed)
    places = rng.random((n, 69))
    scores = 2.0 * places[:, 3] + np.sin(6.0 * places[:, 20]) + (places[:, 50] > 0.5)
    return places, scores + noise * rng.standard_normal(n)


@pytest.fixture(scope="module")
def planted():
    return importance(*evaluations(200), NAMES, 7, SMALL)


def test_three_planted_parameters_of_69_are_found(planted):
    assert {NAMES[i] for i in planted.order[:3]} == PLANTED
    assert not PLANTED & set(planted.inert)
    assert len(planted.inert) > 50
    assert planted.n_for_mass == 3
    assert 2.0 < planted.effective_parameters < 5.0
    assert planted.held_out_r2 > 0.7
    assert planted.shares.sum() == pytest.approx(1.0)


def test_the_shares_are_optunas_functional_anova():
    places, scores = evaluations(60)
    study = optuna.create_study()
    space = {name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in NAMES[:10]}
    study.add_trials(
        [
            optuna.trial.create_trial(params=dict(zip(space, row, strict=True)), distributions=space, value=score)
            for row, score in zip(places[:, :10], scores, strict=True)
        ]
    )
    evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=24, seed=7)
    wanted = optuna.importance.get_param_importances(study, evaluator=evaluator)
    found = importance(places[:, :10], scores, NAMES[:10], 7, SMALL)
    assert found.shares == pytest.approx([wanted[name] for name in NAMES[:10]], abs=1e-12)


def test_the_main_effects_of_a_tree_by_hand():
    """Values 0 and 8 left and right of 0.5 in the first input; the right half again 4 or 12 by the second at 0.25."""
    places = np.array([[x, y] for x in (0.25, 0.75) for y in (0.0, 0.5)] * 10)
    scores = np.where(places[:, 0] < 0.5, 0.0, np.where(places[:, 1] < 0.25, 4.0, 12.0))
    forest = RandomForestRegressor(1, bootstrap=False, random_state=0).fit(places, scores)
    # Mean 0.5·(0.25·4 + 0.75·12) = 5; of the first alone 0 and 10, of the second alone 2 and 6.
    total = 0.5 * 25.0 + 0.125 * 1.0 + 0.375 * 49.0
    assert main_effects(forest) == pytest.approx([25.0 / total, (0.25 * 9.0 + 0.75 * 1.0) / total])


def test_what_is_lost_is_scikit_learns_permutation_importance(planted):
    """Of another forest on the same parameters: alike, for both are estimates."""
    places, scores = evaluations(200)
    forest = RandomForestRegressor(24, max_features=1 / 3, random_state=3).fit(places[60:], scores[60:])
    wanted = permutation_importance(forest, places[:60], scores[:60], n_repeats=3, random_state=3).importances_mean
    assert np.corrcoef(wanted, planted.lost)[0, 1] > 0.95
    top = [NAMES.index(name) for name in sorted(PLANTED)]
    assert planted.lost[top] == pytest.approx(wanted[top], rel=0.7)


def test_of_noise_the_forest_knows_nothing_and_calls_nothing_inert():
    rng = np.random.default_rng(2)
    found = importance(rng.random((80, 69)), rng.standard_normal(80), NAMES, 7, SMALL)
    assert found.held_out_r2 <= 0.0
    assert found.inert == ()
    assert found.effective_parameters > 20.0


def shared(shares):
    values = np.array(shares)
    return Importance(tuple(NAMES[: len(values)]), values, np.array([0.3, 0.01, 0.0, -0.1])[: len(values)], 0.02, 0.5, 100)


def test_effective_parameters_and_those_for_90_pct_by_hand():
    assert shared([0.25] * 4).effective_parameters == pytest.approx(4.0)
    assert shared([1.0, 0.0]).effective_parameters == pytest.approx(1.0)
    # exp of 0.7·ln(1/0.7) + 0.2·ln 5 + 0.1·ln 10
    assert shared([0.7, 0.2, 0.1]).effective_parameters == pytest.approx(math.exp(0.249672 + 0.321888 + 0.230259), rel=1e-5)
    assert [shared(each).n_for_mass for each in ([0.7, 0.2, 0.1], [0.9, 0.1], [0.25] * 4)] == [2, 1, 4]


def test_inert_is_what_loses_no_more_than_chance():
    assert shared([0.7, 0.2, 0.1, 0.0]).inert == ("p01", "p02", "p03")
    assert [row["name"] for row in shared([0.1, 0.2, 0.7]).to_json()["parameters"]] == ["p02", "p01", "p00"]


def test_the_same_seed_gives_the_same_and_another_one_other_numbers(planted):
    again, other = (importance(*evaluations(200), NAMES, seed, SMALL) for seed in (7, 8))
    assert (again.shares == planted.shares).all()
    assert (again.lost == planted.lost).all()
    assert (other.shares != planted.shares).any()


def test_scores_are_ranked_within_their_own_search():
    scores, searches = np.array([5.0, -10.0, 7.0, 100.0, 100.0]), np.array([0, 0, 0, 1, 1])
    assert ranked_within(scores, searches) == pytest.approx([0.5, 1 / 6, 5 / 6, 0.5, 0.5])


@pytest.mark.parametrize(
    ("places", "scores", "told"),
    [
        (np.zeros((39, 2)), np.arange(39.0), "at least 40 evaluations"),
        (np.zeros((50, 3)), np.arange(50.0), "a place for each name"),
        (np.full((50, 2), 1.5), np.arange(50.0), "outside"),
        (np.zeros((50, 2)), np.full(50, np.nan), "not finite"),
        (np.zeros((50, 2)), np.ones(50), "all 50 scores are 1"),
        (np.zeros((50, 2)), np.arange(50.0), "depends on no single parameter"),
    ],
)
def test_what_tells_nothing_is_refused(places, scores, told):
    with pytest.raises(BadInputError, match=told):
        importance(places, scores, ["a", "b"], 7, SMALL)
