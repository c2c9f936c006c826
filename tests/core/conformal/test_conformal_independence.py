"""Christoffersen's test against its formula, its size and its power; runs by hand."""

import math

import numpy as np
import pytest
from scipy.stats import chi2

from fxgpt_core.conformal.independence import independence, longest_run


def test_the_p_value_is_that_of_the_formula_written_out() -> None:
    misses = np.array([0, 0, 1, 1, 0, 0, 0, 1, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0], dtype=bool)
    n00, n01, n10, n11 = 8, 4, 4, 3
    p01, p11, p = n01 / (n00 + n01), n11 / (n10 + n11), (n01 + n11) / 19
    alone = n00 * math.log(1 - p01) + n01 * math.log(p01) + n10 * math.log(1 - p11) + n11 * math.log(p11)
    together = (n00 + n10) * math.log(1 - p) + (n01 + n11) * math.log(p)
    assert independence(misses) == pytest.approx(chi2.sf(2 * (alone - together), 1))


def test_independent_misses_are_called_dependent_about_as_often_as_the_level_says() -> None:
    rng = np.random.default_rng(3)
    found = [independence(rng.random(400) < 0.2) for _ in range(500)]
    assert np.mean([p < 0.05 for p in found if p is not None]) == pytest.approx(0.05, abs=0.03)


def test_misses_in_runs_are_found() -> None:
    rng = np.random.default_rng(4)
    assert independence(np.repeat(rng.random(100) < 0.1, 4)) < 1e-6


@pytest.mark.parametrize("misses", [[], [True], [False] * 9, [True] * 9, [False] * 9 + [True]])
def test_nothing_is_said_where_nothing_can_be_told(misses: list[bool]) -> None:
    assert independence(np.array(misses, dtype=bool)) is None


def test_the_longest_run_of_true() -> None:
    assert longest_run(np.array([True, False, True, True, True, False, True])) == 3
    assert longest_run(np.zeros(4, dtype=bool)) == 0
    assert longest_run(np.ones(4, dtype=bool)) == 4
    assert longest_run(np.empty(0, dtype=bool)) == 0
