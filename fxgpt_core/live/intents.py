"""The states of an order intent, and what is asked of intents in several places."""

from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, select

from fxgpt_core.registry.live_tables import order_intents


class IntentState(StrEnum):
    """Where an intent is; a partly filled one may still be filled, and FILLED, DENIED, REJECTED, CANCELLED, EXPIRED are final."""

    PLANNED = "PLANNED"
    SENT = "SENT"
    ACCEPTED = "ACCEPTED"
    PARTLY_FILLED = "PARTLY_FILLED"
    FILLED = "FILLED"
    DENIED = "DENIED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"
    UNKNOWN = "UNKNOWN"
    EXPIRED = "EXPIRED"


OPEN_STATES = (
    *(IntentState.PLANNED, IntentState.SENT, IntentState.ACCEPTED),
    *(IntentState.PARTLY_FILLED, IntentState.UNKNOWN),
)
"""An intent in one of these may still become a position, or a larger one."""

UNSETTLED = tuple(state for state in OPEN_STATES if state is not IntentState.PLANNED)
"""The broker may have it, and has not told its end."""


RANK = {state: rank for rank, state in enumerate(("PLANNED", "SENT", "UNKNOWN", "ACCEPTED", "PARTLY_FILLED"))}
"""A state only moves to a higher one, or to one without a rank, which is final; ACCEPTED may become UNKNOWN again."""


def moves(intent: Row[Any], state: IntentState) -> bool:
    """Whether the state of an intent may become another; one that was taken for dead may turn out to live."""
    if intent.state == IntentState.EXPIRED:
        return state in (IntentState.ACCEPTED, IntentState.REJECTED, IntentState.CANCELLED)
    if intent.state not in RANK or intent.state == state:
        return False
    back_in_doubt = intent.state == IntentState.ACCEPTED and state is IntentState.UNKNOWN
    return back_in_doubt or state not in RANK or RANK[state] > RANK[intent.state]


def intent_of(connection: Connection, order: str) -> Row[Any]:
    """The intent of a client order id, which must be there."""
    return connection.execute(select(order_intents).where(order_intents.c.client_order_id == order)).one()


def first_stop(connection: Connection, order: str) -> float | None:
    """The stop an order was sent with; None for an order that is not ours."""
    asked = select(order_intents.c.stop_price).where(order_intents.c.client_order_id == order)
    return connection.execute(asked).scalar_one_or_none()


def stop_reason(entry_price: float, stop_price: float, first: float | None) -> str:
    """Which rule put a stop where it is: the order's own, breakeven, or the trailing stop."""
    if stop_price == first:
        return "stop"
    return "breakeven" if stop_price == entry_price else "trailing"
