import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from fxgpt_core.candles.providers.formats import read_checked
from fxgpt_core.candles.providers.histdata import read_histdata
from fxgpt_core.candles.providers.reading import FileCandles, ReadRequest
from fxgpt_core.candles.time_zone import best_offset
from fxgpt_core.errors import BadInputError, CandleSchemaError
from fxgpt_core.market.timeframes import Timeframe

MINUTES = ReadRequest("EURUSD", Timeframe.M1)


def rows(start: str, n: int = 1, price: float = 1.1) -> list[str]:
    """Lines as HistData writes them, a minute each from a stamp such as 20180311 170000."""
    first = datetime.strptime(start, "%Y%m%d %H%M%S")  # noqa: DTZ007
    stamps = [first + timedelta(minutes=minute) for minute in range(n)]
    return [
        f"{stamp:%Y%m%d %H%M%S};{price:.6f};{price + 0.002:.6f};{price - 0.002:.6f};{price + 0.001:.6f};0" for stamp in stamps
    ]


def write(folder: Path, lines: list[str], name: str = "DAT_ASCII_EURUSD_M1_2019.csv") -> Path:
    path = folder / name
    path.write_bytes(("\n".join(lines) + "\n").encode())
    return path


def utc_of(folder: Path, stamp: str) -> str:
    frame = read_histdata(write(folder, rows(stamp)), MINUTES).frame
    return str(frame["open_time"][0].strftime("%Y-%m-%d %H:%M"))


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        # 2016 to 2018: summer time of New York, second Sunday of March to first Sunday of November.
        ("20160104 120000", "2016-01-04 17:00"),
        ("20180309 165900", "2018-03-09 21:59"),
        ("20180311 170000", "2018-03-11 21:00"),
        ("20180326 090000", "2018-03-26 13:00"),
        ("20181102 165900", "2018-11-02 20:59"),
        ("20181104 170000", "2018-11-04 22:00"),
        ("20181231 165900", "2018-12-31 21:59"),
        # From 2019: summer time on Europe's dates.
        ("20190101 170000", "2019-01-01 22:00"),
        ("20190310 160000", "2019-03-10 21:00"),
        ("20190329 155900", "2019-03-29 20:59"),
        ("20190331 170000", "2019-03-31 21:00"),
        ("20190331 185900", "2019-03-31 22:59"),
        ("20190331 200000", "2019-04-01 00:00"),
        ("20191025 165900", "2019-10-25 20:59"),
        ("20191027 160000", "2019-10-27 21:00"),
        ("20191027 190000", "2019-10-28 00:00"),
        ("20191103 170000", "2019-11-03 22:00"),
        ("20220313 160200", "2022-03-13 21:02"),
    ],
)
def test_stamps_around_each_change_of_the_clock_become_the_utc_worked_out_by_hand(
    tmp_path: Path, stamp: str, expected: str
) -> None:
    assert utc_of(tmp_path, stamp) == expected


def test_the_zip_as_downloaded_gives_the_prices_and_no_volume(tmp_path: Path) -> None:
    path = tmp_path / "DAT_ASCII_EURUSD_M1_2020.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("DAT_ASCII_EURUSD_M1_2020.csv", "\r\n".join(rows("20200701 120000", 2)) + "\r\n")
        archive.writestr("DAT_ASCII_EURUSD_M1_2020.txt", "HistData.com (c) 2012\nGap of 61s found\n")
    expected = pl.DataFrame({
        "open_time": [datetime(2020, 7, 1, 16, 0, tzinfo=UTC), datetime(2020, 7, 1, 16, 1, tzinfo=UTC)],
        "open": [1.1, 1.1], "high": [1.102, 1.102], "low": [1.098, 1.098], "close": [1.101, 1.101], "volume": [0.0, 0.0],
    })  # fmt: skip
    read = read_checked(path, MINUTES)
    assert read.frame.equals(expected)
    assert read.findings == ()


def october(repeated: list[str]) -> list[str]:
    return rows("20191027 180000", 120) + repeated + rows("20191027 200000", 60)


