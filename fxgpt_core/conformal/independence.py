"""Do misses come alone or in runs: Christoffersen's test of independence."""

import math

import numpy as np
import numpy.typing as npt


def independence(misses: npt.NDArray[np.bool_]) -> float | None:
    """The p-value that misses bool[N], in order and not overlapping, are as likely after a miss as after a hit.

    Small: misses come in runs, so that a band that holds on average fails when it matters. None where nothing can be said: no
    miss, or no hit, before the last case. Source: Christoffersen, Evaluating Interval Forecasts (1998), LR of independence, one
    degree of freedom.
    """
    from scipy.stats import chi2  # half a second of import, needed here only

    before, after = misses[:-1], misses[1:]
    counts = np.array([[(~before & ~after).sum(), (~before & after).sum()], [(before & ~after).sum(), (before & after).sum()]])
    if (counts.sum(axis=1) == 0).any():
        return None
    ratio = 2.0 * (sum(_log_likelihood(row) for row in counts.tolist()) - _log_likelihood(counts.sum(axis=0).tolist()))
    return float(chi2.sf(max(ratio, 0.0), 1))


def longest_run(flags: npt.NDArray[np.bool_]) -> int:
    """Length of the longest run of True in flags bool[N]."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max()) if len(edges) else 0


def _log_likelihood(counts: list[int]) -> float:
    """The largest log-likelihood of hits and misses that are all alike."""
    return sum(count * math.log(count / sum(counts)) for count in counts if count)
