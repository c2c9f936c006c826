"""Purging and embargo, row by row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.fills import time_is_up
from fxgpt_core.validation.purging import beside_test, interval_ends, label_ends, overlaps

KNOWN = np.arange(0, 100, 10, dtype=np.int64)


def test_a_label_that_ends_as_the_test_starts_overlaps_it() -> None:
    assert KNOWN[~overlaps(KNOWN, KNOWN + 20, 50, 70)].tolist() == [0, 10, 20, 70, 80, 90]


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
)
def test_what_does_not_overlap_shares_no_moment_with_the_test(
    starts: list[int], lengths: st.DataObject, test_start: int, test_length: int
) -> None:
    known = np.array(sorted(starts), dtype=np.int64)
    label = np.array([lengths.draw(st.integers(0, 60)) for _ in starts], dtype=np.int64)
    stop = test_start + test_length
    kept = ~overlaps(known, known + label, test_start, stop)
    for begin, end, keep in zip(known.tolist(), (known + label).tolist(), kept.tolist(), strict=True):
        moments = set(range(begin, end + 1))
        assert keep == (not moments & set(range(test_start, stop)))


def test_an_interval_ends_with_the_later_of_label_and_trade_and_jumps_over_the_weekend() -> None:
    known = np.array([1, 2, 3, 50, 51], dtype=np.int64)
    assert interval_ends(known, horizon=1, max_holding=2).tolist()[:3] == [3, 50, 51]
    assert interval_ends(known, horizon=3, max_holding=2).tolist()[:2] == [50, 51]


@pytest.mark.parametrize(("horizon", "max_holding"), [(-1, 1), (4, 0)])
def test_a_trade_without_a_time_limit_has_no_interval_to_purge_by(horizon: int, max_holding: int) -> None:
    with pytest.raises(BadInputError, match="without a limit purge by the times at which the trades were closed"):
        interval_ends(KNOWN, horizon, max_holding)


def test_rows_beside_a_test_begin_when_its_last_interval_has_ended_and_its_embargo_is_over() -> None:
    # The test rows are known at 40 and 50; the first leads to 75, past the rows at 60 and 70.
    ends = KNOWN + np.where(KNOWN == 40, 35, 0)
    assert KNOWN[beside_test(KNOWN, ends, slice(4, 6))].tolist() == [0, 10, 20, 30, 80, 90]
    assert KNOWN[beside_test(KNOWN, ends, slice(4, 6), embargo_candles=1)].tolist() == [0, 10, 20, 30, 90]
    assert KNOWN[beside_test(KNOWN, ends, slice(4, 6), embargo_candles=9)].tolist() == [0, 10, 20, 30]


def test_a_trade_of_the_fill_rule_is_closed_before_its_interval_s_end_is_known() -> None:
    # Decided on row i, entered at the open of candle i + 1, which is the moment row i is known; closed at the open at which the
    # fill rule says so.
    opens, candle, max_holding = np.arange(30) * 10, 10, 4
    known = opens + candle
    for row in range(20):
        entry = row + 1
        last = next(i for i in range(entry, 30) if time_is_up(i - entry + 1, max_holding))
        closed_at = opens[last + 1]
        assert closed_at == interval_ends(known, 0, max_holding)[row]
