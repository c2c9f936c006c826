"""How good a forecast was. Outcomes are float64[N,S] log-returns as `forecast.realised` gives them; NaN rows do not count."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.forecasts.forecast import Forecasts

FloatArray = npt.NDArray[np.float64]

CENTRAL: Final = (0.5, 0.8, 0.95)
"""The central bands whose coverage is reported."""


def pinball(quantile: FloatArray, outcome: FloatArray, level: float) -> FloatArray:
    """Pinball loss of a quantile forecast (Koenker & Bassett 1978), elementwise, in the unit of the outcome."""
    miss = outcome - quantile
    loss: FloatArray = np.maximum(level * miss, (level - 1.0) * miss)
    return loss


def crps(forecasts: Forecasts, outcome: FloatArray) -> FloatArray:
    """float64[N,S]: continuous ranked probability score, in log-return units; NaN where the outcome is not known."""
    return quantile_crps(forecasts.values, forecasts.levels, outcome)


def quantile_crps(values: FloatArray, levels: FloatArray, outcome: FloatArray) -> FloatArray:
    """float64[N,S]: CRPS of quantiles float64[N,S,L] at `levels` float64[L], in the unit of the outcome float64[N,S].

    CRPS = 2·∫ pinball dlevel over (0, 1) (Gneiting & Raftery 2007), by the trapezoid rule over the levels; at the levels 0
    and 1 the loss is taken for 0, to which it falls for any distribution with a mean.
    """
    edges = np.concatenate(([0.0], levels, [1.0]))
    total = np.zeros(outcome.shape)
    for i, weight in enumerate(((edges[2:] - edges[:-2]) / 2.0).tolist()):
        total += 2.0 * weight * pinball(values[:, :, i], outcome, float(levels[i]))
    return total


def directional_accuracy(forecasts: Forecasts, outcome: FloatArray) -> FloatArray:
    """float64[S]: share of known, non-zero outcomes whose sign the median has; NaN when a step has none. A zero median misses."""
    median = forecasts.level(0.5)
    counted = np.isfinite(outcome) & (outcome != 0.0)
    hits = counted & (np.sign(median) == np.sign(outcome))
    counts = counted.sum(axis=0)
    return np.where(counts > 0, hits.sum(axis=0) / np.maximum(counts, 1), np.nan)


def rmse(forecasts: Forecasts, outcome: FloatArray) -> FloatArray:
    """float64[S]: root mean square error of the median, in log-return units; NaN when a step has no outcome."""
    squares = (forecasts.level(0.5) - outcome) ** 2
    known = np.isfinite(squares)
    counts = known.sum(axis=0)
    total = np.where(known, squares, 0.0).sum(axis=0)
    return np.where(counts > 0, np.sqrt(total / np.maximum(counts, 1)), np.nan)


def central_coverage(forecasts: Forecasts, outcome: FloatArray, coverages: Sequence[float] = CENTRAL) -> FloatArray:
    """float64[S,C]: share of known outcomes between the quantiles (1 ± coverage) / 2; NaN when a step has none.

    Raises `BadInputError` for a coverage whose levels are not forecast.
    """
    known = np.isfinite(outcome)
    counts = known.sum(axis=0)
    shares = np.full((outcome.shape[1], len(coverages)), np.nan)
    for c, coverage in enumerate(coverages):
        lower, upper = (forecasts.level((1.0 + sign * coverage) / 2.0) for sign in (-1.0, 1.0))
        inside = known & (lower <= outcome) & (outcome <= upper)
        np.divide(inside.sum(axis=0), counts, out=shares[:, c], where=counts > 0)
    return shares


def sign_returns(forecasts: Forecasts, outcome: FloatArray, stride: int = 1) -> FloatArray:
    """float64[M,S]: log-returns, before costs, of holding the sign of the median until each step, from every `stride`-th origin.

    A zero median holds nothing. Trades overlap unless the stride is at least the step. NaN where the outcome is not known.
    """
    return (np.sign(forecasts.level(0.5)) * outcome)[::stride]


def drawdown(returns: FloatArray) -> float:
    """The deepest fall of the summed log-returns float64[M], none of them NaN, from their peak so far; 0 without a fall."""
    wealth = np.concatenate(([0.0], np.cumsum(returns)))
    return float(np.max(np.maximum.accumulate(wealth) - wealth))
