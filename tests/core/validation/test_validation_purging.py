"""Purging and embargo, row by row."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fxgpt_core.validation.purging import label_ends, overlaps, purged

KNOWN = np.arange(0, 100, 10, dtype=np.int64)


def test_a_label_that_ends_as_the_test_starts_is_purged() -> None:
    ends = KNOWN + 20
    kept = purged(KNOWN, ends, 50, 70)
    assert KNOWN[kept].tolist() == [0, 10, 20, 70, 80, 90]


def test_the_embargo_drops_the_rows_after_the_test() -> None:
    kept = purged(KNOWN, KNOWN, 50, 70, embargo_us=15)
    assert KNOWN[kept].tolist() == [0, 10, 20, 30, 40, 90]


def test_a_label_counted_in_candles_jumps_over_the_weekend() -> None:
    known = np.array([1, 2, 3, 50, 51], dtype=np.int64)
    assert label_ends(known, 1).tolist()[:4] == [2, 3, 50, 51]


def test_a_label_whose_end_is_unknown_overlaps_everything_later() -> None:
    ends = label_ends(KNOWN, 3)
    assert (ends[-3:] == np.iinfo(np.int64).max).all()
    assert overlaps(KNOWN, ends, 1000, 2000)[-3:].all()
    assert (label_ends(KNOWN, 99) == np.iinfo(np.int64).max).all()


@given(
    starts=st.lists(st.integers(0, 1000), min_size=1, max_size=50),
    lengths=st.data(),
    test_start=st.integers(0, 900),
    test_length=st.integers(1, 100),
    embargo=st.integers(0, 50),
)
def test_what_is_kept_shares_no_moment_with_test_or_embargo(
    starts: list[int], lengths: st.DataObject, test_start: int, test_length: int, embargo: int
) -> None:
    known = np.array(sorted(starts), dtype=np.int64)
    label = np.array([lengths.draw(st.integers(0, 60)) for _ in starts], dtype=np.int64)
    stop = test_start + test_length
    kept = purged(known, known + label, test_start, stop, embargo)
    for begin, end, keep in zip(known.tolist(), (known + label).tolist(), kept.tolist(), strict=True):
        moments = set(range(begin, end + 1))
        expected = not moments & set(range(test_start, stop)) and not stop <= begin < stop + embargo
        assert keep == expected
