"""Folds: the dates by hand, and no label that reaches a test window."""

import itertools
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.validation.folds import DAY_US, FoldParameters, Window, fold_parameters, latest_train, walk_forward
from fxgpt_core.validation.purging import label_ends, overlaps

HOUR_US = 3_600_000_000


def us(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1e6)


def hours(start: str, stop: str) -> np.ndarray:
    return np.arange(us(start), us(stop), HOUR_US, dtype=np.int64)


def test_the_dates_of_the_folds_of_two_months_are_the_ones_written_on_paper() -> None:
    known_at = hours("2024-01-01", "2024-02-29")
    folds = walk_forward(known_at, FoldParameters(purge_candles=24))
    assert [(f.index, str(f.train), str(f.test)) for f in folds] == [
        (0, "2024-01-01 00:00 .. 2024-01-30 00:00", "2024-01-31 00:00 .. 2024-02-07 00:00"),
        (1, "2024-01-08 00:00 .. 2024-02-06 00:00", "2024-02-07 00:00 .. 2024-02-14 00:00"),
        (2, "2024-01-15 00:00 .. 2024-02-13 00:00", "2024-02-14 00:00 .. 2024-02-21 00:00"),
        (3, "2024-01-22 00:00 .. 2024-02-20 00:00", "2024-02-21 00:00 .. 2024-02-28 00:00"),
    ]


def test_a_last_test_window_that_is_not_whole_is_no_fold() -> None:
    short = hours("2024-01-01", "2024-02-06T23:00")
    with pytest.raises(BadInputError, match="not one fold of 30 \\+ 7 days"):
        walk_forward(short, FoldParameters())
    assert len(walk_forward(hours("2024-01-01", "2024-02-07T01:00"), FoldParameters())) == 1


def test_the_purge_counts_candles_across_a_weekend() -> None:
    known_at = hours("2024-01-01", "2024-03-01")
    weekday = np.array([datetime.fromtimestamp(t / 1e6, UTC).weekday() for t in known_at.tolist()])
    open_hours = known_at[weekday < 5]
    fold = walk_forward(open_hours, FoldParameters(train_days=28, purge_candles=24))[0]
    assert str(fold.test).startswith("2024-01-29 00:00")  # a Monday: the 24 candles before it are Friday's
    assert str(fold.train).endswith("2024-01-26 00:00")


def test_the_embargo_adds_to_the_purge() -> None:
    known_at = hours("2024-01-01", "2024-03-01")
    plain = walk_forward(known_at, FoldParameters(purge_candles=10))[0].train
    wider = walk_forward(known_at, FoldParameters(purge_candles=10, embargo_candles=5))[0].train
    assert plain.stop_us - wider.stop_us == 5 * HOUR_US


def test_the_latest_train_window_ends_with_the_series() -> None:
    known_at = hours("2024-01-01", "2024-03-01")
    window = latest_train(known_at, FoldParameters())
    rows = window.slice(known_at)
    assert rows.stop == len(known_at)
    assert len(known_at[rows]) == 30 * 24


def test_mask_and_slice_choose_the_same_rows() -> None:
    known_at = hours("2024-01-01", "2024-01-03")
    window = Window(int(known_at[5]), int(known_at[11]))
    assert np.array_equal(known_at[window.mask(known_at)], known_at[window.slice(known_at)])
    assert np.array_equal(known_at[window.slice(known_at)], known_at[5:11])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (FoldParameters(train_days=0), "must be positive"),
        (FoldParameters(step_days=-1), "must be positive"),
        (FoldParameters(purge_candles=-1), "neither may be negative"),
        (FoldParameters(test_days=7, step_days=6.9), "the same days would count several times"),
        (FoldParameters(purge_candles=30 * 24), "not one fold"),
    ],
)
def test_impossible_lengths_are_refused(parameters: FoldParameters, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        walk_forward(hours("2024-01-01", "2024-03-01"), parameters)


def test_an_empty_series_has_no_fold() -> None:
    with pytest.raises(BadInputError, match="no rows"):
        walk_forward(np.empty(0, dtype=np.int64), FoldParameters())
    with pytest.raises(BadInputError, match="no rows"):
        latest_train(np.empty(0, dtype=np.int64), FoldParameters())


@settings(max_examples=60, deadline=timedelta(seconds=2))
@given(
    gaps=st.lists(st.integers(1, 60), min_size=200, max_size=600),
    label=st.integers(1, 48),
    lengths=st.tuples(st.integers(5, 40), st.integers(1, 10), st.integers(0, 9)),
)
def test_no_label_of_a_train_window_touches_its_test_window(gaps: list[int], label: int, lengths: tuple[int, int, int]) -> None:
    known_at = np.cumsum(np.array(gaps, dtype=np.int64)) * HOUR_US
    train, test, beyond = lengths
    step = test + beyond
    parameters = FoldParameters(train_days=train, test_days=test, step_days=step, purge_candles=label)
    if known_at[-1] - known_at[0] < (train + test) * DAY_US:
        return
    try:
        folds = walk_forward(known_at, parameters)
    except BadInputError:
        return
    ends = label_ends(known_at, label)
    for fold in folds:
        rows = fold.train.mask(known_at)
        leaking = overlaps(known_at, ends, fold.test.start_us, fold.test.stop_us)
        assert not (rows & leaking).any()
        assert fold.train.stop_us <= fold.test.start_us
        assert rows.any()
    for before, after in itertools.pairwise(folds):
        assert after.test.start_us - before.test.start_us >= round(step * DAY_US)


def test_fold_lengths_are_those_of_the_timeframe_unless_they_are_given() -> None:
    hourly, daily = fold_parameters(Timeframe.H1), fold_parameters(Timeframe.D1)
    assert (hourly.train_days, hourly.test_days, hourly.step_days) == (30, 7, 7)
    assert (daily.train_days, daily.test_days, daily.step_days) == (360, 84, 84)
    given = fold_parameters(Timeframe.H1, train_days=60, test_days=14)
    assert (given.train_days, given.test_days, given.step_days) == (60, 14, 14)


def test_eight_years_of_daily_candles_can_be_walked_forward() -> None:
    days = np.arange(8 * 365, dtype=np.int64) * DAY_US
    weekdays = days[(days // DAY_US) % 7 < 5]
    assert len(walk_forward(weekdays, fold_parameters(Timeframe.D1))) == 30
