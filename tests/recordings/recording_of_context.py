"""What the contract of context sources needs to know of one source: a service that answers from known closes in its form."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from fxgpt_core.context.source import ContextSource
from tests.recorded_service import Answer, Request

NEW_YORK = ZoneInfo("America/New_York")
Answering = Callable[[Request], Answer | bytes | None]


@dataclass(frozen=True)
class ContextRecording:
    """One source against a service that has known closes of `kind`; `unserved` is a kind the source does not serve.

    `source` makes it from the service's address and a key; it must not really sleep. `answering` gives what the service answers
    when it has those closes by trade date. `asked` are the first and last date a request asks for. `broken` are bodies that are
    no closes, `refusals` what it answers to a wrong key.
    """

    source: Callable[[str, str], ContextSource]
    kind: str
    unserved: str
    answering: Callable[[dict[date, float]], Answering]
    asked: Callable[[Request], tuple[date, date]]
    broken: tuple[bytes, ...]
    refusals: tuple[Answer, ...] = ()


def known_closes(first: date, last: date) -> dict[date, float]:
    """A close for each weekday in [first, last], a function of its date alone."""
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return {day: round(400.0 + day.toordinal() % 97 + 0.01 * (day.day % 13), 2) for day in days if day.weekday() < 5}


def midnight(day: date) -> datetime:
    """New York's midnight of a date, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=NEW_YORK).astimezone(UTC)
