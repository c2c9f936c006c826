from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxgpt_core.candles.ticks import Side, candles_of_ticks, n_crossed
from fxgpt_core.errors import CandleSchemaError
from fxgpt_core.market.sessions import fx_clock_us, is_open
from fxgpt_core.market.timeframes import Timeframe

START = datetime(2024, 1, 2, 8, tzinfo=UTC)
LENGTHS = {Timeframe.M1: 60, Timeframe.M5: 300, Timeframe.M15: 900, Timeframe.M30: 1800, Timeframe.H1: 3600}
Tick = tuple[datetime, float, float]


def ticks_of(rows: list[Tick]) -> pl.DataFrame:
    schema = {"time": pl.Datetime("us", "UTC"), "bid": pl.Float64, "ask": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def price_of(tick: Tick, side: Side) -> float:
    return {Side.BID: tick[1], Side.ASK: tick[2], Side.MID: (tick[1] + tick[2]) / 2}[side]


def by_loop(rows: list[Tick], seconds: int, side: Side) -> list[tuple[datetime, float, float, float, float, float]]:
    """The oracle: one tick after the other, then the cut ends left out."""
    candles: dict[datetime, list[float]] = {}
    for tick in rows:
        epoch = int(tick[0].timestamp())
        start = datetime.fromtimestamp(epoch - epoch % seconds, UTC)
        candles.setdefault(start, []).append(price_of(tick, side))
    starts = list(candles)
    kept = starts[0 if rows[0][0] == starts[0] else 1 : -1]
    return [
        (start, candles[start][0], max(candles[start]), min(candles[start]), candles[start][-1], float(len(candles[start])))
        for start in kept
    ]


def spread_at_close(rows: list[Tick], start: datetime, seconds: int) -> float | None:
    _, bid, ask = [tick for tick in rows if start <= tick[0] < start + timedelta(seconds=seconds)][-1]
    return ask - bid if ask >= bid else None


@st.composite
def some_ticks(draw: st.DrawFn) -> list[Tick]:
    steps_ms = draw(st.lists(st.sampled_from([0, 1, 999, 29_000, 60_000, 61_500, 600_000, 3_600_000]), min_size=2, max_size=60))
    quotes = draw(st.lists(st.tuples(st.integers(1, 99), st.integers(-3, 9)), min_size=len(steps_ms), max_size=len(steps_ms)))
    time, rows = START + timedelta(milliseconds=draw(st.sampled_from([0, 1, 59_999]))), []
    for step, (bid, spread) in zip(steps_ms, quotes, strict=True):
        rows.append((time, bid / 64, (bid + spread) / 64 if bid + spread > 0 else bid / 64))
        time += timedelta(milliseconds=step)
    return rows


@given(rows=some_ticks(), timeframe=st.sampled_from(list(LENGTHS)), side=st.sampled_from(list(Side)))
def test_candles_equal_a_plain_loop_over_the_ticks(rows: list[Tick], timeframe: Timeframe, side: Side) -> None:
    expected = by_loop(rows, LENGTHS[timeframe], side)
    if expected:
        frame = candles_of_ticks(ticks_of(rows), timeframe, side)
        assert frame.drop("spread").rows() == expected
        assert frame["spread"].to_list() == [spread_at_close(rows, row[0], LENGTHS[timeframe]) for row in expected]
    else:
        with pytest.raises(CandleSchemaError, match=r"hold no complete .* candle; the first and the last may be cut"):
            candles_of_ticks(ticks_of(rows), timeframe, side)


@pytest.mark.parametrize(("timeframe", "hours"), [(Timeframe.H4, 4), (Timeframe.D1, 24)])
def test_four_hours_and_days_are_cut_at_seventeen_new_york_through_the_change_of_the_clock(
    timeframe: Timeframe, hours: int
) -> None:
    first = datetime(2018, 3, 7, 22, tzinfo=UTC)
    times = [first + timedelta(minutes=20 * step, seconds=step % 7) for step in range(3 * 24 * 7)]
    rows = [(time, 100 + step % 37, 101 + step % 41) for step, time in enumerate(times)]
    clock = fx_clock_us(pl.Series(times).to_physical().to_numpy()) // 1_000_000
    candles: dict[int, list[float]] = {}
    for (_, bid, _), seconds, open_ in zip(rows, clock, is_open(pl.Series(times).to_physical().to_numpy()), strict=True):
        if open_:
            candles.setdefault(int(seconds) // (3600 * hours), []).append(float(bid))
    frame = candles_of_ticks(ticks_of(rows), timeframe, Side.BID)
    expected = [(p[0], max(p), min(p), p[-1], float(len(p))) for p in list(candles.values())[:-1]]
    assert frame.drop("open_time", "spread").rows() == expected
    starts = frame["open_time"].to_list()
    assert (starts[0], datetime(2018, 3, 11, 21, tzinfo=UTC) in starts) == (first, True)


def test_the_open_is_the_first_tick_in_the_candle_and_a_minute_without_ticks_is_absent() -> None:
    minute = timedelta(minutes=1)
    rows = [
        (START - timedelta(milliseconds=1), 9.0, 9.0),  # the last tick of the minute before, cut by the start of the file
        (START, 1.0, 2.0), (START + timedelta(seconds=59, milliseconds=999), 3.0, 5.0),
        (START + 2 * minute + timedelta(seconds=30), 4.0, 4.5),
        (START + 3 * minute, 7.0, 7.5),
    ]  # fmt: skip
    assert candles_of_ticks(ticks_of(rows), Timeframe.M1, Side.MID).rows() == [
        (START, 1.5, 4.0, 1.5, 4.0, 2.0, 2.0),
        (START + 2 * minute, 4.25, 4.25, 4.25, 4.25, 1.0, 0.5),
    ]


def test_crossed_quotes_are_counted_and_left_as_they_are() -> None:
    minute = timedelta(minutes=1)
    rows = [(START, 2.0, 1.0), (START + minute, 1.0, 1.0), (START + 2 * minute, 1.0, 2.0)]
    assert n_crossed(ticks_of(rows)) == 1
    assert candles_of_ticks(ticks_of(rows), Timeframe.M1, Side.BID)["open"].to_list() == [2.0, 1.0]
    assert candles_of_ticks(ticks_of(rows), Timeframe.M1, Side.ASK)["open"].to_list() == [1.0, 1.0]
    assert candles_of_ticks(ticks_of(rows), Timeframe.M1, Side.MID)["spread"].to_list() == [None, 0.0]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "there are 0 ticks; candles need some"),
        ([(START, 1.0, 1.0), (START - timedelta(seconds=1), 1.0, 1.0)],
         r"1 of 2 ticks are before the tick above \(first: 2024-01-02T07:59:59\+00:00\); the order decides"),
        ([(START, 1.0, 0.0)], r"1 of 1 ticks have no bid and ask above zero \(first: 2024-01-02T08:00:00"),
        ([(START, float("nan"), 1.0)], "1 of 1 ticks have no bid and ask above zero"),
        ([(START, 1.0, None)], "1 of 1 ticks have no bid and ask above zero"),
    ],
)  # fmt: skip
def test_ticks_that_cannot_be_ordered_or_priced_are_refused(rows: list[Tick], message: str) -> None:
    with pytest.raises(CandleSchemaError, match=message):
        candles_of_ticks(ticks_of(rows), Timeframe.M1, Side.BID)
