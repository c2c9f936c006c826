"""The choice of a search, made again on every combinatorial split."""

from itertools import combinations

import numpy as np
import pytest

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.timeframes import DAY_US
from fxgpt_core.optimization.chosen_paths import ChosenPaths, chosen_paths, in_other_choices
from fxgpt_core.optimization.searched import Searched
from fxgpt_core.validation.combinatorial import CombinatorialParameters
from fxgpt_core.validation.folds import Window
from fxgpt_core.validation.purging import label_ends

DAYS, TRIALS = 120, 12


def _times(n: int = DAYS) -> np.ndarray:
    return np.arange(1, n + 1, dtype=np.int64) * DAY_US


def _noise(seed: int, n: int = DAYS, trials: int = TRIALS) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 0.01, (n, trials))


def _paths(returns: np.ndarray, parameters: CombinatorialParameters, days_ahead: int = 0) -> ChosenPaths:
    known_at = _times(len(returns))
    return chosen_paths(returns, known_at, label_ends(known_at, days_ahead), parameters)


def _sharpe(returns: np.ndarray) -> float:
    return float(returns.mean() / returns.std(ddof=1))


def test_by_hand_two_groups_each_chooses_for_the_other():
    first, second = np.tile([0.02, 0.01], 3), np.tile([-0.01, 0.01], 3)
    returns = np.column_stack([np.concatenate([first, second]), np.concatenate([second, first])])
    found = _paths(returns, CombinatorialParameters(2, 1))
    # Split 0 tests the first half and trains on the second, in which trial 1 is better; split 1 the reverse.
    assert found.chosen.tolist() == [1, 0]
    assert found.returns.tolist() == [[*second, *second]]
    assert found.loss_share == 0.0  # two halves that come to nothing: neither gain nor loss


@pytest.mark.parametrize(("n_groups", "n_test", "n_paths"), [(6, 2, 5), (10, 2, 9), (5, 3, 6)])
def test_equals_a_plain_loop_over_all_choices(n_groups: int, n_test: int, n_paths: int):
    returns = _noise(3)
    found = _paths(returns, CombinatorialParameters(n_groups, n_test))
    parts = np.array_split(np.arange(DAYS), n_groups)
    following: dict[int, list[np.ndarray]] = {group: [] for group in range(n_groups)}
    for tested in combinations(range(n_groups), n_test):
        train = np.concatenate([parts[group] for group in range(n_groups) if group not in tested])
        best = max(range(TRIALS), key=lambda trial, train=train: _sharpe(returns[train, trial]))
        for group in tested:
            following[group].append(returns[parts[group], best])
    expected = [np.concatenate([following[group][path] for group in range(n_groups)]) for path in range(n_paths)]
    assert np.array_equal(found.returns, expected)
    assert found.sharpes == pytest.approx([_sharpe(path) for path in expected])


def test_an_edge_is_found_in_every_history_and_noise_in_none_for_long():
    planted = _noise(5, 600)
    planted[:, 4] += 0.004
    edge = _paths(planted, CombinatorialParameters())
    assert set(edge.chosen.tolist()) == {4}
    assert edge.loss_share == 0.0
    means = [_paths(_noise(seed, 600), CombinatorialParameters()).sharpes.mean() for seed in range(30)]
    assert abs(np.mean(means)) < 3.0 * np.std(means, ddof=1) / np.sqrt(len(means))


def _luck_beside_the_other_half(lucky_days: slice) -> np.ndarray:
    """Two trials of 60 days: the second gains a little, the first nothing but on ten days."""
    swings = np.tile([0.001, -0.001], 30)
    returns = np.column_stack([swings, swings + 0.0002])
    returns[lucky_days, 0] = 0.002
    return returns


def test_days_that_reach_into_the_test_do_not_choose():
    """With positions of ten days the lucky days before the test share moments with it."""
    returns, halves = _luck_beside_the_other_half(slice(20, 30)), CombinatorialParameters(2, 1)
    assert _paths(returns, halves).chosen[1] == 0
    assert _paths(returns, halves, days_ahead=3).chosen[1] == 0
    assert _paths(returns, halves, days_ahead=10).chosen[1] == 1


def test_an_embargo_keeps_the_days_behind_the_test_out():
    returns = _luck_beside_the_other_half(slice(30, 40))
    assert _paths(returns, CombinatorialParameters(2, 1)).chosen[0] == 0
    assert _paths(returns, CombinatorialParameters(2, 1, embargo_candles=10)).chosen[0] == 1


def test_a_group_s_own_days_never_choose_for_it():
    returns, parameters = _noise(9), CombinatorialParameters(6, 1)
    other = returns.copy()
    other[:20] = np.random.default_rng(99).normal(0.0, 0.05, (20, TRIALS))
    assert _paths(returns, parameters).chosen[0] == _paths(other, parameters).chosen[0]


def test_no_trials_and_unsound_returns_are_refused():
    with pytest.raises(BadInputError, match="not finite"):
        _paths(np.full((20, 2), np.nan), CombinatorialParameters(2, 1))
    with pytest.raises(BadInputError, match="needs one"):
        _paths(_noise(0, 5), CombinatorialParameters(10, 2))


def _tried(returns: np.ndarray, holding_days: int) -> Searched:
    return Searched(Window(0, len(returns) * DAY_US), tuple(map(str, range(returns.shape[1]))), returns, holding_days)


def test_a_search_is_chosen_from_again_in_ten_groups_and_told_with_its_limit():
    planted = _noise(5, 600)
    planted[:, 4] += 0.004
    edge, noise = (in_other_choices(_tried(returns, 2)) for returns in (planted, _noise(11, 600)))
    assert np.array_equal(edge.returns, np.tile(planted[:, 4], (9, 1)))
    assert (edge.test.value, edge.test.passed) == (0.0, True)
    annual = _sharpe(planted[:, 4]) * (365.25 * 5 / 7) ** 0.5
    assert f"of 9 that 45 choices make; their annual Sharpe ratios are {annual:.2f} to {annual:.2f}" in edge.test.asks
    assert (noise.test.value, noise.test.passed) == (noise.loss_share, False)


def test_days_of_positions_that_reach_into_a_test_do_not_choose_for_it():
    returns, halves = _luck_beside_the_other_half(slice(20, 30)), CombinatorialParameters(2, 1)
    assert [int(in_other_choices(_tried(returns, days), halves).chosen[1]) for days in (3, 10)] == [0, 1]
