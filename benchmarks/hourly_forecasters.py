"""The forecasters of the hourly benchmark, each fitted on the training span alone, by the name of the command line."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import polars as pl

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.forecasts.exponential_smoothing import fit_exponential_smoothing
from fxgpt_core.forecasts.filtered_simulation import fit_filtered_simulation
from fxgpt_core.forecasts.forecaster import Forecaster
from fxgpt_core.forecasts.garch import fit_garch
from fxgpt_core.forecasts.random_walk import RandomWalk
from fxgpt_core.forecasts.seasonal_naive import fit_seasonal_naive
from fxgpt_core.forecasts.volatility import fit_volatility
from fxgpt_core.training.training_parameters import TrainingParameters, preset

Tell = Callable[[str], None]

PROBE_STEPS: Final = 120
SECONDS_BETWEEN_LINES: Final = 20.0


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a forecaster may learn from: a symbol's training span, and for how long a diffusion model may train."""

    symbol: str
    features: pl.DataFrame
    candles: CandleArrays
    preset: str
    minutes: float
    seed: int
    tell: Tell


@dataclass(frozen=True, eq=False)
class Fitted:
    """A forecaster, the seconds its fit took, and what its training says of itself."""

    forecaster: Forecaster
    seconds: float
    note: str = ""


def random_walk(lesson: Lesson, seasonal: bool) -> Fitted:
    return _timed(lambda: RandomWalk(lesson.symbol, fit_volatility(lesson.candles), seasonal))


def baseline(lesson: Lesson, fit: Callable[..., Forecaster]) -> Fitted:
    return _timed(lambda: fit(lesson.symbol, lesson.candles, fit_volatility(lesson.candles)))


def diffusion(lesson: Lesson, denoiser: str) -> Fitted:
    """A diffusion model of the preset, with as many of its steps as a short probe says the minutes hold."""
    from fxgpt_core.diffusion.forecaster import DiffusionForecaster
    from fxgpt_core.training.diffusion_training import train
    from fxgpt_core.training.plan import TrainPlan
    from fxgpt_core.training.surroundings import Surroundings, TrainingProgress

    wanted = replace(preset(lesson.preset), denoiser=denoiser)
    last = TrainingProgress(0, 1, 1.0, 0.0, 0.0)
    told = time.monotonic()

    def progress(now: TrainingProgress) -> None:
        nonlocal last, told
        last = now
        if time.monotonic() - told > SECONDS_BETWEEN_LINES:
            told = time.monotonic()
            lesson.tell(f"{denoiser}: step {now.step} of {now.n_steps}, loss {now.loss:.4f}, {now.seconds_left:.0f} s left")

    def trained(parameters: TrainingParameters) -> Fitted:
        began = time.monotonic()
        surroundings = Surroundings(TrainPlan(threads=parameters.threads), progress=progress)
        model = train(
            lesson.features, lesson.candles, parameters, symbol=lesson.symbol, seed=lesson.seed, surroundings=surroundings
        )
        note = f"{model.n_weights} weights, {last.step} of {parameters.n_steps} steps of {parameters.batch}, " + ", ".join(
            f"{horizon} believed {factor:g}, leaning {model.shrinkage.lean[horizon]:g}"
            for horizon, factor in model.shrinkage.shrink.items()
        )
        return Fitted(DiffusionForecaster(model.model), time.monotonic() - began, note)

    trained(replace(wanted, n_steps=min(PROBE_STEPS, wanted.n_steps)))
    affordable = int(60.0 * lesson.minutes / (last.seconds / last.step))
    return trained(replace(wanted, n_steps=max(1, min(wanted.n_steps, affordable))))


def _timed(fit: Callable[[], Forecaster]) -> Fitted:
    began = time.monotonic()
    forecaster = fit()
    return Fitted(forecaster, time.monotonic() - began)


REFERENCES: Final = ("walk_without_season", "garch_t")
"""Every forecaster is compared with these two, case by case."""

DIFFUSION: Final = ("temporal_unet", "sssd")

FITS: Final[dict[str, Callable[[Lesson], Fitted]]] = {
    "walk_without_season": partial(random_walk, seasonal=False),
    "walk": partial(random_walk, seasonal=True),
    "garch_t": partial(baseline, fit=fit_garch),
    "filtered_simulation": partial(baseline, fit=fit_filtered_simulation),
    "seasonal_naive": partial(baseline, fit=fit_seasonal_naive),
    "exponential_smoothing": partial(baseline, fit=fit_exponential_smoothing),
    **{name: partial(diffusion, denoiser=name) for name in DIFFUSION},
}
