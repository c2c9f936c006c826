"""Each detector of the candles finds the defect planted for it, is the only one to do so, and is silent on clean candles."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from fxgpt_core.candles.defects.findings import Defect
from fxgpt_core.candles.defects.inspection import Grade, inspect
from fxgpt_core.candles.schema import PRICES, check_candles
from fxgpt_core.errors import CandleSchemaError
from fxgpt_core.market.holidays import is_closed
from fxgpt_core.market.sessions import expected_open_times, fx_clock_us
from fxgpt_core.market.timeframes import DAY_US, HOUR_US, Timeframe

H1, M5, H4, D1 = Timeframe.H1, Timeframe.M5, Timeframe.H4, Timeframe.D1
# Over a change of New York's clock, Christmas and New Year.
FIRST, LAST = datetime(2020, 9, 28, tzinfo=UTC), datetime(2021, 1, 29, tzinfo=UTC)
SPREAD = 0.0001


def clean_candles(seed: int, timeframe: Timeframe = H1, first: datetime = FIRST, last: datetime = LAST) -> pl.DataFrame:
    """A random walk on the open hours of the FX week, twice as busy in the London and New York day as at night."""
    rng = np.random.default_rng(seed)
    times = expected_open_times(int(first.timestamp() * 1e6), int(last.timestamp() * 1e6), timeframe)
    times = times[~is_closed(times)]
    hour = fx_clock_us(times) % DAY_US / HOUR_US
    busy = (1.0 + np.exp(-(((hour - 17.0) / 4.0) ** 2))) * math.sqrt(timeframe.us / HOUR_US)
    close = 1.17 * np.exp(np.cumsum(0.0006 * busy * rng.standard_normal(len(times))))
    opened = np.concatenate([[1.17], close[:-1]]) * np.exp(0.00005 * rng.standard_normal(len(times)))
    wick = 0.0004 * busy[:, None] * rng.exponential(size=(len(times), 2)) + 0.00001
    high, low = np.maximum(opened, close) * np.exp(wick[:, 0]), np.minimum(opened, close) * np.exp(-wick[:, 1])
    quotes = {"open": opened, "high": high, "low": low, "close": close}
    return pl.DataFrame(
        {"open_time": pl.Series(times).cast(pl.Datetime("us", "UTC")), **quotes, "volume": np.rint(1.0 + 900.0 * busy)}
    ).with_columns(
        *(pl.col(name).sub(SPREAD / 2).alias(f"bid_{name}") for name in PRICES),
        *(pl.col(name).add(SPREAD / 2).alias(f"ask_{name}") for name in PRICES),
    )


def row_of(frame: pl.DataFrame, *moment: int) -> int:
    return int(frame["open_time"].search_sorted(datetime(*moment, tzinfo=UTC)))


def changed(frame: pl.DataFrame, rows: Sequence[int], **expressions: pl.Expr) -> pl.DataFrame:
    inside = pl.int_range(pl.len()).is_in(list(rows))
    return frame.with_columns(
        pl.when(inside).then(value).otherwise(pl.col(name)).alias(name) for name, value in expressions.items()
    )


def lost_hours(frame):
    start = row_of(frame, 2020, 10, 14, 9)
    return pl.concat([frame[:start], frame[start + 8 :]])


def hour_stamped_twice(frame):
    return pl.concat([frame, frame[row_of(frame, 2020, 11, 4, 14)]])


def seven_minutes_past(frame):
    extra = frame[row_of(frame, 2020, 11, 4, 14)].with_columns(
        pl.col("open_time") + timedelta(minutes=7), close=pl.mean_horizontal("open", "close")
    )
    return pl.concat([frame, extra])


def day_of_five_minutes(frame):
    day = clean_candles(99, M5, datetime(2020, 11, 4, 12, tzinfo=UTC), datetime(2020, 11, 4, 15, 55, tzinfo=UTC))
    level = frame["close"][row_of(frame, 2020, 11, 4, 12)] / 1.17
    quotes = [name for name in frame.columns if name not in ("open_time", "volume")]
    inside = pl.col("open_time").is_between(day["open_time"][0], day["open_time"][-1])
    return pl.concat([frame.filter(~inside), day.with_columns(pl.col(quotes) * level)])


def two_days_of_four_hours(frame):
    inside = pl.col("open_time").is_between(datetime(2020, 11, 3, tzinfo=UTC), datetime(2020, 11, 5, tzinfo=UTC))
    return frame.filter(~inside | (pl.col("open_time").dt.hour() % 4 == 0))


def one_hour_late(frame):
    return frame.with_columns(pl.col("open_time") + timedelta(hours=1))


def summer_time_missed(frame):
    """Winter's distance from New York all year, as a server has it that never changes its clock."""
    summer = pl.col("open_time") < datetime(2020, 11, 1, tzinfo=UTC)
    return frame.with_columns(pl.col("open_time") + pl.when(summer).then(timedelta(hours=1)).otherwise(timedelta(0)))


