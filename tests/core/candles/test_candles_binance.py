"""Binance: what it is asked, which of its candles the FX market has too, what it does not serve, bans, recorded answers."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fxgpt_core.candles.providers.binance import BinanceSource
from fxgpt_core.candles.store import CandleStore
from fxgpt_core.candles.sync import SyncParameters, sync
from fxgpt_core.errors import MissingError, NotReadyError, SourceAnswerError
from fxgpt_core.market.timeframes import Timeframe
from tests.recorded_service import Answer, RecordedService, running
from tests.recordings.binance import INVALID_SYMBOL, answering, kline
from tests.recordings.recording import known_candles

M1, H1 = Timeframe.M1, Timeframe.H1
HOUR_MS = 3_600_000
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MONDAY = datetime(2024, 3, 4, tzinfo=UTC)


@pytest.fixture
def service():
    """Answers `body` to whatever is asked."""
    with running(RecordedService(lambda _: started.body)) as started:
        yield started


@pytest.fixture
def waits():
    return []


@pytest.fixture
def source(service, waits):
    return BinanceSource(service.url, sleep=waits.append)


def flat(*opens: datetime, length_ms: int = HOUR_MS) -> bytes:
    """Candles at these open times, all of one price."""
    return json.dumps([kline(round(one.timestamp() * 1000), length_ms, (1.1,) * 4, 5.0) for one in opens]).encode()


def opens(source, start, stop, symbol="EURUSD", timeframe=H1):
    (page,) = source.pages(symbol, timeframe, start, stop)
    return page.frame["open_time"].to_list()


def test_a_candle_is_its_prices_and_its_volume_in_base_units(service, source):
    service.body = (
        b'[[1709510400000,"1.08500000","1.08610000","1.08420000","1.08530000","1234.50000000",1709513999999,'
        b'"1339.86000000",17,"600.00000000","651.00000000","0"]]'
    )
    (page,) = source.pages("EURUSD", H1, MONDAY, MONDAY + DAY)
    assert page.frame.rows() == [(MONDAY, 1.0850, 1.0861, 1.0842, 1.0853, 1234.5)]


def test_it_asks_for_at_most_a_thousand_candles_at_once_with_both_ends_included(service, source):
    service.body = b"[]"
    list(source.pages("XAUUSD", M1, MONDAY, MONDAY + DAY))
    first_ms = 1_709_510_400_000
    assert [request.query for request in service.requests] == [
        {"symbol": "PAXGUSDT", "interval": "1m", "startTime": str(first_ms), "endTime": str(first_ms + 60_000_000 - 1),
         "limit": "1000"},
        {"symbol": "PAXGUSDT", "interval": "1m", "startTime": str(first_ms + 60_000_000),
         "endTime": str(first_ms + 86_400_000 - 1), "limit": "1000"},
    ]  # fmt: skip
    assert {request.path for request in service.requests} == {"/api/v3/klines"}
    assert not any("apikey" in name for request in service.requests for name in request.headers)


@pytest.mark.parametrize(
    ("friday", "closes", "opens_again"),
    # New York is five hours behind UTC in winter and four in summer; on the third weekend its clock changes.
    [
        (datetime(2024, 1, 12, tzinfo=UTC), 22, 22),
        (datetime(2024, 7, 12, tzinfo=UTC), 21, 21),
        (datetime(2024, 3, 8, tzinfo=UTC), 22, 21),
    ],
)
def test_candles_of_the_weekend_are_dropped(service, source, friday, closes, opens_again):
    service.body = flat(*(friday + number * HOUR for number in range(72)))
    left = opens(source, friday, friday + 3 * DAY)
    sunday = friday + 2 * DAY
    assert left == [friday + number * HOUR for number in range(closes)] + [
        sunday + number * HOUR for number in range(opens_again, 24)
    ]


def test_the_hour_in_which_gold_pauses_is_dropped_of_gold_alone(service, source):
    service.body = flat(*(MONDAY + number * HOUR for number in range(24)))
    assert MONDAY + 22 * HOUR in opens(source, MONDAY, MONDAY + DAY)
    gold = opens(source, MONDAY, MONDAY + DAY, "XAUUSD")
    # From 17:00 to 18:00 New York.
    assert gold == [MONDAY + number * HOUR for number in range(24) if number != 22]


@pytest.mark.parametrize("timeframe", [Timeframe.H4, Timeframe.D1])
def test_long_candles_are_refused_with_the_reason(service, source, timeframe):
    with pytest.raises(MissingError, match=rf"not {timeframe} \(its days begin at UTC midnight, .* New York\); sync 1h"):
        list(source.pages("EURUSD", timeframe, MONDAY, MONDAY + DAY))
    assert service.requests == []


@pytest.mark.parametrize("symbol", ["GBPUSD", "AUDUSD", "USDJPY"])
def test_what_it_no_longer_trades_is_refused_and_tether_is_named(service, source, symbol):
    words = rf"EURUSD \(as EURUSDT\), XAUUSD \(as PAXGUSDT\), quoted in tether and not in dollars, not {symbol}"
    with pytest.raises(MissingError, match=words):
        list(source.pages(symbol, H1, MONDAY, MONDAY + DAY))
    assert service.requests == []


@pytest.mark.parametrize("status", [429, 418])
def test_it_waits_as_long_as_a_limit_or_a_short_ban_asks(service, source, waits, status):
    service.body = flat(MONDAY)
    service.faults = [Answer(b'{"code":-1003,"msg":"Too many requests"}', status=status, headers={"Retry-After": "7"})]
    assert opens(source, MONDAY, MONDAY + DAY) == [MONDAY]
    assert 7.0 in waits


def test_a_long_ban_is_told_and_not_waited(service, source, waits):
    service.faults = [Answer(status=418, headers={"Retry-After": "259200"})]
    with pytest.raises(NotReadyError, match=r"binance asks to wait 259200 s \(status 418\)"):
        opens(source, MONDAY, MONDAY + DAY)
    assert max(waits, default=0.0) < 1.0
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (INVALID_SYMBOL, "status 400: .*Invalid symbol"),
        (Answer(b"<html>blocked</html>", status=403), "status 403: <html>blocked"),
        (Answer(b'{"code":0,"msg":"Service unavailable from a restricted location"}', status=451), "status 451: .*restricted"),
    ],
)
def test_a_refusal_is_told_in_its_words_and_never_as_that_of_a_key(service, source, fault, words):
    service.faults = [fault]
    with pytest.raises(SourceAnswerError, match=f"^binance refused the request with {words}"):
        opens(source, MONDAY, MONDAY + DAY)


def test_a_candle_outside_the_span_is_no_answer(service, source):
    service.body = flat(MONDAY + DAY)
    with pytest.raises(SourceAnswerError, match=r"no candles of EURUSDT \(ValueError: .*within the span are needed"):
        opens(source, MONDAY, MONDAY + DAY)


def test_a_download_is_stored_and_goes_on_where_it_ended(tmp_path):
    known = known_candles(H1, MONDAY, MONDAY + 9 * DAY)
    with running(RecordedService(answering(known, interval="1h"))) as service:
        source, store = BinanceSource(service.url, sleep=lambda _: None), CandleStore(tmp_path)
        begun = sync(source, store, SyncParameters("EURUSD", H1, MONDAY + 6 * DAY, since=MONDAY))
        ended = sync(source, store, SyncParameters("EURUSD", H1, MONDAY + 9 * DAY))
    assert (begun.added, ended.added, ended.revised.count) == (5 * 24 - 2, len(known) - (5 * 24 - 2), 0)
    assert store.read(ended.stored).equals(known)
    assert ended.stored.source == "binance"


@pytest.fixture
def recorded(shared_data: Path) -> list[list[object]]:
    rows = json.loads((shared_data / "fixtures" / "binance" / "http_spot_market_klines.json").read_text())
    assert rows[0][0] == 1_634_943_780_000
    return rows


@pytest.mark.shared_data
def test_recorded_candles_have_the_form_that_is_read(service, source, recorded):
    # Of a Friday evening after the FX week has ended: a day earlier it is open.
    evening = datetime(2021, 10, 22, 23, tzinfo=UTC)
    service.body = json.dumps(recorded).encode()
    assert opens(source, evening, evening + HOUR, timeframe=M1) == []
    service.body = json.dumps([[row[0] - 86_400_000, *row[1:]] for row in recorded]).encode()
    (page,) = source.pages("EURUSD", M1, evening - DAY, evening - DAY + HOUR)
    assert len(page.frame) == 10
    assert page.frame.rows()[0] == (evening - DAY + timedelta(minutes=3), 60685.22, 60729.84, 60670.90, 60719.27, 21.63272)
    assert [f"{close:.8f}" for close in page.frame["close"]] == [row[4] for row in recorded]
