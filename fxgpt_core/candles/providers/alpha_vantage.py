"""Alpha Vantage's FX candles (FX_INTRADAY), 1m to 1h, without volume, asked with a person's own key.

It cannot be asked for a span: one answer is all it has, newest first, in the time zone that it names. Errors and refusals come
with status 200, as a sentence. Its days (FX_DAILY) are not served: they begin at UTC midnight, the FX day at 17:00 New York.
"""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import polars as pl

from fxgpt_core.candles.schema import COLUMNS, PRICES, TIME_TYPE
from fxgpt_core.candles.source import Page
from fxgpt_core.candles.web import Politeness, WebClient
from fxgpt_core.errors import BadInputError, MissingError, NotReadyError, SourceAnswerError
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.symbols import SYMBOLS
from fxgpt_core.market.timeframes import DAY_US, Timeframe

ADDRESS: Final = "https://www.alphavantage.co"
PATH: Final = "/query"
INTERVALS: Final = {
    Timeframe.M1: "1min",
    Timeframe.M5: "5min",
    Timeframe.M15: "15min",
    Timeframe.M30: "30min",
    Timeframe.H1: "60min",
}
POLITENESS: Final = Politeness(pause_s=1.2)
_STAMP: Final = "%Y-%m-%d %H:%M:%S"
_NOTICES: Final = ("Error Message", "Note", "Information")
_KEY_REFUSED: Final = ("apikey is invalid", "demo** api key", "premium endpoint", "premium feature")
_TOO_OFTEN: Final = ("call frequency", "call volume", "rate limit", "more sparingly", "requests per day")


class AlphaVantageSource:
    """Alpha Vantage FX; its free plan answers 25 requests a day, and a plan may lack the intraday candles."""

    name = "alpha_vantage"
    timeframes = tuple(INTERVALS)

    def __init__(
        self,
        key: str,
        address: str = ADDRESS,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._key = key
        self._web = WebClient(self.name, address, secrets=(key,), politeness=POLITENESS, sleep=sleep)
        self._now = now

    def pages(self, symbol: str, timeframe: Timeframe, start: datetime, stop: datetime) -> Iterator[Page]:
        """One page, as `CandleSource.pages` promises it; raises `MissingError` too where its candles begin after `start`."""
        if timeframe not in INTERVALS:
            raise MissingError(
                f"{self.name} serves {', '.join(INTERVALS)}, not {timeframe} (its days begin at UTC midnight, the FX day at "
                "17:00 New York); sync 1h: it is resampled"
            )
        if symbol not in SYMBOLS:
            raise MissingError(
                f"{self.name} is asked for the {len(SYMBOLS)} symbols fxgpt knows, not {symbol}; choose one of them"
            )
        held = self._held(symbol, timeframe)
        self._check_reach(held, symbol, timeframe, start)
        inside = pl.col("open_time").is_between(start, stop, closed="left")
        closed = pl.col("open_time") + timeframe.duration <= min(stop, self._now())
        yield Page(start.astimezone(UTC), stop.astimezone(UTC), held.filter(inside & closed))

    def _check_reach(self, held: pl.DataFrame, symbol: str, timeframe: Timeframe, start: datetime) -> None:
        first: datetime = held["open_time"][0]
        start_us, first_us = (round(moment.timestamp() * 1_000_000) for moment in (start, first))
        # A week is enough to tell: the market opens in each.
        if len(expected_open_times(start_us, min(first_us, start_us + 7 * DAY_US) - 1, timeframe)):
            raise MissingError(
                f"{self.name} has {timeframe} candles of {symbol} from {first:%Y-%m-%d %H:%M} UTC on, asked was "
                f"{start.astimezone(UTC):%Y-%m-%d %H:%M}; ask from there on, for longer candles, or another provider"
            )

    def _held(self, symbol: str, timeframe: Timeframe) -> pl.DataFrame:
        currencies = {"from_symbol": SYMBOLS[symbol].base, "to_symbol": SYMBOLS[symbol].quote}
        asked = {"function": "FX_INTRADAY", **currencies, "interval": INTERVALS[timeframe], "outputsize": "full"}
        body = self._web.get(PATH, {**asked, "apikey": self._key}) or b""
        try:
            answer = json.loads(body)
            self._check_notices(answer, body)
            return _frame(answer, INTERVALS[timeframe])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, pl.exceptions.PolarsError) as error:
            raise SourceAnswerError(
                f"{self.name} answered no candles at {PATH} ({type(error).__name__}: {self._web.told(body)}); "
                "check the symbol, or run the same command again later"
            ) from None

    def _check_notices(self, answer: dict[str, Any], body: bytes) -> None:
        """Raises what a sentence in place of candles means; one it does not know is no candles."""
        sentence = " ".join(str(answer[notice]) for notice in _NOTICES if notice in answer).lower()
        if any(words in sentence for words in _KEY_REFUSED):
            raise BadInputError(
                f"{self.name} refused the key ({self._web.told(body)}); set a valid key for it, of a plan that has FX_INTRADAY"
            )
        if "Note" in answer or any(words in sentence for words in _TOO_OFTEN):
            raise NotReadyError(
                f"{self.name} was asked more often than the key's plan allows ({self._web.told(body)}); what was downloaded is "
                "kept; run the same command again in a minute, or tomorrow if the day's requests are spent"
            )


def _frame(answer: dict[str, Any], interval: str) -> pl.DataFrame:
    """Every candle of an answer, ascending; raises what a body of another form makes Python or polars raise."""
    zone = next((value for name, value in answer["Meta Data"].items() if name.endswith("Time Zone")), None)
    if zone is None:
        raise ValueError("no time zone")
    series = answer[f"Time Series FX ({interval})"]
    rows = [
        (stamp, *(float(candle[f"{place}. {name}"]) for place, name in enumerate(PRICES, 1))) for stamp, candle in series.items()
    ]
    if not rows:
        raise ValueError("an empty series")
    table = pl.DataFrame(rows, {"stamp": pl.String} | dict.fromkeys(PRICES, pl.Float64), orient="row")
    stamps = pl.col("stamp").str.to_datetime(_STAMP, time_unit="us").dt.replace_time_zone(zone).dt.convert_time_zone("UTC")
    frame = table.select(stamps.cast(TIME_TYPE).alias("open_time"), *PRICES, volume=pl.lit(0.0))
    return frame.select(COLUMNS).sort("open_time")
