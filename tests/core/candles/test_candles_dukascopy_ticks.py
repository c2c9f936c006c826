"""Candles of Dukascopy's ticks: bid prices, the last tick's spread, the number of ticks; equal to the vendor's own candles."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from fxgpt_core.candles.providers.dukascopy import bi5_candles
from fxgpt_core.candles.providers.dukascopy_periods import Period
from fxgpt_core.candles.providers.dukascopy_ticks import DukascopyTicksSource, bi5_ticks
from fxgpt_core.candles.schema import COLUMNS, PRICES
from fxgpt_core.candles.ticks import Side, quoted_candles
from fxgpt_core.errors import MissingError
from fxgpt_core.market.timeframes import Timeframe
from tests.recorded_service import RecordedService, Request, running
from tests.recordings.dukascopy_ticks import packed

HOUR = timedelta(hours=1)
TEN = datetime(2024, 3, 4, 10, tzinfo=UTC)
MINUTE = 60_000


def pages_of(body: bytes | None, timeframe: Timeframe, symbol: str = "EURUSD", now: datetime = TEN + 3 * HOUR):
    """The pages of the hour from ten, of a service that has this body for it, and the paths asked for."""

    def answer(request: Request) -> bytes | None:
        return body if request.path.endswith("10h_ticks.bi5") else None

    with running(RecordedService(answer)) as service:
        source = DukascopyTicksSource(service.url, lambda _: None, lambda: now)
        return list(source.pages(symbol, timeframe, TEN, TEN + HOUR)), [request.path for request in service.requests]


def test_a_candle_is_of_bids_and_has_the_last_spread_and_the_number_of_ticks() -> None:
    body = packed(
        (0, 110_020, 110_010, 1.0, 2.0), (1_000, 110_060, 110_050, 1.0, 2.0), (59_999, 110_013, 110_000, 1.0, 2.0),
        (2 * MINUTE, 110_000, 110_001, 1.0, 2.0),
    )  # fmt: skip
    pages, paths = pages_of(body, Timeframe.M1)
    assert paths == ["/datafeed/EURUSD/2024/02/04/10h_ticks.bi5"]
    first, crossed = pages[0].frame.rows()
    assert first == (TEN, 1.1001, 1.1005, 1.1, 1.1, 3.0, pytest.approx(0.00013))
    assert crossed == (TEN + timedelta(minutes=2), 1.10001, 1.10001, 1.10001, 1.10001, 1.0, None)


def test_yen_and_gold_have_three_decimals() -> None:
    body = packed((0, 150_012, 150_000, 1.0, 1.0))
    for symbol in ("USDJPY", "XAUUSD"):
        pages, _ = pages_of(body, Timeframe.H1, symbol)
        assert pages[0].frame.select("close", "spread").row(0) == (150.0, pytest.approx(0.012))


@pytest.mark.parametrize("body", [b"", packed()])
def test_an_hour_without_ticks_long_ago_is_a_page_without_candles(body: bytes) -> None:
    pages, _ = pages_of(body, Timeframe.M5, now=TEN + timedelta(days=3))
    assert [(page.start, page.stop, len(page.frame)) for page in pages] == [(TEN, TEN + HOUR, 0)]


def test_longer_candles_than_an_hour_are_refused_with_the_reason() -> None:
    with pytest.raises(MissingError, match="dukascopy_ticks serves 1m, 5m, 15m, 30m, 1h, not 4h"):
        pages_of(b"", Timeframe.H4)


@pytest.fixture
def recorded_day(shared_data: Path) -> Path:
    return shared_data / "fixtures" / "dukascopy_bi5" / "EURUSD" / "2019" / "01" / "04"


@pytest.mark.shared_data
@pytest.mark.parametrize("hour", [0, 10, 23])
def test_minutes_of_real_ticks_are_the_vendors_own_minutes(recorded_day: Path, hour: int) -> None:
    day = Period(datetime(2019, 2, 4, tzinfo=UTC), datetime(2019, 2, 5, tzinfo=UTC))
    began = day.first + hour * HOUR
    ticks = bi5_ticks((recorded_day / f"{hour:02d}h_ticks.bi5").read_bytes(), Period(began, began + HOUR), 5)
    found = quoted_candles(ticks, Timeframe.M1, Side.BID)
    bid, ask = (
        bi5_candles((recorded_day / f"{side}_candles_min_1.bi5").read_bytes(), day, 5)
        .filter(pl.col("open_time").is_between(began, began + HOUR, closed="left"), pl.col("volume") > 0.0)
        for side in ("BID", "ASK")
    )  # fmt: skip
    assert len(found) > 50
    assert found.select("open_time", *PRICES).equals(bid.select("open_time", *PRICES))
    assert found["spread"].to_list() == pytest.approx((ask["close"] - bid["close"]).to_list(), abs=1e-9)
    assert found.columns == [*COLUMNS, "spread"]
