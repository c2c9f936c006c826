"""How often anomalies are flagged: by span, and the runs of flagged candles."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.patterns.anomalies import AnomalySeries
from fxgpt_core.validation.folds import Window

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class FlaggedShare:
    """Of the candles of a span whose error is known: how many, the share of them that is flagged, in how many runs, and the
    highest ratio of error to threshold.
    """

    span: str
    candles: int
    flagged: float
    runs: int
    highest: float


@dataclass(frozen=True)
class FlaggedRun:
    """Rows `first` to `last` are flagged, one after the other; the `highest` ratio is at row `peak`."""

    first: int
    last: int
    peak: int
    highest: float


def flagged_shares(series: AnomalySeries, known_at_us: IntArray, spans: Mapping[str, Window]) -> list[FlaggedShare]:
    """The share of each span in which an error is known, in their order."""
    runs = flagged_runs(series)
    found = []
    for name, window in spans.items():
        rows = window.slice(known_at_us)
        known, ratio = series.known[rows], series.ratio[rows]
        if known.any():
            begun = sum(rows.start <= run.first < rows.stop for run in runs)
            share = float(series.flagged[rows][known].mean())
            found.append(FlaggedShare(name, int(known.sum()), share, begun, float(np.nanmax(ratio))))
    return found


def flagged_runs(series: AnomalySeries) -> list[FlaggedRun]:
    """The runs of flagged candles, in their order."""
    edges = np.flatnonzero(np.diff(series.flagged.astype(np.int8), prepend=0, append=0))
    found = []
    for first, stop in edges.reshape(-1, 2).tolist():
        peak = first + int(np.argmax(series.ratio[first:stop]))
        found.append(FlaggedRun(first, stop - 1, peak, float(series.ratio[peak])))
    return found
