"""The benchmark of crisis windows: where its windows lie, and what it says of a folder without the data."""

from datetime import UTC, datetime

from benchmarks.crisis_windows import main, windows


def day(time_us):
    return datetime.fromtimestamp(time_us / 1e6, tz=UTC).isoformat()[:10]


def test_the_windows_are_the_covid_months_and_the_week_around_each_rise():
    found = [(each.name, day(each.window.start_us), day(each.window.stop_us - 1)) for each in windows()]
    assert found == [
        ("covid", "2020-02-20", "2020-04-30"),
        ("rise of 2022-03-16", "2022-03-13", "2022-03-19"),
        ("rise of 2022-05-04", "2022-05-01", "2022-05-07"),
        ("rise of 2022-06-15", "2022-06-12", "2022-06-18"),
    ]


def test_a_folder_without_candles_is_told_what_it_needs(tmp_path, capsys):
    assert main([str(tmp_path)]) != 0
    assert "EURUSD_h1.parquet is not there; DATA_DIR needs fx/oanda_h1/EURUSD_h1.parquet" in capsys.readouterr().err
