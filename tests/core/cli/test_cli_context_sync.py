"""`fxgpt context sync`: what it asked for and stored, with which keys, and how it ends where it cannot."""

from datetime import UTC, datetime, timedelta
from itertools import takewhile

import polars as pl
import pytest

from fxgpt_core.context import remote
from fxgpt_core.context.alpaca import AlpacaSource
from fxgpt_core.context.sync import last_settled
from fxgpt_core.context.yahoo import YahooIndexSource
from tests.recorded_service import Answer, RecordedService, running
from tests.recordings.alpaca import answering
from tests.recordings.recording_of_context import known_closes
from tests.recordings.yahoo_index import answering as yahoo_answering

ID, SECRET = "id-of-a-person", "secret-of-a-person"
SPY = ("context", "sync", "--kind", "spy", "--provider", "alpaca")
# The command's clock is the machine's, so the provider has closes beyond now.
TODAY = datetime.now(UTC).date()
SINCE = TODAY - timedelta(days=60)
HELD = known_closes(SINCE - timedelta(days=10), TODAY + timedelta(days=10))


@pytest.fixture
def service(monkeypatch):
    monkeypatch.setenv("FXGPT_ALPACA_KEY", ID)
    monkeypatch.setenv("FXGPT_ALPACA_SECRET_KEY", SECRET)
    with running(RecordedService(answering(dict(HELD)))) as started:
        alpaca = remote.RemoteContext(
            lambda key, secret: AlpacaSource(key, secret, started.url, sleep=lambda _: None), ("alpaca", "alpaca_secret")
        )
        monkeypatch.setitem(remote.SOURCES, "alpaca", alpaca)
        yahoo = remote.RemoteContext(lambda: YahooIndexSource(started.url, sleep=lambda _: None))
        monkeypatch.setitem(remote.SOURCES, "yahoo", yahoo)
        yield started


def test_a_download_is_stored_told_and_listed(fxgpt, service, data_root):
    done = fxgpt(*SPY, "--since", SINCE, "--json")
    told = done.json
    last = last_settled(datetime.now(UTC))
    expected = [HELD[day] for day in takewhile(lambda day: day <= last, sorted(HELD)) if day >= SINCE]
    assert done.code == 0
    assert (told["provider"], told["kind"], told["earlier"]) == ("alpaca", "spy", None)
    assert (told["added"], told["revised"], told["withdrawn"]) == (len(expected), [], [])
    assert told["asked"][0]["first"] == str(SINCE)
    assert pl.read_parquet(told["stored"]["path"])["close"].to_list() == expected
    assert told["stored"]["path"].startswith(str(data_root / "context" / "spy"))
    (listed,) = fxgpt("context", "list", "--json").json["context"]
    assert (listed["kind"], listed["source"], listed["latest"]) == ("spy", "alpaca", True)
    sent = service.requests[0].headers
    assert (sent["apca-api-key-id"], sent["apca-api-secret-key"]) == (ID, SECRET)


def test_a_person_reads_what_changed_and_what_comes_next(fxgpt, service):
    first = fxgpt(*SPY, "--since", SINCE)
    assert (first.code, first.err) == (0, "")
    assert f"asked for {SINCE} to " in first.out
    assert "next: materialize the asset context_series" in first.out
    again = fxgpt(*SPY)
    assert "0 new, 0 changed by alpaca" in again.out
    assert "nothing changed: no new version" in again.out
    service.answer = answering({day: close / 2 for day, close in HELD.items() if day > SINCE + timedelta(days=7)})
    split = fxgpt(*SPY).out
    assert f"changed: from {min(day for day in HELD if day > SINCE + timedelta(days=7))} to " in split
    assert "closes came no more, from " in split
    assert "next: materialize the asset context_series" in split


def test_all_is_asked_for_again_where_that_is_wished(fxgpt, service):
    fxgpt(*SPY, "--since", SINCE)
    asked = fxgpt(*SPY, "--verify", "--json").json["asked"]
    assert [span["first"] for span in asked] == [str(min(day for day in HELD if day >= SINCE))]


def test_another_source_does_not_continue_an_import_and_says_so(fxgpt, service, tmp_path):
    file = tmp_path / "vix.csv"
    file.write_text("date,close\n2024-01-02,13.2\n")
    fxgpt("context", "import", file, "--kind", "vix")
    service.answer = yahoo_answering(HELD, "^VIX")
    done = fxgpt("context", "sync", "--kind", "vix", "--provider", "yahoo", "--since", SINCE)
    assert done.code == 0
    assert f"note: vix from {file} is kept, and joined no more" in done.out
    sources = {row["source"]: row["latest"] for row in fxgpt("context", "list", "--json").json["context"]}
    assert sources == {str(file): False, "yahoo": True}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--provider", "nobody"), 3, "no provider 'nobody' to download context from; known: alpaca, yahoo"),
        (("--kind", "gold"), 3, "the kind of context 'gold' is unknown"),
        (("--kind", "vix", "--since", "2024-01-01"), 4, "alpaca serves spy, qqq, not vix"),
        (
            ("--kind", "cot_tff", "--provider", "yahoo", "--since", "2024-01-01"),
            4,
            "yahoo serves vix, spx, spy, qqq, not cot_tff",
        ),
        (("--since", "tomorrow"), 3, "--since 'tomorrow' is no day"),
        (("--since", "2999-01-01"), 3, "closes of spy from 2999-01-01 on"),
        ((), 3, "must be said the first time"),
    ],
)
def test_what_cannot_be_is_told_with_its_exit_code(fxgpt, service, data_root, arguments, code, words):
    refused = fxgpt(*SPY, *arguments)
    assert (refused.code, refused.out) == (code, "")
    assert words in refused.err
    assert not (data_root / "context").exists()


@pytest.mark.parametrize(("status", "code"), [(401, 3), (403, 3), (400, 3), (503, 7)])
def test_a_service_that_refuses_ends_with_a_code_and_without_the_keys(fxgpt, service, data_root, status, code, caplog):
    caplog.set_level(0)
    service.faults = [Answer(f'{{"message": "no {ID} {SECRET}"}}'.encode(), status=status)] * 9
    refused = fxgpt(*SPY, "--since", SINCE)
    assert refused.code == code
    for key in (ID, SECRET):
        assert key not in refused.out + refused.err + caplog.text
        assert not any(key in request.path + str(request.query) for request in service.requests)
    assert not (data_root / "context").exists()


@pytest.mark.parametrize("name", ["alpaca", "alpaca_secret"])
def test_without_a_key_it_names_both_ways(fxgpt, service, monkeypatch, no_keyring, name):
    monkeypatch.delenv(f"FXGPT_{name.upper()}_KEY")
    refused = fxgpt(*SPY, "--since", SINCE)
    assert refused.code == 4
    assert f"FXGPT_{name.upper()}_KEY, or store one with `keyring set fxgpt {name}`" in refused.err
    assert service.requests == []
