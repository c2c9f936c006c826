"""Which trials of a search are one and the same idea: clusters of their correlation, and how many there are.

Source: López de Prado and Lewis, Detection of False Investment Strategies Using Unsupervised Learning Methods (2019), and
López de Prado, Machine Learning for Asset Managers (2020), chapter 4: distance √((1 − ρ)/2), silhouettes, and their mean over
their deviation as the quality of a partition. Here the partitions are those of one tree of average linkage, not of k-means drawn
again and again: the same returns give the same clusters, and every number of clusters is judged.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.performance.significance import NORMAL
from fxgpt_core.performance.trials import check_trials

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MOST_TRIALS: Final = 500
"""Trials whose distances are held together; of more, as many are taken evenly."""
SURE: Final = 0.95
_SAME: Final = 1e-6


@dataclass(frozen=True, eq=False)
class TrialClusters:
    """`labels` int64[N] tell the cluster of each trial judged, 0 to `n` − 1; `silhouette` is their mean, −1 to 1, 0 of loners."""

    labels: IntArray
    silhouette: float

    @property
    def n(self) -> int:
        """How many clusters there are: what the trials are worth as independent ones."""
        return int(self.labels.max()) + 1


def trial_clusters(returns: FloatArray) -> TrialClusters:
    """Clusters of the trials of returns [T, N] by the correlation of their returns; of more than 500 trials, of 500 evenly taken.

    Two clusters are joined only while they are nearer than independent trials are by chance, at a correlation of Φ⁻¹(0.95)/√T; of
    the partitions that are left, the one of the best quality is taken. Independent trials come out as about half as many, since
    chance pairs some of them, and a single cluster as two, since silhouettes compare. A trial that does not vary is a cluster of
    its own, as in `effective_trials`. Raises `BadInputError` without a trial, below two periods and for what is not finite.
    """
    check_trials(returns)
    n = returns.shape[1]
    taken = returns[:, np.linspace(0, n - 1, min(n, MOST_TRIALS)).astype(int)]
    varies = np.ptp(taken, axis=0) > 0.0
    labels = np.full(taken.shape[1], -1, dtype=np.int64)
    found = _of_varying(taken[:, varies])
    labels[varies] = found.labels
    n_varying = int(found.labels.max(initial=-1)) + 1
    labels[~varies] = n_varying + np.arange(int((~varies).sum()))
    return TrialClusters(labels, found.silhouette * float(varies.mean()))


def _of_varying(returns: FloatArray) -> TrialClusters:
    n = returns.shape[1]
    if n < 2:
        return TrialClusters(np.zeros(n, dtype=np.int64), 0.0)
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    distance = np.sqrt(np.clip(1.0 - np.corrcoef(returns.T), 0.0, 2.0) / 2.0)
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance, checks=False), method="average")
    unsure = np.sqrt((1.0 - min(NORMAL.inv_cdf(SURE) / np.sqrt(len(returns)), 1.0)) / 2.0)
    merges = int(np.searchsorted(tree[:, 2], unsure))
    best, quality = TrialClusters(np.arange(n), 0.0), 0.0
    for labels, widths in _partitions(distance, tree[:merges]):
        spread = float(widths.std())
        now = float(widths.mean()) / spread if spread > _SAME else np.inf * float(widths.mean() > _SAME)
        if now > quality:
            best, quality = TrialClusters(labels, float(widths.mean())), now
    return best


def _partitions(distance: FloatArray, tree: FloatArray) -> Iterator[tuple[IntArray, FloatArray]]:
    """Labels [N] and silhouettes [N] after each merge of a tree, from N − 1 clusters down.

    A cluster of one has silhouette 0, as Rousseeuw (1987) has it; so has all that is in one cluster.
    """
    n = len(distance)
    member = np.arange(n)
    sums, sizes, alive = distance.copy(), np.ones(n), np.ones(n, dtype=bool)
    column = {i: i for i in range(n)}
    for step, (first, second) in enumerate(tree[:, :2].astype(int)):
        into, gone = column[first], column[second]
        column[n + step] = into
        sums[:, into] += sums[:, gone]
        sizes[into] += sizes[gone]
        alive[gone] = False
        member[member == gone] = into
        yield np.unique(member, return_inverse=True)[1].astype(np.int64), _silhouettes(sums, sizes, alive, member)


def _silhouettes(sums: FloatArray, sizes: FloatArray, alive: npt.NDArray[np.bool_], member: IntArray) -> FloatArray:
    """Of `sums` [N, N], distances of each trial to all of each cluster; those that are not `alive` were joined to others."""
    rows, own = np.arange(len(member)), sizes[member]
    if alive.sum() < 2:
        return np.zeros(len(member))
    means = np.where(alive, sums / sizes, np.inf)
    means[rows, member] = np.inf
    nearest, within = means.min(axis=1), sums[rows, member] / np.maximum(own - 1.0, 1.0)
    larger = np.maximum(within, nearest)
    widths: FloatArray = np.divide(nearest - within, larger, where=(own > 1.0) & (larger > 0.0), out=np.zeros(len(member)))
    return widths
