import math
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fxgpt_core.candles.resample import resample
from fxgpt_core.candles.schema import COLUMNS, check_candles
from fxgpt_core.candles.store import CandleStore
from fxgpt_core.candles.versions import candles_sha256
from fxgpt_core.errors import CandleSchemaError
from fxgpt_core.market.sessions import expected_open_times, fx_day, hour_of_week, is_open, missing_candles
from fxgpt_core.market.timeframes import DAY_US, HOUR_US, Timeframe
from fxgpt_core.parquet import parquet_bytes

FIRST = int(datetime(2015, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
LAST = int(datetime(2030, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
TARGETS = st.sampled_from([Timeframe.M15, Timeframe.M30, Timeframe.H1, Timeframe.H4, Timeframe.D1])
times = st.integers(FIRST, LAST)


@st.composite
def series(draw: st.DrawFn) -> pl.DataFrame:
    """5m candles of up to four days at any time of any year, with any prices and any holes."""
    start = draw(times)
    grid = expected_open_times(start, start + draw(st.integers(1, 4)) * DAY_US, Timeframe.M5)
    kept = grid[draw(arrays(np.bool_, len(grid), fill=st.just(True)))]
    prices = draw(arrays(np.float64, (len(kept), 4), elements=st.floats(0.5, 2.0), fill=st.just(1.0)))
    prices.sort(axis=1)
    volume = draw(arrays(np.float64, len(kept), elements=st.integers(0, 1000), fill=st.just(1.0)))
    low, open_, close, high = prices.T
    return pl.DataFrame({
        "open_time": pl.Series(kept, dtype=pl.Int64).cast(pl.Datetime("us", "UTC")),
        "open": open_, "high": high, "low": low, "close": close, "volume": volume,
    }).with_columns(draw(spreads(len(kept))))  # fmt: skip


@st.composite
def spreads(draw: st.DrawFn, n: int) -> list[pl.Series]:
    """A spread, known in some of the candles, or none at all."""
    if draw(st.booleans()):
        return []
    known = draw(arrays(np.float64, n, elements=st.sampled_from([np.nan, 0.0, 0.00014, 0.002]), fill=st.just(0.0001)))
    return [pl.Series("spread", known, nan_to_null=True)]


@settings(max_examples=40, deadline=None)
@given(series(), TARGETS)
def test_a_longer_candle_is_its_own_span_of_the_source(frame: pl.DataFrame, target: Timeframe) -> None:
    try:
        longer = resample(frame, Timeframe.M5, target)
    except CandleSchemaError:
        reject()  # no complete candle; hypothesis fails the test if that were so too often
    reached = frame["open_time"][-1] + Timeframe.M5.duration
    known = longer if "spread" in longer.columns and longer["spread"].count() else longer.select(COLUMNS)
    assert check_candles(longer, target).equals(known)
    covered = 0
    for row in longer.iter_rows(named=True):
        inside = frame.filter(pl.col("open_time").is_between(row["open_time"], row["open_time"] + target.duration, closed="left"))
        covered += len(inside)
        assert row["open"] == inside["open"][0]
        assert row["close"] == inside["close"][-1]
        assert row["high"] == inside["high"].max()
        assert row["low"] == inside["low"].min()
        assert row["volume"] == inside["volume"].sum()
        if "spread" in frame.columns:
            told = [spread for spread in inside["spread"] if spread is not None]
            assert row["spread"] == (pytest.approx(math.fsum(told) / len(told), rel=1e-9) if told else None)
        assert row["open_time"] + target.duration <= reached
    # No row between the first and the last candle is lost.
    first, end = longer["open_time"][0], longer["open_time"][-1] + target.duration
    assert covered == len(frame.filter(pl.col("open_time").is_between(first, end, closed="left")))


@settings(max_examples=60, deadline=None)
@given(series())
def test_checking_twice_changes_nothing_and_keeps_the_hash(frame: pl.DataFrame) -> None:
    if frame.is_empty():
        return
    once = check_candles(frame, Timeframe.M5)
    assert check_candles(once, Timeframe.M5).equals(once)
    assert candles_sha256(once) == candles_sha256(frame if "spread" in once.columns else frame.select(COLUMNS))


@settings(max_examples=30, deadline=None)
@given(series())
def test_what_is_stored_is_read_back_with_its_spread_and_the_same_hash(frame: pl.DataFrame) -> None:
    if frame.is_empty():
        return
    checked = check_candles(frame, Timeframe.M5)
    with TemporaryDirectory() as folder:
        store = CandleStore(Path(folder))
        stored = store.put(frame, "EURUSD", Timeframe.M5, "a property")
        assert store.read(stored).equals(checked)
        assert stored.sha256 == candles_sha256(checked)
        assert pl.read_parquet(parquet_bytes(checked)).equals(checked)


@settings(max_examples=60, deadline=None)
@given(series())
def test_present_and_missing_candles_make_the_whole_grid(frame: pl.DataFrame) -> None:
    present = frame["open_time"].to_physical().to_numpy()
    missing = missing_candles(present, Timeframe.M5)
    assert not set(missing.tolist()) & set(present.tolist())
    if len(present):
        whole = expected_open_times(int(present[0]), int(present[-1]), Timeframe.M5)
        assert sorted([*missing.tolist(), *present.tolist()]) == whole.tolist()


@given(st.lists(times, min_size=1, max_size=50))
def test_the_fx_day_never_runs_backwards_and_an_hour_moves_it_by_one_at_most(moments: list[int]) -> None:
    ordered = np.array(sorted(moments), dtype=np.int64)
    days = fx_day(ordered)
    assert (np.diff(days) >= 0).all()
    step = fx_day(ordered + HOUR_US) - days
    assert set(step.tolist()) <= {0, 1}


@given(st.lists(times, min_size=1, max_size=50))
def test_the_market_is_open_exactly_in_the_first_120_hours_of_the_fx_week(moments: list[int]) -> None:
    moments_us = np.array(moments, dtype=np.int64)
    hours = hour_of_week(moments_us)
    assert ((hours >= 0) & (hours < 168)).all()
    assert is_open(moments_us).tolist() == (hours < 120).tolist()
