from datetime import timedelta

import pytest

from fxgpt_core.errors import UnknownTimeframeError
from fxgpt_core.market.timeframes import Timeframe, timeframe

LENGTHS = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "4h": 240, "1d": 1440}


@pytest.mark.parametrize(("text", "minutes"), LENGTHS.items())
def test_a_timeframe_has_the_length_its_text_says(text: str, minutes: int) -> None:
    found = timeframe(text)
    assert found.duration == timedelta(minutes=minutes)
    assert found.us == minutes * 60_000_000
    assert f"{found}" == text


def test_there_are_seven_timeframes_in_order_of_length() -> None:
    assert list(Timeframe) == list(LENGTHS)
    assert [entry.us for entry in Timeframe] == sorted(entry.us for entry in Timeframe)


def test_case_and_spaces_do_not_matter() -> None:
    assert timeframe(" 1H ") is Timeframe.H1


def test_an_unknown_timeframe_is_refused_naming_the_known() -> None:
    with pytest.raises(UnknownTimeframeError, match="'2h' is unknown; known: 1m, 5m, 15m, 30m, 1h, 4h, 1d"):
        timeframe("2h")
