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
from fxgpt_core.training.dispersion import BEFORE_NETWORKS, Scores
from fxgpt_core.training.windows import Windows, evenly_spaced

FloatArray = npt.NDArray[np.float64]

FACTORS = (0.0, 0.25, 0.5, 0.75, 1.0)
SAMPLING = SamplingParameters()
JUDGED_WINDOWS = 512
TWO_SIDES = 2.0 * 1.959964
"""Standard errors in a central interval of 95 %."""


@dataclass(frozen=True)
class Shrinkage:
    """How far a sampler is believed in each named part of the path, and the mean CRPS over `n_windows` and the part's steps.

    Up to ½, regression and shape, `shrink` has the lowest mean CRPS over `n_blocks` of windows, `crps_blocks`, which is never
    above that of the random walk, 0. Networks are believed when their CRPS on the validation windows, counting a standard error
    of the gain, is lower than that of this choice and of ½; and `lean`, the share of drift and skew, has the lowest CRPS there
    counted so: a trend that these windows have in common is no proof. `crps` of symmetric paths and `crps_leaning` are of the
    validation windows. All by part and factor, in units of the random walk's deviation.
    """

    shrink: dict[str, float]
    lean: dict[str, float]
    crps: Scores
    crps_leaning: Scores
    crps_blocks: Scores
    n_windows: int
    n_blocks: int


@dataclass(frozen=True, eq=False)
class Evidence:
    """What tells how far to believe a sampler: `validation` windows, which are of its shape and of this `regression`, and
    `earlier` scores of `BEFORE_NETWORKS` in blocks before them. A part with fewer outcomes that do not overlap than
    `drift_evidence` does not lean.
    """

    validation: Windows
    regression: VolatilityRegression = UNCHANGED
    earlier: Sequence[Scores] = ()
    drift_evidence: int = 0


def chosen_shrinkage(sampler: PathSampler, evidence: Evidence, parts: Mapping[str, Part], seed: int) -> Shrinkage:
    """How far to believe a sampler, by validation windows that are evenly spaced; all factors are judged with the same noise."""
    validation = evidence.validation
    rows = evenly_spaced(len(validation), JUDGED_WINDOWS)
    with torch.inference_mode():
        sums, outcome = _drawn(sampler, validation, evidence.regression, rows.tolist(), seed)
    # So many windows in a row share outcomes.
    overlap = min(len(rows) // 2, -(-validation.reach * len(rows) // len(validation)))
    symmetric = _by_part({factor: _crps(sums, outcome, factor, 0.0) for factor in FACTORS}, parts)
    crps = _means(symmetric)
    blocks = {name: _mean_of_blocks([crps[name], *(block[name] for block in evidence.earlier)]) for name in parts}
    shrink = {name: _shrink(symmetric[name], blocks[name], overlap, seed) for name in parts}
    by_token = np.empty(outcome.shape[1])
    for name, (tokens, _) in parts.items():
        by_token[tokens] = shrink[name]
    leaning = _by_part({factor: _crps(sums, outcome, by_token, factor) for factor in FACTORS}, parts)
    enough = {name: len(validation) // step >= evidence.drift_evidence for name, (_, step) in parts.items()}
    lean = {name: _lean(leaning[name], overlap, seed) if enough[name] else 0.0 for name in parts}
    return Shrinkage(shrink, lean, crps, _means(leaning), blocks, len(rows), 1 + len(evidence.earlier))


def _by_part(scores: Mapping[float, FloatArray], parts: Mapping[str, Part]) -> dict[str, dict[float, FloatArray]]:
    """By part and factor float64[N]: the mean of scores float64[N,T] over the tokens of the part."""
    return {
        name: {factor: score[:, tokens].mean(axis=1) for factor, score in scores.items()} for name, (tokens, _) in parts.items()
    }


def _means(scores: Mapping[str, Mapping[float, FloatArray]]) -> Scores:
    return {name: {factor: float(score.mean()) for factor, score in found.items()} for name, found in scores.items()}


def _mean_of_blocks(blocks: Sequence[Mapping[float, float]]) -> dict[float, float]:
    return {factor: float(np.mean([block[factor] for block in blocks])) for factor in BEFORE_NETWORKS}


def _shrink(scores: Mapping[float, FloatArray], blocks: Mapping[float, float], overlap: int, seed: int) -> float:
    """What all blocks choose without networks, or more where networks show that they add something to it and to ½."""
    plain = min(blocks, key=blocks.__getitem__)
    counted = {
        factor: max(_counted(score, scores[known], overlap, seed) for known in (plain, BEFORE_NETWORKS[-1]))
        for factor, score in scores.items()
        if factor not in BEFORE_NETWORKS
    }
    shown = min(counted, key=counted.__getitem__)
    return shown if counted[shown] < 0.0 else plain


def _lean(scores: Mapping[float, FloatArray], overlap: int, seed: int) -> float:
    counted = {factor: _counted(score, scores[0.0], overlap, seed) for factor, score in scores.items()}
    return min(counted, key=counted.__getitem__)


def _counted(scores: FloatArray, known: FloatArray, overlap: int, seed: int) -> float:
    """The mean difference of scores float64[N] to known ones, and a standard error of it."""
    if overlap < 1:
        return 0.0  # one window shows nothing
    found = paired_difference(scores, known, overlap, seed)
    return found.mean + (found.high - found.low) / TWO_SIDES


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
