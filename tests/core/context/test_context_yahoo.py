"""Yahoo's days: what it is asked, which of its rows is a close, and its recorded answers."""

import json
from datetime import date, timedelta
from urllib.parse import unquote

import pytest

from fxgpt_core.context.yahoo import YahooIndexSource
from fxgpt_core.errors import MissingError, SourceAnswerError
from tests.recorded_service import Answer, RecordedService, running
from tests.recordings.yahoo_index import chart, opening

FRIDAY, MONDAY, TUESDAY = date(2024, 3, 8), date(2024, 3, 11), date(2024, 3, 12)


@pytest.fixture
def service():
    """Answers `body` to whatever is asked."""
    with running(RecordedService(lambda _: started.body)) as started:
        yield started


def rows(service, first=FRIDAY, last=TUESDAY, kind="spy"):
    return YahooIndexSource(service.url, sleep=lambda _: None).closes(kind, first, last).rows()


def closes(service, *span, **kind):
    return dict(rows(service, *span, **kind))


@pytest.mark.parametrize(("kind", "code"), [("vix", "^VIX"), ("spx", "^GSPC"), ("spy", "SPY"), ("qqq", "QQQ")])
def test_it_is_asked_for_whole_days_of_new_york(service, kind, code):
    service.body = json.dumps(chart([opening(MONDAY)], [15.22], code)).encode()
    assert closes(service, kind=kind) == {MONDAY: 15.22}
    (request,) = service.requests
    # From midnight five hours behind UTC to midnight four hours behind: New York's clock changed on the Sunday between.
    assert (unquote(request.path), request.query) == (
        f"/v8/finance/chart/{code}",
        {"period1": "1709874000", "period2": "1710302400", "interval": "1d"},
    )
    assert request.headers["user-agent"] == "Mozilla/5.0"


def test_a_day_without_prices_is_left_out(service):
    service.body = json.dumps(chart([opening(day) for day in (FRIDAY, MONDAY, TUESDAY)], [1.0, None, 3.0])).encode()
    assert closes(service) == {FRIDAY: 1.0, TUESDAY: 3.0}


def test_of_a_last_day_that_comes_twice_the_running_quote_counts(service):
    hours = timedelta(hours=6, minutes=30) // timedelta(seconds=1)
    stamps = [opening(FRIDAY), opening(MONDAY), opening(MONDAY) + hours]
    service.body = json.dumps(chart(stamps, [1.0, 2.0, 2.5])).encode()
    assert rows(service) == [(FRIDAY, 1.0), (MONDAY, 2.5)]
    assert rows(service, last=FRIDAY) == [(FRIDAY, 1.0)]


def test_an_earlier_day_that_comes_twice_stays_to_be_refused(service):
    service.body = json.dumps(chart([opening(FRIDAY), opening(FRIDAY), opening(MONDAY)], [1.0, 2.0, 3.0])).encode()
    assert rows(service) == [(FRIDAY, 1.0), (FRIDAY, 2.0), (MONDAY, 3.0)]


@pytest.mark.parametrize("status", [200, 400, 422])
def test_an_error_is_told(service, status):
    error = {"code": "Bad Request", "description": "Data doesn't exist for startDate = 1709874000"}
    service.body = Answer(json.dumps({"chart": {"result": None, "error": error}}).encode(), status=status)
    with pytest.raises(SourceAnswerError, match=r"^yahoo .*Data doesn't exist for startDate"):
        closes(service)


def test_what_is_not_there_is_missing(service):
    service.body = Answer(b'{"chart":{"result":null,"error":{"code":"Not Found"}}}', status=404)
    with pytest.raises(MissingError, match=r"^yahoo does not serve vix \(/v8/finance/chart/\^VIX\)"):
        closes(service, kind="vix")


@pytest.fixture
def recorded(shared_data):
    def read(name: str, code: str, wanted: str) -> bytes:
        body = json.loads((shared_data / "fixtures" / "yahoo" / name).read_text())["body"]
        assert body["chart"]["result"][0]["meta"]["symbol"] == code
        body["chart"]["result"][0]["meta"]["symbol"] = wanted
        return json.dumps(body).encode()

    return read


@pytest.mark.shared_data
def test_recorded_days_have_the_form_that_is_read(service, recorded):
    service.body = recorded("chart-QQQ-2020-01-01-to-2020-01-03.json", "QQQ", "QQQ")
    found = closes(service, date(2020, 1, 1), date(2020, 1, 3), "qqq")
    assert found[date(2020, 1, 2)] == pytest.approx(216.16, abs=0.005)
    assert set(found) <= {date(2020, 1, 2), date(2020, 1, 3)}
    service.body = recorded("chart-AAPL-2020-08-31-to-2020-11-07.json", "AAPL", "SPY")
    found = closes(service, date(2020, 8, 31), date(2020, 11, 6))
    # Ten weeks with one holiday, Labor Day; New York's clock changed on November 1.
    assert (len(found), date(2020, 9, 7) in found) == (49, False)
    assert found[date(2020, 8, 31)] == pytest.approx(129.04, abs=0.005)
