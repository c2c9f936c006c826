"""Simulated quantiles against exact ones, arch's variance forecasts, and a plain simulation written out."""

import tracemalloc

import numpy as np
import pytest
from arch import arch_model
from scipy.stats import norm, t

from fxgpt_core.forecasts.forecast import LEVELS
from fxgpt_core.forecasts.simulation import RANKS, Simulation, empirical_shocks, mirrored_ranks, t_shocks

OMEGA, ALPHA, BETA, DEGREES = 2e-8, 0.08, 0.9, 5.0
STEPS = np.array([1, 2, 4, 24], dtype=np.int32)
RULE = Simulation(OMEGA, ALPHA, BETA, t_shocks(DEGREES))


def quantiles(rule: Simulation, n: int = 40, seed: int = 1, variance: float = 2e-6) -> np.ndarray:
    return rule.quantiles(np.full(n, variance), np.ones((n, 24)), np.arange(n, dtype=np.int64), STEPS, seed)


def test_expected_variance_is_archs_analytic_forecast() -> None:
    returns = np.random.default_rng(1).standard_t(5, 500)
    fixed = arch_model(returns, mean="Zero", dist="t", rescale=False).fix([0.05, ALPHA, BETA, DEGREES])
    analytic = fixed.forecast(horizon=120).variance.to_numpy()[-1]
    rule = Simulation(0.05, ALPHA, BETA, RULE.shocks)
    np.testing.assert_allclose(rule.variance_ahead(analytic[:1], 120)[0], analytic, rtol=1e-12)


def test_with_constant_variance_and_normal_shocks_every_quantile_is_exact() -> None:
    normal = Simulation(0.0, 0.0, 1.0, t_shocks(1e9))
    season = np.random.default_rng(2).uniform(0.3, 2.0, (5, 24))
    found = normal.quantiles(np.full(5, 4e-6), season, np.arange(5, dtype=np.int64), STEPS, 1)
    scale = 2e-3 * np.sqrt(np.cumsum(season**2, axis=1))[:, STEPS - 1]
    np.testing.assert_allclose(found, scale[:, :, None] * norm.ppf(LEVELS), rtol=1e-4, atol=1e-9)


def test_one_step_has_the_quantiles_of_its_shock() -> None:
    expected = np.sqrt(2e-6) * t.ppf(LEVELS, DEGREES) / np.sqrt(DEGREES / (DEGREES - 2.0))
    np.testing.assert_allclose(quantiles(RULE)[:, 0], np.tile(expected, (40, 1)), rtol=3e-3, atol=1e-9)


def test_quantiles_are_those_of_a_plain_simulation() -> None:
    rng, n = np.random.default_rng(3), 200_000
    h, total, expected = np.full(n, 2e-6), np.zeros(n), {}
    for k in range(1, 25):
        z = rng.standard_t(DEGREES, n) / np.sqrt(DEGREES / (DEGREES - 2.0))
        total += np.sqrt(h) * z
        h = OMEGA + ALPHA * h * z**2 + BETA * h
        expected[k] = np.quantile(total, LEVELS)
    found = quantiles(RULE, n=200).mean(axis=0)
    for s, step in enumerate(STEPS.tolist()):
        np.testing.assert_allclose(found[s], expected[step], atol=0.02 * expected[step][-1])


def test_each_forecast_is_near_what_many_more_paths_say() -> None:
    many = Simulation(OMEGA, ALPHA, BETA, RULE.shocks, n_paths=20_000)
    exact = quantiles(many, n=1, seed=5)[0]
    error = (quantiles(RULE) - exact) / exact[:, -1:]
    assert np.sqrt((error**2).mean(axis=0)).max() < 0.12
    assert np.sqrt((error[:, :, 5:16] ** 2).mean(axis=0)).max() < 0.02


def test_a_chunk_is_not_seen() -> None:
    together = quantiles(RULE, n=400)  # 325 of 24 candles and 256 paths are one chunk
    variance, season = np.full(1, 2e-6), np.ones((1, 24))
    for row in (0, 324, 325, 399):
        alone = RULE.quantiles(variance, season, np.array([row], dtype=np.int64), STEPS, 1)
        assert alone[0].tobytes() == together[row].tobytes()


def test_memory_grows_with_the_answer_only() -> None:
    peaks = []
    for n in (325, 3250):
        tracemalloc.start()
        answer = quantiles(RULE, n=n)
        peaks.append(tracemalloc.get_traced_memory()[1] - 3 * answer.nbytes)
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


def test_noise_depends_on_the_seed_and_on_the_moment() -> None:
    first = mirrored_ranks(1, 1000, 16, 120)
    assert first.tobytes() == mirrored_ranks(1, 1000, 16, 120).tobytes()
    assert first.tobytes() != mirrored_ranks(2, 1000, 16, 120).tobytes()
    assert first.tobytes() != mirrored_ranks(1, 1001, 16, 120).tobytes()


def test_ranks_are_uniform_and_half_of_the_paths_mirror_the_others() -> None:
    ranks = mirrored_ranks(1, 1000, 256, 120).astype(np.int64)
    assert ranks.shape == (120, 256)
    assert (ranks[:, :128] + ranks[:, 128:] == RANKS - 1).all()
    counts = np.bincount(ranks[:, :128].ravel() // (RANKS // 16), minlength=16)
    assert np.abs(counts / counts.mean() - 1.0).max() < 0.12
    assert abs(np.corrcoef(ranks[0, :128], ranks[1, :128])[0, 1]) < 0.3


def test_empirical_shocks_are_the_residuals_themselves_centred_and_scaled() -> None:
    residuals = np.random.default_rng(4).gamma(2.0, size=1000) + 3.0
    shocks = empirical_shocks(residuals)
    values = np.unique(shocks)
    assert len(values) == 1000
    centred = np.sort(residuals - residuals.mean())
    np.testing.assert_allclose(values, centred / centred.std(), rtol=1e-3, atol=1e-4)
    assert np.mean(shocks**2) == pytest.approx(1.0)
    counts = np.unique(shocks, return_counts=True)[1]
    assert counts.min() >= RANKS // 1000
    assert counts.max() <= RANKS // 1000 + 1
