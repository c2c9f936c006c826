"""Candles of a cTrader house as a source: its own bid prices, from a minute to a day, with ticks as volume.

Bars of up to an hour begin with the epoch and longer ones at 17:00 New York, through both changes of the clock: as ours do, so
nothing is resampled here. A page is read backwards, from its last candle to its first: a short answer is no end of a history.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from fxgpt_core.brokers.ctrader.access import Access, listed_accounts
from fxgpt_core.brokers.ctrader.reading import Link
from fxgpt_core.brokers.ctrader.session import Session
from fxgpt_core.brokers.ctrader.symbols import SymbolList, listed_symbols
from fxgpt_core.brokers.ctrader.trendbars import MOST_BARS, PERIODS, WINDOW_US, closed_bars
from fxgpt_core.candles.source import Page
from fxgpt_core.errors import BadInputError, MissingError, NotReadyError
from fxgpt_core.market import symbols
from fxgpt_core.market.timeframes import Timeframe

if TYPE_CHECKING:
    import polars as pl

READY_S = 60.0
MOST_TRIES = 3
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Opened = AbstractAsyncContextManager[tuple[Session, int]]


class CTraderSource:
    """Asked over a session of an account; `opened` opens one and tells the account's id. `spelled`: the house's own names."""

    name = "ctrader"
    timeframes = tuple(PERIODS)

    def __init__(self, opened: Callable[[], Opened], spelled: Mapping[str, str] | None = None) -> None:
        self._opened, self._spelled = opened, dict(spelled or {})

    def pages(self, symbol: str, timeframe: Timeframe, start: datetime, stop: datetime) -> Iterator[Page]:
        """Pages as `CandleSource.pages` promises them, of at most 30 days and 4000 candles each."""
        wanted = symbols.symbol(symbol).name
        length = timedelta(microseconds=min(WINDOW_US, MOST_BARS * timeframe.us))
        with asyncio.Runner() as runner:
            opening = self._opened()
            session, account_id = runner.run(opening.__aenter__())
            try:
                series = runner.run(self._series(session, account_id, wanted))
                begin = start.astimezone(UTC)
                while begin < stop:
                    end = min(begin + length, stop.astimezone(UTC))
                    until = min(end + timeframe.duration, stop.astimezone(UTC))
                    frame = runner.run(_page(session, (account_id, series, timeframe), (begin, end, until)))
                    yield Page(begin, end, frame)
                    begin = end
            finally:
                runner.run(opening.__aexit__(None, None, None))

    async def _series(self, session: Session, account_id: int, name: str) -> int:
        await session.wait_ready(READY_S)
        listed: SymbolList = await listed_symbols(session, account_id, self._spelled)
        try:
            return listed.named(name).symbol_id
        except BadInputError as error:
            raise MissingError(f"{self.name} does not serve {name}: {error}") from error


def account_source(
    access: Access, account_id: int | None, now_us: Callable[[], int] = lambda: time.time_ns() // 1000
) -> CTraderSource:
    """The candles of an account's house; None: of the first demo account that the tokens open, else of the first at all."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[tuple[Session, int]]:
        found = await listed_accounts(access, False, now_us)
        chosen = [one for one in found.accounts if account_id in (None, one.account_id)]
        if not chosen:
            listed = ", ".join(str(one.account_id) for one in found.accounts) or "none"
            raise BadInputError(f"account {account_id} is not among those the tokens open ({listed}); name one of them")
        account = min(chosen, key=lambda one: one.is_live)
        settings = access.session_settings(account.account_id, account.is_live)
        session = Session(settings, access.keeper(now_us), lambda *_: None, _nothing_to_read, random.Random())  # noqa: S311
        await session.start()
        try:
            yield session, account.account_id
        finally:
            await session.stop()

    return CTraderSource(opened, access.spelled)


async def _nothing_to_read(link: Link) -> None:
    """Candles need nothing of the account."""


async def _page(
    session: Session, series: tuple[int, int, Timeframe], span: tuple[datetime, datetime, datetime]
) -> "pl.DataFrame":
    """Candles that open in [begin, end) and are closed by `until`. Asked again where the connection was lost meanwhile."""
    account_id, symbol_id, timeframe = series
    begin_us, end_us, until_us = ((moment - _EPOCH) // _MICROSECOND for moment in span)
    for number in range(MOST_TRIES):
        await session.wait_ready(READY_S)
        try:
            bars = await closed_bars(session, account_id, symbol_id, timeframe, (begin_us, until_us))
        except NotReadyError:
            # The loop stands still between two pages, and so do its heartbeats: the house may have hung up.
            if number == MOST_TRIES - 1:
                raise
        else:
            return _frame([bar for bar in bars if bar.open_time_us < end_us])
    raise AssertionError("the last try returns or raises")


def _frame(bars: list[Any]) -> "pl.DataFrame":
    import polars as pl

    from fxgpt_core.candles.schema import COLUMNS, TIME_TYPE

    rows = [(bar.open_time_us, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars]
    table = pl.DataFrame(rows, dict.fromkeys(COLUMNS, pl.Float64) | {"open_time": pl.Int64}, orient="row")
    return table.with_columns(pl.col("open_time").cast(TIME_TYPE))
