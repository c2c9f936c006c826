"""The twenty parameters of patterns and their ranges: what a shape is, what confirms it, how it is believed and traded."""

from dataclasses import dataclass, fields
from typing import Final

from fxgpt_core.errors import ParameterError

RANGES: Final[dict[str, tuple[float, float]]] = {
    "confidence_threshold": (0.5, 0.9),
    "lookback_period": (20, 100),
    "min_pattern_size": (3, 10),
    "max_pattern_size": (10, 30),
    "volume_threshold": (1.2, 3.0),
    "regime_confirmation_bars": (3, 10),
    "breakout_retest_bars": (2, 8),
    "target_multiplier": (1.0, 3.0),
    "stop_loss_multiplier": (0.5, 1.5),
    "trailing_activation_pct": (0.5, 2.0),
    "trailing_step_pct": (0.1, 0.5),
    "max_age_bars": (5, 50),
    "confluence_weight": (0.0, 1.0),
    "support_resistance_weight": (0.0, 1.0),
    "trend_alignment_weight": (0.0, 1.0),
}
"""Lowest and highest value of each number; the other five are switches."""


@dataclass(frozen=True)
class PatternParameters:
    """How patterns are found and believed; docs/patterns.md tells what each moves. Raises `ParameterError` out of `RANGES`.

    Sizes, periods, ages and `…_bars` are candles. `min_pattern_size` and `max_pattern_size` bound the candles between two
    neighbouring tops (or bottoms) of a shape; the whole shape lies within `lookback_period`. Multipliers are of the shape's
    height. The two `trailing_…_pct` are percent of the price, and only carried for whoever runs the position.
    """

    confidence_threshold: float = 0.6
    lookback_period: int = 50
    min_pattern_size: int = 5
    max_pattern_size: int = 15
    use_volume_confirmation: bool = True
    volume_threshold: float = 1.5
    use_regime_filter: bool = True
    regime_confirmation_bars: int = 5
    false_breakout_filter: bool = True
    breakout_retest_bars: int = 3
    target_multiplier: float = 2.0
    stop_loss_multiplier: float = 1.0
    trailing_activation_pct: float = 1.0
    trailing_step_pct: float = 0.2
    max_age_bars: int = 20
    confluence_weight: float = 0.5
    timeframe_alignment: bool = True
    support_resistance_weight: float = 0.3
    trend_alignment_weight: float = 0.4
    momentum_confirmation: bool = True

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name not in RANGES:
                if not isinstance(value, bool):
                    raise ParameterError(f"{item.name} is {value!r}; it is a switch: give True or False")
                continue
            low, high = RANGES[item.name]
            whole = isinstance(item.default, int)
            if isinstance(value, bool) or not isinstance(value, int if whole else int | float) or not low <= value <= high:
                kind = "a whole number" if whole else "a number"
                raise ParameterError(f"{item.name} is {value!r}; {kind} from {low} to {high} is allowed; give one of these")

    @property
    def swing_width(self) -> int:
        """Candles on each side that a swing stands out from, and after which it is known: half the smallest size."""
        return self.min_pattern_size // 2
