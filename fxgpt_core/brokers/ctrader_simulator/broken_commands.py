"""What each fault of orders makes of a command: lost, late, in parts, twice, in the wrong order, refused by wrong names."""

from collections.abc import Callable
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from fxgpt_core.brokers.ctrader_simulator import orders
from fxgpt_core.brokers.ctrader_simulator.codes import ExecutionKind
from fxgpt_core.brokers.ctrader_simulator.faults import AMBIGUOUS_ERRORS, ORDER_ERRORS, UNKNOWN_ERRORS
from fxgpt_core.brokers.ctrader_simulator.pushes import push
from fxgpt_core.brokers.ctrader_simulator.records import Execution, VenueEvent, VenueOrder
from fxgpt_core.brokers.ctrader_simulator.validation import AT_MARKET

if TYPE_CHECKING:
    from fxgpt_core.brokers.ctrader_simulator.command_requests import Command

BETWEEN_PARTS_S: Final = 0.05
RETRY_AFTER_S: Final = 1


def _drop_before(command: "Command") -> None:
    command.client.drop()


def _drop_after(command: "Command") -> None:
    command.client.drop()
    command.whole()


def _drop_after_accept(command: "Command") -> None:
    order = command.start()
    command.client.close()
    command.end(order)


def _zombie(command: "Command") -> None:
    command.client.drop()
    _processed_later(command)


def _no_answer(command: "Command") -> None:
    return


def _duplicate(command: "Command") -> None:
    for event in _captured(command):
        for _ in range(2):
            _push(command, event)


def _out_of_order(command: "Command") -> None:
    events = _captured(command)
    fills = [event for event in events if _is_fill(event)][:1]
    for event in (*fills, *(event for event in events if event not in fills)):
        _push(command, event)


def _push_after_list(command: "Command") -> None:
    events = _captured(command)
    command.server.held.extend(lambda event=event: _push(command, event) for event in events)  # type: ignore[misc]


def _late_fill(command: "Command") -> None:
    order = command.start()
    faults = command.server.faults
    delay_s = command.detail.get("seconds", faults.within(faults.faults.late_s))

    async def finish() -> None:
        command.end(order)

    command.server.later(delay_s, finish)


def _partial_fills(command: "Command") -> None:
    order = command.start()
    if order is None or not _has_parts(order):
        command.end(order)
        return
    parts = _parts(command, order)

    async def fill(volume: int) -> None:
        command.part(order, volume)

    for number, volume in enumerate(parts):
        command.server.later(number * BETWEEN_PARTS_S, partial(fill, volume))


def _partial_then_cancel(command: "Command") -> None:
    order = command.start()
    if order is None or not _has_parts(order):
        command.end(order)
        return
    parts = _parts(command, order)
    command.part(order, parts[0])
    if len(parts) > 1:
        with command.server.asked_by(command.client, command.client_msg_id):
            orders.cancel_rest(command.server.venue.book, order)


def _error_code(command: "Command") -> None:
    code = command.detail.get("code") or command.server.faults.random.choice(ORDER_ERRORS)
    description = command.detail.get("description", f"Simulated {code}")
    if command.detail.get("as_answer", False):
        command.client.error(code, description, command.client_msg_id, ctidTraderAccountId=command.account_id)
    else:
        command.refuse(code, description)


def _error_yet_executed(command: "Command") -> None:
    code = command.detail.get("code") or command.server.faults.random.choice(AMBIGUOUS_ERRORS)
    command.client.error(code, f"Simulated {code}", command.client_msg_id, ctidTraderAccountId=command.account_id)
    _processed_later(command)


def _unknown_error(command: "Command") -> None:
    chance = command.server.faults.random
    code = command.detail.get("code") or chance.choice(UNKNOWN_ERRORS)
    command.refuse(code, f"Simulated {code}")
    if command.detail.get("is_executed", chance.random() < 0.5):
        _processed_later(command)


def _rate_limited(command: "Command") -> None:
    seconds = command.detail.get("seconds", RETRY_AFTER_S)
    fields = {"ctidTraderAccountId": command.account_id, "retryAfter": seconds}
    command.client.error("BLOCKED_PAYLOAD_TYPE", "Rate limit is reached", command.client_msg_id, **fields)


def _rate_limited_bare(command: "Command") -> None:
    fields = {"ctidTraderAccountId": command.account_id}
    command.client.error("REQUEST_FREQUENCY_EXCEEDED", "Request frequency is reached", command.client_msg_id, **fields)


def _processed_later(command: "Command") -> None:
    faults = command.server.faults
    delay_s = command.detail.get("seconds", faults.within(faults.faults.zombie_s))

    async def process() -> None:
        command.whole()

    command.server.later(delay_s, process)


def _captured(command: "Command") -> list[VenueEvent]:
    """Process the command and keep back what it tells."""
    server = command.server
    events: list[VenueEvent] = []
    server.captured = events
    try:
        command.whole()
    finally:
        server.captured = None
    return events


def _push(command: "Command", event: VenueEvent) -> None:
    with command.server.asked_by(command.client, command.client_msg_id):
        push(command.server, event, command.server.origin)


def _is_fill(event: VenueEvent) -> bool:
    return isinstance(event, Execution) and event.kind in (ExecutionKind.ORDER_FILLED, ExecutionKind.ORDER_PARTIAL_FILL)


def _has_parts(order: VenueOrder) -> bool:
    return order.ticket.type in AT_MARKET or order.is_closing


def _parts(command: "Command", order: VenueOrder) -> list[int]:
    """Two to four parts of an order's volume on the step of its symbol; one where it has no more than a step."""
    step = command.server.venue.book.symbols[order.ticket.symbol_id].step_volume
    steps = max(1, order.volume // step)
    wanted = min(steps, command.detail.get("parts", command.server.faults.random.randint(2, 4)))
    cuts = sorted(command.server.faults.random.sample(range(1, steps), wanted - 1)) if wanted > 1 else []
    ends = [cut * step for cut in cuts] + [order.volume]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


BROKEN: Final = MappingProxyType[str, Callable[["Command"], None]](
    {
        "drop_before_processing": _drop_before,
        "drop_after_processing": _drop_after,
        "drop_after_accept": _drop_after_accept,
        "zombie": _zombie,
        "no_answer": _no_answer,
        "duplicate_event": _duplicate,
        "out_of_order": _out_of_order,
        "push_after_list": _push_after_list,
        "late_fill": _late_fill,
        "partial_fills": _partial_fills,
        "partial_then_cancel": _partial_then_cancel,
        "error_code": _error_code,
        "error_yet_executed": _error_yet_executed,
        "unknown_error": _unknown_error,
        "rate_limited": _rate_limited,
        "rate_limited_bare": _rate_limited_bare,
    }
)
"""By the name of each fault whose place is an order."""
