"""Closed candles as the venue keeps them: read from its history when the live ones, or the clock, say that one has closed.

Bars of up to an hour begin with the epoch, longer ones at 17:00 New York, as our own candles do. Prices are bids. The bars that
spot events carry are forming; no event says that one has closed, and history tells a closed one a moment later.
"""

from dataclasses import dataclass
from typing import Any

from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader.prices import price_of
from fxgpt_core.brokers.ctrader.reading import Link, read
from fxgpt_core.errors import SourceAnswerError
from fxgpt_core.market.timeframes import MINUTE_US, Timeframe

PERIODS = {
    timeframe: protocol.value("ProtoOATrendbarPeriod", name)
    for timeframe, name in (
        (Timeframe.M1, "M1"), (Timeframe.M5, "M5"), (Timeframe.M15, "M15"), (Timeframe.M30, "M30"), (Timeframe.H1, "H1"),
        (Timeframe.H4, "H4"), (Timeframe.D1, "D1"),
    )
}  # fmt: skip
MOST_BARS = 4_000
WINDOW_US = 30 * 86_400 * 1_000_000


@dataclass(frozen=True)
class Trendbar:
    """One candle: bid prices, `volume` in ticks, its open time in µs since the epoch."""

    open_time_us: int
    open: float
    high: float
    low: float
    close: float
    volume: float


def trendbar(told: Any) -> Trendbar:
    """From a ProtoOATrendbar: the low is told, the other prices as what they are above it."""
    return Trendbar(
        told.utcTimestampInMinutes * MINUTE_US,
        price_of(told.low + told.deltaOpen),
        price_of(told.low + told.deltaHigh),
        price_of(told.low),
        price_of(told.low + told.deltaClose),
        float(told.volume),
    )


async def closed_bars(
    link: Link, account_id: int, symbol_id: int, timeframe: Timeframe, span_us: tuple[int, int]
) -> list[Trendbar]:
    """All candles that open in [start, stop) and are closed at stop, oldest first; paged backwards from the last.

    A short answer is not the end of history, and not every server keeps bounds and count: what lies outside is left out.
    """
    start, stop = span_us
    found: dict[int, Trendbar] = {}
    newest_us = stop
    while newest_us > start:
        begin_us = max(start, newest_us - WINDOW_US)
        rows = await _page(link, account_id, (symbol_id, timeframe), (begin_us, newest_us))
        fresh = [bar for bar in rows if start <= bar.open_time_us < newest_us]
        if rows and not fresh:
            break  # the server went back beyond the start: nothing is left between
        found |= {bar.open_time_us: bar for bar in fresh if bar.open_time_us + timeframe.us <= stop}
        newest_us = min([bar.open_time_us for bar in fresh], default=begin_us)
    return [found[time] for time in sorted(found)]


async def _page(link: Link, account_id: int, series: tuple[int, Timeframe], span_us: tuple[int, int]) -> list[Trendbar]:
    symbol_id, timeframe = series
    told = await read(
        link,
        "ProtoOAGetTrendbarsReq",
        ctidTraderAccountId=account_id,
        symbolId=symbol_id,
        period=PERIODS[timeframe],
        fromTimestamp=span_us[0] // 1_000,
        # The end is a part of the answer.
        toTimestamp=span_us[1] // 1_000 - 1,
        count=MOST_BARS,
    )
    if told.period != PERIODS[timeframe]:
        raise SourceAnswerError(f"asked for {timeframe} candles, the venue answered with period {told.period}")
    return [trendbar(bar) for bar in told.trendbar]
