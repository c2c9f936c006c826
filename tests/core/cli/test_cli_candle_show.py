"""fxgpt candles show, as a person meets it."""

from datetime import date

import polars as pl
import pytest

from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.features.matrix import features
from fxgpt_core.market.timeframes import Timeframe

SERIES = ("--symbol", "EURUSD", "--timeframe", "1h")
DAY = ("--from", "2017-05-03", "--to", "2017-05-04")


@pytest.fixture
def made(keep):
    """A lake with 1,000 candles of the sample and their features; the path of each."""
    candles = SampleProvider().candles("EURUSD", Timeframe.H1).head(1000)
    frames = {"candles": candles, "features": features(candles, Timeframe.H1)}
    return {asset: keep(asset, frame).path for asset, frame in frames.items()}


def test_the_rows_of_a_day_come_in_order_and_nothing_is_written(fxgpt, made, stored):
    before = stored()
    answer = fxgpt("candles", "show", *SERIES, *DAY, "--json", "--limit", "100")
    assert answer.code == 0
    assert (answer.json["found"], answer.json["shown"], answer.json["source"]) == (24, 24, "candles of EURUSD 1h")
    assert [row["open_time"][:16] for row in answer.json["rows"]] == [f"2017-05-03T{hour:02d}:00" for hour in range(24)]
    expected = SampleProvider().candles("EURUSD", Timeframe.H1)
    (first,) = [row for row in expected.iter_rows(named=True) if row["open_time"].isoformat() == "2017-05-03T00:00:00+00:00"]
    assert answer.json["rows"][0] == {**first, "open_time": "2017-05-03T00:00:00+00:00", "symbol": "EURUSD"}
    assert stored() == before


def test_a_person_is_shown_the_first_rows_and_told_how_many_there_are(fxgpt, made):
    answer = fxgpt("candles", "show", *SERIES, *DAY, "--columns", "close,volume", "--limit", "3")
    lines = answer.out.splitlines()
    assert lines[0].split() == ["symbol", "open_time", "close", "volume"]
    assert lines[2].startswith("EURUSD  2017-05-03 00:00:00+00:00  1.09")
    assert (len(lines), lines[-1]) == (6, "3 of 24 rows; `--limit 24` shows all")


def test_without_an_end_the_rest_is_found_and_a_weekend_holds_nothing(fxgpt, made):
    last = SampleProvider().candles("EURUSD", Timeframe.H1)["open_time"][999]
    answer = fxgpt("candles", "show", *SERIES, "--from", last.isoformat(), "--json")
    assert [row["open_time"] for row in answer.json["rows"]] == [last.isoformat()]
    weekend = fxgpt("candles", "show", *SERIES, "--from", "2017-05-06", "--to", "2017-05-07")
    assert (weekend.code, weekend.out) == (0, "no row of candles of EURUSD 1h opens there\n")


def test_features_are_shown_by_name(fxgpt, made):
    answer = fxgpt("candles", "show", *SERIES, *DAY, "--asset", "features", "--columns", "return_1, rsi_14", "--json")
    assert list(answer.json["rows"][0]) == ["symbol", "open_time", "return_1", "rsi_14"]
    table = features(SampleProvider().candles("EURUSD", Timeframe.H1).head(1000), Timeframe.H1)
    expected = table.filter(pl.col("open_time").dt.date() == date(2017, 5, 3))
    assert [row["rsi_14"] for row in answer.json["rows"]] == expected["rsi_14"].to_list()[:20]


def test_imported_candles_are_shown_before_anything_was_made_of_them(fxgpt, candle_file):
    fxgpt("candles", "import", candle_file(), *SERIES)
    answer = fxgpt("candles", "show", *SERIES, "--provider", "imported", "--from", "2024-01-10T05:00", "--limit", "1", "--json")
    assert (answer.code, answer.json["found"]) == (0, 43)
    assert answer.json["rows"][0]["volume"] == 105.0


def test_the_spread_of_a_file_is_imported_and_shown(fxgpt, candle_file):
    file = candle_file()
    header, *lines = file.read_text().splitlines()
    file.write_text("\n".join([f"{header},spread", *(f"{line},{0.0001 if i % 2 else ''}" for i, line in enumerate(lines))]))
    imported = fxgpt("candles", "import", file, *SERIES)
    assert imported.code == 0, imported.err
    answer = fxgpt("candles", "show", *SERIES, "--provider", "imported", "--from", "2024-01-10", "--limit", "2", "--json")
    assert [row["spread"] for row in answer.json["rows"]] == [None, 0.0001]
    file.write_text(file.read_text().replace("0.0001", "12"))
    points = fxgpt("candles", "import", file, *SERIES)
    assert (points.code, "is it in pips or points?" in points.err) == (3, True)


def test_what_cannot_be_shown_ends_with_its_code(fxgpt, made):
    assert fxgpt("candles", "show", *SERIES, "--from", "yesterday").code == 3
    assert fxgpt("candles", "show", *SERIES, "--from", "2017-05-04", "--to", "2017-05-03").code == 3
    assert fxgpt("candles", "show", *SERIES, *DAY, "--columns", "spread").code == 3
    unknown = fxgpt("candles", "show", *SERIES, *DAY, "--asset", "forecasts")
    assert (unknown.code, "candles, features, raw_candles can" in unknown.err) == (3, True)
    assert fxgpt("candles", "show", *SERIES, *DAY, "--provider", "nobody").code == 3
    assert fxgpt("candles", "show", *SERIES, *DAY, "--provider", "tiingo").code == 4
    assert fxgpt("candles", "show", *SERIES, *DAY, "--asset", "raw_candles").code == 4
    assert fxgpt("candles", "show", *SERIES).code == 2


def test_a_changed_file_is_never_shown(fxgpt, made):
    content = bytearray(made["candles"].read_bytes())
    content[len(content) // 2] ^= 1
    made["candles"].write_bytes(bytes(content))
    answer = fxgpt("candles", "show", *SERIES, *DAY)
    assert (answer.code, answer.out) == (6, "")
    assert "hashes to" in answer.err


def test_without_a_ledger_the_machine_is_not_ready_and_nothing_is_made(fxgpt, stored):
    assert fxgpt("candles", "show", *SERIES, *DAY).code == 7
    assert stored() == {}
