"""Probability of overfitting: by hand, against purgedcv and against loops over the halves, and what must not change it."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from purgedcv import probability_of_backtest_overfitting
from scipy.stats import rankdata

from fxgpt_core.errors import BadInputError
from fxgpt_core.performance.measures import sharpe_of
from fxgpt_core.performance.overfitting import backtest_overfitting


def noise(seed, periods, trials):
    return np.random.default_rng(seed).normal(0.0, 0.01, (periods, trials))


def choices_in_loops(returns, n_blocks):
    """In-sample and out-of-sample Sharpe ratio of each choice, and its logit, sorted: as the paper writes it, half by half."""
    blocks = np.array_split(np.arange(len(returns)), n_blocks)
    found = []
    for half in combinations(range(n_blocks), n_blocks // 2):
        seen = np.concatenate([blocks[b] for b in half])
        unseen = np.setdiff1d(np.arange(len(returns)), seen)
        before, after = (part.mean(axis=0) / part.std(axis=0, ddof=1) for part in (returns[seen], returns[unseen]))
        best = int(np.argmax(before))
        rank = rankdata(after)[best] / (len(after) + 1)
        found.append((before[best], after[best], math.log(rank / (1 - rank))))
    return np.array(sorted(found))


def choices(returns, n_blocks):
    found = backtest_overfitting(returns, n_blocks)
    return np.array(sorted(zip(found.in_sample, found.out_of_sample, found.logits, strict=True)))


def test_two_trials_that_take_turns_are_always_chosen_wrongly():
    returns = np.array([[1.0, -1.0], [3.0, 1.0], [-1.0, 3.0], [1.0, 1.0]])
    found = backtest_overfitting(returns, 2)
    assert found.in_sample == pytest.approx([math.sqrt(2)] * 2)
    assert found.out_of_sample == pytest.approx([0.0, 0.0])
    assert found.logits == pytest.approx([-math.log(2)] * 2)
    assert (found.pbo, found.loss_probability) == (1.0, 0.0)
    assert math.isnan(found.slope)


def test_the_reference_numbers_of_noise_and_of_a_planted_edge():
    returns = noise(42, 1000, 50)
    found = backtest_overfitting(returns, 10)
    assert len(found.logits) == 252
    assert found.pbo == pytest.approx(0.6706349206349206, rel=1e-12)
    assert found.logits.mean() == pytest.approx(-0.625171, abs=1e-6)
    assert found.slope == pytest.approx(-0.52201, abs=1e-5)
    returns[:, 7] += 0.002
    planted = backtest_overfitting(returns, 10)
    assert planted.pbo == 0.0
    assert planted.logits.mean() == pytest.approx(math.log(50), rel=1e-12)


@pytest.mark.parametrize(("periods", "trials", "n_blocks"), [(60, 4, 4), (101, 7, 6), (64, 10, 8)])
def test_the_choices_equal_those_of_purgedcv(periods, trials, n_blocks):
    returns = noise(3, periods, trials)
    found, theirs = backtest_overfitting(returns, n_blocks), probability_of_backtest_overfitting(returns.T, n_blocks)
    assert len(found.logits) == theirs.n_combos
    assert np.sort(found.logits) == pytest.approx(np.sort(theirs.logits), abs=1e-9)
    assert found.slope == pytest.approx(theirs.slope)
    assert choices(returns, n_blocks)[:, :2] == pytest.approx(np.array(sorted(theirs.is_oos_performance.tolist())), abs=1e-12)
    # At the median exactly: the paper's λ <= 0 counts it as overfitted, theirs does not.
    assert found.pbo == pytest.approx(np.mean(theirs.logits <= 1e-12))


@pytest.mark.parametrize(("periods", "trials", "n_blocks"), [(8, 3, 4), (37, 5, 6), (30, 3000, 12)])
def test_the_choices_equal_loops_over_the_halves_however_many_portions_they_take(periods, trials, n_blocks):
    returns = noise(5, periods, trials)
    assert choices(returns, n_blocks) == pytest.approx(choices_in_loops(returns, n_blocks), abs=1e-9)


def test_sixteen_blocks_of_two_hundred_trials_are_all_their_halves():
    found = backtest_overfitting(noise(1, 500, 200))
    assert len(found.logits) == len(found.in_sample) == math.comb(16, 8) == 12_870


def test_worthless_trials_are_overfitted_in_half_of_the_searches():
    assert np.mean([backtest_overfitting(noise(seed, 200, 20), 8).pbo for seed in range(60)]) == pytest.approx(0.5, abs=0.08)


def test_a_trial_that_stayed_out_shows_nothing_in_that_half():
    returns = noise(2, 40, 3) - 0.05
    returns[:20, 0] = 0.0
    found = backtest_overfitting(returns, 2)
    assert found.in_sample[0] == 0.0
    assert found.out_of_sample[0] == pytest.approx(sharpe_of(returns[20:, 0]))


def test_trials_that_all_stayed_out_are_no_evidence_for_a_choice():
    found = backtest_overfitting(np.zeros((40, 5)), 4)
    assert (found.pbo, found.loss_probability) == (1.0, 0.0)
    assert found.logits.tolist() == [0.0] * 6


def test_a_trial_of_equal_returns_is_not_taken_for_a_perfect_one():
    returns = noise(4, 84, 60)
    # Of some, sums of squares leave a variance of 1e-17 where there is none.
    returns[:, 10:] = 0.001 * np.arange(1, 51)
    assert backtest_overfitting(returns, 4).in_sample.max() < 10.0


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.floats(1e-6, 1e6), st.permutations(range(6)), st.permutations(range(4)))
def test_units_and_the_order_of_trials_and_of_blocks_change_nothing(seed, unit, trials, blocks):
    returns = noise(seed, 24, 6)
    moved = unit * returns.reshape(4, 6, 6)[list(blocks)].reshape(24, 6)[:, list(trials)]
    found, same = choices(returns, 4), choices(moved, 4)
    assert same == pytest.approx(found, abs=1e-9)


@pytest.mark.parametrize(
    ("returns", "n_blocks", "message"),
    [
        (np.zeros((40, 5)), 5, "5 blocks found; allowed are even"),
        (np.zeros((40, 5)), 0, "0 blocks found"),
        (np.zeros((400, 5)), 22, "22 blocks found"),
        (np.zeros((40, 1)), 4, r"shape \(40, 1\).*at least 8 x 2"),
        (np.zeros((31, 5)), 16, r"shape \(31, 5\).*at least 32 x 2"),
        (np.zeros(40), 4, r"shape \(40,\)"),
        (np.full((40, 5), np.nan), 4, "200 of them not finite"),
    ],
)
def test_what_cannot_be_cut_into_halves_is_refused(returns, n_blocks, message):
    with pytest.raises(BadInputError, match=message):
        backtest_overfitting(returns, n_blocks)
