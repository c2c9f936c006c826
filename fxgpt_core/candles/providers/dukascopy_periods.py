"""What the feeds of Dukascopy share: a file for each UTC hour, day or month, put there when it is over."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import polars as pl

from fxgpt_core.candles.source import Page, no_candles
from fxgpt_core.errors import MissingError
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.symbols import SYMBOLS
from fxgpt_core.market.timeframes import Timeframe

Side = Literal["bid", "ask"]
Unit = Literal["hour", "day", "month"]
TIMEFRAMES: Final = (Timeframe.M1, Timeframe.H1)
# How long after its period a file that is not there may still come.
LATE: Final = timedelta(days=2)


@dataclass(frozen=True)
class Period:
    """The hour, day or month [first, after), UTC, that one file is about."""

    first: datetime
    after: datetime

    @property
    def first_us(self) -> int:
        """Its start in µs since the epoch."""
        return round(self.first.timestamp()) * 1_000_000

    @property
    def length_us(self) -> int:
        """Its length in µs."""
        return (self.after - self.first) // timedelta(microseconds=1)


@dataclass(frozen=True)
class Span:
    """What is asked of a feed: candles of a timeframe in [start, stop), at the moment `now`."""

    timeframe: Timeframe
    start: datetime
    stop: datetime
    now: datetime


def pages_of_periods(span: Span, candles: Callable[[Period], pl.DataFrame | None], unit: Unit) -> Iterator[Page]:
    """A page for each period of a unit, of the candles that `candles` gives for it (None where there is no file).

    A period that is not over has no file yet, and one that ended less than two days ago may have none yet though the market was
    open: no later file is taken then, since the hole before it would not be asked for again. The rest is one empty page.
    """
    for period in _periods(span, unit):
        start, stop = max(period.first, span.start), min(period.after, span.stop)
        frame = candles(period) if period.after <= span.now else None
        if frame is None and span.now - period.after < LATE and _open_in(period):
            yield Page(start, span.stop, no_candles())
            return
        inside = pl.col("open_time").is_between(start, stop, closed="left")
        closed = pl.col("open_time") + span.timeframe.duration <= span.stop
        yield Page(start, stop, (no_candles() if frame is None else frame).filter(inside & closed))


def unit_of(timeframe: Timeframe) -> Unit:
    """What a file of candles is about: minutes come by the day, hours by the month."""
    return "month" if timeframe is Timeframe.H1 else "day"


def check_served(name: str, symbol: str, timeframe: Timeframe, served: Sequence[Timeframe] = TIMEFRAMES) -> None:
    """Raises `MissingError` for a symbol or timeframe that the feed `name` does not serve."""
    if timeframe not in served:
        raise MissingError(
            f"{name} serves {', '.join(served)}, not {timeframe} (its own days begin at UTC midnight, the FX day at 17:00 "
            "New York); sync a shorter one: it is resampled"
        )
    if symbol not in SYMBOLS:
        raise MissingError(f"{name} is asked for the {len(SYMBOLS)} symbols fxgpt knows, not {symbol}; choose one of them")


def _periods(span: Span, unit: Unit) -> Iterator[Period]:
    first = span.start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    first = first if unit == "hour" else first.replace(hour=0)
    first = first.replace(day=1) if unit == "month" else first
    while first < span.stop:
        after = (first + timedelta(days=32)).replace(day=1) if unit == "month" else first + timedelta(**{f"{unit}s": 1})
        yield Period(first, after)
        first = after


def _open_in(period: Period) -> bool:
    return len(expected_open_times(period.first_us, period.first_us + period.length_us - 1, Timeframe.H1)) > 0
