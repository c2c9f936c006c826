"""What was: orders and deals of a stretch of time, read to its end or not at all.

Lists come in pages of a length, and by an order, that nobody promises. So a stretch that does not fit is divided until each part
does; a list that is complete says so itself.
"""

from collections.abc import Iterator
from typing import Any

from fxgpt_core.brokers.ctrader.reading import Link, read
from fxgpt_core.errors import NotReadyError

WEEK_MS = 604_800_000
LAST_MS = 2_147_483_646_000
LEAST_PART = 64


async def orders_between(link: Link, account_id: int, since_ms: int, until_ms: int) -> list[Any]:
    """All ProtoOAOrder of a stretch, both ends included. Raises `NotReadyError` where it cannot be read to its end."""
    asked = {"ctidTraderAccountId": account_id}
    return await _all(link, ("ProtoOAOrderListReq", "order"), asked, list(windows(since_ms, until_ms)))


async def deals_between(link: Link, account_id: int, since_ms: int, until_ms: int) -> list[Any]:
    """All ProtoOADeal of a stretch, both ends included. Raises `NotReadyError` where it cannot be read to its end."""
    asked = {"ctidTraderAccountId": account_id}
    return await _all(link, ("ProtoOADealListReq", "deal"), asked, list(windows(since_ms, until_ms)))


async def of_position(link: Link, account_id: int, position_id: int, span_ms: tuple[int, int]) -> tuple[list[Any], list[Any]]:
    """All orders and deals of a position, however old it is. Raises `NotReadyError` where it cannot be read to its end."""
    asked = {"ctidTraderAccountId": account_id, "positionId": position_id}
    orders = await _all(link, ("ProtoOAOrderListByPositionIdReq", "order"), asked, [span_ms])
    deals = await _all(link, ("ProtoOADealListByPositionIdReq", "deal"), asked, [span_ms])
    return orders, deals


async def details(link: Link, account_id: int, order_id: int) -> tuple[list[Any], list[Any]]:
    """An order and its deals, as they are now."""
    told = await read(link, "ProtoOAOrderDetailsReq", ctidTraderAccountId=account_id, orderId=order_id)
    return [told.order], list(told.deal)


async def cash_flows(link: Link, account_id: int, since_ms: int, until_ms: int) -> list[Any]:
    """All ProtoOADepositWithdraw of a stretch."""
    found: list[Any] = []
    for begin, end in windows(since_ms, until_ms):
        told = await read(
            link, "ProtoOACashFlowHistoryListReq", ctidTraderAccountId=account_id, fromTimestamp=begin, toTimestamp=end
        )
        found += told.depositWithdraw
    return found


def windows(since_ms: int, until_ms: int) -> Iterator[tuple[int, int]]:
    """The stretch in parts of at most a week, both ends included."""
    begin, end = max(0, since_ms), min(until_ms, LAST_MS)
    while begin <= end:
        yield begin, min(begin + WEEK_MS - 1, end)
        begin += WEEK_MS


async def _all(link: Link, kind: tuple[str, str], asked: dict[str, int], spans: list[tuple[int, int]]) -> list[Any]:
    """The rows of a list, each once; `kind` is the request and the field of its answer."""
    rows: dict[int, Any] = {}
    waiting = spans[::-1]
    while waiting:
        begin, end = waiting.pop()
        told = await read(link, kind[0], **asked, fromTimestamp=begin, toTimestamp=end)
        found = list(getattr(told, kind[1]))
        rows |= {getattr(row, f"{kind[1]}Id"): row for row in found}
        if not told.hasMore:
            continue
        if begin == end:
            raise NotReadyError(
                f"the venue has more than {len(found)} rows of {kind[0]} in a millisecond and tells no more of them"
            )
        middle = _within(found, begin, end)
        waiting += [(middle + 1, end), (begin, middle)]
    return list(rows.values())


def _within(rows: list[Any], begin: int, end: int) -> int:
    """Where to divide a stretch: amid the rows that came, but never so near to an end that the other part hardly shrinks."""
    least = (end - begin) // LEAST_PART
    stamps = sorted(row.utcLastUpdateTimestamp for row in rows)
    middle = stamps[len(stamps) // 2] if stamps else (begin + end) // 2
    return min(max(middle, begin + least), end - 1 - least)
