"""The asset context_series: nothing imported breaks nothing; what is imported is joined as it was known, and traced."""

from datetime import timedelta

import pytest
from tiny_line import SetUp

from fxgpt_core.context.daily_index import read_daily_index
from fxgpt_core.context.economic_calendar import read_calendar
from fxgpt_core.context.store import FOLDER, ContextStore
from fxgpt_pipelines.assets.context import NOTHING
from fxgpt_pipelines.code_versions import code_version


@pytest.fixture
def made(fresh: SetUp) -> SetUp:
    for asset in ("raw_candles", "candles"):
        fresh.runner.materialize(asset)
    return fresh


def store(at: SetUp) -> ContextStore:
    return ContextStore(at.settings.data_root / FOLDER)


def times_of(at: SetUp):
    return [stamp + timedelta(hours=1) for stamp in at.lake.latest("candles", "EURUSD", "1h").frame()["open_time"]]


def import_vix(at: SetUp, folder, shift: float = 0.0) -> dict:
    """A VIX for every weekday of the candles; its values by date."""
    first, last = times_of(at)[0].date(), times_of(at)[-1].date()
    days = [first + timedelta(days=n) for n in range(-7, (last - first).days + 1)]
    values = {day: 10.0 + shift + day.day / 10.0 for day in days if day.weekday() < 5}
    path = folder / "vix.csv"
    path.write_text("date,close\n" + "".join(f"{day},{value}\n" for day, value in values.items()))
    store(at).put(read_daily_index(path, "vix"), "a test")
    return values


def test_with_nothing_imported_the_times_are_stored_and_that_is_said(made):
    done = made.runner.materialize("context_series")
    artifact = made.lake.latest("context_series", "EURUSD", "1h")
    assert artifact.frame().columns == ["open_time", "known_at"]
    assert artifact.frame()["known_at"].to_list() == times_of(made)
    assert done.metadata["context"] == NOTHING
    assert artifact.summary["kinds"] == []
    assert artifact.code_sha256 == code_version("context_series")


def test_imported_context_is_joined_as_it_was_known(made, tmp_path):
    values = import_vix(made, tmp_path)
    done = made.runner.materialize("context_series")
    frame = made.lake.latest("context_series", "EURUSD", "1h").frame()
    series = store(made).read(store(made).latest("vix")).frame
    known = dict(series.select("refers_to", "known_at").rows())
    for moment, value in frame.select("known_at", "vix_close").rows():
        newest = max(day for day in values if known[day] <= moment)
        assert value == values[newest]
    assert "data:image/png;base64" in done.metadata["coverage"]
    assert len(done.metadata["coverage"]) <= 50_000


def test_what_was_imported_is_part_of_the_recipe(made, tmp_path):
    import_vix(made, tmp_path)
    assert made.runner.materialize("context_series").reused is False
    first = made.lake.latest("context_series", "EURUSD", "1h")
    assert made.runner.materialize("context_series").reused is True
    import_vix(made, tmp_path, shift=1.0)
    assert made.runner.materialize("context_series").reused is False
    second = made.lake.latest("context_series", "EURUSD", "1h")
    assert first.sha256 != second.sha256
    assert second.settings["context_sha256"] == {"vix": store(made).latest("vix").sha256}
    assert {edge.role for edge in made.lake.inputs(second.id)} == {"candles"}


def test_context_that_says_nothing_of_these_candles_is_seen_in_the_coverage(made, tmp_path):
    path = tmp_path / "calendar.csv"
    path.write_text("datetime_utc,event,country,impact\n2001-01-05 13:30,NFP,US,high\n")
    store(made).put(read_calendar(path), "a test")
    done = made.runner.materialize("context_series")
    rows = made.lake.latest("context_series", "EURUSD", "1h").frame()
    assert rows["calendar_quote_hours_until"].null_count() == len(rows)
    records, _ = done.metadata["columns"]
    assert {record.data["coverage"] for record in records} == {0.0}