def test_the_doubled_hour_of_october_is_taken_once_and_named(tmp_path: Path) -> None:
    once = read_checked(write(tmp_path, october([])), MINUTES)
    twice = read_checked(write(tmp_path, october(rows("20191027 190000", 60))), MINUTES)
    assert twice.frame.equals(once.frame)
    assert len(twice.frame) == 180
    (finding,) = twice.findings
    assert finding.startswith("60 rows of 2019-10-27 19:00 to 19:59 were in the file twice, equal to the last digit")
    assert once.findings == ()


def test_a_doubled_hour_that_differs_is_refused_and_not_chosen_from(tmp_path: Path) -> None:
    repeated = rows("20191027 190000", 59) + rows("20191027 195900", price=1.2)
    with pytest.raises(CandleSchemaError, match=r"1 of 181 candles with a stamp that was there before \(first: 2019-10-28T00:59"):
        read_checked(write(tmp_path, october(repeated)), MINUTES)


@pytest.mark.parametrize("stamp", ["20191028 190000", "20191027 180000", "20181028 190000", "20190331 200000"])
def test_equal_rows_at_any_other_hour_are_refused(tmp_path: Path, stamp: str) -> None:
    with pytest.raises(CandleSchemaError, match="1 of 2 candles with a stamp that was there before"):
        read_checked(write(tmp_path, rows(stamp) * 2), MINUTES)


def test_the_lost_hour_of_march_is_named_and_only_where_it_is_lost(tmp_path: Path) -> None:
    lost = read_checked(write(tmp_path, rows("20190331 170000", 120) + rows("20190331 200000", 60)), MINUTES)
    (finding,) = lost.findings
    assert finding.startswith("the hour 2019-03-31 23:00 to 23:59 UTC is not in the file")
    assert lost.frame["open_time"].diff().max() == timedelta(minutes=61)
    for whole in (rows("20190331 170000", 240), rows("20190331 200000", 60), rows("20190331 170000", 60)):
        assert read_checked(write(tmp_path, whole), MINUTES).findings == ()


def test_years_whose_clock_is_not_known_need_a_zone(tmp_path: Path) -> None:
    path = write(tmp_path, rows("20150701 120000"))
    with pytest.raises(BadInputError, match=r"stamps of 2015; the clock .* is known from 2016 on .* --zone Etc/GMT\+5 .* second"):
        read_histdata(path, MINUTES)
    for zone, hour in (("Etc/GMT+5", 17), ("America/New_York", 16)):
        read = read_histdata(path, ReadRequest("EURUSD", Timeframe.M1, zone))
        assert read.frame["open_time"][0] == datetime(2015, 7, 1, hour, tzinfo=UTC)
        assert f"read on the clock of {zone}, as asked" in read.findings[0]


def test_candles_later_than_the_checks_are_told(tmp_path: Path) -> None:
    (finding,) = read_histdata(write(tmp_path, rows("20220630 235900", 3)), MINUTES).findings
    assert finding.startswith("2 candles are later than 2022-06-30, up to which HistData's clock was checked")


def test_another_symbol_a_report_and_foreign_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CandleSchemaError, match=r"holds EURUSD \(it says 'EURUSD'\), not GBPUSD; name that symbol"):
        read_histdata(write(tmp_path, rows("20190701 120000")), ReadRequest("GBPUSD", Timeframe.M1))
    report = write(tmp_path, ["HistData.com (c) 2012", "Gap of 61s found between 20200101170145 and 20200101170252."], "gaps.txt")
    with pytest.raises(BadInputError, match=r"report on its gaps, not candles; import the \.csv beside it"):
        read_checked(report, MINUTES)
    broken = [*rows("20190701 120000"), "20190701 12:01:00;1.1;1.1;1.1;1.1;0"]
    with pytest.raises(CandleSchemaError, match=r"1 of 2 stamps cannot be read \(first: '20190701 12:01:00' in row 2\)"):
        read_histdata(write(tmp_path, broken), MINUTES)
    with pytest.raises(CandleSchemaError, match=r"1 values of high are not numbers \(first: 'x' in data row 1\)"):
        read_histdata(write(tmp_path, ["20190701 120000;1.1;x;1.1;1.1;0"]), MINUTES)
    with pytest.raises(CandleSchemaError, match=r"has 5 columns; needed are 6 \(time;open;high;low;close;volume\)"):
        read_histdata(write(tmp_path, ["20190701 120000;1.1;1.1;1.1;1.1"]), MINUTES)


