"""Entries at other times and candles of drawn moves: what stays, what changes, and that nothing impossible comes out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.timeframes import HOUR_US, Timeframe
from fxgpt_core.performance.other_times import bootstrapped_candles, delayed_entries, shifted_entries

PRICES = ("open", "high", "low", "close")


def rng(seed=7):
    return np.random.default_rng(seed)


def candles(n, seed=1, price=1.1):
    draw = rng(seed)
    close = price * np.exp(np.cumsum(1e-3 * draw.standard_normal(n)))
    opens = np.concatenate(([price], close[:-1])) * np.exp(1e-4 * draw.standard_normal(n))
    return CandleArrays(
        open_time_us=np.arange(n, dtype=np.int64) * HOUR_US,
        open=opens,
        # Some close at their high or low, some do not move at all.
        high=np.maximum(opens, close) * (1.0 + 5e-4 * draw.integers(0, 2, n)),
        low=np.minimum(opens, close) * (1.0 - 5e-4 * draw.integers(0, 2, n)),
        close=close,
        volume=np.arange(n, dtype=float),
        timeframe=Timeframe.H1,
    )


def moves(series):
    """Log moves float64[N − 1, 4] of all candles but the first: gap, and high, low, close by the open."""
    by_open = [np.log(getattr(series, name)[1:] / series.open[1:]) for name in ("high", "low", "close")]
    return np.column_stack((np.log(series.open[1:] / series.close[:-1]), *by_open))


@given(st.lists(st.sampled_from([-1, 0, 0, 1]), min_size=2, max_size=40), st.integers(0, 1000))
def test_entries_move_together_by_one_distance_that_is_never_none(sides, seed):
    side = np.array(sides, dtype=np.int8)
    shifted = shifted_entries({"side": side, "row": np.arange(len(side))}, rng(seed))
    offset = int(np.flatnonzero(shifted["row"] == 0)[0])
    assert 1 <= offset < len(side)
    assert shifted["row"].tolist() == [(i - offset) % len(side) for i in range(len(side))]
    assert shifted["side"].tolist() == [sides[i] for i in shifted["row"]]
    assert shifted["side"].dtype == np.int8


def test_every_distance_is_drawn():
    drawn = [shifted_entries({"row": np.arange(5)}, rng(seed))["row"][0] for seed in range(100)]
    assert set(drawn) == {1, 2, 3, 4}


@pytest.mark.parametrize("columns", [{}, {"side": np.zeros(1)}, {"side": np.zeros(5), "stop": np.zeros(4)}])
def test_columns_that_cannot_be_moved_together_are_refused(columns):
    with pytest.raises(BadInputError, match="must have the same length, at least 2 rows"):
        shifted_entries(columns, rng())


@given(st.lists(st.sampled_from([-1, 0, 0, 1]), min_size=1, max_size=40), st.integers(1, 5), st.integers(0, 1000))
def test_entries_come_late_and_never_early_and_keep_what_is_theirs(sides, most, seed):
    side = np.array(sides, dtype=np.int8)
    late = delayed_entries({"side": side, "row": np.arange(len(side))}, most, rng(seed))
    here = np.flatnonzero(late["side"])
    by = here - late["row"][here]
    assert ((by >= 0) & (by <= most)).all()
    assert late["side"][here].tolist() == side[late["row"][here]].tolist()
    assert len(here) <= np.count_nonzero(side)
    assert late["side"].dtype == np.int8
    # Wishes of one side in a row move together.
    together = np.diff(late["row"][here]) == 1
    same = np.diff(side[late["row"][here]]) == 0
    assert (np.diff(by)[together & same] == 0).all()


def test_each_stretch_of_wishes_has_a_delay_of_its_own_and_every_one_is_drawn():
    side = np.array([1, 1, 0, 0, 0, 0, -1, 0, 0, 0, 0], dtype=np.int8)
    found = {tuple(delayed_entries({"side": side}, 2, rng(seed))["side"].tolist()) for seed in range(100)}
    assert len(found) == 9
    assert tuple(side.tolist()) in found
    assert (0, 0, 1, 1, 0, 0, 0, -1, 0, 0, 0) in found


def test_a_late_stretch_takes_the_rows_of_the_next_one_and_the_end_is_the_end():
    side = np.array([1, -1, -1, 0, 1], dtype=np.int8)
    found = {tuple(delayed_entries({"side": side}, 1, rng(seed))["side"].tolist()) for seed in range(100)}
    assert (0, 1, -1, 0, 0) in found  # first and last late
    assert (1, 0, -1, -1, 1) in found  # the middle late
    assert (0, 1, -1, -1, 1) in found  # first and middle late


@pytest.mark.parametrize(
    ("columns", "most"), [({"stop": np.zeros(3)}, 2), ({"side": np.zeros(3), "x": np.zeros(2)}, 2), ({"side": np.zeros(3)}, 0)]
)
def test_a_delay_needs_sides_of_one_length(columns, most):
    with pytest.raises(BadInputError, match="a delay of at least 1"):
        delayed_entries(columns, most, rng())


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 300), st.floats(1.0, 500.0), st.integers(0, 1000), st.sampled_from([1e-4, 1.1, 150.0, 2000.0]))
def test_drawn_candles_are_candles(n, block, seed, price):
    given_candles = candles(n, seed, price)
    drawn = bootstrapped_candles(given_candles, block, rng(seed))
    assert len(drawn) == n
    assert drawn.timeframe is Timeframe.H1
    assert np.array_equal(drawn.open_time_us, given_candles.open_time_us)
    assert all(np.isfinite(getattr(drawn, name)).all() and (getattr(drawn, name) > 0.0).all() for name in PRICES)
    assert (drawn.low <= np.minimum(drawn.open, drawn.close)).all()
    assert (drawn.high >= np.maximum(drawn.open, drawn.close)).all()


def test_every_drawn_move_is_one_of_the_market_with_its_volume():
    given_candles = candles(400)
    drawn = bootstrapped_candles(given_candles, 12.0, rng())
    row = drawn.volume[1:].astype(int)
    assert row.min() >= 1
    assert moves(drawn) == pytest.approx(moves(given_candles)[row - 1], abs=1e-12)
    assert np.mean(np.diff(row) == 1) == pytest.approx(11 / 12, abs=0.04)
    assert [getattr(drawn, name)[0] for name in PRICES] == pytest.approx([getattr(given_candles, name)[0] for name in PRICES])


def test_one_block_without_end_is_the_market_from_another_start():
    given_candles = candles(50)
    row = bootstrapped_candles(given_candles, 1e12, rng()).volume[1:].astype(int) - 1
    assert ((row - row[0]) % 49).tolist() == list(range(49))


def test_the_given_candles_stay_as_they_were():
    given_candles, again = candles(100), candles(100)
    bootstrapped_candles(given_candles, 5.0, rng()).open_time_us[:] = 0
    assert all(np.array_equal(getattr(given_candles, name), getattr(again, name)) for name in ("open_time_us", *PRICES))


def test_candles_without_a_move_and_blocks_below_one_are_refused():
    with pytest.raises(BadInputError, match="1 candles hold no move"):
        bootstrapped_candles(candles(1), 5.0, rng())
    with pytest.raises(BadInputError, match="both must be at least 1"):
        bootstrapped_candles(candles(10), 0.5, rng())
