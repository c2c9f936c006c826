"""`fxgpt candles import` with the files of vendors."""

from datetime import datetime, timedelta

import pytest

HOURS = ("--symbol", "EURUSD", "--timeframe", "1h")
MINUTES = ("--symbol", "EURUSD", "--timeframe", "1m")


@pytest.fixture
def histdata_file(tmp_path):
    """A Sunday evening of the October in which HistData's clock goes back, its doubled hour twice."""
    first = datetime(2019, 10, 27, 18)  # noqa: DTZ001
    lines = [f"{first + timedelta(minutes=minute):%Y%m%d %H%M%S};1.1;1.2;1.0;1.1;0" for minute in range(180)]
    path = tmp_path / "DAT_ASCII_EURUSD_M1_2019.csv"
    path.write_text("\n".join(lines[:120] + lines[60:] + [""]))
    return path


@pytest.fixture
def mt4_file(tmp_path):
    path = tmp_path / "EURUSD60.csv"
    path.write_text("".join(f"2024.01.10,{hour:02d}:00,1.1,1.2,1.0,1.1,9\n" for hour in range(24)))
    return path


def test_a_histdata_file_is_imported_and_its_doubled_hour_is_told(fxgpt, histdata_file):
    payload = fxgpt("candles", "import", histdata_file, *MINUTES, "--json").json
    assert payload["rows"] == 180
    assert payload["notes"][0].startswith("60 rows of 2019-10-27 19:00 to 19:59 were in the file twice")
    assert "note: 60 rows of 2019-10-27 19:00" in fxgpt("candles", "import", histdata_file, *MINUTES).out


def test_a_brokers_file_asks_for_its_zone_and_is_stored_in_utc(fxgpt, stored, mt4_file):
    before = stored()
    refused = fxgpt("candles", "import", mt4_file, *HOURS)
    assert (refused.code, stored()) == (3, before)
    assert "name it: --zone NY+7" in refused.err
    assert fxgpt("candles", "import", mt4_file, *HOURS, "--zone", "NY+7", "--json").code == 0
    (row,) = fxgpt("candles", "list", "--json").json["candles"]
    assert (row["rows"], row["first"], row["last"]) == (24, "2024-01-09T22:00:00+00:00", "2024-01-10T21:00:00+00:00")
    assert row["source"] == f"{mt4_file.resolve()} (stamps of NY+7)"


def test_a_format_can_be_named_and_an_unknown_one_is_refused(fxgpt, mt4_file):
    assert fxgpt("candles", "import", mt4_file, *HOURS, "--format", "mt4", "--zone", "UTC").code == 0
    wrong = fxgpt("candles", "import", mt4_file, *HOURS, "--format", "csv")
    assert (wrong.code, "known: auto, generic, histdata" in wrong.err) == (3, True)
    other = fxgpt("candles", "import", mt4_file, *HOURS, "--format", "histdata")
    assert (other.code, "needed are 6 (time;open;high;low;close;volume)" in other.err) == (3, True)
