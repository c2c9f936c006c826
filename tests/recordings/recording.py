"""What the contract of candle sources needs to know of one source: a service that answers from known candles in its form."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from fxgpt_core.candles.source import CandleSource
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.timeframes import Timeframe
from tests.recorded_service import Answer, Request

SYMBOL = "EURUSD"
Answering = Callable[[Request], Answer | bytes | None]


@dataclass(frozen=True)
class Recording:
    """One source against a service that has known candles of EURUSD and no other symbol.

    `source` makes it from the service's address and a key; it must not really sleep. `answering` gives what the service answers
    when it has those candles (of `timeframe`). `asked` is the span [start, stop) a request asks for; it may lie `surplus` outside
    the span wanted. `several_pages` is a span that takes more than one page, except where the source has but `one_page`. `broken`
    are bodies that are no candles, `unserved` a symbol that the service does not have, `refusal` what it answers to a wrong key
    (None where it takes no key).
    """

    source: Callable[[str, str], CandleSource]
    answering: Callable[[pl.DataFrame], Answering]
    asked: Callable[[Request], tuple[datetime, datetime]]
    timeframe: Timeframe
    several_pages: timedelta
    surplus: timedelta
    broken: tuple[bytes, ...]
    unserved: str = "GBPNZD"
    refusal: Answer | None = None
    has_volume: bool = True
    one_page: bool = False


def known_candles(timeframe: Timeframe, start: datetime, stop: datetime) -> pl.DataFrame:
    """Candles of the FX week that open in [start, stop), five decimals, each a function of its stamp alone."""
    first, last = (round(moment.timestamp()) * 1_000_000 for moment in (start, stop))
    stamps = pl.Series("open_time", expected_open_times(first, last - 1, timeframe))
    turn = pl.col("open_time") // timeframe.us
    at = [110_000 + turn % 97, 110_150 + turn % 53, 109_900 - turn % 41, 110_000 + turn % 89]
    prices = [(price / 100_000).round(5).alias(name) for name, price in zip(("open", "high", "low", "close"), at, strict=True)]
    table = pl.DataFrame(stamps).select("open_time", *prices, volume=(100 + turn % 50).cast(pl.Float64))
    return table.with_columns(pl.col("open_time").cast(pl.Datetime("us", "UTC")))
