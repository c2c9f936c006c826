"""How far to believe a model: from the random walk to its paths, as far as validation windows choose, horizon by horizon."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from fxgpt_core.diffusion.paths import PathSampler, Sums, path_quantiles
from fxgpt_core.diffusion.sampling_parameters import SamplingParameters
from fxgpt_core.forecasts.forecast import LEVELS
from fxgpt_core.forecasts.horizons import Part
from fxgpt_core.forecasts.paired import paired_difference
from fxgpt_core.forecasts.scores import quantile_crps
from fxgpt_core.forecasts.volatility_regression import UNCHANGED, VolatilityRegression
from fxgpt_core.training.windows import Windows

FloatArray = npt.NDArray[np.float64]

FACTORS = (0.0, 0.25, 0.5, 0.75, 1.0)
SAMPLING = SamplingParameters()
JUDGED_WINDOWS = 512
TWO_SIDES = 2.0 * 1.959964
"""Standard errors in a central interval of 95 %."""


@dataclass(frozen=True)
class Shrinkage:
    """How far a sampler is believed in each named part of the path, and the mean CRPS over `n_windows` and the part's steps.

    `shrink` has the lowest CRPS of symmetric paths, never above that of the random walk, which is 0. `lean`, of drift and skew,
    has the lowest sum of CRPS and standard error of its difference to that of 0: a trend that the validation windows share is
    no proof.
    `crps` and `crps_leaning` by part and factor, in units of the random walk's deviation.
    """

    shrink: dict[str, float]
    lean: dict[str, float]
    crps: dict[str, dict[float, float]]
    crps_leaning: dict[str, dict[float, float]]
    n_windows: int


def chosen_shrinkage(
    sampler: PathSampler,
    validation: Windows,
    parts: Mapping[str, Part],
    seed: int,
    regression: VolatilityRegression = UNCHANGED,
    drift_evidence: int = 0,
) -> Shrinkage:
    """How far to believe a sampler by validation windows, which are of its shape and of this regression.

    The windows are evenly spaced, and all factors are judged with the same noise. A part with fewer outcomes that do not
    overlap than `drift_evidence` does not lean.
    """
    rows = np.unique(np.linspace(0, len(validation) - 1, JUDGED_WINDOWS).astype(np.int64))
    with torch.inference_mode():
        drawn = [_drawn(sampler, validation, regression, row, seed) for row in rows.tolist()]
    # So many windows in a row share outcomes.
    block = min(len(rows) // 2, -(-validation.reach * len(rows) // len(validation)))
    shrink, lean, crps, leaning = {}, {}, {}, {}
    for name, (tokens, step) in parts.items():
        symmetric = _crps(drawn, tokens, [(factor, 0.0) for factor in FACTORS])
        crps[name] = dict(zip(FACTORS, symmetric.mean(axis=1).tolist(), strict=True))
        shrink[name] = min(FACTORS, key=crps[name].__getitem__)
        scores = _crps(drawn, tokens, [(shrink[name], factor) for factor in FACTORS])
        leaning[name] = dict(zip(FACTORS, scores.mean(axis=1).tolist(), strict=True))
        differences = [paired_difference(score, scores[0], block, seed) for score in scores]
        bounds = [found.mean + (found.high - found.low) / TWO_SIDES for found in differences]
        lean[name] = FACTORS[int(np.argmin(bounds))] if len(validation) // step >= drift_evidence else 0.0
    return Shrinkage(shrink, lean, crps, leaning, len(rows))


@dataclass(frozen=True, eq=False)
class _Drawn:
    """The sums of one window and their outcome float64[T], in units of the random walk's deviation."""

    sums: Sums
    outcome: FloatArray


def _drawn(sampler: PathSampler, data: Windows, regression: VolatilityRegression, row: int, seed: int) -> _Drawn:
    ahead, walk = data.deviations(row, regression)
    scale = np.sqrt(np.cumsum(walk**2))
    sums = sampler.unbelieved(data.context_of(row), sampler.noise(seed, row, len(ahead)), ahead, walk)
    return _Drawn(Sums(sums.walks / scale, sums.regressed / scale, sums.said / scale), data.outcome(row, sampler.shape) / scale)


def _crps(drawn: Sequence[_Drawn], tokens: slice, shares: Sequence[tuple[float, float]]) -> FloatArray:
    """float64[F,N]: CRPS of N windows by each pair of shrink and lean, mean over the steps of some tokens."""
    scores = np.empty((len(shares), len(drawn)))
    for n, one in enumerate(drawn):
        part = Sums(*(each[:, tokens] for each in (one.sums.walks, one.sums.regressed, one.sums.said)))
        unit = np.ones(part.walks.shape[1])
        quantiles = np.stack([path_quantiles(part.believed(*each), part.walks, unit) for each in shares])
        outcome = np.repeat(one.outcome[None, tokens], len(shares), axis=0)
        scores[:, n] = quantile_crps(quantiles, LEVELS, outcome).mean(axis=1)
    return scores
