"""A source that has known candles in memory and answers in pages of one day, changed and broken as a test wishes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import polars as pl

from fxgpt_core.candles.source import Page
from fxgpt_core.market.timeframes import Timeframe
from tests.recordings.recording import known_candles

DAY = timedelta(days=1)


class KnownSource:
    """`requests` are the spans of the pages asked for; the page number `fails_at` (of all, from 0) is not given."""

    name = "known"
    timeframes = tuple(Timeframe)

    def __init__(self, candles: pl.DataFrame, page: timedelta = DAY, fails_at: int | None = None) -> None:
        self.candles = candles
        self.page = page
        self.fails_at = fails_at
        self.requests: list[tuple[datetime, datetime]] = []

    def pages(self, _symbol: str, _timeframe: Timeframe, start: datetime, stop: datetime) -> Iterator[Page]:
        at = start
        while at < stop:
            if len(self.requests) == self.fails_at:
                raise ConnectionError("the line is cut")
            until = min(at + self.page, stop)
            self.requests.append((at, until))
            yield Page(at, until, self.candles.filter(pl.col("open_time").is_between(at, until, closed="left")))
            at = until


def march(day: int, hour: int = 0, minute: int = 0) -> datetime:
    """A moment of March 2024, in which New York's clock changes on the 10th."""
    return datetime(2024, 3, day, hour, minute, tzinfo=UTC)


def march_candles(timeframe: Timeframe = Timeframe.H1) -> pl.DataFrame:
    """The known candles of that month."""
    return known_candles(timeframe, march(1), march(31))
