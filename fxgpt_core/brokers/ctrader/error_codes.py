"""What each error of the venue means for the one who asked: the names of the protocol, and names that servers send beyond it.

An order that was refused for certain may be concluded; where the venue itself may not know, or the name is not known here, the
outcome of an order is unknown, never "rejected".
"""

from enum import StrEnum


class Reaction(StrEnum):
    """What to do about an error."""

    DEFINITIVE = "definitive"  # refused, nothing was done; the same again would be refused again
    RETRY = "retry"  # refused, nothing was done; it may be given again later
    REPAIR_SESSION = "repair_session"  # refused for want of authorisation; it may be given again on a repaired session
    HALT = "halt"  # refused, and a person has to look at it before anything else is tried
    IGNORE = "ignore"  # what was asked for holds already
    UNKNOWN = "unknown"  # it may have been done


DEFINITIVE, RETRY, REPAIR, HALT, IGNORE, UNKNOWN = Reaction
REACTIONS: dict[str, Reaction] = {
    # Any request.
    "UNKNOWN_ERROR": UNKNOWN,
    "UNSUPPORTED_MESSAGE": HALT,
    "INVALID_REQUEST": DEFINITIVE,
    "TIMEOUT_ERROR": UNKNOWN,
    "ENTITY_NOT_FOUND": DEFINITIVE,
    "CANT_ROUTE_REQUEST": RETRY,
    "FRAME_TOO_LONG": HALT,
    "MARKET_CLOSED": DEFINITIVE,
    "CONCURRENT_MODIFICATION": RETRY,
    "BLOCKED_PAYLOAD_TYPE": RETRY,
    "REQUEST_FREQUENCY_EXCEEDED": RETRY,
    "SERVER_IS_UNDER_MAINTENANCE": RETRY,
    "CHANNEL_IS_BLOCKED": HALT,
    "CONNECTIONS_LIMIT_EXCEEDED": RETRY,
    # Authorisation.
    "OA_AUTH_TOKEN_EXPIRED": REPAIR,
    "ACCOUNT_NOT_AUTHORIZED": REPAIR,
    "RET_NO_SUCH_LOGIN": HALT,
    "ALREADY_LOGGED_IN": IGNORE,
    "RET_ACCOUNT_DISABLED": HALT,
    "CH_CLIENT_AUTH_FAILURE": HALT,
    "CH_CLIENT_NOT_AUTHENTICATED": REPAIR,
    "CH_CLIENT_ALREADY_AUTHENTICATED": IGNORE,
    "CH_ACCESS_TOKEN_INVALID": REPAIR,
    "CH_SERVER_NOT_REACHABLE": RETRY,
    "CH_CTID_TRADER_ACCOUNT_NOT_FOUND": HALT,
    "CH_OA_CLIENT_NOT_FOUND": HALT,
    # Prices and histories.
    "NOT_SUBSCRIBED_TO_SPOTS": DEFINITIVE,
    "ALREADY_SUBSCRIBED": IGNORE,
    "SYMBOL_NOT_FOUND": DEFINITIVE,
    "UNKNOWN_SYMBOL": DEFINITIVE,
    "INCORRECT_BOUNDARIES": DEFINITIVE,
    "NOT_SUBSCRIBED_TO_PNL": DEFINITIVE,
    # Orders and positions.
    "WORSE_GSL_NOT_ALLOWED": DEFINITIVE,
    "SYMBOL_HAS_HOLIDAY": DEFINITIVE,
    "NO_QUOTES": DEFINITIVE,
    "NOT_ENOUGH_MONEY": DEFINITIVE,
    "MAX_EXPOSURE_REACHED": DEFINITIVE,
    "POSITION_NOT_FOUND": DEFINITIVE,
    "ORDER_NOT_FOUND": DEFINITIVE,
    "POSITION_NOT_OPEN": DEFINITIVE,
    "POSITION_LOCKED": RETRY,
    "TOO_MANY_POSITIONS": DEFINITIVE,
    "TRADING_BAD_VOLUME": DEFINITIVE,
    "TRADING_BAD_STOPS": DEFINITIVE,
    "TRADING_BAD_PRICES": DEFINITIVE,
    "TRADING_BAD_STAKE": DEFINITIVE,
    "PROTECTION_IS_TOO_CLOSE_TO_MARKET": DEFINITIVE,
    "TRADING_BAD_EXPIRATION_DATE": DEFINITIVE,
    "PENDING_EXECUTION": RETRY,
    "TRADING_DISABLED": DEFINITIVE,
    "TRADING_NOT_ALLOWED": HALT,
    "UNABLE_TO_CANCEL_ORDER": DEFINITIVE,
    "UNABLE_TO_AMEND_ORDER": DEFINITIVE,
    "SHORT_SELLING_NOT_ALLOWED": DEFINITIVE,
    # Beyond the protocol's own names, seen from servers by other clients.
    "POSITION_NOT_FOUND_OR_NOT_OPENED": DEFINITIVE,
    "ALREADY_CLOSED": DEFINITIVE,
    "NO_ENOUGH_MONEY_TO_OPEN_POSITION": DEFINITIVE,
    "INTERNAL_SERVER_ERROR": UNKNOWN,
}
PERHAPS_PASSED_ON = frozenset({"CANT_ROUTE_REQUEST", "CH_SERVER_NOT_REACHABLE"})
"""Errors between the venue's own servers: an order may have passed before the link was lost."""


def reaction(code: str, description: str = "", on_order: bool = False) -> Reaction:
    """The reaction to an error by its name; `on_order`: it answers a command that may change orders or positions.

    A lost authorisation has been seen as INVALID_REQUEST with only its description telling.
    """
    if code == "INVALID_REQUEST" and "not authorized" in description.lower():
        return REPAIR
    if on_order and code in PERHAPS_PASSED_ON:
        return UNKNOWN
    return REACTIONS.get(code, UNKNOWN)
