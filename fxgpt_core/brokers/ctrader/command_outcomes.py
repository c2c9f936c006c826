"""What became of a command, read off its answer: confirmed, rejected for certain, never left, or unknown."""

from collections.abc import Awaitable
from typing import Any

from google.protobuf.message import Message

from fxgpt_core.brokers.broker import OrderResult, Refusal
from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader.error_codes import Reaction, reaction
from fxgpt_core.brokers.ctrader.outcomes import ErrorAnswer, NeverWritten, PerhapsWritten
from fxgpt_core.market.orders import OrderOutcome

REFUSALS = {
    "NOT_ENOUGH_MONEY": Refusal.NOT_ENOUGH_MONEY,
    "MARKET_CLOSED": Refusal.MARKET_CLOSED,
    "SYMBOL_HAS_HOLIDAY": Refusal.MARKET_CLOSED,
    "BLOCKED_PAYLOAD_TYPE": Refusal.RATE_LIMIT,
    "REQUEST_FREQUENCY_EXCEEDED": Refusal.RATE_LIMIT,
    "POSITION_NOT_FOUND": Refusal.NO_SUCH_POSITION,
    "POSITION_NOT_OPEN": Refusal.NO_SUCH_POSITION,
}
PUBLISHED = frozenset(name for enum in ("ProtoErrorCode", "ProtoOAErrorCode") for name in protocol.TABLE["enums"][enum])
"""Names that the protocol promises. What a server means by another on a command, nobody has promised, however it sounds."""
BUSY = frozenset({"CONCURRENT_MODIFICATION", "POSITION_LOCKED", "PENDING_EXECUTION"})
"""Something else is done to the same order or position at this moment: it is read again before anything is repeated."""
BUSY_S = 1.0
_REFUSED = frozenset(
    protocol.value("ProtoOAExecutionType", name) for name in ("ORDER_REJECTED", "ORDER_CANCEL_REJECTED")
)  # fmt: skip


async def outcome_of(asked: Awaitable[Message]) -> OrderResult:
    """The outcome of a command that is on its way. Nothing is raised for what the venue answers or leaves unanswered."""
    try:
        answer = await asked
    except NeverWritten as error:
        return OrderResult(OrderOutcome.DENIED, reason=str(error))
    except PerhapsWritten as error:
        return OrderResult(OrderOutcome.UNKNOWN, reason=str(error))
    except ErrorAnswer as error:
        return of_error(error)
    return of_answer(answer)


def of_answer(answer: Message) -> OrderResult:
    """The outcome told by a ProtoOAExecutionEvent; any other answer tells nothing."""
    if answer.DESCRIPTOR.name != "ProtoOAExecutionEvent":
        return OrderResult(OrderOutcome.UNKNOWN, reason=f"answered by a {answer.DESCRIPTOR.name}, which says nothing of it")
    event: Any = answer
    order_id = str(event.order.orderId) if event.HasField("order") else None
    position_id = str(event.position.positionId) if event.HasField("position") else None
    if event.executionType not in _REFUSED:
        return OrderResult(OrderOutcome.CONFIRMED, order_id, position_id)
    code = event.errorCode or "no reason told"
    return OrderResult(OrderOutcome.REJECTED, order_id, position_id, f"the venue refused it: {code}", refusal_of(code))


def of_error(error: ErrorAnswer) -> OrderResult:
    """The outcome told by an error: only what is refused for certain is rejected; an unknown name says nothing."""
    meaning, reason = reaction(error.code, error.description, on_order=True), str(error)
    refusal, wait = refusal_of(error.code), error.retry_after_s
    if error.code not in PUBLISHED:
        return OrderResult(OrderOutcome.UNKNOWN, reason=reason)
    if refusal is Refusal.RATE_LIMIT:
        return OrderResult(OrderOutcome.REJECTED, reason=reason, refusal=refusal, retry_after_s=wait)
    if error.code in BUSY:
        return OrderResult(OrderOutcome.REJECTED, reason=reason, refusal=refusal, retry_after_s=wait or BUSY_S)
    if meaning in (Reaction.RETRY, Reaction.REPAIR_SESSION):
        # It was turned away at the door, unread.
        return OrderResult(OrderOutcome.DENIED, reason=reason, retry_after_s=wait)
    if meaning in (Reaction.DEFINITIVE, Reaction.HALT):
        return OrderResult(OrderOutcome.REJECTED, reason=reason, refusal=refusal)
    return OrderResult(OrderOutcome.UNKNOWN, reason=reason)


def refusal_of(code: str) -> Refusal:
    """The kind of a refusal by its code."""
    if code in REFUSALS:
        return REFUSALS[code]
    return Refusal.ACCOUNT if reaction(code, on_order=True) is Reaction.HALT else Refusal.OTHER


def refused(reason: str, refusal: Refusal = Refusal.OTHER) -> OrderResult:
    """Rejected by us, before anything left."""
    return OrderResult(OrderOutcome.REJECTED, reason=reason, refusal=refusal)
