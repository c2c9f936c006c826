"""Requests that only read: asked again while the venue is busy, since asking twice changes nothing."""

import asyncio
from typing import Any, Protocol

from google.protobuf.message import Message

from fxgpt_core.brokers.broker import Permit, permitted
from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader.error_codes import Reaction, reaction
from fxgpt_core.brokers.ctrader.outcomes import ErrorAnswer

MOST_TRIES = 5
TIMEOUT_S = 30.0
FIRST_PAUSE_S = 0.2


class Link(Protocol):
    """What can be asked: a connection, or a session that has one."""

    async def request(self, message: Message, *, timeout_s: float = 15.0, permit: Permit = permitted) -> Message:
        """The answer to a message; the errors of `Connection.request`."""
        ...


async def read(link: Link, name: str, **fields: Any) -> Any:
    """The answer to a question by name and fields. Raises what `Connection.request` does; the venue's errors after some tries."""
    message = protocol.new(name, **fields)
    for number in range(MOST_TRIES):
        try:
            return await link.request(message, timeout_s=TIMEOUT_S)
        except ErrorAnswer as error:
            is_passing = reaction(error.code, error.description) in (Reaction.RETRY, Reaction.UNKNOWN)
            if not is_passing or number == MOST_TRIES - 1:
                raise
        # How long a blocked kind of message has to wait, the connection's limiter knows.
        await asyncio.sleep(FIRST_PAUSE_S * 2.0**number)
    raise AssertionError("the last try returns or raises")
