"""Yahoo's FX candles (chart API), 1m to 1h, mid prices without volume; no key is needed.

It keeps short candles for a few weeks only. Its days begin at midnight in London, the FX day at 17:00 New York, so they are not
served. A candle whose four prices are null does not exist; the last of an answer may be the running quote, stamped between the
candles. Asked directly: its usual client answers a failure with an empty table, which would be a hole nobody hears of.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import polars as pl

from fxgpt_core.candles.schema import COLUMNS, PRICES, TIME_TYPE
from fxgpt_core.candles.source import Page, no_candles
from fxgpt_core.candles.web import Politeness, WebClient
from fxgpt_core.errors import MissingError, SourceAnswerError
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.timeframes import Timeframe

ADDRESS: Final = "https://query2.finance.yahoo.com"
POLITENESS: Final = Politeness(pause_s=0.5)
# It refuses a client that does not name itself like a browser.
HEADERS: Final = {"User-Agent": "Mozilla/5.0", "Accept": "application/json"}
HAS_PRICE: Final = ~pl.all_horizontal(pl.col(*PRICES).is_null())


@dataclass(frozen=True)
class Limit:
    """How many days back candles of a timeframe are kept, and how many days are asked for at once."""

    kept_days: int
    page_days: int


LIMITS: Final = {
    Timeframe.M1: Limit(30, 7),
    Timeframe.M5: Limit(60, 30),
    Timeframe.M15: Limit(60, 30),
    Timeframe.M30: Limit(60, 30),
    Timeframe.H1: Limit(730, 180),
}


class YahooSource:
    """Yahoo FX; gold is not among what it has."""

    name = "yahoo"
    timeframes = tuple(LIMITS)

    def __init__(
        self,
        address: str = ADDRESS,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._web = WebClient(self.name, address, HEADERS, politeness=POLITENESS, sleep=sleep)
        self._now = now

    def pages(self, symbol: str, timeframe: Timeframe, start: datetime, stop: datetime) -> Iterator[Page]:
        """Pages as `CandleSource.pages` promises them, each of one request; none is made for a span outside the FX week.

        Raises `MissingError` too where `start` lies before what Yahoo keeps of the timeframe.
        """
        self._check_kept(timeframe, start)
        page_start, last = start.astimezone(UTC), stop.astimezone(UTC)
        while page_start < last:
            page_stop = min(page_start + timedelta(days=LIMITS[timeframe].page_days), last)
            # Yahoo answers a span without any candle with an error.
            asked = _open_in(page_start, page_stop)
            frame = self._candles(symbol, timeframe, page_start, page_stop) if asked else no_candles()
            inside = pl.col("open_time").is_between(page_start, page_stop, closed="left")
            closed = pl.col("open_time") + timeframe.duration <= min(last, self._now())
            yield Page(page_start, page_stop, frame.filter(inside & closed))
            page_start = page_stop

    def _check_kept(self, timeframe: Timeframe, start: datetime) -> None:
        if timeframe not in LIMITS:
            raise MissingError(
                f"{self.name} serves {', '.join(LIMITS)}, not {timeframe} (its days begin at midnight in London, the FX day at "
                "17:00 New York); sync 1h: it is resampled"
            )
        kept_days = LIMITS[timeframe].kept_days
        first = self._now() - timedelta(days=kept_days)
        if start < first:
            raise MissingError(
                f"{self.name} keeps {timeframe} candles of the last {kept_days} days, asked was {start:%Y-%m-%d %H:%M}; "
                f"ask from {first + timedelta(days=1):%Y-%m-%d} on, for longer candles, or another provider"
            )

    def _candles(self, symbol: str, timeframe: Timeframe, start: datetime, stop: datetime) -> pl.DataFrame:
        path = f"/v8/finance/chart/{symbol}=X"
        span = {"period1": math.floor(start.timestamp()), "period2": math.ceil(stop.timestamp())}
        body = self._web.get(path, {**span, "interval": str(timeframe)})
        if body is None:
            raise MissingError(f"{self.name} does not serve {symbol} ({path}); choose another symbol, or another provider")
        try:
            return _frame(json.loads(body)["chart"], f"{symbol}=X", timeframe)
        except (ValueError, KeyError, TypeError, IndexError, RecursionError, pl.exceptions.PolarsError) as error:
            raise SourceAnswerError(
                f"{self.name} answered no candles at {path} ({type(error).__name__}: {self._web.told(body)}); "
                "check the symbol and the span, or run the same command again later"
            ) from None


def _frame(chart: dict[str, Any], code: str, timeframe: Timeframe) -> pl.DataFrame:
    """Every candle of a chart; raises what `chart_rows` raises."""
    stamps = (pl.col("seconds") * 1_000_000).cast(TIME_TYPE).alias("open_time")
    running_quote = (pl.int_range(pl.len()) == pl.len() - 1) & (pl.col("seconds") * 1_000_000 % timeframe.us != 0)
    rows = chart_rows(chart, code, timeframe).filter(HAS_PRICE & ~running_quote)
    return rows.select(stamps, *PRICES, pl.col("volume").fill_null(0.0)).select(COLUMNS)


def chart_rows(chart: dict[str, Any], code: str, granularity: str) -> pl.DataFrame:
    """Seconds (Int64, UTC), prices and volume (Float64) of a chart, one row a stamp.

    Raises what a chart of another form makes Python or polars raise, `ValueError` for an error in it, another code or length.
    """
    if chart["error"] is not None:
        raise ValueError(f"error {chart['error']}")
    result = chart["result"][0]
    told = (result["meta"]["symbol"], result["meta"]["dataGranularity"])
    if told != (code, granularity):
        raise ValueError(f"a chart of {told}")
    # Of a span without any it has neither stamps nor prices.
    there = "timestamp" in result
    quote = result["indicators"]["quote"][0] if there else {name: [] for name in (*PRICES, "volume")}
    values = [pl.Series(name, quote[name], pl.Float64) for name in (*PRICES, "volume")]
    return pl.DataFrame([pl.Series("seconds", result["timestamp"] if there else [], pl.Int64), *values])


def _open_in(start: datetime, stop: datetime) -> bool:
    first_us, last_us = (round(moment.timestamp() * 1_000_000) for moment in (start, stop))
    return len(expected_open_times(first_us, last_us - 1, Timeframe.M1)) > 0
