"""The role of a remote source of candles: one that is asked for a span and answers in pages."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import polars as pl

from fxgpt_core.candles.schema import COLUMNS, TIME_TYPE
from fxgpt_core.market.timeframes import Timeframe


@dataclass(frozen=True)
class Page:
    """What a source has in [start, stop), UTC: every candle that opens there, in candle columns and order, possibly none."""

    start: datetime
    stop: datetime
    frame: pl.DataFrame


class CandleSource(Protocol):
    """A remote source; `name` is recorded as the provider of every series downloaded from it.

    A source changes nothing: what it sends wrong (broken OHLC, repeated stamps) stays wrong in its pages, for the schema and
    the quality report to say.
    """

    @property
    def name(self) -> str:
        """A short lower-case name, stable over releases."""

    @property
    def timeframes(self) -> tuple[Timeframe, ...]:
        """The timeframes it serves, shortest first."""

    def pages(self, symbol: str, timeframe: Timeframe, start: datetime, stop: datetime) -> Iterator[Page]:
        """The candles of a span in [start, stop) (aware, UTC), page after page, ascending, without holes between the pages.

        A page is asked for when the one before was taken, so that what was taken is kept if the next one fails. A candle still
        open at `stop` is not among them. Raises `MissingError` for a symbol or timeframe it does not serve, `BadInputError`
        where it refuses the key, `NotReadyError` where it does not answer, `SourceAnswerError` where the answer is no candles.
        """


def no_candles() -> pl.DataFrame:
    """An empty candle frame: what a source has for a weekend."""
    return pl.DataFrame(schema={"open_time": TIME_TYPE} | dict.fromkeys(COLUMNS[1:], pl.Float64))