def summer_time_of_europe(frame):
    between = pl.col("open_time").is_between(datetime(2020, 10, 25, tzinfo=UTC), datetime(2020, 11, 1, tzinfo=UTC))
    return frame.with_columns(pl.col("open_time") + pl.when(between).then(timedelta(hours=1)).otherwise(timedelta(0)))


def filled_weekend(frame):
    row = row_of(frame, 2020, 11, 6, 22)
    stamps = [frame["open_time"][row - 1] + timedelta(hours=1 + hour) for hour in range(48)]
    last = pl.lit(frame["close"][row - 1])
    fill = pl.concat([frame[row - 1]] * 48).with_columns(
        pl.Series("open_time", stamps, dtype=pl.Datetime("us", "UTC")), *(last.alias(name) for name in PRICES), volume=pl.lit(0.0)
    )
    return pl.concat([frame, fill])


def high_under_close(frame):
    row = row_of(frame, 2020, 11, 4, 14)
    return changed(frame, range(row, row + 1), high=pl.min_horizontal("open", "close") - 0.0001)


def price_lost(frame):
    row = row_of(frame, 2020, 11, 4, 14)
    return changed(frame, range(row, row + 1), close=pl.lit(math.nan))


def bid_over_ask(frame):
    row = row_of(frame, 2020, 11, 4, 14)
    return changed(frame, range(row, row + 1), bid_close=pl.col("ask_close") + 0.0002)


def bad_tick(frame):
    row = row_of(frame, 2020, 11, 4, 14)
    return changed(frame, range(row, row + 1), high=pl.col("close") * 1.1)


def bad_close(frame):
    """The close of the tick too, and the next candle opens there, as in feeds that open at the last close."""
    row = row_of(frame, 2020, 11, 4, 14)
    spiked = changed(frame, range(row, row + 1), low=pl.col("close") * 0.9, close=pl.col("close") * 0.9)
    return changed(spiked, range(row + 1, row + 2), open=pl.col("open") * 0.9, low=pl.col("open") * 0.9)


def ten_times(frame):
    row = row_of(frame, 2020, 11, 4, 14)
    return changed(frame, range(row, row + 30), **{name: pl.col(name) * 10.0 for name in PRICES})


def hundredth(frame):
    row = row_of(frame, 2020, 11, 4, 14)
    return changed(frame, range(row, row + 1), **{name: pl.col(name) / 100.0 for name in PRICES})


def upside_down(frame):
    row = row_of(frame, 2020, 11, 4, 14)
    turned = {"open": "open", "high": "low", "low": "high", "close": "close"}
    return changed(frame, range(row, row + 30), **{name: 1.0 / pl.col(other) for name, other in turned.items()})


def standing_still(frame):
    row = row_of(frame, 2020, 11, 4, 14)
    return changed(frame, range(row, row + 4), **{name: pl.lit(frame[name][row - 1]) for name in PRICES})


