"""Did the folds' choices earn throughout, or did one good fold pay for all? Over the test windows that were measured."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from fxgpt_core.optimization.outcome import FoldOutcome


@dataclass(frozen=True)
class Consistency:
    """Of `n_folds` folds, the `n_measured` whose test window tells something; shares are of those, NaN where there is none.

    `earned`: share whose return is above 0; `positive`: share whose Sharpe ratio is. Annual Sharpe ratios: `median`, `lowest` and
    `dispersion`, their sample deviation, NaN below two folds. `largest_share`: the best fold's part of all that folds earned, in
    percent of the account, which losing folds do not lower; NaN where none earned.
    """

    n_folds: int
    n_measured: int
    earned: float
    positive: float
    median: float
    lowest: float
    dispersion: float
    largest_share: float

    def to_json(self) -> dict[str, float | int | None]:
        """Every number by name, null where not known."""
        return {name: value if math.isfinite(value) else None for name, value in asdict(self).items()}


def consistency(folds: Sequence[FoldOutcome]) -> Consistency:
    """What the test windows of the folds' choices show together; a fold without a result is counted, and judges nothing."""
    tested = [fold.test for fold in folds if fold.test is not None]
    n = len(tested)
    if n == 0:
        return Consistency(len(folds), 0, *[math.nan] * 6)
    sharpes = np.array([each.sharpe_ratio for each in tested], dtype=np.float64)
    returns = np.array([each.total_return_pct for each in tested], dtype=np.float64)
    gains = np.maximum(returns, 0.0)
    return Consistency(
        n_folds=len(folds),
        n_measured=n,
        earned=float(np.mean(returns > 0.0)),
        positive=float(np.mean(sharpes > 0.0)),
        median=float(np.median(sharpes)),
        lowest=float(sharpes.min()),
        dispersion=float(sharpes.std(ddof=1)) if n > 1 else math.nan,
        largest_share=float(gains.max() / gains.sum()) if gains.sum() > 0.0 else math.nan,
    )
