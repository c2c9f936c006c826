"""The judgement of luck: its limits, what it is made of, and how it judges noise and an edge."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxgpt_core.errors import BadInputError
from fxgpt_core.performance.bootstrap import sharpe_ratios
from fxgpt_core.performance.clusters import trial_clusters
from fxgpt_core.performance.luck import Luck, LuckParameters, luck
from fxgpt_core.performance.overfitting import backtest_overfitting
from fxgpt_core.performance.significance import deflated_sharpe, probabilistic_sharpe, sharpe_moments
from fxgpt_core.performance.trials import Trials

QUICK = LuckParameters(n_blocks=8, resamples=300)
GOOD = Luck(
    n_periods=500,
    psr=0.99,
    dsr=0.95,
    lucky_sharpe=0.1,
    effective_trials=50.0,
    clustered_trials=12.0,
    pbo=0.20,
    loss_probability=0.1,
    spa_p_value=0.05,
    minimum_track_record=500.0,
    sharpe_at_5=0.501,
    block=3.0,
    cluster_block=9.0,
)


def returns_of(seed, periods, edges):
    """Daily returns [periods, trials] with a common factor and fat tails; `edges` are true Sharpe ratios a day."""
    rng = np.random.default_rng(seed)
    shocks = (rng.standard_t(5, (periods, 1)) + rng.standard_t(5, (periods, len(edges)))) / math.sqrt(2 * 5 / 3)
    return 0.005 * (shocks + edges)


def judged(seed, edges, periods=520):
    """The best trial of one half of the days, judged on the other."""
    returns = returns_of(seed, 2 * periods, edges)
    seen, unseen = returns[:periods], returns[periods:]
    best = int(np.argmax(sharpe_ratios(seen.T)))
    return luck(unseen[:, best], Trials(len(edges), 1 / periods, periods), seen, QUICK, np.random.default_rng(seed))


def test_limits_that_are_met_exactly_are_met():
    assert GOOD.passed
    assert set(GOOD.verdicts.values()) == {True}


@pytest.mark.parametrize(
    ("test", "field", "value"),
    [
        ("deflated_sharpe", "dsr", 0.9499),
        ("overfitting", "pbo", 0.2001),
        ("superior_ability", "spa_p_value", 0.0501),
        ("track_record", "minimum_track_record", 500.1),
        ("track_record", "minimum_track_record", math.inf),
        ("sharpe_at_5", "sharpe_at_5", 0.5),
        ("sharpe_at_5", "sharpe_at_5", math.nan),
    ],
)
def test_one_number_beyond_its_limit_fails_its_test_and_the_whole(test, field, value):
    found = dataclasses.replace(GOOD, **{field: value})
    assert [name for name, passed in found.verdicts.items() if not passed] == [test]
    assert not found.passed


def test_the_judgement_is_made_of_its_tests():
    returns = returns_of(1, 520, np.zeros(20))
    found = luck(returns[:, 0], Trials(30, 1 / 520, 520), returns, QUICK, np.random.default_rng(3))
    moments = sharpe_moments(returns[:, 0])
    assert found.psr == probabilistic_sharpe(moments)
    assert found.dsr == pytest.approx(deflated_sharpe(moments, 30, 1 / 520))
    assert found.pbo == backtest_overfitting(returns, 8).pbo
    assert found.n_periods == 520
    assert found.effective_trials == pytest.approx(0.5 + 0.5 * 20, abs=1.0)
    assert found.clustered_trials == trial_clusters(returns).n


def test_the_deflated_sharpe_ratio_of_one_trial_is_the_probabilistic_one():
    returns = returns_of(1, 100, np.array([0.1, 0.0]))
    found = luck(returns[:, 0], Trials(1, 0.01, 100), returns, QUICK, np.random.default_rng(3))
    assert found.dsr == found.psr


@settings(deadline=None, max_examples=20)
@given(st.floats(-0.2, 0.4), st.integers(20, 400), st.integers(0, 1000))
def test_a_track_record_is_long_enough_when_the_sharpe_ratio_is_probably_above_zero(edge, periods, seed):
    returns = returns_of(seed, periods, np.array([edge, 0.0]))
    found = luck(returns[:, 0], Trials(1, 0.0, 1), returns, LuckParameters(n_blocks=2, resamples=1), np.random.default_rng(1))
    assert found.verdicts["track_record"] is (found.psr >= 0.95)


@pytest.mark.parametrize("unit", [2.0**-10, 2.0**10])
def test_the_size_of_positions_changes_no_judgement(unit):
    returns = returns_of(2, 300, np.full(10, 0.1))
    one, other = (
        luck(size * returns[:, 0], Trials(10, 0.004, 300), size * returns, QUICK, np.random.default_rng(3))
        for size in (1.0, unit)
    )
    assert dataclasses.astuple(other) == pytest.approx(dataclasses.astuple(one))


def test_the_same_seed_gives_the_same_judgement():
    assert judged(5, np.zeros(20)) == judged(5, np.zeros(20))


def test_worthless_searches_fail_and_searches_with_an_edge_in_some_trials_pass():
    edges = np.zeros(40)
    noise = [judged(seed, edges).passed for seed in range(60)]
    edges[:4] = 0.3
    planted = [judged(seed, edges).passed for seed in range(60)]
    assert np.mean(noise) <= 0.05
    assert np.mean(planted) >= 0.80


def test_the_best_of_worthless_trials_is_caught_on_the_days_it_was_chosen_by():
    """The planted mistake: judging the choice on the days that chose it. The probabilistic Sharpe ratio alone believes it."""
    fooled = caught = 0
    for seed in range(20):
        returns = returns_of(seed, 520, np.zeros(200))
        best = int(np.argmax(sharpe_ratios(returns.T)))
        found = luck(returns[:, best], Trials(200, 1 / 520, 520), returns, QUICK, np.random.default_rng(seed))
        fooled += found.psr >= 0.95
        caught += not found.passed
    assert fooled > 10
    assert caught == 20


def test_where_all_trials_are_equally_good_no_choice_loses_though_it_looks_overfitted():
    found = judged(3, np.full(40, 0.3))
    assert found.pbo > 0.2
    assert found.loss_probability == 0.0


def test_what_cannot_be_judged_is_refused():
    returns = returns_of(1, 60, np.zeros(3))
    for unseen, searched in ((returns[:19, 0], returns), (returns[:, 0], returns[:, :1]), (returns[:, 0], returns[:10])):
        with pytest.raises(BadInputError, match="found"):
            luck(unseen, Trials(3, 0.01, 60), searched, QUICK, np.random.default_rng(1))
