"""Every error name has its reaction, and on an order nothing doubtful is ever called a refusal."""

import pytest

from fxgpt_core.brokers.ctrader.error_codes import REACTIONS, Reaction, reaction
from fxgpt_core.brokers.ctrader.protocol import TABLE

NAMES = {*TABLE["enums"]["ProtoErrorCode"], *TABLE["enums"]["ProtoOAErrorCode"]}


def _names(text: str) -> list[str]:
    return text.split()


# Written down from the documentation of the errors, apart from the table under test.
SAFE_TO_CONCLUDE = _names(
    """
INVALID_REQUEST ENTITY_NOT_FOUND MARKET_CLOSED WORSE_GSL_NOT_ALLOWED SYMBOL_HAS_HOLIDAY NO_QUOTES NOT_ENOUGH_MONEY
MAX_EXPOSURE_REACHED POSITION_NOT_FOUND POSITION_NOT_OPEN ORDER_NOT_FOUND TOO_MANY_POSITIONS TRADING_BAD_VOLUME
TRADING_BAD_STOPS TRADING_BAD_PRICES TRADING_BAD_STAKE PROTECTION_IS_TOO_CLOSE_TO_MARKET TRADING_BAD_EXPIRATION_DATE
TRADING_DISABLED UNABLE_TO_CANCEL_ORDER UNABLE_TO_AMEND_ORDER SHORT_SELLING_NOT_ALLOWED NOT_SUBSCRIBED_TO_SPOTS SYMBOL_NOT_FOUND
UNKNOWN_SYMBOL INCORRECT_BOUNDARIES NOT_SUBSCRIBED_TO_PNL POSITION_NOT_FOUND_OR_NOT_OPENED ALREADY_CLOSED
NO_ENOUGH_MONEY_TO_OPEN_POSITION
    """
)
DOUBTFUL_ON_AN_ORDER = [
    "UNKNOWN_ERROR",
    "TIMEOUT_ERROR",
    "CANT_ROUTE_REQUEST",
    "CH_SERVER_NOT_REACHABLE",
    "INTERNAL_SERVER_ERROR",
]
GIVEN_AGAIN_LATER = _names(
    """
CANT_ROUTE_REQUEST CONCURRENT_MODIFICATION BLOCKED_PAYLOAD_TYPE REQUEST_FREQUENCY_EXCEEDED SERVER_IS_UNDER_MAINTENANCE
CONNECTIONS_LIMIT_EXCEEDED CH_SERVER_NOT_REACHABLE POSITION_LOCKED PENDING_EXECUTION
    """
)
REPAIRED = ["OA_AUTH_TOKEN_EXPIRED", "ACCOUNT_NOT_AUTHORIZED", "CH_CLIENT_NOT_AUTHENTICATED", "CH_ACCESS_TOKEN_INVALID"]
HALTING = _names(
    """
UNSUPPORTED_MESSAGE FRAME_TOO_LONG RET_NO_SUCH_LOGIN RET_ACCOUNT_DISABLED CH_CLIENT_AUTH_FAILURE
CH_CTID_TRADER_ACCOUNT_NOT_FOUND CH_OA_CLIENT_NOT_FOUND CHANNEL_IS_BLOCKED TRADING_NOT_ALLOWED
    """
)
HOLDING_ALREADY = ["ALREADY_LOGGED_IN", "CH_CLIENT_ALREADY_AUTHENTICATED", "ALREADY_SUBSCRIBED"]


def test_every_name_of_the_protocol_has_a_reaction():
    assert len(NAMES) == 54
    assert set(REACTIONS) >= NAMES


@pytest.mark.parametrize("name", sorted({*NAMES, *REACTIONS}))
def test_each_name_on_an_order(name):
    expected = (
        Reaction.DEFINITIVE if name in SAFE_TO_CONCLUDE
        else Reaction.UNKNOWN if name in DOUBTFUL_ON_AN_ORDER
        else Reaction.RETRY if name in GIVEN_AGAIN_LATER
        else Reaction.REPAIR_SESSION if name in REPAIRED
        else Reaction.HALT if name in HALTING
        else Reaction.IGNORE if name in HOLDING_ALREADY
        else None
    )  # fmt: skip
    assert reaction(name, on_order=True) is expected


@pytest.mark.parametrize("name", GIVEN_AGAIN_LATER)
def test_off_an_order_a_lost_link_is_tried_again(name):
    assert reaction(name) is Reaction.RETRY


@pytest.mark.parametrize("on_order", [False, True])
def test_a_name_nobody_knows_is_unknown(on_order):
    assert reaction("SOMETHING_NEW", "whatever", on_order) is Reaction.UNKNOWN


def test_a_lost_authorisation_may_be_told_in_words_only():
    assert reaction("INVALID_REQUEST", "Trading account is not authorized", True) is Reaction.REPAIR_SESSION
    assert reaction("INVALID_REQUEST", "Relative stop loss has invalid precision", True) is Reaction.DEFINITIVE
