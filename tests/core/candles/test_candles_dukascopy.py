"""Dukascopy's files: the order of their fields, their addresses, what is not there yet, and real ones against a second source."""

import json
import lzma
import struct
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from fxgpt_core.candles.providers.dukascopy import DukascopySource
from fxgpt_core.candles.providers.dukascopy_json import DukascopyJsonSource, json_candles
from fxgpt_core.candles.providers.dukascopy_periods import Period
from fxgpt_core.candles.quality import quality
from fxgpt_core.candles.resample import resample
from fxgpt_core.candles.schema import check_candles
from fxgpt_core.candles.store import CandleStore
from fxgpt_core.candles.sync import Progress, SyncParameters, sync
from fxgpt_core.candles.time_zone import OffsetFit, best_offset
from fxgpt_core.errors import MissingError, SourceAnswerError
from fxgpt_core.market.timeframes import Timeframe
from tests.recorded_service import RecordedService, running

M1, H1 = Timeframe.M1, Timeframe.H1
DAY = timedelta(days=1)


def packed(*records: tuple[int, int, int, int, int, float]) -> bytes:
    return lzma.compress(b"".join(struct.pack(">IIIIIf", *record) for record in records), lzma.FORMAT_ALONE)


@pytest.fixture
def service():
    """Answers what `files` has, by path."""
    files: dict[str, bytes] = {}
    with running(RecordedService(lambda request: files.get(request.path))) as started:
        started.files = files
        yield started


def frame(service, symbol, timeframe, start, stop, *, kind=DukascopySource, side="bid"):
    source = kind(side, service.url, sleep=lambda _: None)
    return pl.concat([page.frame for page in source.pages(symbol, timeframe, start, stop)])


def test_a_minute_is_open_close_low_high_in_a_folder_of_the_month_from_00(service):
    service.files["/datafeed/EURUSD/2019/01/04/BID_candles_min_1.bi5"] = packed(
        (0, 114543, 114569, 114542, 114570, 293.75), (86340, 114351, 114349, 114340, 114353, 0.5)
    )
    start = datetime(2019, 2, 4, tzinfo=UTC)
    assert frame(service, "EURUSD", M1, start, start + DAY).rows() == [
        (start, 1.14543, 1.14570, 1.14542, 1.14569, 293.75),
        (datetime(2019, 2, 4, 23, 59, tzinfo=UTC), 1.14351, 1.14353, 1.14340, 1.14349, 0.5),
    ]


@pytest.mark.parametrize(
    ("symbol", "points", "price"),
    [("EURUSD", 114543, 1.14543), ("USDJPY", 109_512, 109.512), ("GBPJPY", 132_183, 132.183), ("XAUUSD", 1_313_455, 1313.455)],
)
def test_prices_have_the_decimals_dukascopy_gives_the_symbol(service, symbol, points, price):
    service.files[f"/datafeed/{symbol}/2019/01/04/BID_candles_min_1.bi5"] = packed((0, points, points, points, points, 1.0))
    start = datetime(2019, 2, 4, tzinfo=UTC)
    assert frame(service, symbol, M1, start, start + DAY)["close"].to_list() == [price]


def test_hours_lie_in_files_of_months_over_the_turn_of_a_year(service):
    last_hour_of_december = 31 * 86_400 - 3600
    service.files["/datafeed/EURUSD/2019/11/ASK_candles_hour_1.bi5"] = packed((last_hour_of_december, 3, 3, 3, 3, 1.0))
    service.files["/datafeed/EURUSD/2020/00/ASK_candles_hour_1.bi5"] = packed((0, 4, 4, 4, 4, 1.0))
    found = frame(service, "EURUSD", H1, datetime(2019, 12, 31, 12, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC), side="ask")
    assert found["open_time"].to_list() == [datetime(2019, 12, 31, 23, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)]
    assert found["close"].to_list() == [0.00003, 0.00004]


def test_each_side_is_recorded_under_its_own_name():
    kinds = [(kind, side) for kind in (DukascopySource, DukascopyJsonSource) for side in ("bid", "ask")]
    names = [kind(side).name for kind, side in kinds]
    assert names == ["dukascopy", "dukascopy_ask", "dukascopy_json", "dukascopy_json_ask"]


