"""Candles of the house: as a source with its traps, and live, each told once when it has closed."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from ctrader_stage import Stage, made_session, stage
from simulator_client import WEDNESDAY_US, Rehearsal, rehearsal
from virtual_time import loop_clock_us, run_in_virtual_time

from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader.candle_provider import CTraderSource
from fxgpt_core.brokers.ctrader.closed_candles import ClosedCandles
from fxgpt_core.brokers.ctrader.session import Session
from fxgpt_core.brokers.ctrader.trendbars import Trendbar, closed_bars
from fxgpt_core.brokers.ctrader_simulator import market_answers
from fxgpt_core.brokers.ctrader_simulator.codes import Period
from fxgpt_core.candles.resample import resample
from fxgpt_core.candles.schema import check_candles
from fxgpt_core.errors import MissingError
from fxgpt_core.market.timeframes import MINUTE_US, Timeframe

NOW = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=WEDNESDAY_US)
PERIODS = {Timeframe.M5: Period.M5, Timeframe.H1: Period.H1, Timeframe.H4: Period.H4, Timeframe.D1: Period.D1}


@contextmanager
def house(folder: Path) -> Iterator[Rehearsal]:
    """A venue with a month of minutes behind it, in a loop and thread of its own: a source waits for its answers."""
    ready, stop = threading.Event(), threading.Event()
    made: list[Rehearsal] = []

    async def run() -> None:
        async with rehearsal(folder) as at:
            made.append(at)
            ready.set()
            while not stop.is_set():
                await asyncio.sleep(0.01)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert ready.wait(10)
    try:
        yield made[0]
    finally:
        stop.set()
        thread.join()


def source_at(at: Rehearsal, folder: Path) -> CTraderSource:
    @asynccontextmanager
    async def opened() -> AsyncIterator[tuple[Session, int]]:
        session = made_session(at, folder, lambda: WEDNESDAY_US)(lambda *_: None, nothing)
        await session.start()
        try:
            yield session, at.account_id
        finally:
            await session.stop()

    return CTraderSource(opened)


async def nothing(_: object) -> None:
    return None


def truth(at: Rehearsal, timeframe: Timeframe, start: datetime, stop: datetime) -> pl.DataFrame:
    """What the venue holds, closed at `stop`."""
    bars = at.server.bars.bars(at.venue.symbol_id("EURUSD"), PERIODS[timeframe])
    frame = pl.DataFrame(
        {
            "open_time": bars.time * MINUTE_US,
            **{name: bars.prices[:, n] for n, name in enumerate(("open", "high", "low", "close"))},
        }
    ).with_columns(pl.col("open_time").cast(pl.Datetime("us", "UTC")), volume=pl.Series(bars.ticks).cast(pl.Float64))
    return frame.filter((pl.col("open_time") >= start) & (pl.col("open_time") + timeframe.duration <= stop))


@pytest.mark.parametrize(("timeframe", "days", "pages"), [(Timeframe.M5, 20, 2), (Timeframe.H1, 29, 1), (Timeframe.D1, 29, 1)])
def test_the_source_gives_the_houses_own_closed_candles(timeframe: Timeframe, days: int, pages: int, tmp_path: Path) -> None:
    with house(tmp_path) as at:
        start, stop = NOW - timedelta(days=days), NOW + timedelta(minutes=2)
        found = list(source_at(at, tmp_path).pages("EURUSD", timeframe, start, stop))
        assert len(found) == pages
        assert (found[0].start, found[-1].stop) == (start, stop)
        assert [page.stop for page in found[:-1]] == [page.start for page in found[1:]]
        frame = pl.concat([page.frame for page in found])
        assert frame.equals(truth(at, timeframe, start, stop))
        assert check_candles(frame, timeframe).equals(frame)


def test_its_days_and_4_hours_are_those_we_resample_ourselves(tmp_path: Path) -> None:
    with house(tmp_path) as at:
        start, stop = NOW - timedelta(days=21), NOW
        source = source_at(at, tmp_path)
        hourly = pl.concat([page.frame for page in source.pages("EURUSD", Timeframe.H1, start, stop)])
        for timeframe in (Timeframe.H4, Timeframe.D1):
            own = pl.concat([page.frame for page in source.pages("EURUSD", timeframe, start, stop)])
            ours = resample(hourly, Timeframe.H1, timeframe)
            shared = ours.join(own.select("open_time"), on="open_time", how="semi")
            assert len(shared) > 10
            assert own.join(shared.select("open_time"), on="open_time", how="semi").equals(shared)


def test_a_symbol_the_house_does_not_have_is_missing(tmp_path: Path) -> None:
    with house(tmp_path) as at:
        at.venue.book.symbols.pop(at.venue.symbol_id("CADCHF"))
        with pytest.raises(MissingError, match="does not serve CADCHF"):
            list(source_at(at, tmp_path).pages("CADCHF", Timeframe.H1, NOW - timedelta(days=1), NOW))


def test_a_connection_that_is_lost_between_two_pages_is_made_again(tmp_path: Path) -> None:
    with house(tmp_path) as at:
        pages = source_at(at, tmp_path).pages("EURUSD", Timeframe.M5, NOW - timedelta(days=20), NOW)
        first = next(pages)
        for client in tuple(at.server.clients):
            client.drop()
        rest = list(pages)
        whole = pl.concat([first.frame, *(page.frame for page in rest)])
        assert whole.equals(truth(at, Timeframe.M5, NOW - timedelta(days=20), NOW))


def test_an_answer_that_is_cut_short_silently_is_read_on_backwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market_answers, "MOST_BARS", 37)

    async def story(at: Stage) -> None:
        link, number = at.broker.session, at.house.venue.symbol_id("EURUSD")
        span = (WEDNESDAY_US - 86_400_000_000, WEDNESDAY_US)
        bars = await closed_bars(link, at.house.account_id, number, Timeframe.M5, span)
        start, stop = NOW - timedelta(days=1), NOW
        assert [bar.open_time_us for bar in bars] == truth(at.house, Timeframe.M5, start, stop)[
            "open_time"
        ].to_physical().to_list()

    run_in_virtual_time(at_stage(story, tmp_path))


def test_live_candles_are_told_once_each_when_they_have_closed_and_over_a_lost_connection(tmp_path: Path) -> None:
    told: list[tuple[str, Timeframe, Trendbar]] = []

    async def story(at: Stage) -> None:
        await at.broker.want_candles("EURUSD", Timeframe.M1)
        await at.broker.want_candles("EURUSD", Timeframe.M5, since_us=WEDNESDAY_US - 3_600_000_000)
        for second in range(0, 620, 5):
            if second == 300:
                at.fault("client_disconnect")
            at.quote(1.1 + second / 1e6, 1.1001 + second / 1e6)
            await asyncio.sleep(5)
        for timeframe, since in ((Timeframe.M1, NOW), (Timeframe.M5, NOW - timedelta(hours=1))):
            heard = [bar for _, one, bar in told if one is timeframe]
            bars = at.house.server.bars.bars(at.house.venue.symbol_id("EURUSD"), Period[timeframe.name])
            closed = [
                (int(time) * MINUTE_US, *row) for time, row in zip(bars.time, bars.prices.tolist(), strict=True)
                if int(time) * MINUTE_US + timeframe.us > (since - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
            ][:-1]  # fmt: skip
            assert [(bar.open_time_us, bar.open, bar.high, bar.low, bar.close) for bar in heard] == closed
            assert len(heard) >= 10

    run_in_virtual_time(at_stage(story, tmp_path, on_candle=lambda *candle: told.append(candle)))


class SilentHouse:
    """Has no candle, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def request(self, message: Any, **_: Any) -> Any:
        self.asked += 1
        return protocol.new("ProtoOAGetTrendbarsRes", ctidTraderAccountId=7, symbolId=1, period=message.period)


def test_a_silent_market_is_looked_at_ever_less_often() -> None:
    async def story() -> None:
        silent = SilentHouse()
        candles = ClosedCandles(7, loop_clock_us(WEDNESDAY_US), lambda *_: None)
        candles.want("EURUSD", 1, Timeframe.M1, None)
        looking = asyncio.create_task(candles.keep(silent))
        await asyncio.sleep(60)
        assert silent.asked < 10
        await asyncio.sleep(3_600)
        assert 55 <= silent.asked <= 70
        looking.cancel()

    run_in_virtual_time(story())


async def at_stage(story: Any, folder: Path, **given: Any) -> None:
    async with stage(folder, **given) as at:
        await story(at)
