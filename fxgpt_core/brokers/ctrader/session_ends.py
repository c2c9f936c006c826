"""What ends a session, and what only a person can repair."""

from google.protobuf.message import Message

from fxgpt_core.brokers.ctrader.connection import ERRORS
from fxgpt_core.brokers.ctrader.error_codes import Reaction, reaction
from fxgpt_core.brokers.ctrader.outcomes import ErrorAnswer
from fxgpt_core.brokers.ctrader.redaction import scrubbed
from fxgpt_core.errors import FxgptError, MissingError, RefusedError


def ends_session(name: str, message: Message, account_id: int) -> str:
    """Why an event ends what a session of this account was authorised for; empty when it does not."""
    if name == "ProtoOAClientDisconnectEvent":
        return f"the venue ends the connection ({scrubbed(message.reason)})"
    if name == "ProtoOAAccountDisconnectEvent" and message.ctidTraderAccountId == account_id:
        return "the venue disconnected the account"
    # Not answered by renewing the tokens: renewing them is itself what sends this event. The stored pair is read again.
    if name == "ProtoOAAccountsTokenInvalidatedEvent" and account_id in message.ctidTraderAccountIds:
        return f"the tokens of the account are not valid any more ({scrubbed(message.reason)})"
    if name in ERRORS and reaction(message.errorCode, message.description) is Reaction.REPAIR_SESSION:
        return f"the venue says {scrubbed(message.errorCode)}"
    return ""


def needs_a_person(error: FxgptError) -> bool:
    """Whether trying again helps only after a person has changed something."""
    if isinstance(error, ErrorAnswer):
        return reaction(error.code, error.description) is Reaction.HALT
    return isinstance(error, RefusedError | MissingError)
