"""The tests of luck of a search: what they are made of, what each input moves, and what cannot be judged."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from search_problem import SMALL, memory_store, problem

from fxgpt_core.errors import BadInputError
from fxgpt_core.optimization.luck_of_search import TrialsEver, luck_of_search
from fxgpt_core.optimization.outcome import OptimizationOutcome
from fxgpt_core.optimization.study import optimize
from fxgpt_core.performance.bootstrap import block_length
from fxgpt_core.performance.luck import LuckParameters
from fxgpt_core.performance.measures import period_returns, periods_a_year
from fxgpt_core.performance.overfitting import backtest_overfitting
from fxgpt_core.performance.significance import deflated_sharpe, sharpe_moments
from fxgpt_core.performance.trials import luck_variance
from fxgpt_core.registry.gate_evidence import LUCK_TESTS

LONG = replace(SMALL, max_folds=20, n_trials=3, n_final_trials=3)
TRIALS = 20 * 3 + 3
QUICK = LuckParameters(resamples=300)


def long(edge=0.3, seed=3):
    return problem(24 * 120, edge=edge, seed=seed)


@pytest.fixture(scope="module")
def outcome() -> OptimizationOutcome:
    return optimize(long(), LONG, memory_store())


def judged(outcome, n=TRIALS, variance=0.05, seed=7, parameters=QUICK):
    return luck_of_search(long(), outcome, TrialsEver(n, variance), np.random.default_rng(seed), parameters)


def test_the_stitched_test_windows_are_judged_and_deflated_by_what_worthless_trials_of_these_returns_would_show(outcome):
    found = judged(outcome, n=500)
    stitched = outcome.out_of_sample
    returns = period_returns(stitched.result, stitched.candles)
    tried = found.searched.returns
    variance = luck_variance(tried, block_length(returns)) * len(tried) / len(returns)
    expected = deflated_sharpe(sharpe_moments(returns), 500, max(variance, 1 / len(returns)))
    assert np.array_equal(found.returns, returns)
    assert found.luck.dsr == pytest.approx(expected, rel=1e-12)
    assert found.luck.pbo == backtest_overfitting(tried).pbo
    assert found.parameters.periods_a_year == periods_a_year(stitched.candles)
    assert np.mean(found.logits <= 0.0) == found.luck.pbo


def test_more_trials_ever_made_raise_the_bar(outcome):
    few, many = judged(outcome), judged(outcome, n=5_000)
    assert few.luck.lucky_sharpe < many.luck.lucky_sharpe
    assert few.luck.dsr > many.luck.dsr


def test_the_dispersion_of_all_trials_is_told_and_judges_nothing(outcome):
    alike, different = judged(outcome, variance=0.0), judged(outcome, variance=0.09)
    assert (alike.dispersion, different.dispersion) == (0.0, 0.3)
    assert alike.luck == different.luck


def test_the_seed_draws_the_histories(outcome):
    assert judged(outcome, seed=1).luck == judged(outcome, seed=1).luck
    assert judged(outcome, seed=1).luck.sharpe_at_5 != judged(outcome, seed=2).luck.sharpe_at_5


def test_each_parameter_moves_a_number(outcome):
    base = judged(outcome).luck
    assert judged(outcome, parameters=replace(QUICK, n_blocks=4)).luck.pbo != base.pbo
    assert judged(outcome, parameters=replace(QUICK, resamples=50)).luck.sharpe_at_5 != base.sharpe_at_5


def test_a_search_of_which_only_the_last_generation_is_counted_is_refused(outcome):
    """The planted mistake: the trials of the final search, and not those of all folds, as what luck had to choose from."""
    with pytest.raises(BadInputError, match=f"3 trials are counted, and this run alone made {TRIALS}"):
        judged(outcome, n=3)


def test_a_search_over_noise_fails_and_one_with_an_edge_passes():
    for edge, seed, passes in ((0.0, 3, False), (0.0, 4, False), (0.7, 3, True), (0.6, 4, True)):
        small = long(edge, seed)
        made = optimize(small, LONG, memory_store())
        found = luck_of_search(small, made, TrialsEver(TRIALS, 0.05), np.random.default_rng(7), QUICK)
        assert found.luck.passed is passes, (edge, seed, found.luck)


@pytest.mark.parametrize(
    ("search", "told"),
    [
        (replace(SMALL, max_folds=2), "days of test windows, and .* parameter sets on"),
        (
            replace(LONG, n_trials=1, n_final_trials=1),
            "and 1 parameter sets on .* days found; needed are at least 20 days, and 2 sets",
        ),
    ],
)
def test_what_is_too_little_to_judge_fails_every_test_and_says_what_to_do(search, told):
    made = optimize(long(), search, memory_store())
    found = luck_of_search(long(), made, TrialsEver(made.n_trials, 0.05), np.random.default_rng(7), QUICK)
    assert re.search(told, found.missing)
    assert found.missing.endswith("search more folds (max_folds, more candles) and more trials")
    assert [test.name for test in found.luck.tests] == list(LUCK_TESTS)
    assert not any(test.passed for test in found.luck.tests)
    assert math.isnan(found.luck.pbo)
    assert len(found.logits) == 0


@pytest.mark.slow
def test_of_real_searches_over_noise_a_twentieth_passes_at_most_and_with_an_edge_four_fifths():
    """The whole way, sampler and folds included: 168 trials a search, sets proposed near those that were good on their window."""
    search = replace(SMALL, max_folds=20, n_trials=8, n_final_trials=8)

    def passes(edge, seed):
        small = long(edge, seed)
        made = optimize(small, search, memory_store())
        return luck_of_search(small, made, TrialsEver(made.n_trials, 0.05), np.random.default_rng(7), QUICK).luck.passed

    assert np.mean([passes(0.0, seed) for seed in range(200, 240)]) <= 0.05
    assert np.mean([passes(0.6, seed) for seed in range(200, 220)]) >= 0.80
