"""The detectors on real feeds: clean ones stay clean through the worst nights of the market, dirty ones are named."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from fxgpt_core.candles.defects.findings import Defect
from fxgpt_core.candles.defects.inspection import Grade, inspect
from fxgpt_core.candles.defects.limits import QualityLimits
from fxgpt_core.candles.defects.prices import spikes
from fxgpt_core.candles.providers.files import read_candle_file
from fxgpt_core.errors import CandleSchemaError
from fxgpt_core.market.timeframes import Timeframe

pytestmark = pytest.mark.shared_data
H1, M1, M5 = Timeframe.H1, Timeframe.M1, Timeframe.M5
HOURLY = ["EURUSD", "GBPUSD", "USDJPY", "AUDUSD"]


@pytest.fixture(scope="module")
def fx(shared_data: Path) -> Path:
    return shared_data / "fx"


def raw(path: Path) -> pl.DataFrame:
    return pl.read_parquet(path).rename({"ts": "open_time"})


@pytest.mark.parametrize("symbol", HOURLY)
def test_a_clean_hourly_feed_has_no_red_month_and_no_finding_but_a_few_gaps(fx, symbol):
    found = inspect(raw(fx / "oanda_h1" / f"{symbol}_h1.parquet"), H1)
    assert found.graded(Grade.RED) == []
    assert set(found.counts) == {Defect.GAP}
    # Of 40,000 hours; the other 240 that are missing are Christmas and New Year.
    assert found.counts[Defect.GAP] <= 14
    assert [month.month for month in found.graded(Grade.YELLOW)] == (["2022-05"] if symbol == "AUDUSD" else [])


@pytest.mark.parametrize(
    ("symbol", "first", "last"),
    [
        ("GBPUSD", (2016, 6, 23, 20), (2016, 6, 24, 20)),
        ("GBPUSD", (2016, 10, 6, 20), (2016, 10, 7, 4)),
        ("USDJPY", (2019, 1, 2, 20), (2019, 1, 3, 4)),
        ("AUDUSD", (2020, 3, 8, 21), (2020, 3, 20, 20)),
    ],
    ids=["brexit", "sterling flash crash", "yen flash crash", "covid"],
)
def test_news_and_flash_crashes_are_far_from_a_spike(fx, symbol, first, last):
    frame = raw(fx / "oanda_h1" / f"{symbol}_h1.parquet")
    times = (datetime(*moment, tzinfo=UTC) for moment in (first, last))
    measured = spikes(frame, QualityLimits(spike=0.0)).filter(pl.col("open_time").is_between(*times))
    assert measured["value"].max() < 0.6 * QualityLimits().spike


@pytest.mark.parametrize(
    ("name", "timeframe"),
    [
        *((f"mt4_m5_2019_2020/{symbol}_m5", M5) for symbol in HOURLY),
        *((f"mt5_h1_2015_2022/{symbol}_h1", H1) for symbol in HOURLY[1:]),
        *((f"m1_2021q1/{symbol}_m1", M1) for symbol in HOURLY[1:]),
        *((f"histdata_m1/EURUSD_m1_{years}", M1) for years in ("201801_201912", "202001_202012", "202101_202206")),
        ("tiingo_m5/EURUSD_m5_2022", M5),
    ],
)
def test_other_sound_feeds_have_no_red_month(fx, name, timeframe):
    found = inspect(raw(fx / f"{name}.parquet"), timeframe)
    assert found.graded(Grade.RED) == []


def test_the_fills_of_a_weekend_are_named(fx):
    found = inspect(raw(fx / "dukascopy_m5_2021" / "EURUSD_m5_with_weekend_flats.parquet"), M5)
    assert {month.grade for month in found.months} == {Grade.RED}
    assert found.counts[Defect.WEEKEND_FLAT] > 16_000
    assert set(found.counts) == {Defect.WEEKEND_FLAT, Defect.ZERO_VOLUME}


def test_the_duplicates_flats_and_holes_of_a_dirty_feed_are_named(fx):
    found = inspect(raw(fx / "yahoo_1m_dirty" / "GBPUSD_1m_2019h1.parquet"), M1)
    assert {month.grade for month in found.months} == {Grade.RED}
    assert found.counts[Defect.DUPLICATED_STAMP] == 162
    assert {Defect.FLAT_CANDLE, Defect.GAP, Defect.WEEKEND_FLAT} <= set(found.counts)


@pytest.mark.parametrize("name", ["GBPUSD_m1_2012", "USDJPY_m1_2013"])
def test_quotes_put_together_from_two_files_cross(fx, name):
    found = inspect(raw(fx / "fxcm_m1" / f"{name}.parquet"), M1)
    assert set(found.counts) == {Defect.CROSSED_QUOTES, Defect.GAP}


def test_a_file_with_two_headers_is_refused_by_its_columns(fx):
    with pytest.raises(CandleSchemaError, match="more than one column named close, high, low, open, volume"):
        read_candle_file(fx.parent / "raw_defects" / "EURUSD_5m_yahoo_double_header.csv.gz")


def test_minutes_agree_with_the_hours_of_another_source_and_not_when_they_are_shifted(fx):
    minutes = raw(fx / "histdata_m1" / "EURUSD_m1_202001_202012.parquet")
    hourly = raw(fx / "oanda_h1" / "EURUSD_h1.parquet")
    assert Defect.WRONG_TIME_ZONE not in inspect(minutes, M1, second=hourly).counts
    late = minutes.with_columns(pl.col("open_time") + pl.duration(hours=2))
    found = inspect(late, M1, second=hourly)
    assert found.findings.filter(pl.col("kind") == Defect.WRONG_TIME_ZONE)["value"].to_list() == [-2.0] * 12
    assert len(found.graded(Grade.RED)) == 12
