"""A command that raises may have reached the broker: its outcome is unknown, whatever failed."""

from collections.abc import Awaitable

from fxgpt_core.brokers.broker import OrderResult
from fxgpt_core.market.orders import OrderOutcome


async def outcome_of(command: Awaitable[OrderResult]) -> OrderResult:
    """The answer to a command; UNKNOWN, with the error in words, where it raised."""
    try:
        return await command
    except Exception as error:  # noqa: BLE001 no answer is not an answer
        return OrderResult(OrderOutcome.UNKNOWN, reason=f"{type(error).__name__}: {error}")
