"""What the benchmark of patterns plays: hourly candles of a folder, and parameter sets drawn from all ranges."""

from dataclasses import fields

import numpy as np

from fxgpt_core.patterns.parameters import RANGES, PatternParameters


def drawn_parameters(rng: np.random.Generator) -> PatternParameters:
    """A parameter set drawn evenly from the ranges, its target beyond its stop and its sizes in order."""
    drawn: dict[str, bool | int | float] = {}
    for item in fields(PatternParameters):
        low, high = RANGES.get(item.name, (0, 1))
        if item.name not in RANGES:
            drawn[item.name] = bool(rng.integers(2))
        elif isinstance(item.default, int):
            drawn[item.name] = int(rng.integers(int(low), int(high) + 1))
        else:
            drawn[item.name] = float(rng.uniform(low, high))
    drawn["target_multiplier"] = max(float(drawn["target_multiplier"]), 1.1 * float(drawn["stop_loss_multiplier"]))
    return PatternParameters(**drawn)  # type: ignore[arg-type]
