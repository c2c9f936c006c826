"""The loop: repeatable, harmless to its surroundings, and never worse than its start by its own measure."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest
import torch
from forecast_examples import real_candles, real_features

from fxgpt_core.diffusion.forecaster import DiffusionForecaster
from fxgpt_core.diffusion.shape import NORMAL
from fxgpt_core.errors import BadInputError
from fxgpt_core.features.matrix import FEATURES
from fxgpt_core.forecasts.random_walk import random_walk_like
from fxgpt_core.forecasts.relative_volatility import COLUMNS
from fxgpt_core.training import shrinkage
from fxgpt_core.training.checkpoints import model_bytes
from fxgpt_core.training.diffusion_training import CANDIDATES, TrainedModel, fit_scaler, train
from fxgpt_core.training.plan import TrainPlan
from fxgpt_core.training.state import LossPoint
from fxgpt_core.training.stepping import average, rate
from fxgpt_core.training.surroundings import Surroundings, TrainingProgress
from fxgpt_core.training.training_parameters import TrainingParameters, preset

STOP = 900
QUICK = replace(preset("tiny"), n_steps=6, warm_up_steps=2, batch=32, context=32)
HARMFUL = replace(QUICK, learning_rate=1.0, warm_up_steps=1, gradient_clip=1e9, n_steps=12)


def trained(parameters: TrainingParameters = QUICK, seed: int = 1, surroundings: Surroundings | None = None) -> TrainedModel:
    features, candles = real_features().head(STOP), real_candles().slice(0, STOP)
    return train(features, candles, parameters, symbol="EURUSD", seed=seed, surroundings=surroundings)


@pytest.fixture(autouse=True)
def _few_judged_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The choice of shrinkage has tests of its own, and takes longer than these trainings."""
    monkeypatch.setattr(shrinkage, "JUDGED_WINDOWS", 8)


@cache
def once() -> TrainedModel:
    return trained()


def test_the_same_seed_gives_the_same_file_and_another_seed_another() -> None:
    assert model_bytes(trained().model) == model_bytes(once().model)
    assert model_bytes(trained(seed=2).model) != model_bytes(once().model)


def test_the_global_random_state_neither_matters_nor_changes() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(12345)
        state = torch.random.get_rng_state()
        assert model_bytes(trained().model) == model_bytes(once().model)
        assert torch.equal(state, torch.random.get_rng_state())


def test_torch_has_as_many_threads_afterwards_as_before() -> None:
    before, during = torch.get_num_threads(), []
    train(
        real_features().head(STOP),
        real_candles().slice(0, STOP),
        replace(QUICK, threads=2),
        symbol="EURUSD",
        seed=1,
        surroundings=Surroundings(TrainPlan(threads=2), progress=lambda _: during.append(torch.get_num_threads())),
    )
    assert set(during) == {2}
    assert torch.get_num_threads() == before


def test_progress_counts_to_the_end_with_losses_near_one() -> None:
    told: list[TrainingProgress] = []
    trained(surroundings=Surroundings(progress=told.append))
    assert [each.step for each in told] == [1, 2, 3, 4, 5, 6]
    assert {each.n_steps for each in told} == {6}
    assert all(0.5 < each.loss < 2.0 for each in told)
    assert told[-1].seconds_left == 0.0
    assert [each.seconds for each in told] == sorted(each.seconds for each in told)


def test_losses_start_before_the_first_step_and_the_counts_are_reported() -> None:
    result = once()
    (losses,) = result.losses
    assert [point.step for point in losses] == [0, 1, 2, 3, 4, 5, 6]
    assert all(math.isfinite(point.training) and math.isfinite(point.validation) for point in losses)
    assert result.n_windows == STOP - 120 - (200 + 32 - 1)
    assert result.n_weights == sum(weight.numel() for weight in result.model.members[0].parameters())
    assert result.seconds > 0.0


