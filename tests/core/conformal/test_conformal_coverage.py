"""The coverage table: counts by hand, the binomial band against its definition."""

import math

import numpy as np
import pytest

from fxgpt_core.conformal.bands import Bands
from fxgpt_core.conformal.coverage import binomial_band, calibrated_band, coverage_table
from fxgpt_core.errors import BadInputError


def bands_of(half_width: float, n: int, steps: tuple[int, ...] = (1, 4)) -> Bands:
    shape = (n, len(steps), 3)
    return Bands(
        known_at_us=np.arange(n, dtype=np.int64),
        steps=np.array(steps, dtype=np.int32),
        coverages=np.array([0.5, 0.8, 0.95]),
        lower=np.full(shape, -half_width),
        upper=np.full(shape, half_width),
        uncalibrated=np.zeros(shape, dtype=bool),
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
    assert calibrated_band(0, 10, 0.8) == calibrated_band(10, 0, 0.8) == (0.0, 1.0)


def test_a_band_that_other_cases_fixed_covers_as_the_calibrated_band_says_and_less_surely_than_a_binomial() -> None:
    rng = np.random.default_rng(0)
    n_calibrated, n, p = 119, 260, 0.95
    scores = rng.random((20_000, n_calibrated + n))
    edge = np.sort(scores[:, :n_calibrated], axis=1)[:, math.ceil((n_calibrated + 1) * p) - 1]
    covered = (scores[:, n_calibrated:] <= edge[:, None]).mean(axis=1)

    def outside(band: tuple[float, float]) -> float:
        return float(((covered < band[0] - 1e-9) | (covered > band[1] + 1e-9)).mean())

    assert 0.02 < outside(calibrated_band(n_calibrated, n, p)) <= 0.055
    assert outside(binomial_band(n, p)) > 0.2
    low, high = (round(edge * 10_000) for edge in calibrated_band(10**7, 10_000, p))
    assert (low, high) == pytest.approx([10_000 * edge for edge in binomial_band(10_000, p)], abs=1)


def test_the_table_counts_what_lies_inside() -> None:
    realised = np.column_stack([np.array([0.5, 1.5, -1.0, 2.0, np.nan]), np.array([3.0, 3.0, 0.0, np.nan, np.nan])])
    table = coverage_table(bands_of(1.0, 5), realised)
    assert [(row.step, row.nominal) for row in table] == [(s, c) for s in (1, 4) for c in (0.5, 0.8, 0.95)]
    first, second = table[0], table[3]
    assert (first.n, first.n_eff, first.observed, first.longest_miss) == (4, 4, 0.5, 1)
    assert (second.n, second.n_eff, second.observed, second.longest_miss) == (3, 0, pytest.approx(1 / 3), 2)
    assert first.mean_width == 2.0


def test_a_step_without_independent_cases_holds_nothing() -> None:
    table = coverage_table(bands_of(1.0, 3), np.zeros((3, 2)))
    assert [row.verdict for row in table if row.step == 4] == ["insufficient evidence"] * 3
    assert all(row.n_eff == 0 for row in table if row.step == 4)


def test_widths_are_told_by_their_mean_and_quantiles_and_flags_by_their_share() -> None:
    bands = bands_of(1.0, 100)
    bands.upper[:, 0, 1] = np.arange(100.0)
    bands.uncalibrated[:25, 0, 1] = True
    realised = np.zeros((100, 2))
    realised[:20, 0] = np.nan
    row = coverage_table(bands, realised)[1]
    widths = 1.0 + np.arange(20.0, 100.0)
    assert row.mean_width == pytest.approx(widths.mean())
    assert (row.width_50, row.width_75, row.width_90, row.width_95) == tuple(np.quantile(widths, [0.5, 0.75, 0.9, 0.95]))
    assert row.uncalibrated == 5 / 80


def test_calibrated_noise_holds_half_as_wide_bands_do_not_and_few_cases_tell_nothing() -> None:
    rng = np.random.default_rng(0)
    realised = np.column_stack([rng.standard_normal(4000), rng.standard_normal(4000)])
    right = bands_of(1.281551565545, 4000)
    assert {row.nominal: row.verdict for row in coverage_table(right, realised) if row.step == 1}[0.8] == "holds"
    narrow = bands_of(0.64, 4000)
    assert {row.verdict for row in coverage_table(narrow, realised) if row.nominal > 0.5} == {"does not hold"}
    few = coverage_table(right.select(slice(0, 79)), realised[:79])
    assert {row.verdict for row in few if row.step == 4} == {"insufficient evidence"}
    enough = coverage_table(right.select(slice(0, 80)), realised[:80])
    assert "insufficient evidence" not in {row.verdict for row in enough}


def test_independence_is_told_of_cases_that_do_not_overlap() -> None:
    """Misses of step 4 that come in fours are one case each, and do not run."""
    rng = np.random.default_rng(1)
    blocks = np.repeat(rng.random(500) < 0.2, 4)
    realised = np.where(np.column_stack([blocks, blocks]), 2.0, 0.0)
    one, four = (row.independence for row in coverage_table(bands_of(1.0, 2000), realised) if row.nominal == 0.8)
    assert one < 1e-6
    assert four > 0.05


def test_outcomes_of_another_shape_or_an_absent_coverage_are_refused() -> None:
    with pytest.raises(BadInputError, match="outcomes of shape"):
        coverage_table(bands_of(1.0, 5), np.zeros((4, 2)))
    with pytest.raises(BadInputError, match=r"coverage 0\.7 is not among"):
        coverage_table(bands_of(1.0, 5), np.zeros((5, 2)), judged=(0.7,))
