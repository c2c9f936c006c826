"""How far to believe a model: from the random walk to its paths, as far as validation windows choose, horizon by horizon."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from fxgpt_core.diffusion.paths import PathSampler, Share, Sums
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
    no proof. `crps` and `crps_leaning` by part and factor, in units of the random walk's deviation.
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
        sums, outcome = _drawn(sampler, validation, regression, rows.tolist(), seed)
    # So many windows in a row share outcomes.
    block = min(len(rows) // 2, -(-validation.reach * len(rows) // len(validation)))
    symmetric = [_crps(sums, outcome, factor, 0.0) for factor in FACTORS]
    crps, shrink = {}, {}
    by_token = np.empty(outcome.shape[1])
    for name, (tokens, _) in parts.items():
        crps[name] = {factor: float(score[:, tokens].mean()) for factor, score in zip(FACTORS, symmetric, strict=True)}
        shrink[name] = by_token[tokens] = min(FACTORS, key=crps[name].__getitem__)
    leaning = [_crps(sums, outcome, by_token, factor) for factor in FACTORS]
    crps_leaning, lean = {}, {}
    for name, (tokens, step) in parts.items():
        scores = [score[:, tokens].mean(axis=1) for score in leaning]
        crps_leaning[name] = {factor: float(score.mean()) for factor, score in zip(FACTORS, scores, strict=True)}
        lean[name] = _shown(scores, block, seed) if len(validation) // step >= drift_evidence else 0.0
    return Shrinkage(shrink, lean, crps, crps_leaning, len(rows))


def _shown(scores: Sequence[FloatArray], block: int, seed: int) -> float:
    """The factor whose scores float64[N] are lowest, counting a standard error of their difference to those of 0."""
    if block < 1:
        return 0.0  # one window shows nothing
    differences = [paired_difference(score, scores[0], block, seed) for score in scores]
    return FACTORS[int(np.argmin([found.mean + (found.high - found.low) / TWO_SIDES for found in differences]))]


def _drawn(
    sampler: PathSampler, data: Windows, regression: VolatilityRegression, rows: Sequence[int], seed: int
) -> tuple[Sums, FloatArray]:
    """Sums of paths of N windows and their outcomes float64[N,T], both in units of the random walk's deviation."""
    sums, outcomes = [], []
    for row in rows:
        ahead, walk = data.deviations(row, regression)
        noise = sampler.noise(seed, row, len(ahead))
        scale = np.sqrt(np.cumsum(walk**2))
        drawn = sampler.unbelieved(data.context_of(row), noise, ahead, walk)
        paths, known = (drawn.walks, drawn.regressed, drawn.said), (drawn.of_walks, drawn.of_regressed)
        sums.append([*(each / scale for each in paths), *(each / scale[:, None] for each in known)])
        outcomes.append(data.outcome(row, sampler.shape) / scale)
    return Sums(*(np.stack(each) for each in zip(*sums, strict=True))), np.stack(outcomes)


def _crps(sums: Sums, outcome: FloatArray, shrink: Share, lean: Share) -> FloatArray:
    """float64[N,T]: CRPS of N windows whose sums are believed so far."""
    return quantile_crps(sums.quantiles(shrink, lean), LEVELS, outcome)