def test_training_that_only_does_harm_gives_the_random_walk_back() -> None:
    harmed = trained(HARMFUL)
    (losses,) = harmed.losses
    assert min(point.validation for point in losses) == losses[0].validation
    # The shape of returns is no work of the networks, and may stay.
    assert max(harmed.model.shrink.values()) <= 0.5
    assert set(harmed.model.lean.values()) == {0.0}
    forecaster = DiffusionForecaster(replace(harmed.model, shape=NORMAL))
    forecasts = forecaster.forecast(real_features(), real_candles(), np.array([800, 1000]), seed=0)
    np.testing.assert_allclose(forecasts.values, random_walk_like(forecasts).values, rtol=1e-9, atol=1e-15)


def test_it_stops_when_patience_ends() -> None:
    harmed = trained(replace(HARMFUL, n_steps=30, patience=3))
    assert [point.step for point in harmed.losses[0]] == [0, 1, 2, 3]


def test_a_loss_that_is_no_number_is_an_error_and_no_model() -> None:
    with pytest.raises(BadInputError, match=r"diverged at step \d+ .* learning_rate is 1e\+30; use a lower one"):
        trained(replace(HARMFUL, learning_rate=1e30))


def test_the_mean_of_weights_is_exponential() -> None:
    one, two = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    expected = 0.9 * one.weight.detach() + 0.1 * two.weight.detach()
    average(one, two, 0.9)  # type: ignore[arg-type]
    torch.testing.assert_close(one.weight.detach(), expected)


def test_the_learning_rate_rises_in_a_line_and_falls_as_a_cosine_to_zero() -> None:
    parameters = TrainingParameters(n_steps=110, warm_up_steps=10)
    rates = [rate(step, parameters) for step in range(111)]
    assert rates[:10] == pytest.approx([0.1 * k for k in range(1, 11)])
    assert rates[60] == pytest.approx(0.5)
    assert rates[110] == pytest.approx(0.0)
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_the_scaler_is_mean_and_deviation_of_the_complete_rows() -> None:
    names = ("rsi_14", "atr", "hour_sin")
    scaler = fit_scaler(real_features().head(STOP), names)
    complete = real_features().slice(200, STOP - 200)
    assert scaler.columns == names
    np.testing.assert_allclose(scaler.mean, [complete[name].mean() for name in names])
    np.testing.assert_allclose(scaler.deviation, [complete[name].std(ddof=0) for name in names], rtol=1e-9)


def with_changed(features: pl.DataFrame, start: int) -> pl.DataFrame:
    """The features with other values from a row on."""
    later = pl.int_range(pl.len()) >= start
    return features.with_columns(pl.when(later).then(pl.col(name) * -2.0).otherwise(pl.col(name)) for name in FEATURES)


def test_the_model_reads_the_columns_that_were_chosen_and_never_the_month() -> None:
    few = trained(replace(QUICK, n_features=6))
    chosen = few.selection.names
    assert few.model.scaler.columns == chosen
    assert few.model.parameters.n_inputs == len(chosen) + len(COLUMNS) == 6 + len(COLUMNS)
    unread = {"month_sin", "month_cos", "spread", "spread_ratio"}
    assert {found.feature for found in few.selection.findings} == set(FEATURES) - unread
    origins = np.array([800, 1000])
    narrow = real_features().select("open_time", *chosen)
    whole, part = (
        DiffusionForecaster(few.model).forecast(each, real_candles(), origins, seed=0) for each in (real_features(), narrow)
    )
    assert whole.values.tobytes() == part.values.tobytes()
    assert once().model.parameters.n_inputs - len(COLUMNS) == len(once().selection.names) <= QUICK.n_features


