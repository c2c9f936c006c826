"""Did the bands hold: coverage per step and nominal level, judged by how many independent cases there really are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.conformal.bands import Bands
from fxgpt_core.errors import BadInputError

FloatArray = npt.NDArray[np.float64]

JUDGED = (0.5, 0.8, 0.95)
"""The nominal coverages that are reported and gated."""

SIGNIFICANCE = 0.05
MINIMUM_CASES = 20
"""Below so many independent cases a binomial band is so wide that it would hold anything (`gates.MINIMUM_COVERAGE_CASES`)."""

TOLERANCE = 1e-9


@dataclass(frozen=True)
class CoverageRow:
    """Coverage of one step at one nominal level over `n` outcomes that are known.

    `n_eff` = n / step: outcomes of overlapping horizons repeat each other. `low`, `high`: the central 95 % of the share a
    binomial with `n_eff` cases and the nominal probability shows; `within`: the observed share lies inside,
    of at least `MINIMUM_CASES`.
    `mean_width`: mean band width, cumulative log-return (+inf where a band is infinite). `longest_miss`: most misses in a row.
    """

    step: int
    nominal: float
    observed: float
    n: int
    n_eff: int
    low: float
    high: float
    within: bool
    mean_width: float
    longest_miss: int


def coverage_table(bands: Bands, realised: FloatArray, judged: Sequence[float] = JUDGED) -> list[CoverageRow]:
    """One row for each step and judged coverage; `realised` float64[N,S], NaN where the outcome is not known.

    A step without a known outcome has n 0, observed 0; it and one with few cases are not `within`: no evidence is not a pass.
    Raises `BadInputError` for a wrong shape or a coverage the bands do not carry.
    """
    if realised.shape != bands.median.shape:
        raise BadInputError(
            f"outcomes of shape {realised.shape} found for bands of shape {bands.median.shape} (origins, steps); "
            "pass forecasts.realised of the same origins"
        )
    columns = {nominal: coverage_index(bands.coverages, nominal) for nominal in judged}
    return [_row(bands, realised, s, nominal, column) for s in range(len(bands.steps)) for nominal, column in columns.items()]


def coverage_index(coverages: FloatArray, nominal: float) -> int:
    """Index of a nominal coverage. Raises `BadInputError` when the bands do not carry it."""
    distance = np.abs(coverages - nominal)
    index = int(distance.argmin())
    if distance[index] > TOLERANCE:
        raise BadInputError(
            f"coverage {nominal:g} is not among the calibrated {coverages.tolist()}; calibrate it or ask for one of these"
        )
    return index


def binomial_band(n: int, probability: float, significance: float = SIGNIFICANCE) -> tuple[float, float]:
    """The shares between which a binomial(n, probability) falls, with at most `significance`/2 outside on each side, exactly.

    (0, 1) for n = 0. Source: quantiles of the binomial distribution, no normal approximation.
    """
    from scipy.stats import binom  # half a second of import, needed here only

    if n == 0:
        return 0.0, 1.0
    low = binom.ppf(significance / 2.0, n, probability)
    high = binom.isf(significance / 2.0, n, probability)
    return float(low) / n, float(high) / n


def _row(bands: Bands, realised: FloatArray, s: int, nominal: float, column: int) -> CoverageRow:
    lower, upper = bands.lower[:, s, column], bands.upper[:, s, column]
    known = np.isfinite(realised[:, s]) & ~np.isnan(lower) & ~np.isnan(upper)
    y, lower, upper = realised[known, s], lower[known], upper[known]
    inside = (lower <= y) & (y <= upper)
    n, step = len(y), int(bands.steps[s])
    n_eff = n // step
    low, high = binomial_band(n_eff, nominal)
    observed = float(inside.mean()) if n else 0.0
    return CoverageRow(
        step=step,
        nominal=nominal,
        observed=observed,
        n=n,
        n_eff=n_eff,
        low=low,
        high=high,
        within=n_eff >= MINIMUM_CASES and low - TOLERANCE <= observed <= high + TOLERANCE,
        mean_width=float(np.mean(upper - lower)) if n else 0.0,
        longest_miss=longest_run(~inside),
    )


def longest_run(flags: npt.NDArray[np.bool_]) -> int:
    """Length of the longest run of True in flags [N]."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max()) if len(edges) else 0
