"""The hypervolume against boxes worked out by hand, points thrown at random into the box, and what a volume must obey."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fxgpt_core.errors import BadInputError
from fxgpt_core.optimization.hypervolume import IDEAL, REFERENCE, hypervolume, hypervolumes, scaled

HALF = (4.5, 25.0, np.sqrt(0.5 * 10.0), 0.5)
POINTS = arrays(np.float64, st.tuples(st.integers(1, 12), st.just(4)), elements=st.floats(-2.0, 2.0)).map(
    lambda drawn: REFERENCE + (drawn + 0.5) * (IDEAL - REFERENCE)
)


def test_the_corners_of_the_box_are_nothing_and_all() -> None:
    assert hypervolume([IDEAL]) == 1.0
    assert hypervolume([REFERENCE]) == 0.0
    assert hypervolume([]) == 0.0


def test_the_middle_of_the_box_dominates_a_sixteenth() -> None:
    """Halfway in every column; of the profit factor that is the geometric mean of 0.5 and 10."""
    assert scaled([HALF]) == pytest.approx(np.full((1, 4), 0.5))
    assert hypervolume([HALF]) == pytest.approx(0.5**4)


def test_a_staircase_in_two_objectives() -> None:
    """Three steps over Sharpe and drawdown, the others at their best: 0.2 × 0.9 + (0.5 − 0.2) × 0.6 + (0.8 − 0.5) × 0.1."""
    steps = [(0.2, 0.9), (0.5, 0.6), (0.8, 0.1)]
    points = [(-1.0 + 11.0 * sharpe, 50.0 * (1.0 - fall), 10.0, 0.0) for sharpe, fall in steps]
    assert hypervolume(points) == pytest.approx(0.2 * 0.9 + 0.3 * 0.6 + 0.3 * 0.1)


def test_four_objectives_against_points_thrown_into_the_box() -> None:
    rng = np.random.default_rng(4)
    front = rng.dirichlet(np.ones(4), 12) ** 0.4
    rows = REFERENCE + front * (IDEAL - REFERENCE)
    rows[:, 2] = np.exp(np.log(REFERENCE[2]) + front[:, 2] * np.log(IDEAL[2] / REFERENCE[2]))
    thrown = rng.random((200_000, 4))
    hit = np.zeros(len(thrown), dtype=bool)
    for point in front:
        hit |= (thrown <= point).all(axis=1)
    error = np.sqrt(hit.mean() * (1.0 - hit.mean()) / len(thrown))
    assert hypervolume(rows) == pytest.approx(hit.mean(), abs=4.0 * error)
    assert 0.05 < hit.mean() < 0.95


@given(POINTS, st.randoms())
def test_order_copies_and_beaten_points_change_nothing(points: np.ndarray, random) -> None:
    volume = hypervolume(points)
    shuffled = points[random.sample(range(len(points)), len(points))]
    worse = points + 0.1 * (REFERENCE - IDEAL)
    assert hypervolume(shuffled) == pytest.approx(volume)
    assert hypervolume(np.concatenate([points, points[:1], worse])) == pytest.approx(volume)
    assert 0.0 <= volume <= 1.0


@given(POINTS)
def test_one_number_for_each_count_is_what_the_first_points_say(points: np.ndarray) -> None:
    counts = list(range(len(points) + 1))
    found = hypervolumes(points, counts)
    assert found == pytest.approx([hypervolume(points[:count]) for count in counts])
    assert (np.diff(found) >= -1e-12).all()


@pytest.mark.parametrize("column", range(4))
def test_every_objective_moves_it(column: int) -> None:
    better = np.array(HALF)
    better[column] += 0.1 * (IDEAL - REFERENCE)[column]
    assert hypervolume([better]) > hypervolume([HALF])


@pytest.mark.parametrize("rows", [[[1.0, 2.0, 3.0]], [1.0, 2.0, 3.0, 4.0], [[1.0, 2.0, np.nan, 0.5]], [[np.inf, 2.0, 1.0, 0.5]]])
def test_what_is_no_row_of_four_finite_numbers_is_refused(rows: list) -> None:
    with pytest.raises(BadInputError, match="four finite numbers"):
        hypervolume(rows)
