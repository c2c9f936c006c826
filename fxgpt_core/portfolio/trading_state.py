"""Whether trading is allowed: ACTIVE enters and leaves positions, REDUCING only leaves them, HALTED sends nothing by itself.

Anyone, a guard or a person, may make the state stricter at any time. Only a person may relax it, with a reason, and never
while the outcome of an order is unknown.
"""

from dataclasses import dataclass
from enum import StrEnum

from fxgpt_core.errors import RefusedError


class TradingState(StrEnum):
    """From the freest to the strictest."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"

    @property
    def may_enter(self) -> bool:
        """Whether a new position may be entered."""
        return self is TradingState.ACTIVE

    @property
    def may_close(self) -> bool:
        """Whether the rules may close a position by an order of their own; a person always may."""
        return self is not TradingState.HALTED


STRICTNESS = tuple(TradingState)


@dataclass(frozen=True)
class StateChange:
    """Who wants which state and why; `by_person` is False for guards; `unknown_orders` counts orders of unknown outcome."""

    wanted: TradingState
    by: str
    reason: str
    by_person: bool
    unknown_orders: int = 0


def changed(state: TradingState, change: StateChange) -> TradingState:
    """The state after a change; raises `RefusedError` for a relaxation by a guard, without a reason, or with unknown orders."""
    if not change.by.strip() or not change.reason.strip():
        raise RefusedError(f"the change from {state} to {change.wanted} names no person or no reason; give both")
    if STRICTNESS.index(change.wanted) >= STRICTNESS.index(state):
        return change.wanted
    if not change.by_person:
        raise RefusedError(f"{change.by} may not relax trading from {state} to {change.wanted}; only a person may, with a reason")
    if change.unknown_orders:
        raise RefusedError(
            f"{change.unknown_orders} orders have an unknown outcome, so {state} stays; resolve them at the broker first"
        )
    return change.wanted
