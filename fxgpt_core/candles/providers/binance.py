"""Binance's spot candles (klines) of the euro and of gold against tether, 1m to 1h, volume in base units; no key is needed.

The quote is tether and not the dollar: EURUSD is EURUSDT, and XAUUSD is PAXGUSDT, a token of an ounce of gold. They follow the FX
market and are not it: prices are off by what tether is off the dollar, and the token off the ounce. Binance ended its Australian
dollar on 2023-06-01, and no trade of GBPUSDT is known after that year, so neither is served: nothing would come, and no error.
Candles while the FX market is closed are dropped: nothing holds the token to its currency then, and no broker fills at its price.
"""

import json
import math
import operator
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fxgpt_core.candles.schema import PRICES, TIME_TYPE
from fxgpt_core.candles.source import Page
from fxgpt_core.candles.web import Politeness, WebClient
from fxgpt_core.errors import MissingError, SourceAnswerError
from fxgpt_core.market.sessions import fx_clock_us, is_open
from fxgpt_core.market.symbols import SYMBOLS
from fxgpt_core.market.timeframes import DAY_US, MINUTE_US, Timeframe

# Binance's own address for market data, which asks nobody who they are.
ADDRESS: Final = "https://data-api.binance.vision"
PATH: Final = "/api/v3/klines"
MAX_ROWS: Final = 1_000
VALUES: Final = (*PRICES, "volume")
CODES: Final = {"EURUSD": "EURUSDT", "XAUUSD": "PAXGUSDT"}
TIMEFRAMES: Final = (Timeframe.M1, Timeframe.M5, Timeframe.M15, Timeframe.M30, Timeframe.H1)
# A request weighs 2, and an address may ask for 6,000 a minute; this is a fifth of it.
POLITENESS: Final = Politeness(pause_s=0.1)


class BinanceSource:
    """Binance spot; what it answers with 429 or 418 (a ban of the address) is waited for as long as it asks, within limits."""

    name = "binance"
    timeframes = TIMEFRAMES

    def __init__(self, address: str = ADDRESS, sleep: Callable[[float], None] = time.sleep) -> None:
        self._web = WebClient(self.name, address, politeness=POLITENESS, sleep=sleep)

    def pages(self, symbol: str, timeframe: Timeframe, start: datetime, stop: datetime) -> Iterator[Page]:
        """Pages as `CandleSource.pages` promises them, each of one request for as many candles as an answer holds."""
        if timeframe not in TIMEFRAMES:
            raise MissingError(
                f"{self.name} serves {', '.join(TIMEFRAMES)}, not {timeframe} (its days begin at UTC midnight, the FX day at "
                "17:00 New York); sync 1h: it is resampled"
            )
        if symbol not in CODES:
            served = ", ".join(f"{name} (as {code})" for name, code in CODES.items())
            raise MissingError(
                f"{self.name} serves {served}, quoted in tether and not in dollars, not {symbol}; choose one of them, or another "
                "provider"
            )
        page_start, last = start.astimezone(UTC), stop.astimezone(UTC)
        while page_start < last:
            page_stop = min(page_start + MAX_ROWS * timeframe.duration, last)
            frame = self._candles(symbol, timeframe, page_start, page_stop)
            closed = pl.col("open_time") + timeframe.duration <= last
            yield Page(page_start, page_stop, frame.filter(closed))
            page_start = page_stop

    def _candles(self, symbol: str, timeframe: Timeframe, start: datetime, stop: datetime) -> pl.DataFrame:
        # Both ends are included there, in milliseconds.
        span = {"startTime": _milliseconds(start), "endTime": _milliseconds(stop) - 1}
        what = {"symbol": CODES[symbol], "interval": str(timeframe)}
        body = self._web.get(PATH, {**what, **span, "limit": MAX_ROWS}) or b""
        try:
            frame = _frame(json.loads(body))
            # Stamps in another unit would be a span without candles.
            if not frame["open_time"].is_between(start, stop, closed="left").all():
                raise ValueError("candles outside the span asked for")
        except (ValueError, TypeError, RecursionError, pl.exceptions.PolarsError) as error:
            raise SourceAnswerError(
                f"{self.name} answered no candles of {CODES[symbol]} ({type(error).__name__}: {self._web.told(body)}); lists of "
                "stamp, prices and volume within the span are needed; run the same command again later"
            ) from None
        return frame.filter(_trades(frame["open_time"].to_physical().to_numpy(), symbol, timeframe))


def _milliseconds(moment: datetime) -> int:
    return math.ceil(moment.timestamp() * 1000)


def _frame(rows: object) -> pl.DataFrame:
    """Every candle of an answer; raises what an answer of another form makes Python or polars raise."""
    if not isinstance(rows, list):
        raise TypeError("no list")
    cells = [(operator.index(stamp), *map(float, values[: len(VALUES)])) for stamp, *values in rows]
    table = pl.DataFrame(cells, {"ms": pl.Int64} | dict.fromkeys(VALUES, pl.Float64), orient="row")
    return table.select((pl.col("ms") * 1_000).cast(TIME_TYPE).alias("open_time"), *VALUES)


def _trades(open_time_us: NDArray[np.int64], symbol: str, timeframe: Timeframe) -> NDArray[np.bool_]:
    """bool[N]: does the symbol's own market trade during these candles, in the FX week and not wholly in its daily break?"""
    break_us = SYMBOLS[symbol].daily_break_minutes * MINUTE_US
    after_break = fx_clock_us(open_time_us) % DAY_US + timeframe.us > break_us
    trading: NDArray[np.bool_] = is_open(open_time_us) & after_break
    return trading
