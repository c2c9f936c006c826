"""Hourly forecasts of a random walk whose σ is known up to a factor, and outcomes of steps that overlap."""

import numpy as np

from fxgpt_core.conformal.calibration import Calibration, CalibrationParameters, fit
from fxgpt_core.conformal.method import Method
from fxgpt_core.conformal.outcomes import NEVER, Outcomes
from fxgpt_core.forecasts.forecast import Forecasts
from fxgpt_core.market.timeframes import HOUR_US

LEVELS = np.array([0.025, *np.arange(1, 20) / 20, 0.975])
Z = np.array([-1.959964, -1.644854, -1.281552, -1.036433, -0.841621, -0.674490, -0.524401, -0.385320, -0.253347, -0.125661])
NORMAL = np.concatenate([Z, [0.0], -Z[::-1]])
STEPS = np.array([1, 2, 4], dtype=np.int32)
MONDAY_US = 1_514_851_200_000_000
SIGMA = 1e-3
HASHES = {"model_sha256": "m" * 64, "sampling_sha256": "s" * 64}


def forecasts_of(n: int, *, width: float = 1.0, seed: int = 0, first: int = 0) -> Forecasts:
    """N forecasts of σ that varies, their quantiles wider by a factor; the first origin is `first` hours after a Monday."""
    scale = np.random.default_rng(seed).uniform(0.5, 2.0, (n, 1)) * SIGMA * np.sqrt(STEPS)
    known_at = MONDAY_US + (first + np.arange(n, dtype=np.int64)) * HOUR_US
    return Forecasts("EURUSD", "1h", known_at, np.full(n, 1.1), STEPS, LEVELS, width * scale[:, :, None] * NORMAL, scale)


def later(n: int, **changes: float) -> Forecasts:
    """Forecasts behind any calibration of these tests."""
    return forecasts_of(n, first=1_000_000, **changes)


def known(forecasts: Forecasts, realised: np.ndarray) -> Outcomes:
    """Outcomes of consecutive origins, each known when its candle closed; NaN ones where a candle is there but no outcome."""
    times = forecasts.known_at_us[:, None] + forecasts.steps.astype(np.int64) * HOUR_US
    return Outcomes(np.arange(len(forecasts)), realised, times)


def drawn(forecasts: Forecasts, seed: int = 1, factor: np.ndarray | float = 1.0) -> Outcomes:
    """Independent Gaussian outcomes with the forecast's σ times a factor float64[N]."""
    noise = np.random.default_rng(seed).standard_normal(forecasts.scale.shape)
    return known(forecasts, forecasts.scale * noise * np.broadcast_to(factor, len(forecasts))[:, None])


def cut(outcomes: Outcomes, forecasts: Forecasts, n: int) -> Outcomes:
    """The outcomes of the first n origins as they were known at the last of them."""
    first = outcomes.select(slice(0, n))
    later = first.known_us > forecasts.known_at_us[n - 1]
    return Outcomes(first.rows, np.where(later, np.nan, first.realised), np.where(later, NEVER, first.known_us))


def calibrated(method: Method, n: int = 2000, *, width: float = 1.0, seed: int = 2, **parameters: object) -> Calibration:
    """The method fitted on n forecasts too wide by a factor; `labels` go to the method, others are parameters."""
    labels = parameters.pop("labels", None)
    past = forecasts_of(n, width=width, seed=seed)
    return fit(past, drawn(past, seed + 1), CalibrationParameters(method, **parameters), labels=labels, **HASHES)
