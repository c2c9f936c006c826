"""Lists are read to their end, by whatever pages they come, and read again while the venue is busy."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_time import run_in_virtual_time

from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader.account_book import AccountBook
from fxgpt_core.brokers.ctrader.account_reading import OLD_MS, AccountReading
from fxgpt_core.brokers.ctrader.history import WEEK_MS, deals_between, orders_between, windows
from fxgpt_core.brokers.ctrader.outcomes import ErrorAnswer
from fxgpt_core.brokers.ctrader.reading import MOST_TRIES, read
from fxgpt_core.errors import NotReadyError

NOW_MS = 1_790_172_000_000


class ListingHouse:
    """Tells rows (id, time in ms) by pages of a length, oldest or newest first; `busy` answers are errors first."""

    def __init__(self, rows: list[tuple[int, int]], page: int = 3, newest_first: bool = False) -> None:
        self.rows, self.page, self.newest_first = rows, page, newest_first
        self.asked: list[Any] = []
        self.busy: list[str] = []

    async def request(self, message: Any, **_: Any) -> Any:
        self.asked.append(message)
        if self.busy:
            raise ErrorAnswer(message.DESCRIPTOR.name, self.busy.pop(0))
        within = [row for row in self.rows if message.fromTimestamp <= row[1] <= message.toTimestamp]
        within.sort(key=lambda row: row[1], reverse=self.newest_first)
        kind = "order" if "Order" in message.DESCRIPTOR.name else "deal"
        rows = [getattr(self, f"_{kind}")(*row) for row in within[: self.page]]
        name = message.DESCRIPTOR.name.removesuffix("Req") + "Res"
        return protocol.new(name, ctidTraderAccountId=7, **{kind: rows}, hasMore=len(within) > self.page)

    def _deal(self, number: int, time_ms: int) -> dict[str, Any]:
        return {
            "dealId": number, "orderId": number, "positionId": 5, "volume": 100_000, "filledVolume": 100_000, "symbolId": 1,
            "createTimestamp": time_ms, "executionTimestamp": time_ms, "utcLastUpdateTimestamp": time_ms, "tradeSide": 1,
            "dealStatus": 2, "executionPrice": 1.1, "moneyDigits": 2,
        }  # fmt: skip

    def _order(self, number: int, time_ms: int) -> dict[str, Any]:
        return {
            "orderId": number, "tradeData": {"symbolId": 1, "volume": 100_000, "tradeSide": 1, "label": "fxgpt"}, "orderType": 1,
            "orderStatus": 2, "utcLastUpdateTimestamp": time_ms, "clientOrderId": f"fx1-{number}", "positionId": 5,
        }  # fmt: skip


times = st.lists(st.integers(NOW_MS - 3 * WEEK_MS, NOW_MS) | st.integers(NOW_MS - 40, NOW_MS), max_size=60)


@settings(max_examples=60, deadline=None)
@given(times, st.booleans(), st.integers(1, 20))
def test_every_row_is_read_by_whatever_pages(moments: list[int], newest_first: bool, page: int) -> None:
    most = max((moments.count(moment) for moment in moments), default=0)
    house = ListingHouse(list(enumerate(moments, start=1)), max(page, most), newest_first)
    found = asyncio.run(deals_between(house, 7, NOW_MS - 3 * WEEK_MS, NOW_MS))
    assert sorted(row.dealId for row in found) == list(range(1, len(moments) + 1))
    assert all(0 <= asked.toTimestamp - asked.fromTimestamp < WEEK_MS for asked in house.asked)
    # A page, and two halves that cut off at most 64th parts of where nothing is.
    assert len(house.asked) <= 8 + 12 * len(moments)


def test_a_millisecond_with_more_than_the_venue_tells_is_no_complete_list() -> None:
    house = ListingHouse([(number, NOW_MS) for number in range(1, 6)], page=3)
    with pytest.raises(NotReadyError, match="in a millisecond"):
        asyncio.run(orders_between(house, 7, NOW_MS - 1_000, NOW_MS))


def test_windows_are_of_a_week_at_most_and_leave_nothing_out() -> None:
    spans = list(windows(NOW_MS - 2 * WEEK_MS - 5, NOW_MS))
    assert spans[0][0] == NOW_MS - 2 * WEEK_MS - 5
    assert spans[-1][1] == NOW_MS
    assert [end + 1 for _, end in spans[:-1]] == [begin for begin, _ in spans[1:]]
    assert all(end - begin < WEEK_MS for begin, end in spans)


def test_a_busy_venue_is_asked_again_and_a_definite_no_is_not() -> None:
    house = ListingHouse([])
    house.busy = ["BLOCKED_PAYLOAD_TYPE", "INTERNAL_SERVER_ERROR"]
    run_in_virtual_time(read(house, "ProtoOADealListReq", ctidTraderAccountId=7, fromTimestamp=0, toTimestamp=1))
    assert len(house.asked) == 3
    house.busy = ["INCORRECT_BOUNDARIES"]
    with pytest.raises(ErrorAnswer, match="INCORRECT_BOUNDARIES"):
        run_in_virtual_time(read(house, "ProtoOADealListReq", ctidTraderAccountId=7, fromTimestamp=0, toTimestamp=1))
    house.busy = ["BLOCKED_PAYLOAD_TYPE"] * 20
    with pytest.raises(ErrorAnswer, match="BLOCKED_PAYLOAD_TYPE"):
        run_in_virtual_time(read(house, "ProtoOADealListReq", ctidTraderAccountId=7, fromTimestamp=0, toTimestamp=1))
    assert len(house.asked) == 4 + MOST_TRIES


class OldHouse(ListingHouse):
    """Has one position, opened long ago, and its state."""

    def __init__(self, opened_ms: int) -> None:
        super().__init__([(1, opened_ms)])
        self.opened_ms = opened_ms

    async def request(self, message: Any, **_: Any) -> Any:
        name = message.DESCRIPTOR.name
        if name == "ProtoOAReconcileReq":
            held = {
                "positionId": 5, "positionStatus": 1, "swap": 0, "price": 1.1, "utcLastUpdateTimestamp": NOW_MS, "moneyDigits": 2,
                "tradeData": {"symbolId": 1, "volume": 100_000, "tradeSide": 1, "openTimestamp": self.opened_ms},
            }  # fmt: skip
            return protocol.new("ProtoOAReconcileRes", ctidTraderAccountId=7, position=[held])
        if name == "ProtoOATraderReq":
            trader = {"ctidTraderAccountId": 7, "balance": 100, "depositAssetId": 1, "moneyDigits": 2, "balanceVersion": 9}
            return protocol.new("ProtoOATraderRes", ctidTraderAccountId=7, trader=trader)
        return await super().request(message)


@pytest.mark.parametrize("age_ms", [10 * 86_400_000, OLD_MS + 2 * 86_400_000, 12 * OLD_MS])
def test_a_position_from_long_ago_is_known_with_its_order_however_old_it_is(age_ms: int) -> None:
    house, book = OldHouse(NOW_MS - age_ms), AccountBook()
    reading = AccountReading(7, book, lambda: NOW_MS * 1_000, 60.0)
    run_in_virtual_time(reading.whole(house, NOW_MS - 86_400_000))
    (held,) = book.positions.values()
    opening = book.opening_order(held)
    assert opening is not None
    assert (held.volume, held.unexplained, opening.client_order_id) == (100_000, 0, "fx1-1")
    # Not week after week back to where it began.
    assert len(house.asked) <= 8