def hour_said_twice(frame):
    row = row_of(frame, 2020, 11, 2, 2)
    return changed(frame, range(row, row + 1), **{name: pl.col(name).shift(1) for name in PRICES})


def day_said_twice(frame):
    row = row_of(frame, 2020, 11, 4, 0)
    # Back to the level of its own day, so that it is the block alone that tells.
    return changed(frame, range(row, row + 24), **{name: pl.col(name).shift(24) for name in PRICES})


def feed_of_quotes(frame):
    """A month of single quotes: most candles have no range."""
    row = row_of(frame, 2020, 11, 2, 0)
    rows = [number for number in range(row, row + 400) if number % 10 < 7]
    return changed(
        frame, rows, **{name: pl.col("close") for name in PRICES}, bid_high=pl.col("bid_close"), ask_low=pl.col("ask_close")
    )


def volume_lost(frame):
    row = row_of(frame, 2020, 11, 4, 14)
    return changed(frame, range(row, row + 2), volume=pl.lit(0.0))


PLANTED = [
    (lost_hours, Defect.GAP, 8, Grade.YELLOW),
    (hour_stamped_twice, Defect.DUPLICATED_STAMP, 1, Grade.RED),
    (seven_minutes_past, Defect.OFF_GRID, 1, Grade.RED),
    (day_of_five_minutes, Defect.MIXED_GRANULARITY, 48, Grade.RED),
    (two_days_of_four_hours, Defect.MIXED_GRANULARITY, 12, Grade.RED),
    (filled_weekend, Defect.WEEKEND_FLAT, 48, Grade.RED),
    (high_under_close, Defect.BROKEN_OHLC, 1, Grade.RED),
    (price_lost, Defect.BROKEN_OHLC, 1, Grade.RED),
    (bid_over_ask, Defect.CROSSED_QUOTES, 1, Grade.YELLOW),
    (bad_tick, Defect.SPIKE, 1, Grade.YELLOW),
    (bad_close, Defect.SPIKE, 1, Grade.YELLOW),
    (ten_times, Defect.PRICE_SCALE, 30, Grade.RED),
    (hundredth, Defect.PRICE_SCALE, 1, Grade.RED),
    (upside_down, Defect.PRICE_SCALE, 30, Grade.RED),
    (standing_still, Defect.STALE_RUN, 4, Grade.YELLOW),
    (feed_of_quotes, Defect.FLAT_CANDLE, 148, Grade.RED),
    (hour_said_twice, Defect.REPEATED_BLOCK, 1, Grade.YELLOW),
    (day_said_twice, Defect.REPEATED_BLOCK, 24, Grade.RED),
    (volume_lost, Defect.ZERO_VOLUME, 2, Grade.YELLOW),
]


@pytest.mark.parametrize(("plant", "kind", "number", "grade"), PLANTED, ids=[case[0].__name__ for case in PLANTED])
def test_a_planted_defect_is_found_by_its_detector_alone(plant, kind, number, grade):
    found = inspect(plant(clean_candles(1)), H1)
    assert found.counts == {kind: number}
    assert found.grade is grade
    (month,) = [month for month in found.months if month.grade is not Grade.GREEN]
    assert month.counts == {kind: number}
    assert all(reason.startswith(f"{kind}: {number} ") for reason in month.reasons)


@pytest.mark.parametrize(
    ("plant", "hours", "grades"),
    [
        (one_hour_late, {1.0}, ["RED"] * 5),
        (summer_time_missed, {1.0}, ["RED", "RED", "GREEN", "GREEN", "GREEN"]),
        (summer_time_of_europe, {1.0}, ["GREEN", "YELLOW", "GREEN", "GREEN", "GREEN"]),
    ],
    ids=["one_hour_late", "summer_time_missed", "summer_time_of_europe"],
)
def test_a_feed_on_the_wrong_clock_is_found_by_its_weeks(plant, hours, grades):
    found = inspect(plant(clean_candles(1, first=datetime(2020, 9, 6, 21, tzinfo=UTC))), H1)
    shifted = found.findings.filter(pl.col("kind") == Defect.SHIFTED_WEEK)
    assert set(shifted["value"]) == hours
    # The hour that the shift takes from each week is missing too, and is no reason by itself.
    assert set(found.counts) <= {Defect.SHIFTED_WEEK, Defect.GAP}
    assert [str(month.grade) for month in found.months] == grades
    assert {reason.partition(":")[0] for month in found.months for reason in month.reasons} == {Defect.SHIFTED_WEEK}


