from datetime import UTC, datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest

from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.candles.quality import quality
from fxgpt_core.content_hash import canonical_json
from fxgpt_core.market.timeframes import Timeframe

H1 = Timeframe.H1


@pytest.fixture(scope="module")
def sample() -> pl.DataFrame:
    return SampleProvider().candles("EURUSD", H1)


def test_the_sample_lacks_christmas_and_new_year_which_are_no_gaps(sample: pl.DataFrame) -> None:
    report = quality(sample, H1)
    assert (report.n_holiday, report.n_missing, report.missing, report.completeness) == (48, 0, (), 1.0)


def test_a_lost_hour_of_a_working_day_is_missing_beside_the_holidays(sample: pl.DataFrame) -> None:
    lost = datetime(2017, 12, 20, 14, tzinfo=UTC)
    report = quality(sample.filter(pl.col("open_time") != lost), H1)
    assert (report.n_holiday, report.missing) == (48, (lost,))
    assert report.completeness == pytest.approx(1.0 - 1 / (5000 - 2))


def test_the_sample_has_two_candles_outside_the_week(sample: pl.DataFrame) -> None:
    report = quality(sample, H1)
    assert report.n_outside_week == 2


def test_counts_equal_counting_by_hand(sample: pl.DataFrame) -> None:
    report = quality(sample, H1)
    rows = list(sample.iter_rows())
    assert report.rows == 5000
    assert (report.first, report.last) == (rows[0][0], rows[-1][0])
    assert report.n_flat == sum(high == low for _, _, high, low, _, _ in rows)
    assert report.n_zero_volume == sum(row[5] == 0 for row in rows)
    assert report.n_repeated == sum(a[1:5] == b[1:5] for a, b in pairwise(rows))
    heights = sorted(row[2] - row[3] for row in rows)
    median = (heights[2499] + heights[2500]) / 2
    assert report.n_spikes == sum(row[2] - row[3] > 10 * median for row in rows)


def test_planted_defects_are_counted(sample: pl.DataFrame) -> None:
    clean = sample.slice(100, 60)
    index = pl.int_range(pl.len())
    price = pl.col("close").get(10)
    prices = ("open", "high", "low", "close")
    planted = clean.with_columns(
        pl.when(index.is_between(20, 22)).then(price).otherwise(pl.col(name)).alias(name) for name in prices
    ).with_columns(
        volume=pl.when(index.is_between(20, 23)).then(0.0).otherwise(pl.col("volume")),
        high=pl.when(index == 40).then(pl.col("high") * 1.2).otherwise(pl.col("high")),
    )
    planted = planted.filter(~index.is_in([30, 31]))
    report, before = quality(planted, H1), quality(clean, H1)
    assert report.n_flat == before.n_flat + 3
    assert report.n_repeated == before.n_repeated + 2
    assert report.n_zero_volume == 4
    assert report.n_spikes == 1
    assert report.missing == tuple(clean["open_time"][[30, 31]])


def test_the_table_form_is_plain_json(sample: pl.DataFrame) -> None:
    table = quality(sample, H1).to_dict()
    assert (table["n_missing"], table["n_holiday"]) == (0, 48)
    cut = quality(sample.filter(~pl.col("open_time").is_in([datetime(2017, 12, 20, 14, tzinfo=UTC)])), H1)
    assert cut.to_dict()["missing"] == "2017-12-20T14:00:00+00:00"
    assert canonical_json(table)


def test_gold_s_daily_pause_is_not_missing() -> None:
    start = datetime(2017, 7, 9, 22, tzinfo=UTC)
    stamps = [start + timedelta(hours=hour) for hour in range(47) if hour != 23]
    frame = pl.DataFrame({"open_time": stamps, **dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0)})
    assert quality(frame, H1).n_missing == 1
    assert quality(frame, H1, timedelta(hours=1)).n_missing == 0
