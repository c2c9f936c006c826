"""Sums and deviations of windows against sums written out, at every span, and where running sums lose their way."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxgpt_core.features.rolling import BLOCK, rolling_deviation, rolling_sum

SPANS = (1, 2, 3, 10, 14, 20, 50, 63, 64, 100)


def written_out(values: np.ndarray, span: int, measure) -> np.ndarray:
    return np.array([measure(values[row - span + 1 : row + 1]) if row >= span - 1 else math.nan for row in range(len(values))])


@pytest.mark.parametrize("span", SPANS)
@pytest.mark.parametrize("n", [0, 1, 9, 64, 99, 100, 700])
def test_sums_and_deviations_are_those_of_the_values_in_the_window(span: int, n: int) -> None:
    values = np.random.default_rng(n).normal(1.2, 1e-3, n)
    for found, measure in ((rolling_sum(values, span), math.fsum), (rolling_deviation(values, span), np.std)):
        np.testing.assert_allclose(found, written_out(values, span, measure), rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("span", [2, 20, 100])
def test_blocks_leave_no_seam(span: int) -> None:
    values = np.random.default_rng(2).standard_normal(2 * BLOCK + 500)
    rows = [*range(BLOCK - 3, BLOCK + span + 3), 2 * BLOCK - 1, 2 * BLOCK, 2 * BLOCK + 1, len(values) - 1]
    for rolling, measure in ((rolling_sum, math.fsum), (rolling_deviation, np.std)):
        found = rolling(values, span)
        expected = [measure(values[row - span + 1 : row + 1]) for row in rows]
        np.testing.assert_allclose(found[rows], expected, rtol=1e-12, atol=1e-14)


@given(st.integers(0, 300), st.integers(1, 120), st.integers(0, 2**32))
def test_a_value_does_not_depend_on_where_the_series_begins_or_ends(start: int, span: int, seed: int) -> None:
    values = np.random.default_rng(seed).lognormal(0.0, 6.0, 900)
    for rolling in (rolling_sum, rolling_deviation):
        whole, part = rolling(values, span), rolling(values[start:800], span)
        assert part[span - 1 :].tolist() == whole[start + span - 1 : 800].tolist()


def test_nothing_of_a_value_that_has_left_remains() -> None:
    values = np.concatenate((np.random.default_rng(1).lognormal(0.0, 30.0, 500), np.zeros(200), np.full(200, 1.1)))
    assert set(rolling_sum(values, 20)[520:700]) == {0.0}
    assert set(rolling_deviation(values, 20)[520:700]) == {0.0}
    assert set(rolling_deviation(values, 20)[720:]) == {0.0}


def test_a_value_that_is_not_known_is_felt_while_it_is_in_the_window_alone() -> None:
    values = np.arange(100.0)
    values[[0, 40]] = math.nan
    for rolling in (rolling_sum, rolling_deviation):
        missing = np.flatnonzero(np.isnan(rolling(values, 20)))
        assert missing.tolist() == [*range(20), *range(40, 60)]