def test_fillers_of_the_weekend_are_given_as_sent_and_the_quality_report_counts_them(service):
    friday = datetime(2020, 5, 1, tzinfo=UTC)
    close, filler = 21 * 3600, 109777
    service.files["/datafeed/EURUSD/2020/04/01/BID_candles_min_1.bi5"] = packed(
        *((second, filler, filler, filler - 1, filler + 1, 1.0) for second in range(close - 120, close, 60)),
        *((second, filler, filler, filler, filler, 0.0) for second in range(close, 86_400, 60)),
    )
    report = quality(check_candles(frame(service, "EURUSD", M1, friday, friday + DAY), M1), M1)
    assert (report.rows, report.n_outside_week, report.n_flat, report.n_zero_volume) == (182, 180, 180, 180)


@pytest.mark.parametrize("held", [None, b""])
def test_a_day_without_a_file_or_with_an_empty_one_has_no_candles(service, held):
    if held is not None:
        service.files["/datafeed/EURUSD/2019/01/04/BID_candles_min_1.bi5"] = held
    start = datetime(2019, 2, 4, tzinfo=UTC)
    assert frame(service, "EURUSD", M1, start, start + DAY).is_empty()


def rows_until(service, now, timeframe, start, stop):
    """The stop and the number of rows of each page, as days after `start`, when it is `now`."""
    source = DukascopySource(address=service.url, sleep=lambda _: None, now=lambda: now)
    return [((page.stop - start) / DAY, len(page.frame)) for page in source.pages("EURUSD", timeframe, start, stop)]


def test_no_day_is_taken_after_one_whose_file_may_still_come(service):
    monday = datetime(2024, 3, 4, tzinfo=UTC)
    for day in (4, 6, 7):  # Tuesday's is missing
        service.files[f"/datafeed/EURUSD/2024/02/{day:02d}/BID_candles_min_1.bi5"] = packed((0, 1, 1, 1, 1, 1.0))
    found = {days: rows_until(service, monday + days * DAY, M1, monday, monday + 4 * DAY) for days in (0.9, 1, 3.9, 4, 9)}
    all_days = [(1, 1), (2, 0), (3, 1), (4, 1)]
    assert found == {0.9: [(4, 0)], 1: [(1, 1), (4, 0)], 3.9: [(1, 1), (4, 0)], 4: all_days, 9: all_days}


def synced_days(service, store, now, progress=lambda _: None):
    source = DukascopySource(address=service.url, sleep=lambda _: None, now=lambda: now)
    wanted = SyncParameters("EURUSD", M1, now, since=datetime(2024, 3, 4, tzinfo=UTC))
    return sorted(set(store.read(sync(source, store, wanted, progress).stored)["open_time"].dt.day().to_list()))


@pytest.mark.parametrize("cut_off", [False, True])
def test_a_file_that_came_late_leaves_no_hole_in_a_downloaded_series(service, tmp_path, cut_off):
    store = CandleStore(tmp_path)
    monday = datetime(2024, 3, 4, tzinfo=UTC)

    def day(number: int) -> None:
        minutes = (((minute * 60, 108_500, 108_501, 108_499, 108_502, 1.0)) for minute in range(1440))
        service.files[f"/datafeed/EURUSD/2024/02/{number:02d}/BID_candles_min_1.bi5"] = packed(*minutes)

    def end(progress: Progress) -> None:
        if cut_off and progress.done == progress.total:
            raise KeyboardInterrupt("cut off")

    day(4)
    with pytest.raises(KeyboardInterrupt, match="cut off") if cut_off else nullcontext():
        assert synced_days(service, store, monday + 2.5 * DAY, end) == [4]
    day(5)
    day(6)
    assert synced_days(service, store, monday + 3.5 * DAY) == [4, 5, 6]


def test_a_missing_saturday_is_not_waited_for(service):
    saturday = datetime(2024, 3, 9, tzinfo=UTC)
    service.files["/datafeed/EURUSD/2024/02/10/BID_candles_min_1.bi5"] = packed((82_800, 1, 1, 1, 1, 1.0))
    assert rows_until(service, saturday + 2 * DAY, M1, saturday, saturday + 2 * DAY) == [(1, 0), (2, 1)]


def test_the_running_month_has_no_hours_yet(service):
    for month in ("01", "02"):
        service.files[f"/datafeed/EURUSD/2024/{month}/BID_candles_hour_1.bi5"] = packed((28 * 86_400, 1, 1, 1, 1, 1.0))
    start = datetime(2024, 2, 20, tzinfo=UTC)
    assert rows_until(service, start + 30 * DAY, H1, start, start + 29.5 * DAY) == [(10, 1), (29.5, 0)]
    assert [request.path for request in service.requests] == ["/datafeed/EURUSD/2024/01/BID_candles_hour_1.bi5"]


