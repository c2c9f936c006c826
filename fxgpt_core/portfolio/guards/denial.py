"""Why an entry may not be sent, and what more a guard wants than that."""

from dataclasses import dataclass
from enum import StrEnum

from fxgpt_core.portfolio.trading_state import TradingState


class Reaction(StrEnum):
    """What a guard wants beyond denying the entry, from nothing to the strictest."""

    NONE = "none"
    REDUCE = "reduce"
    HALT = "halt"

    @property
    def state(self) -> TradingState:
        """The strictest state the account may keep after it."""
        return _STATES[self]


_STATES = {Reaction.NONE: TradingState.ACTIVE, Reaction.REDUCE: TradingState.REDUCING, Reaction.HALT: TradingState.HALTED}


@dataclass(frozen=True)
class Denial:
    """One guard's no: its name, what it found, what it allows, what to do. `flatten`: by policy everything is closed, too."""

    guard: str
    found: str
    allowed: str
    remedy: str
    reaction: Reaction = Reaction.NONE
    flatten: bool = False

    def __str__(self) -> str:
        return f"{self.guard}: {self.found}, {self.allowed}; {self.remedy}"
