"""Where parameter sets lie in what a search may vary, and how far a set lies from the defaults."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.strategy.definitions import Kind, ParameterDefinition, ParameterValue
from fxgpt_core.strategy.parameters import StrategyParameters, searched_definitions

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Move:
    """One parameter that is not at its default; `distance` in (0, 1], as a fraction of its range."""

    name: str
    default: ParameterValue
    value: ParameterValue
    distance: float


@dataclass(frozen=True)
class DistanceFromDefault:
    """How far a set lies from the defaults: `mean` of the `n_searched` parameters' distances, `moves` farthest first."""

    mean: float
    n_searched: int
    moves: tuple[Move, ...]

    def to_json(self) -> dict[str, object]:
        """All of it, of each move in a row."""
        return {"mean": self.mean, "n_searched": self.n_searched, "moves": [vars(move) for move in self.moves]}


def places_in_range(sets: Sequence[StrategyParameters]) -> FloatArray:
    """float64[N, D]: where N sets lie in the range of each of the D searched parameters, 0 at its low end and 1 at its high.

    Logarithmic where it is searched so; choices lie in their order at equal distances, a switch that is off at 0.
    """
    definitions = searched_definitions()
    rows = [[place(definition, getattr(each, definition.name)) for definition in definitions] for each in sets]
    return np.array(rows, dtype=np.float64).reshape(len(sets), len(definitions))


def place(definition: ParameterDefinition, value: ParameterValue) -> float:
    """Where a value lies in the range of its parameter, in [0, 1]."""
    if definition.kind is Kind.CATEGORICAL:
        return definition.choices.index(value) / max(1, len(definition.choices) - 1)
    number, low, high = float(value), definition.low, definition.high
    if definition.kind is Kind.BOOL or low is None or high is None:
        return number
    if definition.log:
        number, low, high = math.log(number), math.log(low), math.log(high)
    return (number - low) / (high - low)


def distance_from_default(parameters: StrategyParameters) -> DistanceFromDefault:
    """How far a set lies from the defaults of the searched parameters, and which were moved most."""
    default, definitions = StrategyParameters.default(), searched_definitions()
    here, there = places_in_range([parameters, default])
    apart = np.abs(here - there)
    order = [int(i) for i in np.argsort(-apart, kind="stable") if apart[i] > 0.0]
    names = [definitions[i].name for i in order]
    moves = [
        Move(name, getattr(default, name), getattr(parameters, name), float(apart[i]))
        for i, name in zip(order, names, strict=True)
    ]
    return DistanceFromDefault(float(apart.mean()), len(definitions), tuple(moves))
