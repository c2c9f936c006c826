"""How fast requests may leave: below the venue's 50 a second, and 5 a second for histories, with a reserve for what protects.

The venue counts per connection and does not say which messages are historical; here they are those that read histories. A
message type that it blocked is held back for as long as it said, and longer each time it is blocked again: its own figure is
too short once a rolling quota is used up.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from enum import StrEnum

PROTECTING = frozenset(
    {"ProtoOACancelOrderReq", "ProtoOAClosePositionReq", "ProtoOAAmendPositionSLTPReq", "ProtoHeartbeatEvent"},
)
HISTORICAL = frozenset(
    {
        "ProtoOAGetTrendbarsReq",
        "ProtoOAGetTickDataReq",
        "ProtoOADealListReq",
        "ProtoOADealListByPositionIdReq",
        "ProtoOADealOffsetListReq",
        "ProtoOAOrderListReq",
        "ProtoOAOrderListByPositionIdReq",
        "ProtoOAOrderDetailsReq",
        "ProtoOACashFlowHistoryListReq",
    }
)
FIRST_HOLD_S = 1.0
LONGEST_HOLD_S = 120.0
INSTANT_S = 1e-6
"""Shorter waits are none: a clock that only moves by its timers would never get past the rounding of one."""


@dataclass(frozen=True)
class Rates:
    """At most so many frames in any `window_s` seconds, more than one, since frames may arrive closer together than they left.

    `reserve` more are allowed for what takes risk away: cancels, closes, changed stops. `historical` is a part of `ordinary`.
    """

    ordinary: int = 40
    reserve: int = 10
    historical: int = 4
    window_s: float = 1.1


class _Kind(StrEnum):
    ORDINARY = "ordinary"
    PROTECTING = "protecting"
    HISTORICAL = "historical"


class Limiter:
    """Lets the frames of one connection leave in turn; its clock is the event loop's."""

    def __init__(self, rates: Rates = Rates()) -> None:
        self._rates = rates
        self._sent: dict[_Kind, deque[float]] = {kind: deque() for kind in _Kind}
        self._turns = {kind: asyncio.Lock() for kind in _Kind}
        self._held_until: dict[str, float] = {}
        self._holds: dict[str, int] = {}

    async def turn(self, name: str) -> None:
        """Wait until a message of this name may leave; it is counted as sent when this returns."""
        kind = _kind(name)
        while True:
            await self._hold_is_over(name)
            async with self._turns[kind]:
                while (wait := self._room_in(kind)) > 0:
                    await asyncio.sleep(wait)
                if self._held_for(name) <= 0:
                    self.count(name)
                    return

    def count(self, name: str) -> None:
        """Count a frame that leaves without waiting, as a heartbeat does."""
        self._sent[_kind(name)].append(_now())

    def hold(self, name: str, retry_after_s: float) -> float:
        """The venue blocked messages of this name: hold them back. Returns for how many seconds."""
        times = self._holds.get(name, 0)
        self._holds[name] = times + 1
        held = max(retry_after_s, min(FIRST_HOLD_S * 2.0**times, LONGEST_HOLD_S))
        self._held_until[name] = _now() + held
        return held

    def answered(self, name: str) -> None:
        """A message of this name was answered: the next hold begins short again."""
        self._holds.pop(name, None)

    async def _hold_is_over(self, name: str) -> None:
        while (wait := self._held_for(name)) > 0:
            await asyncio.sleep(wait)

    def _held_for(self, name: str) -> float:
        wait = self._held_until.get(name, 0.0) - _now()
        return wait if wait > INSTANT_S else 0.0

    def _room_in(self, kind: _Kind) -> float:
        """Seconds until there is room for one more of this kind; 0: now."""
        begin = _now() - self._rates.window_s + INSTANT_S
        for sent in self._sent.values():
            while sent and sent[0] <= begin:
                sent.popleft()
        ordinary = sorted([*self._sent[_Kind.ORDINARY], *self._sent[_Kind.HISTORICAL]])
        whole = sorted([*ordinary, *self._sent[_Kind.PROTECTING]])
        rates = self._rates
        waits = [_until_free(whole, rates.ordinary + rates.reserve, begin)]
        if kind is not _Kind.PROTECTING:
            waits.append(_until_free(ordinary, rates.ordinary, begin))
        if kind is _Kind.HISTORICAL:
            waits.append(_until_free(list(self._sent[kind]), rates.historical, begin))
        return max(waits)


def _until_free(sent: list[float], limit: int, begin: float) -> float:
    return 0.0 if len(sent) < limit else sent[len(sent) - limit] - begin + INSTANT_S


def _kind(name: str) -> _Kind:
    if name in PROTECTING:
        return _Kind.PROTECTING
    return _Kind.HISTORICAL if name in HISTORICAL else _Kind.ORDINARY


def _now() -> float:
    return asyncio.get_running_loop().time()