def test_a_broken_file_is_named_with_its_first_bytes(service):
    path = "/datafeed/EURUSD/2019/01/04/BID_candles_min_1.bi5"
    service.files[path] = b"<html>Please wait</html>"
    start = datetime(2019, 2, 4, tzinfo=UTC)
    with pytest.raises(SourceAnswerError, match=rf"dukascopy answered no candles at {path} .*<html>Please wait</html>"):
        frame(service, "EURUSD", M1, start, start + DAY)


def told(**changes):
    """The answer of the JSON feed about 2026-07-10 with three minutes, the middle one after a silent minute."""
    answer = {
        "timestamp": 1783641600000, "multiplier": 1.0e-5, "open": 1.14331, "high": 1.14334, "low": 1.14322, "close": 1.14324,
        "shift": 60000, "times": [14, 2, 1], "opens": [0, -8, 9], "highs": [0, 1, 4], "lows": [0, -4, 5], "closes": [0, 9, -2],
        "volumes": [197.1, 104.85, 103.5],
    }  # fmt: skip
    return json.dumps(answer | changes).encode()


def test_json_changes_are_summed_up_in_steps_and_points(service):
    service.files["/v1/candles/minute/EUR-USD/BID/2026/7/10"] = told()
    start = datetime(2026, 7, 10, tzinfo=UTC)
    assert frame(service, "EURUSD", M1, start, start + DAY, kind=DukascopyJsonSource).rows() == [
        (datetime(2026, 7, 10, 0, 14, tzinfo=UTC), 1.14331, 1.14334, 1.14322, 1.14324, 197.1),
        (datetime(2026, 7, 10, 0, 16, tzinfo=UTC), 1.14323, 1.14335, 1.14318, 1.14333, 104.85),
        (datetime(2026, 7, 10, 0, 17, tzinfo=UTC), 1.14332, 1.14339, 1.14323, 1.14331, 103.5),
    ]


def test_json_hours_lie_under_the_month_from_1(service):
    service.files["/v1/candles/hour/USD-JPY/ASK/2026/7"] = told(timestamp=1782864000000, shift=3600000, multiplier=1e-3)
    start = datetime(2026, 7, 1, tzinfo=UTC)
    found = frame(service, "USDJPY", H1, start, start + DAY, kind=DukascopyJsonSource, side="ask")
    assert found["open_time"].to_list() == [start + timedelta(hours=hour) for hour in (14, 16, 17)]
    assert found["open"].to_list() == [1.143, 1.135, 1.144]


def test_json_of_another_day_is_refused(service):
    service.files["/v1/candles/minute/EUR-USD/BID/2026/7/9"] = told()
    start = datetime(2026, 7, 9, tzinfo=UTC)
    with pytest.raises(SourceAnswerError, match=r"no candles at /v1/candles/minute/EUR-USD/BID/2026/7/9 .*about 1783641600000"):
        frame(service, "EURUSD", M1, start, start + DAY, kind=DukascopyJsonSource)


def test_json_that_is_not_there_is_missing(service):
    start = datetime(1999, 7, 9, tzinfo=UTC)
    with pytest.raises(MissingError, match=r"dukascopy_json has nothing at .*1999/7/9: no EURUSD, or none so early"):
        frame(service, "EURUSD", M1, start, start + DAY, kind=DukascopyJsonSource)


@pytest.fixture
def real(service, shared_data):
    """The service with the real files of one Monday, of a Friday and of a month, under the addresses they came from."""
    root = shared_data / "fixtures" / "dukascopy_bi5"
    service.files |= {f"/datafeed/{path.relative_to(root)}": path.read_bytes() for path in root.rglob("*_candles_*.bi5")}
    return service


def fit(frame: pl.DataFrame, shared_data: Path) -> OffsetFit:
    """How the candles fit the bids of a second source: by how many hours, and the median difference of closes there."""
    hourly = pl.read_parquet(shared_data / "fx" / "oanda_h1" / "EURUSD_h1.parquet").select(open_time="ts", close="bid_close")
    return best_offset(frame, hourly)