def test_validation_windows_have_no_say_in_the_choice_of_columns() -> None:
    parameters = replace(QUICK, n_features=6, n_steps=1)
    first_judging = int(STOP * 0.85) - 120
    span = real_candles().slice(0, STOP)
    close = np.where(np.arange(STOP) < first_judging, span.close, span.close * np.linspace(1.0, 1.2, STOP))
    changed, candles = with_changed(real_features().head(STOP), first_judging), replace(span, close=close)
    assert train(changed, candles, parameters, symbol="EURUSD", seed=1).selection == trained(parameters).selection
    earlier = with_changed(real_features().head(STOP), first_judging - 60)
    assert train(earlier, span, parameters, symbol="EURUSD", seed=1).selection != trained(parameters).selection


@pytest.mark.parametrize(
    "change",
    [{"n_steps": 7}, {"batch": 16}, {"learning_rate": 1e-3}, {"warm_up_steps": 3}, {"restarts": 1},
     {"weight_decay": 0.5}, {"ema_decay": 0.1},
     {"gradient_clip": 1e-6}, {"n_features": 5}, {"context": 24}, {"width": 8}, {"embedding": 16}, {"dropout": 0.5},
     {"context_dropout": 0.5}, {"members": 2}, {"denoiser": "sssd"},
     {"schedule": "linear"}, {"validation_share": 0.25}],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_every_training_parameter_moves_the_losses(change: dict[str, float]) -> None:
    eager = replace(QUICK, learning_rate=2e-3)
    assert trained(replace(eager, **change)).losses[:7] != eager_losses(eager)


@cache
def eager_losses(parameters: TrainingParameters) -> tuple[LossPoint, ...]:
    return trained(parameters).losses


def test_a_column_that_never_varied_in_training_says_nothing_afterwards() -> None:
    constant = real_features().head(STOP).with_columns(atr=0.25)
    scaler = fit_scaler(constant, ("atr", "rsi_14"))
    later = constant.with_columns(atr=7.0)
    assert not scaler.scaled(later)[:, 0].any()
    assert scaler.scaled(later)[:, 1].any()


def test_a_span_without_a_complete_row_is_refused() -> None:
    with pytest.raises(BadInputError, match="none of the 150 feature rows is complete"):
        fit_scaler(real_features().head(150), ("atr",))
    with pytest.raises(BadInputError, match="0 of 109 rows have all features and labels; a choice of features needs 250"):
        train(real_features().head(270), real_candles().slice(0, 270), QUICK, symbol="EURUSD", seed=1)


def test_features_without_a_column_are_refused_by_name() -> None:
    lacking = real_features().head(STOP).drop("rsi_14")
    with pytest.raises(BadInputError, match=f"the features lack rsi_14; {len(CANDIDATES)} columns are to be chosen from"):
        train(lacking, real_candles().slice(0, STOP), QUICK, symbol="EURUSD", seed=1)


def test_features_of_other_candles_are_refused() -> None:
    with pytest.raises(BadInputError, match="900 feature rows for 899 candles"):
        train(real_features().head(900), real_candles().slice(0, 899), QUICK, symbol="EURUSD", seed=1)


def test_presets_have_names_and_an_unknown_one_is_refused_with_them() -> None:
    assert preset("demo") == TrainingParameters()
    assert preset("demo").threads == preset("tiny").threads == 1
    assert preset("tiny").n_steps < preset("demo").n_steps < preset("base").n_steps < preset("large").n_steps
    with pytest.raises(BadInputError, match="'huge' is unknown; known: tiny, demo, base, large"):
        preset("huge")


@pytest.mark.parametrize("change", [{"n_steps": 0}, {"batch": 0}, {"n_features": 0}, {"threads": 0}, {"ema_decay": 1.0}])
def test_impossible_parameters_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(BadInputError, match="at least 1 and ema_decay"):
        TrainingParameters(**change)  # type: ignore[arg-type]


def test_an_unknown_schedule_is_refused_before_training() -> None:
    with pytest.raises(BadInputError, match="'wavy' is unknown; known: linear, cosine, sigmoid"):
        TrainingParameters(schedule="wavy")
