"""Does a parameter set stand on a plateau, or on a peak that the next candle wears away? Its neighbours, on its own window.

A set that was fitted to noise is better than everything around it; an edge is not lost by a tenth of a parameter's range.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.optimization.evaluator import Evaluator
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.strategy.constraints import repaired
from fxgpt_core.strategy.definitions import Kind, ParameterDefinition, ParameterValue
from fxgpt_core.strategy.parameters import StrategyParameters, searched_definitions
from fxgpt_core.validation.folds import Window

FloatArray = npt.NDArray[np.float64]
Score = Callable[[Sequence[StrategyParameters]], FloatArray]
"""Of N parameter sets, one number each, float64[N]: more is better."""

STEP: Final = 0.10
KEPT: Final = 0.70
TOGETHER: Final = 64


@dataclass(frozen=True)
class PlateauParameters:
    """`step`: how far a parameter is moved, as a fraction of its range; `kept`: the share of the score a neighbour must keep.

    `together`: sets with every parameter moved at once, each by an own draw from −`step` to `step`.
    """

    step: float = STEP
    kept: float = KEPT
    together: int = TOGETHER


@dataclass(frozen=True)
class Neighbour:
    """A set beside the judged one: `moved` is the parameter that differs, empty where all were moved together."""

    moved: str
    parameters: StrategyParameters


@dataclass(frozen=True, eq=False)
class Plateau:
    """The `score` of a set, and those of its neighbours by what was moved, each float64; shares are NaN unless the score is > 0.

    `alone` [N] are of one parameter moved, named in `moved` [N]; `together` [M] of all moved at once.
    """

    score: float
    moved: tuple[str, ...]
    alone: FloatArray
    together: FloatArray
    kept: float = KEPT

    @property
    def share_alone(self) -> float:
        """Share of the neighbours with one parameter moved that keep `kept` of the score."""
        return self._share(self.alone)

    @property
    def share_together(self) -> float:
        """Share of the neighbours with all parameters moved that keep it."""
        return self._share(self.together)

    @property
    def share_felt(self) -> float:
        """Share of those, with one parameter moved, whose score is another at all: what changes nothing proves no plateau."""
        return self._share(self.alone[self.alone != self.score])

    @property
    def without_effect(self) -> tuple[str, ...]:
        """Parameters whose every move leaves the score as it is, to the last bit."""
        felt = {name for name, score in zip(self.moved, self.alone, strict=True) if score != self.score}
        return tuple(dict.fromkeys(name for name in self.moved if name not in felt))

    @property
    def steepest(self) -> tuple[str, float]:
        """The parameter whose move costs most, and the score that is left; empty and NaN without a neighbour."""
        if not len(self.alone):
            return "", math.nan
        worst = int(self.alone.argmin())
        return self.moved[worst], float(self.alone[worst])

    def to_json(self) -> dict[str, object]:
        """The shares, null where not known, what they are of, and which parameters matter most and not at all."""
        name, left = self.steepest
        shares = {"alone": self.share_alone, "felt": self.share_felt, "together": self.share_together}
        return {
            "score": self.score,
            "neighbours": {"alone": len(self.alone), "together": len(self.together)},
            "share": {each: value if math.isfinite(value) else None for each, value in shares.items()},
            "steepest": {"parameter": name, "score": left if math.isfinite(left) else None},
            "without_effect": list(self.without_effect),
        }

    def _share(self, scores: FloatArray) -> float:
        if not (self.score > 0.0 and len(scores)):
            return math.nan
        return float(np.mean(scores >= self.kept * self.score))


def plateau(
    parameters: StrategyParameters, score: Score, rng: np.random.Generator, settings: PlateauParameters | None = None
) -> Plateau:
    """The scores of a set and of all its neighbours, in one call of `score`."""
    chosen = settings or PlateauParameters()
    alone = neighbours(parameters, chosen.step)
    together = moved_together(parameters, chosen.step, chosen.together, rng)
    scores = score([parameters, *(each.parameters for each in alone), *together])
    cut = 1 + len(alone)
    return Plateau(float(scores[0]), tuple(each.moved for each in alone), scores[1:cut], scores[cut:], chosen.kept)


def neighbours(parameters: StrategyParameters, step: float = STEP) -> list[Neighbour]:
    """The sets with one searched parameter moved by a fraction of its range, down and up, and at least by one whole number.

    A choice becomes the one before and the one behind it, a switch the other. What a range or a constraint allows no other value
    is left out: a neighbour differs from the set, and no two are alike.
    """
    found: dict[str, Neighbour] = {}
    for definition in searched_definitions():
        for value in _beside(definition, getattr(parameters, definition.name), step):
            neighbour = _with(parameters, {definition.name: value})
            if neighbour != parameters:
                found.setdefault(neighbour.sha256, Neighbour(definition.name, neighbour))
    return list(found.values())


def moved_together(parameters: StrategyParameters, step: float, count: int, rng: np.random.Generator) -> list[StrategyParameters]:
    """`count` sets with every searched number moved by its own draw from −`step` to `step` of its range.

    Choices and switches stay: all of them turned at once is no neighbour.
    """
    numbers = [each for each in searched_definitions() if each.kind in (Kind.FLOAT, Kind.INT)]
    draws = rng.uniform(-step, step, (count, len(numbers)))
    return [
        _with(
            parameters,
            {each.name: _moved(each, getattr(parameters, each.name), by) for each, by in zip(numbers, row, strict=True)},
        )
        for row in draws
    ]


def sharpe_on(problem: Problem, window: Window) -> Score:
    """The annual Sharpe ratio of sets on a window, each with an account of its own."""
    evaluator = Evaluator(problem.around(window))
    return lambda sets: np.array([each.metrics.sharpe_ratio for each in evaluator.measured(sets, window)], dtype=np.float64)


def _with(parameters: StrategyParameters, changes: Mapping[str, ParameterValue]) -> StrategyParameters:
    return StrategyParameters.from_json(repaired({**parameters.to_json(), **changes}))


def _beside(definition: ParameterDefinition, value: ParameterValue, step: float) -> Iterator[ParameterValue]:
    if definition.kind is Kind.BOOL:
        yield not value
    elif definition.kind is Kind.CATEGORICAL:
        at = definition.choices.index(value)
        yield from definition.choices[max(0, at - 1) : at]
        yield from definition.choices[at + 1 : at + 2]
    else:
        low, high = definition.low or 0.0, definition.high or 0.0
        least = max(step, 1.0 / (high - low)) if definition.kind is Kind.INT else step
        yield from (_moved(definition, value, -least), _moved(definition, value, least))


def _moved(definition: ParameterDefinition, value: ParameterValue, by: float) -> ParameterValue:
    """A number moved by a fraction of its range (of its logarithm where it is searched so), held inside it."""
    if definition.low is None or definition.high is None:
        raise ValueError(f"{definition.name} is a number without a range; give it one in strategy/parameters.py")
    low, high, number = definition.low, definition.high, float(value)
    if definition.log:
        return min(max(math.exp(math.log(number) + by * math.log(high / low)), low), high)
    there = min(max(number + by * (high - low), low), high)
    return round(there) if definition.kind is Kind.INT else there
