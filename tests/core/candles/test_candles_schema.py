from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import polars as pl
import pytest

from fxgpt_core.candles.schema import COLUMNS, check_candles
from fxgpt_core.errors import CandleSchemaError
from fxgpt_core.market.timeframes import Timeframe

START = datetime(2024, 1, 2, 0, 0, tzinfo=UTC)
H1 = Timeframe.H1


def series(n: int = 6, step: timedelta = timedelta(hours=1), start: datetime = START) -> pl.DataFrame:
    price = 1.1 + 0.001 * np.arange(n)
    return pl.DataFrame({
        "open_time": pl.Series([start + index * step for index in range(n)]).cast(pl.Datetime("us", "UTC")),
        "open": price, "high": price + 0.002, "low": price - 0.002, "close": price + 0.001, "volume": np.full(n, 7.0),
    })  # fmt: skip


def with_value(column: str, row: int, value: float | None, frame: pl.DataFrame | None = None) -> pl.DataFrame:
    changed = pl.when(pl.int_range(pl.len()) == row).then(pl.lit(value)).otherwise(pl.col(column))
    return (series() if frame is None else frame).with_columns(changed.alias(column))


def test_a_sound_series_passes_unchanged() -> None:
    assert check_candles(series(), H1).equals(series())


def test_columns_are_put_in_order_types_are_made_exact_and_others_dropped() -> None:
    stamps = pl.col("open_time").dt.cast_time_unit("ms")
    odd = series().select("close", "volume", pl.lit(1).alias("bid_close"), "low", "high", "open", stamps)
    odd = odd.with_columns(pl.col("volume").cast(pl.Int32))
    checked = check_candles(odd, H1)
    assert checked.columns == list(COLUMNS)
    assert checked.equals(series())


def test_a_spread_stays_where_there_is_one_and_may_be_unknown_in_some_candles() -> None:
    spread = [0.0, 1, None, 2, 3, 4]
    given = series().with_columns(spread=pl.Series(spread).cast(pl.Int64)).select("spread", *COLUMNS)
    checked = check_candles(given, H1)
    assert checked.columns == [*COLUMNS, "spread"]
    assert checked["spread"].equals(pl.Series("spread", spread, pl.Float64))
    assert check_candles(checked, H1).equals(checked)


@pytest.mark.parametrize("empty", [pl.lit(None), pl.lit(None, pl.Float64), pl.lit(None, pl.String)])
def test_a_spread_that_is_known_nowhere_is_left_out(empty: pl.Expr) -> None:
    assert check_candles(series().with_columns(spread=empty), H1).equals(series())


@pytest.mark.parametrize("value", [-0.00001, float("nan"), float("inf")])
def test_a_crossed_quote_is_refused(value: float) -> None:
    broken = with_value("spread", 3, value, series().with_columns(spread=pl.lit(0.0001)))
    message = (
        r"1 of 6 candles with a crossed quote \(the bid above the ask\), or a spread that is not finite \(first: 2024-01-02T03:00"
        r".*at least 0; leave it empty in those rows, or remove the column"
    )
    with pytest.raises(CandleSchemaError, match=message):
        check_candles(broken, H1)
    with pytest.raises(CandleSchemaError, match=r"not numeric: spread \(String\)"):
        check_candles(series().with_columns(spread=pl.lit("0.1")), H1)


def test_another_time_zone_is_turned_into_utc() -> None:
    tokyo = series().with_columns(pl.col("open_time").dt.convert_time_zone("Asia/Tokyo"))
    assert check_candles(tokyo, H1).equals(series())


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (series().head(0), r"there are 0 candles; .*at least one; check the file"),
        (series().drop("low", "volume"), r"lack the columns low, volume \(found: open_time, open, high, close\); needed"),
        (series().with_columns(pl.col("open_time").dt.replace_time_zone(None)), r"without a time zone; .*to UTC"),
        (series().with_columns(pl.col("open_time").cast(pl.Int64)), r"open_time is of type Int64.*aware"),
        (series().with_columns(pl.col("close").cast(pl.String)), r"not numeric: close \(String\); .*convert"),
        (pl.concat([series(), series().tail(2)]), r"2 of 8 candles with a stamp that was there before \(first: 2024-01-02T04:00"),
        (series().reverse(), r"5 of 6 candles before the candle above \(first: 2024-01-02T04:00.*sort by open_time"),
        (with_value("high", 2, 1.0), r"1 of 6 candles with broken OHLC \(first: 2024-01-02T02:00:00\+00:00\); low <= open"),
        *((with_value(name, 2, price), "1 of 6 candles with broken OHLC") for name in ("open", "close") for price in (1.0, 1.2)),
        (with_value("low", 0, 1.2), r"1 of 6 candles with broken OHLC \(first: 2024-01-02T00:00"),
        (with_value("close", 1, None), r"1 of 6 candles with a price that is missing, not finite or not above zero"),
        (with_value("open", 1, float("nan")), r"1 of 6 candles with a price that is missing, not finite"),
        (with_value("high", 1, float("inf")), r"1 of 6 candles with a price that is missing, not finite"),
        (with_value("low", 1, 0.0), r"1 of 6 candles with a price .* not above zero"),
        (with_value("volume", 3, -1.0), r"1 of 6 candles with a volume that is missing, not finite or negative \(first: .*T03"),
        (with_value("volume", 3, None), r"1 of 6 candles with a volume that is missing.*write 0"),
    ],
)  # fmt: skip
def test_each_defect_is_named_with_its_count_and_first_stamp(broken: pl.DataFrame, message: str) -> None:
    with pytest.raises(CandleSchemaError, match=message):
        check_candles(broken, H1)


def test_a_missing_stamp_is_named() -> None:
    broken = series().with_columns(pl.when(pl.int_range(pl.len()) != 2).then(pl.col("open_time")))
    with pytest.raises(CandleSchemaError, match=r"1 of 6 candles without an open_time \(first: none\)"):
        check_candles(broken, H1)


def test_stamps_off_the_grid_are_refused_naming_the_grid() -> None:
    with pytest.raises(CandleSchemaError, match=r"6 of 6 candles off the grid of 1h \(first: 2024-01-02T00:10.*whole multiples"):
        check_candles(series(start=START + timedelta(minutes=10)), H1)
    with pytest.raises(CandleSchemaError, match=r"3 of 6 candles off the grid of 1h \(first: 2024-01-02T00:30"):
        check_candles(series(step=timedelta(minutes=30)), H1)


@pytest.mark.parametrize(("start_hour", "month"), [(22, 1), (21, 7)])
def test_days_start_at_17_new_york_in_winter_and_summer(start_hour: int, month: int) -> None:
    evening = datetime(2024, month, 9, start_hour, tzinfo=UTC)
    assert len(check_candles(series(3, timedelta(days=1), evening), Timeframe.D1)) == 3
    assert len(check_candles(series(9, timedelta(hours=4), evening), Timeframe.H4)) == 9
    midnight = datetime(2024, month, 9, tzinfo=UTC)
    with pytest.raises(CandleSchemaError, match=r"3 of 3 candles off the grid of 1d .*from 17:00 New York.*smaller timeframe"):
        check_candles(series(3, timedelta(days=1), midnight), Timeframe.D1)


def test_an_offset_without_a_zone_name_is_read_too() -> None:
    stamps = [stamp.astimezone(timezone(timedelta(hours=2))) for stamp in series()["open_time"]]
    shifted = series().with_columns(pl.Series("open_time", stamps))
    assert check_candles(shifted, H1).equals(series())
