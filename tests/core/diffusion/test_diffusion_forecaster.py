"""The diffusion forecaster beyond the contract: its noise, its quantiles, its sampler's identity, and what it refuses."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from forecast_examples import (
    H1,
    SMALL,
    TOKENS,
    diffusion,
    fingerprint,
    model_of,
    opinionated,
    real_candles,
    real_features,
    real_frame,
    without,
)

from fxgpt_core.diffusion.forecaster import DiffusionForecaster, possible_origins
from fxgpt_core.diffusion.model import DiffusionModel, FeatureScaler, untrained
from fxgpt_core.diffusion.paths import controlled_quantiles, mirrored_noise
from fxgpt_core.diffusion.sampler import SAMPLERS, deviation
from fxgpt_core.diffusion.sampling_parameters import SamplingParameters
from fxgpt_core.errors import BadInputError
from fxgpt_core.features.matrix import features
from fxgpt_core.forecasts.forecast import LEVELS, normal_quantiles
from fxgpt_core.forecasts.horizons import HORIZONS
from fxgpt_core.forecasts.random_walk import random_walk_like
from fxgpt_core.forecasts.volatility_regression import VolatilityRegression

ORIGINS = np.array([400, 900], dtype=np.int64)


def forecast(forecaster: DiffusionForecaster, seed: int = 3, rows: np.ndarray = ORIGINS) -> str:
    return fingerprint(forecaster.forecast(real_features(), real_candles(), rows, seed=seed))


def test_noise_is_half_its_own_mirror_image_and_standard_normal() -> None:
    drawn = mirrored_noise(7, 1_600_000_000_000_000, 4000, 2, 24)
    assert (drawn[:, :2000] == -drawn[:, 2000:]).all()
    assert np.abs((drawn[0] * drawn[1]).mean(axis=0)).max() < 0.1
    noise = drawn[0]
    assert noise.mean() == pytest.approx(0.0, abs=1e-6)
    assert noise.std() == pytest.approx(1.0, abs=0.01)
    assert np.abs(np.corrcoef(noise[:2000].T) - np.eye(24)).max() < 0.1


def test_noise_is_of_one_candle_and_one_seed_alone() -> None:
    times = [1_600_000_000_000_000 + k * 3_600_000_000 for k in range(50)]
    drawn = {mirrored_noise(seed, time, 8, 1, 24).tobytes() for seed in (0, 1) for time in times}
    assert len(drawn) == 100
    assert mirrored_noise(1, times[0], 8, 1, 24).tobytes() == mirrored_noise(1, times[0], 8, 1, 24).tobytes()


def test_seed_schedule_weights_shrinkage_and_every_sampling_parameter_move_the_forecast() -> None:
    network, other = opinionated(untrained(SMALL, 1)), untrained(SMALL, 1)
    sampling = diffusion().sampling
    forecasters = [
        diffusion(),
        diffusion(n_paths=64),
        diffusion(n_steps=3),
        diffusion(sampler="heun"),
        diffusion(schedule="linear"),
        diffusion(sampler="ddpm"),
        diffusion(sampler="ddim"),
        diffusion(sampler="ddim", eta=0.5),
        diffusion(guidance=1.5),
        diffusion(guidance=0.0),
        diffusion(temperature=1.2),
        DiffusionForecaster(model_of(network, schedule="linear"), sampling),
        DiffusionForecaster(model_of(network), sampling),
        DiffusionForecaster(model_of(network, shrink=0.5), sampling),
        DiffusionForecaster(model_of(other), sampling),
    ]
    found = [forecast(each) for each in forecasters] + [forecast(diffusion(), seed=4)]
    assert len(set(found)) == len(found)


def two_minds() -> tuple[DiffusionModel, DiffusionModel]:
    """A model of two members that differ, and one of the first alone."""
    first, second = opinionated(untrained(SMALL, 1)), opinionated(untrained(SMALL, 1))
    with torch.no_grad():
        for weight in second.parameters():
            weight.mul_(-1.0)
    return model_of(first, second), model_of(first)


def test_an_ensemble_is_the_mixture_of_its_members_paths_and_its_first_member_can_speak_alone() -> None:
    both, first = two_minds()
    together = DiffusionForecaster(both, SamplingParameters(n_paths=32))
    alone = DiffusionForecaster(both, SamplingParameters(n_paths=32, ensemble=False))
    assert forecast(alone) == forecast(DiffusionForecaster(first, SamplingParameters(n_paths=32)))
    assert forecast(together) != forecast(alone)
    noise = together.sampler.noise(3, 0, TOKENS)
    context = np.ones((SMALL.context, SMALL.n_inputs), dtype=np.float32)
    with torch.inference_mode():
        mixture = together.sampler.paths(context, noise)
        assert np.array_equal(mixture[:32], alone.sampler.paths(context, noise))
    assert mixture.shape == (64, TOKENS)


def test_without_shrinkage_left_or_without_context_the_model_says_what_it_should() -> None:
    _, model = two_minds()
    none = dict.fromkeys(HORIZONS, 0.0)
    unbelieved = DiffusionForecaster(replace(model, shrink=none, lean=none))
    nothing = unbelieved.forecast(real_features(), real_candles(), ORIGINS, seed=3)
    np.testing.assert_allclose(nothing.values, random_walk_like(nothing).values, rtol=1e-9, atol=1e-15)
    blind = DiffusionForecaster(model, SamplingParameters(guidance=0.0))
    changed = real_features().with_columns(pl.col("rsi_14") * 0.5)
    seen, unseen = (blind.forecast(each, real_candles(), ORIGINS, seed=3) for each in (real_features(), changed))
    assert fingerprint(seen) == fingerprint(unseen)


def test_a_regression_widens_the_paths_as_far_as_they_are_believed_and_never_the_random_walk_they_are_measured_by() -> None:
    doubled = VolatilityRegression(np.empty(0), np.empty(0), np.full((1, 1), np.log(2.0)))
    believed = {"1h": 1.0, "4h": 0.25, "1d": 0.0, "1w": 0.5}
    model = replace(model_of(untrained(SMALL, 1)), regression=doubled, shrink=believed)
    forecasts = DiffusionForecaster(model).forecast(real_features(), real_candles(), ORIGINS, seed=3)
    walk = random_walk_like(forecasts)
    expected = np.array([2.0, 1.5, 1.0, 2.0])[[0, *[1] * 3, *[2] * 20, *[3] * 4]]
    np.testing.assert_allclose(forecasts.values, walk.values * expected[None, :, None], rtol=1e-6, atol=1e-12)
    plain = DiffusionForecaster(model_of(untrained(SMALL, 1))).forecast(real_features(), real_candles(), ORIGINS, seed=3)
    assert forecasts.scale.tobytes() == plain.scale.tobytes()


def test_without_leaning_paths_are_symmetric_and_the_two_parts_add_up_to_the_whole() -> None:
    _, model = two_minds()
    whole, none = dict.fromkeys(HORIZONS, 1.0), dict.fromkeys(HORIZONS, 0.0)
    symmetric = DiffusionForecaster(replace(model, shrink=whole, lean=none))
    forecasts = symmetric.forecast(real_features(), real_candles(), ORIGINS, seed=3)
    np.testing.assert_allclose(forecasts.values, -forecasts.values[:, :, ::-1], atol=1e-9 * forecasts.scale.max())
    leaning = DiffusionForecaster(replace(model, shrink=none, lean=whole))
    moved = leaning.forecast(real_features(), real_candles(), ORIGINS, seed=3)
    assert np.abs(moved.level(0.5)).max() > 0.01 * moved.scale.min()
    both = DiffusionForecaster(model).sampler
    noise, context = both.noise(3, 0, TOKENS), np.ones((SMALL.context, SMALL.n_inputs), dtype=np.float32)
    unit = np.ones(TOKENS)
    with torch.inference_mode():
        sums, odd, even = (each.sums(context, noise, unit, unit) for each in (both, symmetric.sampler, leaning.sampler))
    np.testing.assert_allclose(odd + even - np.cumsum(both.walks(noise), axis=1), sums, atol=1e-5)


@pytest.mark.parametrize("temperature", [0.5, 1.5])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_with_an_untrained_model_temperature_multiplies_the_volatility_and_ddim_narrows_it(
    sampler: str, temperature: float
) -> None:
    sampling = SamplingParameters(n_paths=16, n_steps=4, sampler=sampler, temperature=temperature)
    forecasts = DiffusionForecaster(model_of(untrained(SMALL, 1)), sampling).forecast(
        real_features(), real_candles(), ORIGINS, seed=3
    )
    expected = random_walk_like(forecasts).values * temperature * deviation(sampler, "cosine", 4)
    np.testing.assert_allclose(forecasts.values, expected, rtol=1e-6, atol=1e-12)


def test_a_sampler_that_narrows_says_so_and_the_others_do_not() -> None:
    caution = SamplingParameters(sampler="ddim", n_steps=10).caution("cosine")
    assert caution is not None
    assert "ddim in 10 steps of the cosine schedule loses variance" in caution
    assert "at 0.883 of its standard deviation" in caution
    assert SamplingParameters(sampler="ddim", n_steps=100).caution("cosine") is None
    along = SamplingParameters(sampler="ddim", n_steps=10, schedule="linear").caution("cosine")
    assert along is not None
    assert "of the linear schedule" in along
    assert [SamplingParameters(sampler=name).caution("cosine") for name in ("euler", "heun", "ddpm")] == [None] * 3


def controlled(increments: np.ndarray, noise: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return controlled_quantiles(np.cumsum(increments, axis=1), np.cumsum(noise, axis=1), normal_quantiles(scale))


def test_the_control_variate_makes_few_paths_worth_many() -> None:
    rng = np.random.default_rng(0)
    scale = np.sqrt(np.arange(1.0, 25.0))
    truth = 0.1 * np.arange(1.0, 25.0)[:, None] + 0.9 * scale[:, None] * np.array([-1.6448536, 1.6448536])
    columns = [LEVELS.tolist().index(0.05), LEVELS.tolist().index(0.95)]
    errors: dict[str, list[float]] = {"plain": [], "controlled": []}
    for trial in range(200):
        noise = mirrored_noise(trial, 0, 64, 1, 24)[0].astype(float)
        # Not a multiple of the control: a part of the paths moves by itself.
        increments = 0.1 + 0.9 * (0.95 * noise + np.sqrt(1 - 0.95**2) * rng.standard_normal(noise.shape))
        plain = np.quantile(np.cumsum(increments, axis=1), LEVELS[columns], axis=0).T
        errors["plain"].append(float(((plain - truth) ** 2).mean()))
        errors["controlled"].append(float(((controlled(increments, noise, scale)[:, columns] - truth) ** 2).mean()))
    assert np.mean(errors["controlled"]) < 0.5 * np.mean(errors["plain"])


def test_paths_that_owe_nothing_to_the_walk_are_left_to_their_own_quantiles() -> None:
    noise = mirrored_noise(0, 0, 64, 1, 24)[0].astype(float)
    unrelated = np.tile(np.concatenate([np.arange(16.0), -np.arange(16.0)]), 2)[:, None] * np.ones((1, 24)) * 1e-3
    moved = controlled(unrelated, noise, np.sqrt(np.arange(1.0, 25.0)))
    plain = np.quantile(np.cumsum(unrelated, axis=1), LEVELS, axis=0).T
    assert np.abs(moved - plain).max() < 0.5 * np.abs(plain).max()


def test_the_untrained_forecast_is_the_walk_with_any_candles() -> None:
    forecaster = DiffusionForecaster(model_of(untrained(SMALL, 3), untrained(SMALL, 4)))
    forecasts = forecaster.forecast(real_features(), real_candles(), np.arange(300, 360, dtype=np.int64), seed=1)
    np.testing.assert_allclose(forecasts.values, random_walk_like(forecasts).values, rtol=1e-9, atol=1e-15)
    assert np.abs(forecasts.level(0.5)).max() < 1e-12 * forecasts.scale.max()


def test_threads_and_random_state_of_torch_are_as_before() -> None:
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()
    torch.set_num_threads(2)
    try:
        forecast(diffusion())
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(state, torch.random.get_rng_state())


def test_dropout_is_off_even_when_the_network_was_left_in_training_mode() -> None:
    forecaster = diffusion()
    calm = forecast(forecaster)
    for member in forecaster.model.members:
        member.train()
    assert forecast(forecaster) == calm


def test_progress_is_told_after_each_origin() -> None:
    told: list[tuple[int, int]] = []
    diffusion().forecast(
        real_features(), real_candles(), ORIGINS, seed=0, progress=lambda done, total: told.append((done, total))
    )
    assert told == [(1, 2), (2, 2)]


def test_the_first_origin_is_the_first_with_a_whole_context() -> None:
    model = diffusion().model
    possible = possible_origins(model, real_features(), real_candles())
    first = 200 + SMALL.context - 1
    assert possible.tolist() == list(range(first, 2000))
    forecast(diffusion(), rows=np.array([first]))
    with pytest.raises(
        BadInputError, match="1 of 2 origins have no whole context: row 230 reads row 199, which lacks return_1, "
    ):
        forecast(diffusion(), rows=np.array([first - 1, first]))


def test_origins_behind_a_hole_wait_for_warm_up_and_context_and_those_before_are_the_same() -> None:
    candles = without(real_candles(), 900, 1000)
    frame = real_frame().filter(~pl.int_range(pl.len()).is_between(900, 999))
    table, forecaster = features(frame, H1), diffusion()
    possible = possible_origins(forecaster.model, table, candles)
    assert possible.tolist() == [*range(231, 900), *range(900 + 231, 1900)]
    found = forecaster.forecast(table, candles, possible[-5:], seed=3)
    assert len(found) == 5
    assert fingerprint(forecaster.forecast(table, candles, ORIGINS[:1], seed=3)) == forecast(forecaster, rows=ORIGINS[:1])
    with pytest.raises(BadInputError, match="31 of 40 origins have no whole context: row 1100 reads row 1099, which lacks"):
        forecaster.forecast(table, candles, np.arange(1100, 1140), seed=3)


def test_a_hole_that_the_features_overlooked_is_refused_all_the_same() -> None:
    candles = without(real_candles(), 900, 1000)
    overlooked = pl.concat([real_features().head(900), real_features().tail(1000)])
    with pytest.raises(BadInputError, match="too few candles lie between row 910 and the start or hole before it"):
        diffusion().forecast(overlooked, candles, np.array([910]), seed=0)
    assert len(diffusion().forecast(overlooked, candles, np.array([899, 950]), seed=0)) == 2


def test_origins_beyond_the_candles_or_out_of_order_are_refused() -> None:
    with pytest.raises(BadInputError, match="origins 400 to 2000 found among rows 0 to 1999"):
        forecast(diffusion(), rows=np.array([400, 2000]))
    with pytest.raises(BadInputError, match="origins -1 to 900 found"):
        forecast(diffusion(), rows=np.array([900, -1]))
    with pytest.raises(BadInputError, match="no origin found"):
        forecast(diffusion(), rows=np.array([], dtype=np.int64))
    with pytest.raises(BadInputError, match="ascending"):
        forecast(diffusion(), rows=np.array([900, 400]))


def test_features_of_other_candles_are_refused() -> None:
    with pytest.raises(BadInputError, match="1999 feature rows for 2000 candles"):
        diffusion().forecast(real_features().head(1999), real_candles(), ORIGINS, seed=0)
    with pytest.raises(BadInputError, match="the features lack atr; "):
        diffusion().forecast(real_features().drop("atr"), real_candles(), ORIGINS, seed=0)


def test_a_row_that_lacks_a_feature_is_named_and_refuses_the_origins_that_read_it_only() -> None:
    row = pl.int_range(pl.len())
    lacking = real_features().with_columns(pl.when(row != 700).then(pl.col("atr")).alias("atr"))
    for origin in (700, 731):
        with pytest.raises(
            BadInputError, match=f"1 of 1 origins have no whole context: row {origin} reads row 700, which lacks atr;"
        ):
            diffusion().forecast(lacking, real_candles(), np.array([origin]), seed=0)
    assert len(diffusion().forecast(lacking, real_candles(), np.array([699, 732]), seed=0)) == 2


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"n_paths": 0}, "mirrored pairs"),
        ({"n_paths": 7}, "mirrored pairs"),
        ({"n_steps": 0}, "mirrored pairs"),
        ({"sampler": "magic"}, "sampler 'magic' is unknown; known: euler, heun, ddpm, ddim"),
        ({"schedule": "wavy"}, "noise schedule 'wavy' is unknown; known: linear, cosine, sigmoid, or none"),
        ({"eta": 0.5}, "eta 0.5 with euler found"),
        ({"sampler": "ddim", "eta": 1.5}, "eta 1.5 with ddim found"),
        ({"guidance": -1.0}, "guidance -1.0 and temperature 1.0 found"),
        ({"temperature": 0.0}, "guidance 1.0 and temperature 0.0 found"),
    ],
)
def test_a_sampler_that_cannot_be_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        SamplingParameters(**wrong)


def test_a_samplers_identity_changes_with_each_of_its_parameters() -> None:
    changes = ({}, {"n_paths": 32}, {"n_steps": 3}, {"sampler": "heun"}, {"schedule": "linear"}, {"sampler": "ddim"},
               {"sampler": "ddim", "eta": 0.5}, {"guidance": 1.5}, {"temperature": 1.5}, {"ensemble": False})  # fmt: skip
    assert len({SamplingParameters(**change).sha256 for change in changes}) == len(changes)
    assert SamplingParameters().sha256 == SamplingParameters(64, 2).sha256


def test_inputs_are_standardised_and_clipped_by_the_stored_mean_and_deviation() -> None:
    scaler = FeatureScaler(("a", "b"), np.array([1.0, 0.0]), np.array([2.0, 0.5]))
    frame = pl.DataFrame({"b": [0.0, 1.0, 100.0], "a": [1.0, 5.0, -99.0], "c": [0.0, 0.0, 0.0]})
    assert scaler.scaled(frame).tolist() == [[0.0, 0.0], [2.0, 2.0], [-8.0, 8.0]]


def test_a_fresh_network_is_that_of_its_seed_and_draws_nothing_from_the_global_state() -> None:
    state = torch.random.get_rng_state()
    one, same, other = (untrained(SMALL, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)
    assert torch.equal(state, torch.random.get_rng_state())
