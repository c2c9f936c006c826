"""How returns spread before networks learn what is left: the regression of volatility and the shape of returns.

Both are fitted in closed form, so that many blocks of windows can tell how well they forecast: each block by those before it.
N windows, T tokens, L levels.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from fxgpt_core.diffusion.independent_sums import IndependentSums
from fxgpt_core.diffusion.paths import towards
from fxgpt_core.diffusion.shape import Shape, fit_shape
from fxgpt_core.forecasts.forecast import LEVELS, normal_quantiles
from fxgpt_core.forecasts.horizons import Part
from fxgpt_core.forecasts.relative_volatility import COLUMNS
from fxgpt_core.forecasts.scores import quantile_crps
from fxgpt_core.forecasts.volatility_regression import FEWEST, VolatilityRegression, fit_volatility_regression
from fxgpt_core.training.windows import Windows, evenly_spaced

Scores = dict[str, dict[float, float]]
"""Mean CRPS by part of the path and factor."""

BEFORE_NETWORKS: Final = (0.0, 0.25, 0.5)
"""From the random walk to regression and shape, in the units of `PathSampler.shrink`."""
JUDGED_WINDOWS: Final = 1_024


def fit_dispersion(training: Windows) -> tuple[Shape, VolatilityRegression]:
    """Shape and regression of windows whose deviations are the random walk's."""
    columns = training.inputs[training.origins, -len(COLUMNS) :].numpy()
    regression = fit_volatility_regression(columns, training.targets.numpy().astype(np.float64))
    return fit_shape(training.regressed(regression).targets.numpy().astype(np.float64)), regression


def earlier_scores(data: Windows, share: float, parts: Mapping[str, Part]) -> list[Scores]:
    """Scores of `BEFORE_NETWORKS` in blocks before the last `share` of windows, each as long and told by those before it.

    In units of the random walk's deviation, the latest block first; none without `FEWEST` windows to learn from. The season is
    that of the whole span in all of them, for the random walk as well.
    """
    size, found = int(len(data) * share), []
    for stop in range(len(data) - size, size + data.reach + FEWEST - 1, -max(1, size)):
        learned, judged = data.part(slice(0, stop)).divided(size / stop)
        found.append(_scores(learned, judged.part(evenly_spaced(len(judged), JUDGED_WINDOWS)), parts))
    return found


def _scores(learned: Windows, judged: Windows, parts: Mapping[str, Part]) -> Scores:
    shape, regression = fit_dispersion(learned)
    walk = judged.ahead.numpy().astype(np.float64)
    scale = np.sqrt(np.cumsum(walk**2, axis=1))
    outcome = np.cumsum(judged.targets.numpy() * walk, axis=1) / scale
    sums = IndependentSums(shape, 1.0)
    ahead = walk * regression.factors(judged.inputs[judged.origins].numpy())
    regressed = np.stack([sums.quantiles(one) for one in ahead]) / scale[..., None]
    plain = normal_quantiles(np.ones(outcome.shape))
    crps = {factor: quantile_crps(towards(regressed, plain, factor), LEVELS, outcome) for factor in BEFORE_NETWORKS}
    return {
        name: {factor: float(score[:, tokens].mean()) for factor, score in crps.items()} for name, (tokens, _) in parts.items()
    }
