import gzip
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from fxgpt_core.candles.providers.files import read_candle_file
from fxgpt_core.candles.providers.formats import FileFormat, read_checked
from fxgpt_core.candles.providers.reading import ReadRequest
from fxgpt_core.candles.schema import COLUMNS
from fxgpt_core.candles.time_zone import best_offset
from fxgpt_core.errors import BadInputError, CandleSchemaError
from fxgpt_core.market.timeframes import Timeframe

PRICES = [(1.10001, 1.12, 1.09, 1.11, 5), (1.11, 1.13, 1.10, 1.12345, 6)]
MT5_HEADER = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>"
PACKAGE_HEADER = "time,open,high,low,close,tick_volume,spread,real_volume"


def hourly(zone: str | None, symbol: str = "EURUSD") -> ReadRequest:
    return ReadRequest(symbol, Timeframe.H1, zone)


def server_hours(start: str) -> list[datetime]:
    first = datetime.strptime(start, "%Y.%m.%d %H:%M")  # noqa: DTZ007
    return [first, first + timedelta(hours=1)]


def mt4(folder: Path, start: str = "2020.01.31 17:00") -> Path:
    path = folder / "EURUSD60.csv"
    lines = [
        ",".join((f"{stamp:%Y.%m.%d,%H:%M}", *map(str, row))) for stamp, row in zip(server_hours(start), PRICES, strict=True)
    ]
    path.write_bytes("\r\n".join([*lines, ""]).encode())
    return path


def mt5(folder: Path, start: str = "2020.01.31 17:00") -> Path:
    path = folder / "EURUSD_H1.csv"
    lines = [
        "\t".join((f"{stamp:%Y.%m.%d\t%H:%M:%S}", *map(str, row), "0", "3"))
        for stamp, row in zip(server_hours(start), PRICES, strict=True)
    ]
    path.write_text("\n".join([MT5_HEADER, *lines, ""]))
    return path


def package(folder: Path, start: str = "2020.01.31 17:00") -> Path:
    path = folder / "rates.csv"
    lines = [
        ",".join((f"{stamp:%Y-%m-%d %H:%M:%S}", *map(str, row), "3", "0"))
        for stamp, row in zip(server_hours(start), PRICES, strict=True)
    ]
    path.write_text("\n".join([PACKAGE_HEADER, *lines, ""]))
    return path


def hst(folder: Path, start: str = "2020.01.31 17:00", version: int = 401, symbol: bytes = b"EURUSD", digits: int = 5) -> Path:
    path = folder / "EURUSD60.hst"
    content = struct.pack("<i64s12siiii52x", version, b"Copyright", symbol, 60, digits, 0, 0)
    for stamp, (open_, high, low, close, volume) in zip(server_hours(start), PRICES, strict=True):
        seconds = int(stamp.replace(tzinfo=UTC).timestamp())
        if version == 400:
            content += struct.pack("<iddddd", seconds, open_, low, high, close, volume)
        else:
            content += struct.pack("<qddddqiq", seconds, open_, high, low, close, volume, 3, 0)
    path.write_bytes(content)
    return path


def expected(first: datetime) -> pl.DataFrame:
    names = ("open", "high", "low", "close", "volume")
    columns = dict(zip(names, zip(*PRICES, strict=True), strict=True))
    times = {"open_time": [first, first + timedelta(hours=1)]}
    return pl.DataFrame(times | columns).cast({"open_time": pl.Datetime("us", "UTC"), "volume": pl.Float64})


