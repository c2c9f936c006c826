from datetime import UTC, datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest

from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.candles.resample import resample
from fxgpt_core.candles.schema import check_candles
from fxgpt_core.errors import BadInputError, CandleSchemaError
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.timeframes import DAY_US, Timeframe

OFFSETS = {Timeframe.H4: ("4h", "1h"), Timeframe.D1: ("24h", "17h")}  # 17:00 is 1:00 past a multiple of four hours


def us(*stamp: int) -> int:
    return int(datetime(*stamp, tzinfo=UTC).timestamp()) * 1_000_000


def hourly(start_us: int, days: int, timeframe: Timeframe = Timeframe.H1) -> pl.DataFrame:
    """Random-walk candles for every open hour of some days, from a Sunday's open."""
    times = expected_open_times(start_us, start_us + days * DAY_US - 1, timeframe)
    rng = np.random.default_rng(5)
    close = 1.1 * np.exp(np.cumsum(rng.normal(0.0, 1e-3, len(times))))
    open_ = np.concatenate(([1.1], close[:-1]))
    reach = rng.uniform(0.0, 1e-3, (2, len(times)))
    return pl.DataFrame({
        "open_time": pl.Series(times).cast(pl.Datetime("us", "UTC")),
        "open": open_, "high": np.maximum(open_, close) + reach[0], "low": np.minimum(open_, close) - reach[1], "close": close,
        "volume": rng.integers(1, 1000, len(times)).astype(float),
    })  # fmt: skip


def by_pandas(frame: pl.DataFrame, target: Timeframe) -> pl.DataFrame:
    """The oracle: pandas on New York's wall clock (an open week has no change of the clock), then back to UTC."""
    rule, offset = OFFSETS[target]
    values = frame.drop("open_time").to_dict(as_series=False)
    utc = pd.DatetimeIndex(frame["open_time"].dt.replace_time_zone(None).to_numpy(), tz="UTC")
    local = pd.DataFrame(values, index=utc.tz_convert("America/New_York").tz_localize(None))
    rules = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    longer = local.resample(rule, offset=offset).agg(rules).dropna()
    stamps = longer.index.tz_localize("America/New_York").tz_convert("UTC")
    columns = {name: longer[name].to_numpy() for name in rules}
    return pl.DataFrame({"open_time": stamps.tz_localize(None).to_numpy(), **columns}).with_columns(
        pl.col("open_time").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    )


@pytest.mark.parametrize("target", [Timeframe.H4, Timeframe.D1])
@pytest.mark.parametrize("start", [us(2017, 3, 5, 22), us(2017, 10, 29, 21), us(2024, 3, 3, 22), us(2024, 10, 27, 21)])
def test_four_hours_and_days_equal_pandas_in_new_york_through_both_changes_of_the_clock(start: int, target: Timeframe) -> None:
    frame = hourly(start, 20)
    assert resample(frame, Timeframe.H1, target).equals(by_pandas(frame, target))


@pytest.mark.parametrize("target", [Timeframe.H4, Timeframe.D1])
def test_the_sample_equals_pandas_but_for_incomplete_ends_and_strays(target: Timeframe) -> None:
    frame = SampleProvider().candles("EURUSD", Timeframe.H1)
    strays = [datetime(2017, 10, 6, 21, tzinfo=UTC), datetime(2017, 10, 20, 21, tzinfo=UTC)]
    expected = by_pandas(frame.filter(~pl.col("open_time").is_in(strays)), target)
    # The sample starts at 09:00 UTC, which is a 4h candle's open but inside a day; both last candles are cut short.
    expected = expected.slice(1 if target is Timeframe.D1 else 0).head(-1)
    assert resample(frame, Timeframe.H1, target).equals(expected)


def test_every_target_passes_the_schema_of_its_timeframe() -> None:
    frame = hourly(us(2017, 3, 5, 22), 14, Timeframe.M5)
    for target in (Timeframe.M15, Timeframe.M30, Timeframe.H1, Timeframe.H4, Timeframe.D1):
        longer = resample(frame, Timeframe.M5, target)
        assert check_candles(longer, target).equals(longer)


def test_two_steps_give_what_one_gives() -> None:
    frame = hourly(us(2017, 10, 29, 21), 14, Timeframe.M5)
    at_once = resample(frame, Timeframe.M5, Timeframe.D1)
    in_steps = resample(resample(frame, Timeframe.M5, Timeframe.H1), Timeframe.H1, Timeframe.D1)
    assert in_steps.equals(at_once)


def test_an_incomplete_last_candle_is_dropped_and_comes_with_its_last_hour() -> None:
    frame = hourly(us(2017, 7, 2, 21), 1)
    assert len(resample(frame, Timeframe.H1, Timeframe.D1)) == 1
    assert len(resample(frame, Timeframe.H1, Timeframe.H4)) == 6
    assert len(resample(frame.head(-1), Timeframe.H1, Timeframe.H4)) == 5
    with pytest.raises(CandleSchemaError, match="23 candles of 1h hold no complete 1d candle"):
        resample(frame.head(-1), Timeframe.H1, Timeframe.D1)


def test_an_incomplete_first_candle_is_dropped() -> None:
    frame = hourly(us(2017, 7, 2, 21), 2)
    assert resample(frame.tail(-1), Timeframe.H1, Timeframe.D1).equals(resample(frame, Timeframe.H1, Timeframe.D1).tail(1))


def test_a_candle_with_holes_inside_is_kept_and_one_without_any_source_stays_absent() -> None:
    frame = hourly(us(2017, 7, 2, 21), 2)
    holed = frame.filter(~pl.int_range(pl.len()).is_in([5, 8, 9, 10, 11]))
    longer = resample(holed, Timeframe.H1, Timeframe.H4)
    whole = resample(frame, Timeframe.H1, Timeframe.H4)
    assert longer["open_time"].to_list() == whole["open_time"].to_list()[:2] + whole["open_time"].to_list()[3:]


def test_the_future_does_not_change_a_complete_candle() -> None:
    frame = hourly(us(2017, 7, 2, 21), 12)
    whole = resample(frame, Timeframe.H1, Timeframe.H4)
    for cut in (24, 37, 101, 121):
        part = resample(frame.head(cut), Timeframe.H1, Timeframe.H4)
        assert part.equals(whole.head(len(part)))


def test_the_spread_of_a_longer_candle_is_the_mean_of_those_that_are_known() -> None:
    frame = hourly(us(2017, 7, 2, 21), 1).head(12)
    known = [0.0002, 0.0004, 0.0001, 0.0001, None, 0.0003, 0.0005, None, None, None, None, None]
    longer = resample(frame.with_columns(spread=pl.Series(known)), Timeframe.H1, Timeframe.H4)
    assert longer["spread"].to_list() == [pytest.approx(0.0002, rel=1e-12), pytest.approx(0.0004, rel=1e-12), None]
    assert longer.drop("spread").equals(resample(frame, Timeframe.H1, Timeframe.H4))


def test_a_target_that_is_not_longer_is_refused() -> None:
    with pytest.raises(BadInputError, match="cannot make 1h candles of 4h candles; the target must be longer"):
        resample(hourly(us(2017, 7, 2, 21), 1), Timeframe.H4, Timeframe.H1)
