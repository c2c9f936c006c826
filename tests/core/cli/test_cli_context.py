"""fxgpt context: what is stored, what is told, and how bad files end."""

from datetime import UTC, datetime, timedelta

import pytest

VIX = "DATE,OPEN,HIGH,LOW,CLOSE\n01/02/2024,13.21,14.23,13.10,13.20\n01/16/2024,13,14,13,13.84\n"


@pytest.fixture
def vix_file(tmp_path):
    path = tmp_path / "VIX_History.csv"
    path.write_text(VIX)
    return path


def test_a_file_is_imported_and_listed(fxgpt, vix_file, data_root):
    done = fxgpt("context", "import", vix_file, "--kind", "vix", "--json")
    assert done.code == 0
    told = {name: value for name, value in done.json.items() if name not in ("path", "sha256", "source")}
    assert told == {
        "kind": "vix", "rows": 2, "subjects": 1, "values": ["close"], "first_known_at": "2024-01-02T21:15:00+00:00",
        "last_known_at": "2024-01-16T21:15:00+00:00", "notes": [],
    }  # fmt: skip
    assert (data_root / "context" / "vix" / f"{done.json['sha256'][:16]}.parquet").is_file()
    listed = fxgpt("context", "list", "--json")
    assert [(row["kind"], row["latest"], row["sha256"]) for row in listed.json["context"]] == [("vix", True, done.json["sha256"])]
    assert "vix" in fxgpt("context", "list").out


def test_a_person_is_told_what_was_stored_and_what_comes_next(fxgpt, vix_file):
    told = fxgpt("context", "import", vix_file, "--kind", "vix")
    assert (told.code, told.err) == (0, "")
    assert "stored 2 rows of vix, subjects 1, known from 2024-01-02 21:15 to 2024-01-16 21:15 UTC" in told.out
    assert "context_series" in told.out


def test_a_second_import_is_the_one_that_counts(fxgpt, vix_file):
    first = fxgpt("context", "import", vix_file, "--kind", "vix", "--json").json["sha256"]
    vix_file.write_text(VIX + "01/17/2024,14,15,14,14.79\n")
    second = fxgpt("context", "import", vix_file, "--kind", "vix", "--json").json["sha256"]
    rows = fxgpt("context", "list", "--json").json["context"]
    assert {row["sha256"]: row["latest"] for row in rows} == {first: False, second: True}


def test_nothing_imported_is_told_with_what_can_be(fxgpt):
    assert fxgpt("context", "list", "--json").json["context"] == []
    assert "nothing imported yet" in fxgpt("context", "list").out


def test_a_calendar_that_will_give_no_hours_is_told(fxgpt, tmp_path):
    file = tmp_path / "calendar.csv"
    file.write_text("date,country,event,actual\n2024-01-05,japan,trade,¥-150B\n")
    assert "note: no release is marked as of high impact" in fxgpt("context", "import", file, "--kind", "calendar").out


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        (VIX, "gold", "the kind of context 'gold' is unknown; known: vix, spx"),
        (VIX, "news", "has no column symbol or ticker or pair"),
        (VIX.replace("13.84", "about 14"), "vix", "'about 14' in data row 2"),
        ("", "vix", "cannot be read"),
        ("currency,as_of\nEUR,2024-01-02\n", "cot_legacy", "has no column open_interest_all or open_interest"),
        ("datetime_utc,event,country,impact\n2024-01-05 13:30,NFP,US,huge\n", "calendar", "the impact huge found"),
        ("pair,updated\nEURUSD,2024-01-05\n", "retail", "has neither percent_bullish"),
    ],
)
def test_a_file_that_cannot_be_used_ends_with_3_in_words_and_stores_nothing(fxgpt, vix_file, data_root, text, kind, found):
    vix_file.write_text(text)
    refused = fxgpt("context", "import", vix_file, "--kind", kind)
    assert (refused.code, refused.out) == (3, "")
    assert found in refused.err
    assert not (data_root / "context").exists()
    assert fxgpt("context", "import", vix_file, "--kind", kind, "--json").json["exit_code"] == 3


def test_a_day_that_has_not_ended_has_no_close(fxgpt, tmp_path):
    day = datetime.now(UTC).date() + timedelta(days=1)
    while day.weekday() > 4:
        day += timedelta(days=1)
    file = tmp_path / "vix.csv"
    file.write_text(f"date,close\n2024-01-02,13.2\n{day},14\n")
    refused = fxgpt("context", "import", file, "--kind", "vix")
    assert refused.code == 3
    assert f"1 of 2 rows are known after now (first: {day}" in refused.err


def test_a_calendar_may_reach_ahead(fxgpt, tmp_path):
    ahead = datetime.now(UTC) + timedelta(days=3)
    file = tmp_path / "calendar.csv"
    file.write_text(f"datetime_utc,event,country,impact\n{ahead:%Y-%m-%d %H:%M},NFP,US,high\n")
    assert fxgpt("context", "import", file, "--kind", "calendar").code == 0


def test_a_stored_file_that_was_changed_ends_with_6(fxgpt, vix_file, data_root):
    fxgpt("context", "import", vix_file, "--kind", "vix")
    next((data_root / "context" / "vix").glob("*.json")).write_text("{}")
    assert fxgpt("context", "list").code == 6