@pytest.mark.parametrize("write", [mt4, mt5, package, hst])
@pytest.mark.parametrize(
    ("start", "zone", "utc"),
    [
        ("2020.01.31 17:00", "NY+7", datetime(2020, 1, 31, 15, tzinfo=UTC)),
        ("2020.01.31 17:00", "Etc/GMT-1", datetime(2020, 1, 31, 16, tzinfo=UTC)),
        # The clock of New York changed on 2018-03-11 and 2018-11-04: the broker's week opens at 00:00 before and after.
        ("2018.03.09 22:00", "NY+7", datetime(2018, 3, 9, 20, tzinfo=UTC)),
        ("2018.03.12 00:00", "NY+7", datetime(2018, 3, 11, 21, tzinfo=UTC)),
        ("2018.11.02 22:00", "NY+7", datetime(2018, 11, 2, 19, tzinfo=UTC)),
        ("2018.11.05 00:00", "NY+7", datetime(2018, 11, 4, 22, tzinfo=UTC)),
        # The clock of Athens changed on 2019-03-31 and 2019-10-27, and New York's had not yet, or had already.
        ("2019.03.29 20:00", "Europe/Athens", datetime(2019, 3, 29, 18, tzinfo=UTC)),
        ("2019.03.29 20:00", "NY+7", datetime(2019, 3, 29, 17, tzinfo=UTC)),
        ("2019.04.01 00:00", "Europe/Athens", datetime(2019, 3, 31, 21, tzinfo=UTC)),
        ("2019.10.25 20:00", "Europe/Athens", datetime(2019, 10, 25, 17, tzinfo=UTC)),
        ("2019.10.28 00:00", "Europe/Athens", datetime(2019, 10, 27, 22, tzinfo=UTC)),
        ("2019.10.28 00:00", "NY+7", datetime(2019, 10, 27, 21, tzinfo=UTC)),
    ],
)
def test_each_format_gives_the_same_candles_at_the_utc_worked_out_by_hand(tmp_path, write, start, zone, utc) -> None:
    # Three points of the fifth decimal, where the format has a spread: MT4's text has none.
    spread = [] if write is mt4 else [pl.lit(0.00003).alias("spread")]
    assert read_checked(write(tmp_path, start), hourly(zone)).frame.equals(expected(utc).with_columns(spread))


@pytest.mark.parametrize(("prices", "spread"), [((110.5, 110.123), 0.014), ((2034.0, 2034.5), 1.4), ((1.12345, 1.1), 0.00014)])
def test_a_point_is_the_last_decimal_of_the_file_s_prices(tmp_path, prices, spread) -> None:
    path = tmp_path / "rates.csv"
    lines = [f"2020-01-31 {17 + hour}:00:00,{price},{price},{price},{price},9,14,0" for hour, price in enumerate(prices)]
    path.write_text("\n".join([PACKAGE_HEADER, *lines, ""]))
    assert read_checked(path, hourly("NY+7")).frame["spread"].to_list() == [spread, spread]


def test_a_spread_that_was_not_recorded_or_whose_point_is_unknown_is_left_out(tmp_path: Path) -> None:
    path = package(tmp_path)
    rows = path.read_text()
    path.write_text(rows.replace(",3,0", ",0,0"))
    assert read_checked(path, hourly("NY+7")).frame.columns == list(COLUMNS)
    path.write_text(rows.replace("1.12345", "1.1234500169"))
    read = read_checked(path, hourly("NY+7"))
    assert read.frame.columns == list(COLUMNS)
    assert read.findings == ("prices have more than 8 decimals: what a point of the spread is cannot be told; it was left out",)


def test_version_400_of_the_history_holds_the_low_before_the_high(tmp_path: Path) -> None:
    frame = read_checked(hst(tmp_path, version=400), hourly("NY+7")).frame
    assert frame.equals(expected(datetime(2020, 1, 31, 15, tzinfo=UTC)))


@pytest.mark.parametrize("write", [mt4, mt5, package, hst])
def test_without_a_zone_nothing_is_guessed(tmp_path, write) -> None:
    with pytest.raises(BadInputError, match=r"time of a broker's server, which the file does not name; name it: --zone NY\+7"):
        read_checked(write(tmp_path), hourly(None))


