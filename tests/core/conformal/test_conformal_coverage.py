"""The coverage table: counts by hand, the binomial band against its definition."""

import math

import numpy as np
import pytest

from fxgpt_core.conformal.bands import Bands
from fxgpt_core.conformal.coverage import binomial_band, coverage_table, longest_run
from fxgpt_core.errors import BadInputError


def bands_of(half_width: float, n: int, steps: tuple[int, ...] = (1, 4)) -> Bands:
    shape = (n, len(steps), 3)
    return Bands(
        known_at_us=np.arange(n, dtype=np.int64),
        steps=np.array(steps, dtype=np.int32),
        coverages=np.array([0.5, 0.8, 0.95]),
        lower=np.full(shape, -half_width),
        upper=np.full(shape, half_width),
        median=np.zeros(shape[:2]),
        scale=np.ones(shape[:2]),
    )


@pytest.mark.parametrize(("n", "p"), [(12, 0.95), (40, 0.5), (208, 0.8), (1, 0.95)])
def test_the_binomial_band_leaves_at_most_a_fortieth_on_each_side(n: int, p: float) -> None:
    mass = [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
    low, high = (round(edge * n) for edge in binomial_band(n, p))
    assert sum(mass[:low]) <= 0.025 + 1e-12
    assert sum(mass[: low + 1]) >= 0.025 - 1e-12
    assert sum(mass[high + 1 :]) <= 0.025 + 1e-12
    assert sum(mass[high:]) >= 0.025 - 1e-12


def test_no_case_rules_nothing_out() -> None:
    assert binomial_band(0, 0.8) == (0.0, 1.0)


def test_the_table_counts_what_lies_inside() -> None:
    realised = np.column_stack([np.array([0.5, 1.5, -1.0, 2.0, np.nan]), np.array([3.0, 3.0, 0.0, np.nan, np.nan])])
    table = coverage_table(bands_of(1.0, 5), realised)
    assert [(row.step, row.nominal) for row in table] == [(s, c) for s in (1, 4) for c in (0.5, 0.8, 0.95)]
    first, second = table[0], table[3]
    assert (first.n, first.n_eff, first.observed, first.longest_miss) == (4, 4, 0.5, 1)
    assert (second.n, second.n_eff, second.observed, second.longest_miss) == (3, 0, pytest.approx(1 / 3), 2)
    assert first.mean_width == 2.0


def test_a_step_without_independent_cases_is_not_within() -> None:
    table = coverage_table(bands_of(1.0, 3), np.zeros((3, 2)))
    assert [row.within for row in table if row.step == 4] == [False] * 3
    assert all(row.n_eff == 0 for row in table if row.step == 4)


def test_an_infinite_band_covers_everything_and_shows_its_width() -> None:
    table = coverage_table(bands_of(math.inf, 8), np.zeros((8, 2)))
    assert table[0].observed == 1.0
    assert table[0].mean_width == math.inf


def test_calibrated_noise_is_within_and_half_as_wide_bands_are_not() -> None:
    rng = np.random.default_rng(0)
    realised = np.column_stack([rng.standard_normal(4000), rng.standard_normal(4000)])
    right = bands_of(1.281551565545, 4000)
    assert {row.nominal: row.within for row in coverage_table(right, realised) if row.step == 1}[0.8]
    narrow = bands_of(0.64, 4000)
    assert not any(row.within for row in coverage_table(narrow, realised) if row.nominal > 0.5)


def test_outcomes_of_another_shape_or_an_absent_coverage_are_refused() -> None:
    with pytest.raises(BadInputError, match="outcomes of shape"):
        coverage_table(bands_of(1.0, 5), np.zeros((4, 2)))
    with pytest.raises(BadInputError, match=r"coverage 0\.7 is not among"):
        coverage_table(bands_of(1.0, 5), np.zeros((5, 2)), judged=(0.7,))


def test_the_longest_run_of_true() -> None:
    assert longest_run(np.array([True, False, True, True, True, False, True])) == 3
    assert longest_run(np.zeros(4, dtype=bool)) == 0
    assert longest_run(np.ones(4, dtype=bool)) == 4
    assert longest_run(np.empty(0, dtype=bool)) == 0
