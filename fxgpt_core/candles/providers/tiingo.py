"""Tiingo's FX candles: mid prices without volume, 1m to 1h; its 4h and 1d begin at UTC midnight, not with the FX day.

It is asked by whole days, since it documents dates only; what lies outside the page is cut off. An answer holds 10,000 rows at
most and does not say when it holds fewer than were asked for, so a page is small enough never to reach that.
"""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl

from fxgpt_core.candles.schema import PRICES, TIME_TYPE
from fxgpt_core.candles.source import Page
from fxgpt_core.candles.web import WebClient
from fxgpt_core.errors import MissingError, SourceAnswerError
from fxgpt_core.market import symbols
from fxgpt_core.market.timeframes import DAY_US, Timeframe

ADDRESS: Final = "https://api.tiingo.com"
MAX_ROWS: Final = 10_000
FREQUENCIES: Final = {
    Timeframe.M1: "1min",
    Timeframe.M5: "5min",
    Timeframe.M15: "15min",
    Timeframe.M30: "30min",
    Timeframe.H1: "1hour",
}
_DAY: Final = timedelta(days=1)
_MOMENT: Final = timedelta(microseconds=1)
_STAMP: Final = "%Y-%m-%dT%H:%M:%S%.fZ"


class TiingoSource:
    """Tiingo FX, asked with a person's own token; its free plan answers 50 requests an hour."""

    name = "tiingo"
    timeframes = tuple(FREQUENCIES)

    def __init__(self, key: str, address: str = ADDRESS, sleep: Callable[[float], None] = time.sleep) -> None:
        self._web = WebClient(self.name, address, {"Authorization": f"Token {key}"}, secrets=(key,), sleep=sleep)

    def pages(self, symbol: str, timeframe: Timeframe, start: datetime, stop: datetime) -> Iterator[Page]:
        """Pages as `CandleSource.pages` promises them, each of one request, ending at a UTC midnight."""
        wanted = symbols.symbol(symbol).name
        if timeframe not in FREQUENCIES:
            raise MissingError(
                f"{self.name} serves {', '.join(FREQUENCIES)}, not {timeframe}; sync a shorter one: it is resampled"
            )
        days = timedelta(days=MAX_ROWS * timeframe.us // DAY_US - 1)
        page_start = start.astimezone(UTC)
        while page_start < stop:
            midnight = page_start.replace(hour=0, minute=0, second=0, microsecond=0)
            page_stop = min(midnight + days, stop.astimezone(UTC))
            frame = self._candles(wanted, timeframe, page_start, page_stop)
            closed = pl.col("open_time") + timeframe.duration <= stop
            yield Page(page_start, page_stop, frame.filter(closed))
            page_start = page_stop

    def _candles(self, symbol: str, timeframe: Timeframe, start: datetime, stop: datetime) -> pl.DataFrame:
        # The day after the last: whether the candles of a day come when the span ends with its date is not documented.
        asked = {"startDate": f"{start:%Y-%m-%d}", "endDate": f"{stop - _MOMENT + _DAY:%Y-%m-%d}"}
        path = f"/tiingo/fx/{symbol.lower()}/prices"
        body = self._web.get(path, {"resampleFreq": FREQUENCIES[timeframe], **asked})
        if body is None:
            raise MissingError(f"{self.name} does not serve {symbol}; choose another symbol, or another provider")
        frame = self._frame(body)
        if len(frame) >= MAX_ROWS:
            raise SourceAnswerError(
                f"{self.name} answered {len(frame)} {timeframe} candles of {symbol} from {asked['startDate']} on, where fewer "
                f"than {MAX_ROWS} fit; they may be cut off, so none is kept; sync a longer timeframe, and tell the maintainers"
            )
        return frame.filter(pl.col("open_time").is_between(start, stop, closed="left"))

    def _frame(self, body: bytes) -> pl.DataFrame:
        try:
            rows = [(row["date"], *(row[name] for name in PRICES)) for row in json.loads(body)]
            table = pl.DataFrame(rows, {"date": pl.String} | dict.fromkeys(PRICES, pl.Float64), orient="row")
            stamps = table["date"].str.to_datetime(_STAMP, time_unit="us", time_zone="UTC")
        except (ValueError, KeyError, TypeError, RecursionError, pl.exceptions.PolarsError) as error:
            raise SourceAnswerError(
                f"{self.name} answered no candles ({type(error).__name__}: {self._web.told(body)}); rows of date, open, high, "
                "low and close are needed; run the same command again later"
            ) from None
        if stamps.has_nulls():
            raise SourceAnswerError(f"{self.name} answered candles without a date; run the same command again later")
        return table.select(stamps.cast(TIME_TYPE).alias("open_time"), *PRICES, volume=pl.lit(0.0))