def test_a_zip_without_one_table_and_a_cut_one_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "minutes.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "x")
        archive.writestr("b.csv", "x")
    with pytest.raises(BadInputError, match=r"holds 2 files of candles \(a\.csv, b\.csv\); one \.csv is needed; unpack it"):
        read_checked(path, MINUTES)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(BadInputError, match=r"minutes\.zip cannot be read \(.*; download it again"):
        read_checked(path, MINUTES)


@pytest.fixture
def march_2022(shared_data: Path) -> FileCandles:
    return read_checked(shared_data / "fixtures/histdata_raw/DAT_ASCII_EURUSD_M1_202203.zip", MINUTES)


@pytest.mark.shared_data
def test_a_real_month_with_a_change_of_the_clock_meets_another_source_in_each_of_its_weeks(
    shared_data: Path, march_2022: FileCandles
) -> None:
    hourly = pl.read_parquet(shared_data / "fx/oanda_h1/EURUSD_h1.parquet").select(open_time="ts", close="bid_close")
    week = pl.col("open_time").dt.week()
    for (number,), minutes in march_2022.frame.group_by(week, maintain_order=True):
        fit = best_offset(minutes, hourly.filter(week == number, pl.col("open_time").dt.year() == 2022))
        assert (fit.hours, fit.difference < 1e-4, fit.compared > 70) == (0.0, True, True), f"week {number}: {fit}"
    (finding,) = march_2022.findings
    assert finding.startswith("the hour 2022-03-27 23:00 to 23:59 UTC is not in the file")


@pytest.mark.shared_data
def test_a_zone_taken_at_its_word_is_caught_in_summer(shared_data: Path, march_2022: FileCandles) -> None:
    path = shared_data / "fixtures/histdata_raw/DAT_ASCII_EURUSD_M1_202205.zip"
    hourly = pl.read_parquet(shared_data / "fx/oanda_h1/EURUSD_h1.parquet").select(open_time="ts", close="bid_close")
    right = read_checked(path, MINUTES)
    as_claimed = read_checked(path, ReadRequest("EURUSD", Timeframe.M1, "Etc/GMT+5"))
    assert best_offset(right.frame, hourly).hours == 0.0
    assert best_offset(as_claimed.frame, hourly).hours == -1.0


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["DAT_ASCII_EURUSD_M1_202203.zip", "DAT_ASCII_EURUSD_M1_202205.zip"])
def test_real_files_equal_the_minutes_that_were_read_by_others(shared_data: Path, name: str) -> None:
    read = read_checked(shared_data / f"fixtures/histdata_raw/{name}", MINUTES).frame
    others = pl.read_parquet(shared_data / "fx/histdata_m1/EURUSD_m1_202101_202206.parquet").rename({"ts": "open_time"})
    span = others.filter(pl.col("open_time").is_between(read["open_time"][0], read["open_time"][-1]))
    assert read.equals(span.select(read.columns).cast({"volume": pl.Float64}))


@pytest.mark.shared_data
def test_the_real_report_on_gaps_is_told_from_candles(shared_data: Path) -> None:
    with pytest.raises(BadInputError, match="report on its gaps, not candles"):
        read_checked(shared_data / "fixtures/histdata_raw/DAT_ASCII_EURUSD_M1_2020.txt", MINUTES)


def test_the_last_sundays_are_those_of_the_calendar(tmp_path: Path) -> None:
    """Each year's lost hour is told for the Sunday that the calendar of the European Union names."""
    named = {2020: date(2020, 3, 29), 2021: date(2021, 3, 28), 2024: date(2024, 3, 31), 2030: date(2030, 3, 31)}
    for year, day in named.items():
        lines = rows(f"{day:%Y%m%d} 170000", 120) + rows(f"{day:%Y%m%d} 200000", 60)
        findings = read_histdata(write(tmp_path, lines, f"{year}.csv"), MINUTES).findings
        assert findings[0].startswith(f"the hour {day} 23:00")
