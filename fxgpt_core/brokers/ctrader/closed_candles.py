"""Closed candles of a running market, each told once: live bars and the clock say when to look, history says what closed."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader.reading import Link
from fxgpt_core.brokers.ctrader.trendbars import PERIODS, Trendbar, closed_bars
from fxgpt_core.errors import FxgptError
from fxgpt_core.market.timeframes import MINUTE_US, Timeframe

log = logging.getLogger(__name__)

OnCandle = Callable[[str, Timeframe, Trendbar], None]
"""Told each closed candle: symbol, timeframe, candle."""

SECOND_US = 1_000_000
GRACE_US = 2 * SECOND_US
"""After a candle's end by the clock: history tells it a moment later."""
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 60.0


@dataclass
class CandleSeries:
    """What was told of one series: candles that close after `told_us` are still to be told."""

    name: str
    symbol_id: int
    timeframe: Timeframe
    told_us: int
    forming_us: int = 0
    fruitless: int = 0
    look_at_us: int = 0

    @property
    def pause_us(self) -> int:
        """How long to wait after a look that found nothing: longer each time, as over a weekend."""
        return round(min(FIRST_PAUSE_S * 2.0**self.fruitless, LONGEST_PAUSE_S) * SECOND_US)


@dataclass
class ClosedCandles:
    """The series that are wanted; `on_candle` is told each closed candle once, oldest first."""

    account_id: int
    now_us: Callable[[], int]
    on_candle: OnCandle
    series: dict[tuple[str, Timeframe], CandleSeries] = field(default_factory=dict)

    def want(self, name: str, symbol_id: int, timeframe: Timeframe, since_us: int | None) -> CandleSeries:
        """Tell the candles of a series that close after `since_us`; None: after now. Wanted already, it goes on as it is."""
        begin = self.now_us() if since_us is None else since_us
        return self.series.setdefault((name, timeframe), CandleSeries(name, symbol_id, timeframe, begin))

    def drop(self, name: str) -> None:
        """Want the series of a symbol no more."""
        self.series = {key: one for key, one in self.series.items() if key[0] != name}

    async def subscribe(self, link: Link, one: CandleSeries) -> None:
        """Ask for the forming bars of a series, whose prices are subscribed already; on a new connection anew."""
        message = protocol.new(
            "ProtoOASubscribeLiveTrendbarReq",
            ctidTraderAccountId=self.account_id,
            symbolId=one.symbol_id,
            period=PERIODS[one.timeframe],
        )
        await link.request(message)
        one.look_at_us = 0

    def take(self, event: Any) -> None:
        """The forming bars in a ProtoOASpotEvent: where one begins, the one before has closed."""
        for bar in event.trendbar:
            for one in self.series.values():
                if (one.symbol_id, PERIODS[one.timeframe]) != (event.symbolId, bar.period):
                    continue
                begins_us = bar.utcTimestampInMinutes * MINUTE_US
                if one.forming_us and begins_us > one.forming_us:
                    one.look_at_us, one.fruitless = 0, 0
                one.forming_us = max(one.forming_us, begins_us)

    async def look(self, link: Link) -> int:
        """Tell what has closed in the series that are due; returns how many candles that were."""
        n_told = 0
        for one in tuple(self.series.values()):
            now_us = self.now_us()
            if now_us >= one.look_at_us:
                n_told += await self._tell(link, one, now_us)
        return n_told

    async def keep(self, link: Link, every_s: float = FIRST_PAUSE_S, is_ready: Callable[[], bool] = lambda: True) -> None:
        """Look for ever. A venue that does not answer is asked again: nothing is left out, only told later."""
        while True:
            await asyncio.sleep(every_s)
            if is_ready():
                try:
                    await self.look(link)
                except FxgptError as error:
                    log.warning("candles could not be read, they are asked for again: %s", error)

    async def _tell(self, link: Link, one: CandleSeries, now_us: int) -> int:
        span = (one.told_us - one.timeframe.us + 1, now_us)
        closed = await closed_bars(link, self.account_id, one.symbol_id, one.timeframe, span)
        for bar in closed:
            self.on_candle(one.name, one.timeframe, bar)
            one.told_us = bar.open_time_us + one.timeframe.us
        one.fruitless = 0 if closed else one.fruitless + 1
        next_end = one.told_us + one.timeframe.us + GRACE_US
        one.look_at_us = max(next_end, now_us + one.pause_us)
        return len(closed)
