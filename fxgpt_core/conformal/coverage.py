"""Did the bands hold: coverage per step and nominal level, judged by how many independent cases there really are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.conformal.bands import Bands
from fxgpt_core.conformal.independence import independence, longest_run
from fxgpt_core.errors import BadInputError

FloatArray = npt.NDArray[np.float64]

JUDGED = (0.5, 0.8, 0.95)
"""The nominal coverages that are reported and gated."""

SIGNIFICANCE = 0.05
MINIMUM_CASES = 20
"""Below so many independent cases a binomial band is so wide that it would hold anything (`gates.MINIMUM_COVERAGE_CASES`)."""

TOLERANCE = 1e-9


HOLDS, FAILS, UNKNOWN = "holds", "does not hold", "insufficient evidence"

WIDTH_LEVELS = (0.5, 0.75, 0.9, 0.95)


@dataclass(frozen=True)
class CoverageRow:
    """Coverage of one step at one nominal level over `n` outcomes that are known.

    `n_eff` = n / step: outcomes of overlapping horizons repeat each other. `low`, `high`: the central 95 % of the share a
    binomial with `n_eff` cases and the nominal probability shows. `verdict`: holds, does not hold, or insufficient evidence,
    below `MINIMUM_CASES`. `independence`: p-value that misses of every step-th outcome do not come in runs (None: nothing to
    tell from). `longest_miss`: most misses in a row. `mean_width` and the quantiles of the band's width, cumulative log-return.
    `uncalibrated`: share of the bands that are flagged so.
    """

    step: int
    nominal: float
    observed: float
    n: int
    n_eff: int
    low: float
    high: float
    verdict: str
    independence: float | None
    longest_miss: int
    mean_width: float
    width_50: float
    width_75: float
    width_90: float
    width_95: float
    uncalibrated: float


def coverage_table(bands: Bands, realised: FloatArray, judged: Sequence[float] = JUDGED) -> list[CoverageRow]:
    """One row for each step and judged coverage; `realised` float64[N,S], NaN where the outcome is not known.

    A step without a known outcome has n 0 and observed 0: insufficient evidence, as for one with few cases.
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


def calibrated_band(n_calibrated: int, n: int, probability: float, significance: float = SIGNIFICANCE) -> tuple[float, float]:
    """The shares of n cases that a band covers which was fixed by `n_calibrated` others, when all are exchangeable.

    Wider than `binomial_band`: what the others happened to be stays in the band. Beta-binomial (Vovk 2012; Angelopoulos & Bates
    2023, section 3.2); (0, 1) where either number is 0.
    """
    from scipy.stats import betabinom

    if min(n, n_calibrated) == 0:
        return 0.0, 1.0
    rank = min(n_calibrated, math.ceil((n_calibrated + 1) * probability))
    law = betabinom(n, rank, n_calibrated + 1 - rank)
    return float(law.ppf(significance / 2.0)) / n, float(law.isf(significance / 2.0)) / n


def _row(bands: Bands, realised: FloatArray, s: int, nominal: float, column: int) -> CoverageRow:
    lower, upper = bands.lower[:, s, column], bands.upper[:, s, column]
    known = np.isfinite(realised[:, s]) & ~np.isnan(lower) & ~np.isnan(upper)
    y, lower, upper = realised[known, s], lower[known], upper[known]
    inside = (lower <= y) & (y <= upper)
    n, step = len(y), int(bands.steps[s])
    low, high = binomial_band(n // step, nominal)
    observed = float(inside.mean()) if n else 0.0
    widths = upper - lower if n else np.zeros(1)
    quantiles = dict(
        zip(("width_50", "width_75", "width_90", "width_95"), np.quantile(widths, WIDTH_LEVELS).tolist(), strict=True)
    )
    return CoverageRow(
        step=step,
        nominal=nominal,
        observed=observed,
        n=n,
        n_eff=n // step,
        low=low,
        high=high,
        verdict=_verdict(n // step, observed, low, high),
        independence=independence(~inside[::step]),
        longest_miss=longest_run(~inside),
        mean_width=float(np.mean(widths)),
        uncalibrated=float(bands.uncalibrated[known, s, column].mean()) if n else 0.0,
        **quantiles,
    )


def _verdict(n_eff: int, observed: float, low: float, high: float) -> str:
    if n_eff < MINIMUM_CASES:
        return UNKNOWN
    return HOLDS if low - TOLERANCE <= observed <= high + TOLERANCE else FAILS
