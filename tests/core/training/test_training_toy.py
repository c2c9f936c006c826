"""The toy of the user's document: a sine wave. What can be predicted must be predicted, clearly better than by a random walk."""

from dataclasses import replace

import numpy as np
import polars as pl
import torch
from forecast_examples import H1, candles_of_returns

from fxgpt_core.diffusion.forecaster import DiffusionForecaster
from fxgpt_core.diffusion.model import untrained
from fxgpt_core.features.matrix import features
from fxgpt_core.forecasts.forecast import realised
from fxgpt_core.forecasts.random_walk import random_walk_like
from fxgpt_core.forecasts.scores import crps, directional_accuracy
from fxgpt_core.training.diffusion_training import train
from fxgpt_core.training.training_parameters import preset

# A period that no clock feature knows, and a phase that jumps: only the latest candles tell where the wave is.
PERIOD, JUMPS_EVERY, N, STOP = 17, 150, 1800, 1500
EAGER = replace(
    preset("tiny"), n_steps=100, learning_rate=3e-3, context=32, dropout=0.0, ema_decay=0.97, patience=99, warm_up_steps=10
)


def wave(seed: int) -> np.ndarray:
    """Hourly log-returns: a sine of random phase, and noise of a third of its height."""
    rng = np.random.default_rng(seed)
    phase = np.repeat(rng.uniform(0.0, 2.0 * np.pi, N // JUMPS_EVERY), JUMPS_EVERY)
    return 1e-3 * (1.2 * np.sin(2.0 * np.pi * np.arange(N) / PERIOD + phase) + 0.4 * rng.standard_normal(N))


def test_a_noisy_sine_of_random_phase_is_forecast_far_better_than_by_a_random_walk() -> None:
    candles = candles_of_returns(wave(0))
    frame = pl.DataFrame(
        {
            "open_time": pl.Series(candles.open_time_us).cast(pl.Datetime("us", "UTC")),
            **{name: getattr(candles, name) for name in ("open", "high", "low", "close", "volume")},
        }
    )
    table = features(frame, H1)
    trained = train(table.head(STOP), candles.slice(0, STOP), EAGER, symbol="EURUSD", seed=1)
    fresh = untrained(trained.model.parameters, seed=1).state_dict()
    assert not any(torch.equal(weight, fresh[name]) for name, weight in trained.model.members[0].state_dict().items())
    origins = np.arange(STOP + 60, N - 24, 4, dtype=np.int64)
    forecasts = DiffusionForecaster(trained.model).forecast(table, candles, origins, seed=2)
    outcome = realised(candles.close, candles.known_at_us, forecasts)
    ratio = crps(forecasts, outcome).mean(axis=0) / crps(random_walk_like(forecasts), outcome).mean(axis=0)
    # After a whole period the wave is where it was, so that there the walk's median is right as well.
    assert ratio[:8].max() < 0.7
    assert ratio[:24].mean() < 0.7
    assert directional_accuracy(forecasts, outcome)[:8].mean() > 0.8
    covered = (outcome >= forecasts.level(0.05)) & (outcome <= forecasts.level(0.95))
    assert 0.8 < covered[:, :24].mean() < 1.0
