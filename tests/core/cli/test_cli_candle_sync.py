"""`fxgpt candles sync` says what it asked for, what is new, what was changed and what rests on the version before."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from fxgpt_core.candles.providers import remote
from fxgpt_core.candles.providers.tiingo import TiingoSource
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.registry import migration
from fxgpt_core.registry.code_identity import CodeIdentity
from fxgpt_core.registry.lake import Lake
from fxgpt_core.registry.ledger import Ledger
from tests.recorded_service import Answer, RecordedService, running
from tests.recordings.recording import known_candles
from tests.recordings.tiingo import answering

KEY = "key-of-a-person"
SERIES = ("--symbol", "EURUSD", "--timeframe", "5m", "--provider", "tiingo")
# The command's clock is the machine's, so the provider has candles up to now.
NOW = datetime.now(UTC).replace(microsecond=0)
SINCE = (NOW - timedelta(days=12)).replace(hour=0, minute=0, second=0)
CANDLES = known_candles(Timeframe.M5, SINCE - timedelta(days=3), NOW + timedelta(days=1))


@pytest.fixture
def service(monkeypatch):
    monkeypatch.setenv("FXGPT_TIINGO_KEY", KEY)
    with running(RecordedService(answering(CANDLES))) as started:
        made = remote.RemoteSource(lambda key: TiingoSource(key, started.url, sleep=lambda _: None), takes_key=True)
        monkeypatch.setitem(remote.SOURCES, "tiingo", made)
        yield started


def synced(fxgpt, *more):
    return fxgpt("candles", "sync", *SERIES, *more, "--json")


def since(fxgpt):
    return synced(fxgpt, "--since", f"{SINCE:%Y-%m-%d}")


def test_a_download_is_stored_told_and_listed(fxgpt, service, data_root):
    answer = since(fxgpt)
    told = answer.json
    assert answer.code == 0
    expected = CANDLES.filter(
        pl.col("open_time").is_between(SINCE, datetime.fromisoformat(told["asked"][0]["stop"]), closed="left")
    )
    assert (told["provider"], told["added"], told["revised"]["count"]) == ("tiingo", len(expected), 0)
    assert (told["stored"]["rows"], told["earlier"], told["affected"]) == (len(expected), None, [])
    assert pl.read_parquet(told["stored"]["path"])["close"].to_list() == expected["close"].to_list()
    assert told["stored"]["path"].startswith(str(data_root / "downloads" / "tiingo" / "EURUSD" / "5m"))
    assert answer.err.splitlines()[-1].startswith("tiingo EURUSD 5m: 100% of 12 days")
    listed = fxgpt("candles", "list", "--json").json["candles"]
    assert [(row["provider"], row["symbol"], row["rows"], row["latest"]) for row in listed] == [
        ("tiingo", "EURUSD", len(expected), True)
    ]


def test_a_person_reads_what_was_asked_and_found(fxgpt, service):
    out = fxgpt("candles", "sync", *SERIES, "--since", f"{SINCE:%Y-%m-%d}").out
    assert f"asked for {SINCE:%Y-%m-%d} 00:00 to " in out
    assert " new, 0 changed by tiingo" in out


def test_a_changed_history_lists_what_rests_on_the_version_before(fxgpt, service, data_root):
    before = since(fxgpt).json
    ledger = Ledger(f"sqlite:///{data_root / 'ledger.db'}")
    migration.upgrade(ledger)
    lake = Lake(data_root / "lake", ledger, CodeIdentity("c" * 40, None, "1" * 64))
    provenance = {"code_sha256": "a" * 64, "run_id": "run-1"}
    for provider, timeframe in (("tiingo", "5m"), ("imported", "1h")):
        settings = {"provider": provider, "source_timeframe": "5m", "candles_sha256": before["stored"]["sha256"]}
        with lake.making("raw_candles", "EURUSD", timeframe, settings, **provenance) as making:
            making.write_bytes(provider.encode(), "bin", {})
        with lake.making("candles", "EURUSD", timeframe, {}, **provenance) as making:
            making.read("raw_candles")
            making.write_bytes(provider.encode(), "bin", {})
    ledger.close()
    stamp = datetime.fromisoformat(before["stored"]["last"])
    new_close = pl.when(pl.col("open_time") == stamp).then(1.1002).otherwise("close")
    service.answer = answering(CANDLES.with_columns(close=new_close))
    told = synced(fxgpt).json
    assert told["revised"] == {"count": 1, "first": stamp.isoformat(), "last": stamp.isoformat()}
    assert told["earlier"] == before["stored"]
    assert [(one["asset"], one["timeframe"]) for one in told["affected"]] == [("raw_candles", "5m"), ("candles", "5m")]
    service.answer = answering(CANDLES)
    text = fxgpt("candles", "sync", *SERIES, "--verify").out
    assert "1 changed by tiingo" in text
    assert [row["latest"] for row in fxgpt("candles", "list", "--json").json["candles"]].count(True) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--provider", "nobody"), 3, "no provider 'nobody' to download from; known: dukascopy, "),
        (("--since", "tomorrow"), 3, "--since 'tomorrow' is no moment"),
        (("--since", "2999-01-01"), 3, "since is 2999-01-01 00:00 UTC"),
        ((), 3, "must be said the first time; add `--since"),
        (("--timeframe", "4h", "--since", "2024-01-01"), 4, "tiingo serves 1m, 5m, 15m, 30m, 1h, not 4h"),
        (("--symbol", "GBPNZD", "--since", "2024-01-01"), 4, "tiingo does not serve GBPNZD"),
    ],
)
def test_what_cannot_be_is_told_with_its_exit_code(fxgpt, service, arguments, code, words):
    answer = fxgpt("candles", "sync", *SERIES, *arguments)
    assert answer.code == code
    assert words in answer.err


@pytest.mark.parametrize(("status", "code"), [(401, 3), (503, 7), (400, 3)])
def test_a_service_that_refuses_ends_with_a_code_and_without_the_key(fxgpt, service, status, code):
    service.faults = [Answer(f"Token {KEY}".encode(), status=status)] * 9
    answer = fxgpt("candles", "sync", *SERIES, "--since", "2024-01-01")
    assert answer.code == code
    assert KEY not in answer.out + answer.err


def test_without_a_key_it_names_both_ways(fxgpt, service, monkeypatch, no_keyring):
    monkeypatch.delenv("FXGPT_TIINGO_KEY")
    answer = since(fxgpt)
    assert answer.code == 4
    assert "set FXGPT_TIINGO_KEY, or store one with `keyring set fxgpt tiingo`" in answer.out
    assert service.requests == []
