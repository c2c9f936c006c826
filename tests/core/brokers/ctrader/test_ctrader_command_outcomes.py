"""What each error name makes of a command: 44 + 10 names of the protocol, and names beyond it."""

import asyncio
from typing import Any

import pytest

from fxgpt_core.brokers.broker import OrderResult, Refusal
from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader.command_outcomes import PUBLISHED, of_answer, of_error, outcome_of
from fxgpt_core.brokers.ctrader.outcomes import ErrorAnswer, NeverWritten, PerhapsWritten
from fxgpt_core.market.orders import OrderOutcome

CONFIRMED, REJECTED, DENIED, UNKNOWN = OrderOutcome
# It may have been done: the venue itself may not know, or the answer makes no sense for a command.
IN_DOUBT = {
    "UNKNOWN_ERROR", "TIMEOUT_ERROR", "CANT_ROUTE_REQUEST", "CH_SERVER_NOT_REACHABLE", "ALREADY_LOGGED_IN",
    "CH_CLIENT_ALREADY_AUTHENTICATED", "ALREADY_SUBSCRIBED",
}  # fmt: skip
# Turned away at the door, unread.
UNREAD = {
    "OA_AUTH_TOKEN_EXPIRED", "ACCOUNT_NOT_AUTHORIZED", "CH_CLIENT_NOT_AUTHENTICATED", "CH_ACCESS_TOKEN_INVALID",
    "SERVER_IS_UNDER_MAINTENANCE", "CONNECTIONS_LIMIT_EXCEEDED",
}  # fmt: skip
NO_MORE = {
    "UNSUPPORTED_MESSAGE", "FRAME_TOO_LONG", "CHANNEL_IS_BLOCKED", "RET_NO_SUCH_LOGIN", "RET_ACCOUNT_DISABLED",
    "CH_CLIENT_AUTH_FAILURE", "CH_CTID_TRADER_ACCOUNT_NOT_FOUND", "CH_OA_CLIENT_NOT_FOUND", "TRADING_NOT_ALLOWED",
}  # fmt: skip
KINDS = {
    "NOT_ENOUGH_MONEY": Refusal.NOT_ENOUGH_MONEY, "MARKET_CLOSED": Refusal.MARKET_CLOSED,
    "SYMBOL_HAS_HOLIDAY": Refusal.MARKET_CLOSED, "BLOCKED_PAYLOAD_TYPE": Refusal.RATE_LIMIT,
    "REQUEST_FREQUENCY_EXCEEDED": Refusal.RATE_LIMIT, "POSITION_NOT_FOUND": Refusal.NO_SUCH_POSITION,
    "POSITION_NOT_OPEN": Refusal.NO_SUCH_POSITION, **dict.fromkeys(NO_MORE, Refusal.ACCOUNT),
}  # fmt: skip


def told(code: str, description: str = "", wait: float | None = None) -> OrderResult:
    return of_error(ErrorAnswer("ProtoOANewOrderReq", code, description, wait))


def test_the_protocol_has_the_names_this_test_knows() -> None:
    assert len(PUBLISHED) == 54
    assert {*IN_DOUBT, *UNREAD, *KINDS} <= PUBLISHED


@pytest.mark.parametrize("code", sorted(PUBLISHED))
def test_each_published_name_has_its_outcome(code: str) -> None:
    result = told(code)
    if code in IN_DOUBT:
        assert (result.outcome, result.refusal) == (UNKNOWN, None)
    elif code in UNREAD:
        assert (result.outcome, result.refusal) == (DENIED, None)
    else:
        assert (result.outcome, result.refusal) == (REJECTED, KINDS.get(code, Refusal.OTHER))
    assert code in result.reason


@pytest.mark.parametrize("code", ["NO_ENOUGH_MONEY_TO_OPEN_POSITION", "ALREADY_CLOSED", "INTERNAL_SERVER_ERROR", "X", ""])
def test_a_name_that_the_protocol_does_not_have_says_nothing_however_it_sounds(code: str) -> None:
    assert told(code).outcome is UNKNOWN


def test_an_authorisation_that_is_only_told_in_words_was_lost_before_the_order_was_read() -> None:
    assert told("INVALID_REQUEST", "Trading account is not authorized").outcome is DENIED
    assert told("INVALID_REQUEST", "Order price has more digits").outcome is REJECTED


def test_a_pause_is_told_where_one_is_needed() -> None:
    assert told("BLOCKED_PAYLOAD_TYPE", wait=7.0).retry_after_s == 7.0
    assert told("POSITION_LOCKED").retry_after_s == 1.0
    assert told("NOT_ENOUGH_MONEY").retry_after_s is None


@pytest.mark.parametrize(("error", "outcome"), [(NeverWritten("no"), DENIED), (PerhapsWritten("perhaps"), UNKNOWN)])
def test_a_request_without_an_answer_is_denied_only_where_no_byte_left(error: Exception, outcome: OrderOutcome) -> None:
    async def asked() -> Any:
        raise error

    result = asyncio.run(outcome_of(asked()))
    assert (result.outcome, result.reason) == (outcome, str(error))


def test_a_defect_of_our_own_is_raised_and_not_taken_for_an_outcome() -> None:
    async def asked() -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError, match=r"^$"):
        asyncio.run(outcome_of(asked()))


def event(kind: str, **fields: Any) -> Any:
    number = protocol.value("ProtoOAExecutionType", kind)
    return protocol.new("ProtoOAExecutionEvent", ctidTraderAccountId=7, executionType=number, **fields)


def test_an_event_that_refuses_is_a_refusal_and_any_other_a_confirmation() -> None:
    refused = of_answer(event("ORDER_REJECTED", errorCode="NOT_ENOUGH_MONEY"))
    assert (refused.outcome, refused.refusal) == (REJECTED, Refusal.NOT_ENOUGH_MONEY)
    assert of_answer(event("ORDER_CANCEL_REJECTED", errorCode="ORDER_NOT_FOUND")).outcome is REJECTED
    for kind in ("ORDER_ACCEPTED", "ORDER_FILLED", "ORDER_PARTIAL_FILL", "ORDER_REPLACED", "ORDER_CANCELLED"):
        assert of_answer(event(kind)).outcome is CONFIRMED
    other = protocol.new("ProtoOAVersionRes", version="91")
    assert of_answer(other).outcome is UNKNOWN
