"""Combinatorial purged cross-validation: every choice of k test groups among N, and the backtest paths that they make.

Walking forward tests one history. Here each of N groups of candles is tested several times, after training on other parts of the
series, later ones too: as many histories as there are paths, and a distribution of results instead of one number.
Source: López de Prado, Advances in Financial Machine Learning (2018), chapter 12; purging and embargo: chapter 7.
"""

from dataclasses import dataclass
from itertools import combinations, pairwise
from math import comb

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError
from fxgpt_core.validation.purging import beside_test

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class CombinatorialParameters:
    """N = `n_groups` equal groups of candles, of which k = `n_test_groups` are tested in each split.

    `embargo_candles` are kept out of training after what a test group leads to has ended, against what features remember.
    """

    n_groups: int = 10
    n_test_groups: int = 2
    embargo_candles: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.n_test_groups < self.n_groups or self.embargo_candles < 0:
            raise BadInputError(
                f"{self} found; from 1 to one less than all groups can be tested, and an embargo is not negative; correct them"
            )

    @property
    def n_splits(self) -> int:
        """How many splits there are: C(N, k)."""
        return comb(self.n_groups, self.n_test_groups)

    @property
    def n_paths(self) -> int:
        """How many paths they make: C(N, k)·k/N, as often as each group is tested."""
        return comb(self.n_groups - 1, self.n_test_groups - 1)


@dataclass(frozen=True, eq=False)
class CombinatorialSplit:
    """One split of a series of R rows: bool[R] `test`, the rows of its `test_groups`, and bool[R] `train`, the purged others."""

    index: int
    test_groups: tuple[int, ...]
    train: BoolArray
    test: BoolArray


def combinatorial_splits(
    known_at_us: IntArray, end_us: IntArray, parameters: CombinatorialParameters
) -> list[CombinatorialSplit]:
    """All splits of an ascending series [R], in the order of `itertools.combinations` of their test groups.

    `end_us` [R]: when all that a row leads to has ended (`purging.label_ends`, or `interval_ends` where rows open trades). The
    interval [known_at, end] of a train row shares no moment with one of a test row. Memory: two bytes a row and split. Raises
    `BadInputError` for unsound times, fewer rows than groups, and where a split has nothing left to train on.
    """
    _check(known_at_us, end_us)
    groups = group_rows(len(known_at_us), parameters.n_groups)
    group_of = np.repeat(np.arange(parameters.n_groups), [group.stop - group.start for group in groups])
    beside = np.array([beside_test(known_at_us, end_us, group, parameters.embargo_candles) for group in groups])
    splits = [
        CombinatorialSplit(index, chosen, np.all(beside[list(chosen)], axis=0), np.isin(group_of, chosen))
        for index, chosen in enumerate(combinations(range(parameters.n_groups), parameters.n_test_groups))
    ]
    empty = [split.test_groups for split in splits if not split.train.any()]
    if empty:
        raise BadInputError(
            f"{len(empty)} of {len(splits)} splits have nothing left to train on, that of the test groups {empty[0]} first; "
            "horizon, holding time and embargo must leave candles of other groups; give more candles, or test fewer groups"
        )
    return splits


def group_rows(n_rows: int, n_groups: int) -> list[slice]:
    """The rows of each group: neighbours, in order, of sizes that differ by one at most, the larger ones first.

    Raises `BadInputError` when there are fewer rows than groups.
    """
    if not 1 <= n_groups <= n_rows:
        raise BadInputError(f"{n_rows} candles cannot be {n_groups} groups; every group needs one; give more candles")
    size, larger = divmod(n_rows, n_groups)
    edges = [group * size + min(group, larger) for group in range(n_groups + 1)]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def backtest_paths(parameters: CombinatorialParameters) -> IntArray:
    """int64[paths, groups]: the index of the split from which each path takes the results of each group.

    Path p takes of every group the p-th split that tests it, so that each result is used in one path and no path lacks a group.
    """
    chosen = np.array(list(combinations(range(parameters.n_groups), parameters.n_test_groups)))
    testing = [np.flatnonzero((chosen == group).any(axis=1)) for group in range(parameters.n_groups)]
    paths: IntArray = np.column_stack(testing)
    return paths


def _check(known_at_us: IntArray, end_us: IntArray) -> None:
    if len(known_at_us) != len(end_us) or (np.diff(known_at_us) <= 0).any() or (end_us < known_at_us).any():
        raise BadInputError(
            f"{len(known_at_us)} times of rows and {len(end_us)} of their ends found; as many of both, ascending times, and no "
            "end before its row, are needed; sort the rows and compute the ends from them"
        )