@pytest.mark.parametrize("write", [mt4, mt5, package, hst])
@pytest.mark.parametrize(
    ("start", "zone", "message"),
    [
        ("2019.03.31 02:00", "Europe/Athens",
         r"1 of 2 stamps \(first: 2019-03-31 03:00\) do not exist on the clock of Europe/Athens, which skips them; name"),
        ("2019.10.27 02:00", "Europe/Athens",
         r"1 of 2 stamps \(first: 2019-10-27 03:00\) exist twice on the clock of Europe/Athens, which repeats that hour; remove"),
        ("2018.03.11 09:00", "NY+7", r"1 of 2 stamps \(first: 2018-03-11 09:00\) do not exist on the clock of NY\+7"),
        ("2018.11.04 07:00", "NY+7", r"1 of 2 stamps \(first: 2018-11-04 08:00\) exist twice on the clock of NY\+7"),
    ],
)  # fmt: skip
def test_stamps_that_a_change_of_the_clock_skips_or_repeats_are_told(tmp_path, write, start, zone, message) -> None:
    with pytest.raises(CandleSchemaError, match=message):
        read_checked(write(tmp_path, start), hourly(zone))


@pytest.mark.parametrize("zone", ["Middle/Earth", "NY", "NY+x", "GMT+5:30", ""])
def test_an_unknown_zone_is_refused(tmp_path: Path, zone: str) -> None:
    with pytest.raises(BadInputError, match=r"there is no time zone '.*'; allowed are an IANA name .* or \"NY\+7\""):
        read_checked(mt4(tmp_path), hourly(zone))


def test_a_history_with_a_damaged_header_or_cut_off_is_refused_in_words(tmp_path: Path) -> None:
    whole = hst(tmp_path).read_bytes()
    path = tmp_path / "EURUSD60.hst"

    def read(content: bytes) -> None:
        path.write_bytes(content)
        read_checked(path, hourly("NY+7"))

    with pytest.raises(CandleSchemaError, match="has 100 bytes, fewer than the 148 of a header; copy it again"):
        read(whole[:100])
    with pytest.raises(CandleSchemaError, match="ends 17 bytes into a record of 60: it was cut off"):
        read(whole[: 148 + 60 + 17])
    with pytest.raises(CandleSchemaError, match="0 candles"):
        read(whole[:148])
    with pytest.raises(CandleSchemaError, match="is of version 402; known are 400 and 401"):
        read(struct.pack("<i", 402) + whole[4:])
    with pytest.raises(CandleSchemaError, match=r"ends 32 bytes into a record of 44: it was cut off, or is not of version 400"):
        read(struct.pack("<i", 400) + whole[4:])
    with pytest.raises(CandleSchemaError, match="1 of 2 records have a stamp before 1970 or after 2106"):
        read(whole[:148] + struct.pack("<q", 1 << 60) + whole[156:])


def test_wrong_digits_another_symbol_and_another_timeframe_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CandleSchemaError, match="2 of 2 candles have prices with more than the 3 decimals that the file says"):
        read_checked(hst(tmp_path, digits=3), hourly("NY+7"))
    with pytest.raises(CandleSchemaError, match="says that prices have 99 decimals; 0 to 8 are possible"):
        read_checked(hst(tmp_path, digits=99), hourly("NY+7"))
    with pytest.raises(CandleSchemaError, match=r"holds GBPUSD \(it says 'GBPUSD\.m'\), not EURUSD; name that symbol"):
        read_checked(hst(tmp_path, symbol=b"GBPUSD.m"), hourly("NY+7"))
    with pytest.raises(CandleSchemaError, match="says that its candles are of 60 minutes, not 1m; name their timeframe"):
        read_checked(hst(tmp_path), ReadRequest("EURUSD", Timeframe.M1, "NY+7"))


def test_a_brokers_own_word_for_a_symbol_is_taken_and_told(tmp_path: Path) -> None:
    assert read_checked(hst(tmp_path, symbol=b"EURUSD.pro"), hourly("NY+7")).findings == ()
    gold = read_checked(hst(tmp_path, symbol=b"GOLD"), hourly("NY+7", "XAUUSD"))
    assert gold.findings == ("the file calls its symbol 'GOLD'; it was taken for XAUUSD",)