@pytest.mark.parametrize("timeframe", [Timeframe.M15, H1, H4, D1])
@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_found_in_clean_candles(seed, timeframe):
    frame = clean_candles(seed, timeframe)
    found = inspect(frame, timeframe)
    assert found.counts == {}
    assert {month.grade for month in found.months} == {Grade.GREEN}
    # Christmas and New Year lie in these months; they are told, and are no gaps.
    assert sum(month.holiday for month in found.months) == 2 * DAY_US // timeframe.us


@pytest.mark.parametrize("plant", [case[0] for case in PLANTED], ids=[case[0].__name__ for case in PLANTED])
def test_detectors_change_nothing_and_the_quarantine_only_adds_its_column(plant):
    frame = plant(clean_candles(2))
    before = frame.clone()
    found = inspect(frame, H1)
    assert_frame_equal(frame, before)
    marked = found.with_quarantine(frame)
    assert_frame_equal(marked.drop("quarantined"), before)
    about_rows = found.findings.filter(~pl.col("kind").is_in(["gap", "shifted_week"]))["open_time"]
    assert set(marked.filter("quarantined")["open_time"]) == set(about_rows)


@pytest.mark.parametrize("hours", [-5, 2])
def test_a_second_source_tells_the_hours_a_feed_is_wrong_by(hours):
    frame = clean_candles(1)
    shifted = frame.with_columns(pl.col("open_time") + timedelta(hours=hours))
    found = inspect(shifted, H1, second=frame)
    told = found.findings.filter(pl.col("kind") == Defect.WRONG_TIME_ZONE)
    assert set(told["value"]) == {-hours}
    assert found.grade is Grade.RED
    assert inspect(frame, H1, second=frame).counts == {}


def test_the_order_of_the_rows_does_not_matter():
    frame = bad_tick(clean_candles(3))
    assert_frame_equal(inspect(frame.reverse(), H1).findings, inspect(frame, H1).findings)


def test_a_move_that_stays_is_news_and_no_spike():
    frame = clean_candles(1)
    row = row_of(frame, 2020, 11, 4, 14)
    moved = changed(frame, range(row, len(frame)), **{name: pl.col(name) * 1.03 for name in PRICES})
    jumped = changed(moved, range(row, row + 1), open=pl.col("open") / 1.03, low=pl.col("low") / 1.03)
    assert inspect(jumped, H1).counts == {}


def test_the_last_candle_is_no_spike_before_the_next_has_come():
    frame = clean_candles(1)
    cut = bad_tick(frame)[: row_of(frame, 2020, 11, 4, 14) + 1]
    assert inspect(cut, H1).counts == {}


@pytest.mark.parametrize("gone", ["volume", "bid_open"])
def test_a_feed_without_volume_or_quotes_is_no_defect(gone):
    assert inspect(clean_candles(1).drop(gone), H1).counts == {}


def test_what_the_schema_refuses_is_found_in_raw_candles():
    raw = hour_stamped_twice(clean_candles(1)).sort("open_time")
    with pytest.raises(CandleSchemaError, match="with a stamp that was there before"):
        check_candles(raw, H1)
    assert inspect(raw, H1).counts == {Defect.DUPLICATED_STAMP: 1}


def test_a_frame_without_prices_is_refused():
    with pytest.raises(CandleSchemaError, match="needed are rows with open_time"):
        inspect(clean_candles(1).drop("close"), H1)
