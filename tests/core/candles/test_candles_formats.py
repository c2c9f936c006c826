import struct
import zipfile
from pathlib import Path

import pytest

from fxgpt_core.candles.providers.formats import FileFormat, detected, file_format, read_checked
from fxgpt_core.candles.providers.reading import ReadRequest
from fxgpt_core.errors import BadInputError, CandleSchemaError
from fxgpt_core.market.timeframes import Timeframe

HOURS = ReadRequest("EURUSD", Timeframe.H1)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", "20220301 000000;1.1;1.1;1.1;1.1;0\n", FileFormat.HISTDATA),
        ("a.txt", "HistData.com (c) 2012\n", FileFormat.HISTDATA),
        ("a.csv", "\ufeff2020.01.31,17:00,1.1,1.1,1.1,1.1,5\n", FileFormat.MT4),
        ("a.csv", "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\r\n", FileFormat.MT5),
        ("a.csv", "<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n", FileFormat.MT5),
        ("a.csv", "time,open,high,low,close,tick_volume,spread,real_volume\r\n2020-01-31", FileFormat.MT5),
        ("a.csv", "EUR/USD,20240102 00:00:00.123,1.1,1.1\n", FileFormat.TRUEFX),
        ("A.HST", "", FileFormat.HST),
        ("a.csv", "time,open,high,low,close,volume\n", FileFormat.GENERIC),
        ("a.csv", "time,open,high,low,close,tick_volume\n", FileFormat.GENERIC),
        ("a.csv", "2020-01-31 17:00,1.1,1.1,1.1,1.1,5\n", FileFormat.GENERIC),
        ("a.csv", "", FileFormat.GENERIC),
        ("a.parquet", "20220301 000000;1.1;1.1;1.1;1.1;0\n", FileFormat.GENERIC),
    ],
)
def test_a_format_is_known_by_the_name_and_the_first_line(tmp_path: Path, name: str, content: str, expected: FileFormat) -> None:
    (tmp_path / name).write_text(content)
    assert detected(tmp_path / name) is expected


def test_a_zip_is_looked_into(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "2020.01.31,17:00,1.1,1.1,1.1,1.1,5\n")
    assert detected(path) is FileFormat.MT4


def test_each_format_has_a_name_and_others_are_refused() -> None:
    assert [file_format(name) for name in ("auto", "MT4 ", "hst")] == [FileFormat.AUTO, FileFormat.MT4, FileFormat.HST]
    with pytest.raises(BadInputError, match="format 'excel' is unknown; known: auto, generic, histdata, mt4, mt5, hst, truefx;"):
        file_format("excel")


def test_a_format_that_is_named_is_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("2020.01.31,17:00,1.1,1.1,1.1,1.1,5\n")
    with pytest.raises(CandleSchemaError, match="the first line looks like data: add a header line"):
        read_checked(path, HOURS, FileFormat.GENERIC)
    history = tmp_path / "renamed.bin"
    history.write_bytes(struct.pack("<i64s12siiii52x", 401, b"", b"EURUSD", 60, 5, 0, 0))
    with pytest.raises(CandleSchemaError, match=r"renamed\.bin: there are 0 candles"):
        read_checked(history, ReadRequest("EURUSD", Timeframe.H1, "UTC"), FileFormat.HST)


def test_a_zone_for_stamps_in_utc_and_a_file_that_is_not_there_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("time,open,high,low,close\n2024-01-31 17:00,1,1,1,1\n")
    with pytest.raises(BadInputError, match=r"read as generic, whose stamps are in UTC or name their zone: --zone UTC has no"):
        read_checked(path, ReadRequest("EURUSD", Timeframe.H1, "UTC"))
    for wanted in FileFormat:
        with pytest.raises(BadInputError, match=r"there is no file .*none\.csv"):
            read_checked(tmp_path / "none.csv", HOURS, wanted)


def test_what_the_check_of_the_candles_refuses_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("2020.01.31,17:30,1.1,1.1,1.1,1.1,5\n")
    with pytest.raises(CandleSchemaError, match=r"a\.csv: 1 of 1 candles off the grid of 1h"):
        read_checked(path, ReadRequest("EURUSD", Timeframe.H1, "NY+7"))
