"""Combinatorial splits: published counts, an independent library, and no moment that train and test share."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from purgedcv import CombinatorialPurgedCV

from fxgpt_core.errors import BadInputError
from fxgpt_core.validation.combinatorial import (
    CombinatorialParameters,
    CombinatorialSplit,
    backtest_paths,
    combinatorial_splits,
    group_rows,
)
from fxgpt_core.validation.purging import interval_ends, label_ends

HOUR_US = 3_600_000_000


def hourly(n_rows: int) -> np.ndarray:
    return np.arange(n_rows, dtype=np.int64) * HOUR_US


def rows_of(mask: np.ndarray) -> list[int]:
    return np.flatnonzero(mask).tolist()


def leaks(known_at: np.ndarray, ends: np.ndarray, split: CombinatorialSplit, embargo: int) -> list[tuple[int, int]]:
    """The oracle: every pair of a train and a test row whose closed intervals meet, or whose embargo is broken, pair by pair."""
    found = []
    for test in rows_of(split.test):
        embargoed = known_at[known_at > ends[test]][:embargo]
        for train in rows_of(split.train):
            meets = known_at[train] <= ends[test] and known_at[test] <= ends[train]
            if meets or known_at[train] in embargoed:
                found.append((train, test))
    return found


@pytest.mark.parametrize(
    ("n_groups", "n_test_groups", "n_splits", "n_paths"), [(6, 2, 15, 5), (10, 2, 45, 9), (10, 8, 45, 36), (16, 8, 12_870, 6_435)]
)
def test_splits_and_paths_are_as_many_as_published(n_groups: int, n_test_groups: int, n_splits: int, n_paths: int) -> None:
    parameters = CombinatorialParameters(n_groups, n_test_groups)
    assert (parameters.n_splits, parameters.n_paths) == (n_splits, n_paths)
    assert n_paths * n_groups == n_splits * n_test_groups
    assert backtest_paths(parameters).shape == (n_paths, n_groups)


def test_the_paths_of_six_groups_by_two_are_those_of_the_book() -> None:
    # López de Prado (2018), figure 12.1: splits S1 … S15 in the order of combinations; path 1 takes G1, G2 of S1, G3 of S2, …
    expected = [
        [0, 0, 1, 2, 3, 4],
        [1, 5, 5, 6, 7, 8],
        [2, 6, 9, 9, 10, 11],
        [3, 7, 10, 12, 12, 13],
        [4, 8, 11, 13, 14, 14],
    ]
    assert backtest_paths(CombinatorialParameters(6, 2)).tolist() == expected


@pytest.mark.parametrize(("n_groups", "n_test_groups"), [(4, 1), (6, 2), (7, 3), (10, 8)])
def test_each_result_of_a_split_is_used_in_exactly_one_path(n_groups: int, n_test_groups: int) -> None:
    parameters = CombinatorialParameters(n_groups, n_test_groups)
    used = [(split, group) for path in backtest_paths(parameters).tolist() for group, split in enumerate(path)]
    chosen = list(combinations(range(n_groups), n_test_groups))
    assert sorted(used) == sorted((index, group) for index, groups in enumerate(chosen) for group in groups)


def test_train_rows_by_hand() -> None:
    # Twelve hours, groups of three, labels of one hour, an embargo of one: the test of group 1 (rows 3 to 5) reaches to row 6.
    known_at = hourly(12)
    splits = combinatorial_splits(known_at, label_ends(known_at, 1), CombinatorialParameters(4, 1, embargo_candles=1))
    assert [rows_of(split.test) for split in splits] == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
    assert [rows_of(split.train) for split in splits] == [
        [5, 6, 7, 8, 9, 10, 11],
        [0, 1, 8, 9, 10, 11],
        [0, 1, 2, 3, 4, 11],
        [0, 1, 2, 3, 4, 5, 6, 7],
    ]


@pytest.mark.parametrize(("n_groups", "n_test_groups"), [(6, 2), (10, 2), (10, 8), (5, 3)])
@pytest.mark.parametrize(("ahead", "embargo"), [(0, 0), (3, 0), (7, 5)])
def test_splits_and_paths_are_those_of_another_library(n_groups: int, n_test_groups: int, ahead: int, embargo: int) -> None:
    n_rows = 487
    known_at = hourly(n_rows)
    ends = known_at + ahead * HOUR_US
    parameters = CombinatorialParameters(n_groups, n_test_groups, embargo)
    ours = combinatorial_splits(known_at, ends, parameters)
    # Its intervals are half open, ours are closed: theirs end a microsecond later.
    predicted, evaluated = (pd.Series(pd.to_datetime(times, unit="us")) for times in (known_at, ends + 1))
    theirs = CombinatorialPurgedCV(
        n_groups,
        n_test_groups,
        prediction_times=predicted,
        evaluation_times=evaluated,
        embargo=pd.Timedelta(hours=embargo),
    )
    split_by_them = list(theirs.split(np.zeros((n_rows, 1))))
    assert len(ours) == len(split_by_them)
    for split, (train, test) in zip(ours, split_by_them, strict=True):
        assert rows_of(split.train) == train.tolist()
        assert rows_of(split.test) == test.tolist()
    by_them = theirs.reconstruct_paths([np.full(int(split.test.sum()), float(split.index)) for split in ours])
    groups = group_rows(n_rows, n_groups)
    by_us = np.array([np.repeat(path, [group.stop - group.start for group in groups]) for path in backtest_paths(parameters)])
    assert by_us.tolist() == by_them.tolist()


SERIES = st.lists(st.integers(1, 90), min_size=12, max_size=60)


@settings(max_examples=60, deadline=None)
@given(SERIES, st.integers(0, 4), st.integers(1, 5), st.integers(0, 3), st.sampled_from([(3, 1), (4, 2), (6, 2), (5, 3)]))
def test_no_interval_of_a_train_row_meets_one_of_a_test_row(
    gaps: list[int], horizon: int, holding: int, embargo: int, groups: tuple[int, int]
) -> None:
    known_at = np.cumsum(np.array(gaps, dtype=np.int64)) * HOUR_US
    ends = interval_ends(known_at, horizon, holding)
    try:
        splits = combinatorial_splits(known_at, ends, CombinatorialParameters(*groups, embargo_candles=embargo))
    except BadInputError as error:
        assume("nothing left to train on" not in str(error))
        raise
    for split in splits:
        assert not (split.train & split.test).any()
        assert leaks(known_at, ends, split, embargo) == []


@settings(max_examples=40, deadline=None)
@given(SERIES, st.data())
def test_no_row_is_left_out_without_a_reason(gaps: list[int], data: st.DataObject) -> None:
    # Labels of any length, as those of a barrier: every row that is neither tested nor trained on would leak.
    known_at = np.cumsum(np.array(gaps, dtype=np.int64)) * HOUR_US
    lengths = data.draw(st.lists(st.integers(0, 200), min_size=len(gaps), max_size=len(gaps)))
    ends = known_at + np.array(lengths, dtype=np.int64) * HOUR_US
    try:
        splits = combinatorial_splits(known_at, ends, CombinatorialParameters(4, 1))
    except BadInputError as error:
        assume("nothing left to train on" not in str(error))
        raise
    for split in splits:
        assert leaks(known_at, ends, split, 0) == []
        for row in rows_of(~split.train & ~split.test):
            first, last = rows_of(split.test)[0], ends[split.test].max()
            assert known_at[row] <= last
            assert ends[row] >= known_at[first]


def test_a_planted_leak_is_caught() -> None:
    known_at = hourly(40)
    purged = CombinatorialParameters(4, 1)
    ends = interval_ends(known_at, horizon=1, max_holding=6)
    # Purged by the label alone, as if a trade were closed when the label ends.
    by_label = combinatorial_splits(known_at, label_ends(known_at, 1), purged)[1]
    assert leaks(known_at, ends, by_label, 0) != []
    assert leaks(known_at, ends, combinatorial_splits(known_at, ends, purged)[1], 0) == []
    # Purged on one side, as if a test row led to nothing behind its group.
    one_sided = CombinatorialSplit(1, (1,), by_label.train.copy(), by_label.test)
    one_sided.train[20] = True
    assert (20, 19) in leaks(known_at, label_ends(known_at, 1), one_sided, 0)


def test_a_weekend_hides_no_holding_time() -> None:
    # Ten candles, a weekend before row 5: a trade decided on row 3 and held for two candles is closed on Monday.
    known_at = hourly(10) + np.where(np.arange(10) >= 5, 49, 0) * HOUR_US
    splits = combinatorial_splits(known_at, interval_ends(known_at, 0, 2), CombinatorialParameters(2, 1))
    assert [rows_of(split.train) for split in splits] == [[7, 8, 9], [0, 1, 2]]


def test_groups_hold_every_row_once_and_differ_by_one_row_at_most() -> None:
    assert group_rows(10, 4) == [slice(0, 3), slice(3, 6), slice(6, 8), slice(8, 10)]
    for n_rows in range(7, 40):
        rows = [list(range(n_rows))[group] for group in group_rows(n_rows, 7)]
        assert [len(one) for one in rows] == [len(part) for part in np.array_split(np.arange(n_rows), 7)]
        assert [row for one in rows for row in one] == list(range(n_rows))


@pytest.mark.parametrize(("n_groups", "n_test_groups", "embargo"), [(4, 0, 0), (4, 4, 0), (1, 1, 0), (4, 2, -1)])
def test_impossible_choices_are_refused(n_groups: int, n_test_groups: int, embargo: int) -> None:
    with pytest.raises(BadInputError, match="from 1 to one less than all groups"):
        CombinatorialParameters(n_groups, n_test_groups, embargo)


def test_a_series_shorter_than_its_groups_is_refused() -> None:
    with pytest.raises(BadInputError, match="3 candles cannot be 4 groups"):
        combinatorial_splits(hourly(3), hourly(3), CombinatorialParameters(4, 1))
    with pytest.raises(BadInputError, match="0 candles cannot be 4 groups"):
        combinatorial_splits(hourly(0), hourly(0), CombinatorialParameters(4, 1))


def test_a_purge_that_leaves_nothing_is_refused_and_names_the_test_groups() -> None:
    # Groups and labels of five hours: only where both test groups lie at one end does a group at the other end stay.
    known_at = hourly(20)
    with pytest.raises(BadInputError, match=r"4 of 6 splits have nothing left .* test groups \(0, 2\) first"):
        combinatorial_splits(known_at, label_ends(known_at, 5), CombinatorialParameters(4, 2))


@pytest.mark.parametrize(
    ("known_at", "ends"),
    [([1, 1, 2], [3, 3, 3]), ([2, 1, 3], [3, 3, 3]), ([1, 2, 3], [3, 3, 2]), ([1, 2, 3], [3, 3])],
)
def test_unsound_times_are_refused(known_at: list[int], ends: list[int]) -> None:
    with pytest.raises(BadInputError, match="times of rows and"):
        combinatorial_splits(np.array(known_at), np.array(ends), CombinatorialParameters(2, 1))
