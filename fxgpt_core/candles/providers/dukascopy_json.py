"""Dukascopy's newer feed of candles (JSON), bid or ask, 1m and 1h; no key is needed.

It has the files of `dukascopy`, with the month in the address counted from 1 and nothing for minutes without a quote. An answer
tells its first values and then only changes: times in steps of `shift` ms, prices in whole multiples of `multiplier`, both to be
summed up; the first change is counted from the values told. A period without candles has empty lists.
"""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import polars as pl

from fxgpt_core.candles.providers.dukascopy_periods import TIMEFRAMES, Period, Side, Span, check_served, pages_of_periods, unit_of
from fxgpt_core.candles.schema import COLUMNS, PRICES, TIME_TYPE
from fxgpt_core.candles.source import Page
from fxgpt_core.candles.web import Politeness, WebClient
from fxgpt_core.errors import MissingError, SourceAnswerError
from fxgpt_core.market.symbols import SYMBOLS
from fxgpt_core.market.timeframes import Timeframe

ADDRESS: Final = "https://jetta.dukascopy.com"
POLITENESS: Final = Politeness(pause_s=0.5)
# A client that does not name itself may get an empty answer.
_HEADERS: Final = {"User-Agent": "Mozilla/5.0", "Accept": "application/json"}
_CHANGES: Final = {"open": "opens", "high": "highs", "low": "lows", "close": "closes"}


class DukascopyJsonSource:
    """The JSON feed of one side, recorded as dukascopy_json (bid) or dukascopy_json_ask."""

    timeframes = TIMEFRAMES

    def __init__(
        self,
        side: Side = "bid",
        address: str = ADDRESS,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.name = "dukascopy_json" if side == "bid" else f"dukascopy_json_{side}"
        self._side = side.upper()
        self._web = WebClient(self.name, address, _HEADERS, politeness=POLITENESS, sleep=sleep)
        self._now = now

    def pages(self, symbol: str, timeframe: Timeframe, start: datetime, stop: datetime) -> Iterator[Page]:
        """A page for each answer, as `CandleSource.pages` promises them; the last is empty where some are still to come."""
        check_served(self.name, symbol, timeframe)
        span = Span(timeframe, start.astimezone(UTC), stop.astimezone(UTC), self._now())
        yield from pages_of_periods(span, lambda period: self._candles(symbol, timeframe, period), unit_of(timeframe))

    def _candles(self, symbol: str, timeframe: Timeframe, period: Period) -> pl.DataFrame | None:
        code = f"{SYMBOLS[symbol].base}-{SYMBOLS[symbol].quote}"
        if timeframe is Timeframe.H1:
            path = f"/v1/candles/hour/{code}/{self._side}/{period.first.year}/{period.first.month}"
        else:
            path = f"/v1/candles/minute/{code}/{self._side}/{period.first.year}/{period.first.month}/{period.first.day}"
        body = self._web.get(path)
        if body is None:
            raise MissingError(
                f"{self.name} has nothing at {path}: no {symbol}, or none so early; choose another symbol or a later start"
            )
        try:
            frame = json_candles(json.loads(body), timeframe, period)
        except (ValueError, KeyError, TypeError, ArithmeticError, RecursionError, pl.exceptions.PolarsError) as error:
            raise SourceAnswerError(
                f"{self.name} answered no candles at {path} ({type(error).__name__}: {error}); found {self._web.told(body)!r}; "
                "run the same command again later"
            ) from None
        return None if frame.is_empty() else frame


def json_candles(answer: dict[str, Any], timeframe: Timeframe, period: Period) -> pl.DataFrame:
    """The candles of an answer about a period, possibly none; open times are UTC.

    Raises `ValueError`, `KeyError`, `TypeError`, `ArithmeticError` or `PolarsError` where it is not of that form or period.
    """
    if (answer["timestamp"], answer["shift"]) != (period.first_us // 1000, timeframe.us // 1000):
        raise ValueError(
            f"it is about {answer['timestamp']} in steps of {answer['shift']} ms, asked was {period.first_us // 1000}"
        )
    changes = [pl.Series(name, answer[name], pl.Int64) for name in ("times", *_CHANGES.values())]
    steps = pl.DataFrame([*changes, pl.Series("volume", answer["volumes"], pl.Float64)])
    if steps.is_empty():
        return steps
    if any(change.has_nulls() for change in changes):
        raise ValueError("changes that are null")
    multiplier = float(answer["multiplier"])
    # Summed up as whole numbers and divided once, by numpy (polars takes the reciprocal): to the last bit what was quoted.
    points = {name: round(answer[name] / multiplier) + steps[_CHANGES[name]].cum_sum().to_numpy() for name in PRICES}
    prices = [pl.Series(name, points[name] / round(1 / multiplier)) for name in PRICES]
    stamps = (period.first_us + pl.col("times").cum_sum() * timeframe.us).cast(TIME_TYPE).alias("open_time")
    frame = steps.select(stamps, *prices, "volume").select(COLUMNS)
    if not frame["open_time"].is_between(period.first, period.after, closed="left").all():
        raise ValueError(f"stamps outside {period.first:%Y-%m-%d} to {period.after:%Y-%m-%d}")
    return frame