def test_rows_of_another_form_are_named(tmp_path: Path) -> None:
    path = mt4(tmp_path)
    path.write_text(path.read_text() + "31/01/2020,19:00,1,1,1,1,1\n")
    with pytest.raises(CandleSchemaError, match=r"1 of 3 stamps cannot be read \(first: '31/01/2020 19:00' in row 3\)"):
        read_checked(path, hourly("NY+7"))
    with pytest.raises(CandleSchemaError, match=r"has 7 columns; needed are 4 \(symbol,time,bid,ask\); name the file's format"):
        read_checked(mt4(tmp_path), hourly(None), FileFormat.TRUEFX)


@pytest.mark.shared_data
def test_a_real_history_equals_the_csv_that_a_script_wrote_of_it(shared_data: Path, tmp_path: Path) -> None:
    history = read_checked(shared_data / "fixtures/mt4/EURUSD60.hst", hourly("NY+7")).frame
    # The script took the server's seconds for UTC and wrote them on the clock of its own machine, in central Europe.
    csv = read_candle_file(shared_data / "fixtures/mt4/EURUSD60_2020.csv")
    stamps = csv["open_time"].dt.replace_time_zone(None).dt.replace_time_zone("Europe/Paris").dt.convert_time_zone("UTC")
    path = tmp_path / "server_time.csv"
    plain = stamps.dt.strftime("%Y.%m.%d,%H:%M").alias("stamp")
    path.write_text(csv.select(plain, *COLUMNS[1:]).write_csv(include_header=False, quote_style="never"))
    assert len(history) == 4164
    assert history.equals(read_checked(path, hourly("NY+7")).frame)


@pytest.mark.shared_data
def test_a_real_export_opens_its_weeks_at_seventeen_new_york_and_keeps_its_hole(shared_data: Path) -> None:
    path = shared_data / "fixtures/mt4/GBPJPY5_hole.csv.gz"
    frame = read_checked(path, ReadRequest("GBPJPY", Timeframe.M5, "NY+7")).frame
    with gzip.open(path, "rt") as file:
        lines = file.read().split()
    assert len(frame) == len(lines)
    assert lines[0].startswith("2019.07.08,04:25,135.91200")
    assert frame.row(0)[:2] == (datetime(2019, 7, 8, 1, 25, tzinfo=UTC), 135.912)
    new_york = frame["open_time"].dt.convert_time_zone("America/New_York")
    opens = new_york.filter((frame["open_time"].diff() > timedelta(hours=40)) & (new_york.dt.weekday() == 7))
    assert opens.dt.hour().unique().to_list() == [17]
    holes = frame.select(pl.col("open_time").shift(1).alias("last"), "open_time").filter(
        pl.col("open_time").diff() > timedelta(days=3)
    )
    assert holes.rows() == [(datetime(2019, 8, 5, 14, 45, tzinfo=UTC), datetime(2019, 12, 16, 16, 10, tzinfo=UTC))]


@pytest.mark.shared_data
@pytest.mark.parametrize(("zone", "hours"), [("NY+7", {0.0}), ("Europe/Athens", {0.0, -1.0}), ("UTC", {-2.0, -3.0})])
def test_a_planted_wrong_zone_of_a_real_export_is_caught_week_by_week(
    shared_data: Path, tmp_path: Path, zone: str, hours: set[float]
) -> None:
    minutes = pl.read_parquet(shared_data / "fx/mt4_m5_2019_2020/EURUSD_m5.parquet").filter(pl.col("ts").dt.year() == 2019)
    server = (pl.col("ts").dt.convert_time_zone("America/New_York").dt.replace_time_zone(None) + timedelta(hours=7)).dt
    path = tmp_path / "EURUSD5.csv"
    columns = [server.strftime("%Y.%m.%d,%H:%M"), "open", "high", "low", "close", "volume"]
    path.write_text(minutes.select(columns).write_csv(include_header=False, quote_style="never"))
    frame = read_checked(path, ReadRequest("EURUSD", Timeframe.M5, zone)).frame
    source = pl.read_parquet(shared_data / "fx/oanda_h1/EURUSD_h1.parquet").select(open_time="ts", close="bid_close")
    weeks = frame.group_by(pl.col("open_time").dt.offset_by("2h").dt.truncate("1w"), maintain_order=True)
    found = {best_offset(part, source).hours for _, part in weeks if len(part) > 1000}
    assert found == hours
