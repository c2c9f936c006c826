"""What must hold between two of the 90 parameters whose ranges overlap, and how a set that breaks it is repaired."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_REPAIR_STEP = 0.1


@dataclass(frozen=True)
class Constraint:
    """`low` must be below `high` (or at most equal to it), if the `switch` is on; `why`: what would go wrong otherwise."""

    low: str
    high: str
    why: str
    switch: str | None = None
    may_equal: bool = False

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether these values keep it."""
        low, high = values[self.low], values[self.high]
        return (self.switch is not None and not values[self.switch]) or low < high or (self.may_equal and low == high)

    def told(self, values: Mapping[str, Any]) -> str:
        """How these values break it, in words."""
        relation = "at most" if self.may_equal else "below"
        found = f"{self.low} is {values[self.low]} and {self.high} is {values[self.high]}"
        return f"{found}; {self.low} must be {relation} {self.high}, or {self.why}"

    def mended(self, values: Mapping[str, Any]) -> float:
        """The least `high` that keeps it; the ranges leave room for that."""
        least: float = values[self.low] if self.may_equal else values[self.low] + _REPAIR_STEP
        return least


_TARGET = "risk_take_profit_pct"
CONSTRAINTS: Final = (
    Constraint("risk_stop_loss_pct", _TARGET, "a position risks more than it can win"),
    Constraint("risk_trailing_activation_pct", _TARGET, "the target is met before the stop trails", "risk_use_trailing_stop"),
    Constraint(
        "risk_breakeven_trigger_pct", _TARGET, "the target is met before the stop is at the entry", "risk_use_breakeven_stop"
    ),
    Constraint("pattern_stop_loss_multiplier", "pattern_target_multiplier", "a pattern's position risks more than it can win"),
    Constraint("pattern_max_pattern_size", "pattern_lookback_period", "a shape is larger than what is looked at", may_equal=True),
    Constraint("pattern_breakout_retest_bars", "pattern_max_age_bars", "a breakout ends before it is confirmed", may_equal=True),
    Constraint("filter_vix_high_threshold", "filter_vix_extreme_threshold", "nothing lies between them"),
    Constraint(
        "filter_vix_high_reduction_pct",
        "filter_vix_extreme_reduction_pct",
        "more is traded in an extreme VIX than in a high one",
        may_equal=True,
    ),
)
"""All of them; other pairs are kept apart by their ranges."""


def broken_constraints(values: Mapping[str, Any]) -> tuple[str, ...]:
    """The constraints that these values break, in words; empty when all hold."""
    return tuple(constraint.told(values) for constraint in CONSTRAINTS if not constraint.holds(values))


def repaired(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values with the higher one of each broken pair raised, just as far as needed."""
    mended = dict(values)
    for constraint in CONSTRAINTS:
        if not constraint.holds(mended):
            mended[constraint.high] = constraint.mended(mended)
    return mended