@pytest.mark.shared_data
def test_real_minutes_are_the_second_sources_hours(real, shared_data):
    start = datetime(2019, 2, 4, tzinfo=UTC)
    minutes = check_candles(frame(real, "EURUSD", M1, start, start + DAY), M1)
    assert len(minutes) == 1440
    found = fit(minutes, shared_data)
    assert (found.hours, found.compared) == (0.0, 24)
    assert found.difference < 1e-4


@pytest.mark.shared_data
def test_real_hours_are_the_second_sources_and_the_minutes_own(real, shared_data):
    start = datetime(2019, 2, 1, tzinfo=UTC)
    hours = check_candles(frame(real, "EURUSD", H1, start, start + 28 * DAY), H1)
    assert len(hours) == 28 * 24
    found = fit(hours, shared_data)
    assert (found.hours, found.compared) == (0.0, 20 * 24)
    assert found.difference < 1e-4
    monday = start + 3 * DAY
    minutes = resample(frame(real, "EURUSD", M1, monday, monday + DAY), M1, H1)
    same = hours.filter(pl.col("open_time").is_between(monday, monday + DAY, closed="left"))
    assert minutes.drop("volume").equals(same.drop("volume"))
    assert float((minutes["volume"] - same["volume"]).abs().max()) < 0.01


@pytest.mark.shared_data
@pytest.mark.parametrize(("side", "field"), [("ask", 1), ("bid", 2)])
@pytest.mark.parametrize("hour", [0, 10, 23])
def test_real_minutes_are_those_of_the_real_ticks(real, shared_data, side, field, hour):
    start = datetime(2019, 2, 4, hour, tzinfo=UTC)
    packed_ticks = (
        shared_data / "fixtures" / "dukascopy_bi5" / "EURUSD" / "2019" / "01" / "04" / f"{hour:02d}h_ticks.bi5"
    ).read_bytes()
    ticks = list(struct.iter_unpack(">3i2f", lzma.decompress(packed_ticks)))
    found = frame(real, "EURUSD", M1, start, start + timedelta(hours=1), side=side)
    assert len(found) == 60
    for minute, candle in enumerate(found.iter_rows(named=True)):
        quotes = [tick for tick in ticks if tick[0] // 60_000 == minute]
        prices = [tick[field] / 100_000 for tick in quotes]
        assert (candle["open"], candle["high"]) == (prices[0], max(prices))
        assert (candle["low"], candle["close"]) == (min(prices), prices[-1])
        assert candle["volume"] == pytest.approx(sum(tick[field + 2] for tick in quotes), rel=1e-6)


@pytest.mark.shared_data
def test_real_json_is_a_friday_until_the_close_and_a_saturday_without_candles(service, shared_data):
    folder = shared_data / "fixtures" / "dukascopy_json"
    for day, name in ((10, "10"), (11, "11-empty")):
        body = (folder / f"candles-minute-EUR-USD-BID-2026-7-{name}.json").read_bytes()
        service.files[f"/v1/candles/minute/EUR-USD/BID/2026/7/{day}"] = body
    friday = datetime(2026, 7, 10, tzinfo=UTC)
    found = check_candles(frame(service, "EURUSD", M1, friday, friday + 2 * DAY, kind=DukascopyJsonSource), M1)
    assert len(found) == 1258
    assert (found["open_time"][0], found["open_time"][-1]) == (friday, datetime(2026, 7, 10, 20, 59, tzinfo=UTC))
    assert all(price == round(price, 5) for name in ("open", "high", "low", "close") for price in found[name])
    # A minute opens where the one before closed, but for a few points: fields that were mixed up would not.
    assert float((found["open"] - found["close"].shift(1)).abs().max()) < 0.0002


@pytest.mark.shared_data
def test_a_real_json_month_that_starts_late_ends_with_its_last_hour(shared_data):
    body = (shared_data / "fixtures" / "dukascopy_json" / "candles-hour-BTC-USD-BID-2023-1.json").read_text()
    january = Period(datetime(2023, 1, 1, tzinfo=UTC), datetime(2023, 2, 1, tzinfo=UTC))
    found = check_candles(json_candles(json.loads(body), H1, january), H1)
    assert len(found) == 730
    assert found["open_time"][0] == datetime(2023, 1, 1, 14, tzinfo=UTC)
    assert found["open_time"][-1] == datetime(2023, 1, 31, 23, tzinfo=UTC)
