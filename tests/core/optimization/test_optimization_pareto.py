"""Pareto front and knee against brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fxgpt_core.optimization.pareto import dominates, knee, pareto_front

POINTS = arrays(np.float64, st.tuples(st.integers(1, 25), st.integers(1, 4)), elements=st.integers(-5, 5).map(float))


@given(POINTS)
def test_the_front_is_exactly_what_nothing_dominates(points: np.ndarray) -> None:
    expected = [
        i
        for i in range(len(points))
        if not any(all(b >= a for a, b in zip(points[i], q, strict=True)) and tuple(q) != tuple(points[i]) for q in points)
    ]
    assert pareto_front(points) == expected


@given(POINTS)
def test_the_knee_lies_on_the_front(points: np.ndarray) -> None:
    assert knee(points) in pareto_front(points)


@given(POINTS, st.floats(0.5, 20.0), st.integers(-3, 3))
def test_the_knee_does_not_depend_on_the_units(points: np.ndarray, factor: float, shift: int) -> None:
    scaled = points * 2.0 ** round(factor) + shift
    front = points[pareto_front(points)]
    chosen, again = points[knee(points)], points[knee(scaled)]
    best, width = front.max(axis=0), np.ptp(front, axis=0)
    width[width == 0.0] = 1.0
    assert (((best - chosen) / width) ** 2).sum() == pytest.approx((((best - again) / width) ** 2).sum())


def test_the_knee_of_a_symmetric_front_is_its_middle() -> None:
    assert knee(np.array([[0.0, 1.0], [0.8, 0.8], [1.0, 0.0]])) == 1


def test_a_column_in_which_the_front_is_flat_does_not_count() -> None:
    assert knee(np.array([[0.0, 1.0, 5.0], [0.8, 0.8, 5.0], [1.0, 0.0, 5.0]])) == 1


def test_the_first_of_equal_points_is_chosen() -> None:
    assert knee(np.array([[1.0, 1.0], [1.0, 1.0]])) == 0


def test_equal_points_do_not_dominate_each_other() -> None:
    assert not dominates(np.array([1.0, 2.0]), np.array([1.0, 2.0]))
    assert dominates(np.array([1.0, 2.0]), np.array([1.0, 1.0]))


@pytest.mark.parametrize("points", [np.empty((0, 2)), np.array([[np.nan, 1.0]]), np.array([[np.inf, 1.0]])])
def test_a_knee_of_nothing_finite_is_refused(points: np.ndarray) -> None:
    with pytest.raises(ValueError, match="finite points"):
        knee(points)
