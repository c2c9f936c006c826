"""When a search has found what it will find: why it ended is stored with it."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from fxgpt_core.errors import BadInputError
from fxgpt_core.optimization.engines.engine import FloatArray, IntArray, Told
from fxgpt_core.optimization.hypervolume import hypervolume
from fxgpt_core.optimization.objectives import Weights, weighted
from fxgpt_core.optimization.pareto import feasible_front


class End(StrEnum):
    """Why a search ended."""

    BUDGET = "budget"
    IMPROVEMENT = "improvement"
    PLATEAU = "plateau"
    STABLE_FRONT = "stable_front"
    HYPERVOLUME = "hypervolume"
    EXHAUSTED = "exhausted"
    TIMEOUT = "timeout"
    STOPPED = "stopped"


@dataclass(frozen=True)
class ConvergenceParameters:
    """A step is a batch: one trial of an engine that asks for one at a time, a generation of a genetic one.

    A search ends when in `patience` steps the best weighted objective has not improved by `min_improvement` of itself; when the
    weighted objectives of the best of each of these steps deviate by less than `plateau`; when the front is the same for
    `stable_steps` (`stable_generations` where a step is a generation); when the hypervolume has not grown by
    `min_hypervolume_gain` of itself in as many; when it has lasted `timeout_s`. None leaves a rule out. Only what violates no
    limit counts, so that a search without it goes on. The first four defaults are the specification's, 7.2 and 7.4.
    """

    patience: int | None = 20
    min_improvement: float = 0.01
    plateau: float | None = 0.01
    stable_steps: int | None = 15
    stable_generations: int | None = 10
    min_hypervolume_gain: float | None = 0.001
    timeout_s: float | None = None

    def __post_init__(self) -> None:
        counts = {name: getattr(self, name) for name in ("patience", "stable_steps", "stable_generations")}
        wrong = [f"{name} {value}" for name, value in counts.items() if value is not None and value < 1]
        if self.timeout_s is not None and not self.timeout_s > 0.0:
            wrong.append(f"timeout_s {self.timeout_s}")
        if wrong:
            raise BadInputError(f"convergence {', '.join(wrong)} found; each must be above 0, or none to leave the rule out")


NEVER = ConvergenceParameters(None, 0.0, None, None, None, None, None)
"""Searches that spend their whole budget."""


class Convergence:
    """Watches one search, step by step; a pure function of what was told, without the clock."""

    def __init__(self, parameters: ConvergenceParameters) -> None:
        self.parameters = parameters
        self.told = Told.none()
        self.best: list[float] = []
        self.last: list[float] = []
        self.fronts: list[bytes] = []
        self.volumes: list[float] = []
        self._generations = False

    @property
    def hypervolume(self) -> float:
        """The share of the box of objectives that what was told so far dominates, of what violates nothing."""
        return self.volumes[-1] if self.volumes else 0.0

    def tell(self, batch: Told) -> IntArray:
        """A step of the search; int64[k]: which of its trials are on the front of all told so far."""
        self._generations |= len(batch) > 1
        before, both = len(self.told), self.told.joined(batch)
        # What is beaten by the front now will always be, and is forgotten.
        front = feasible_front(both.objectives, both.violation)
        self.told = both.rows(front)
        self.fronts.append(self.told.objectives.tobytes() + self.told.violation.tobytes())
        self.volumes.append(self._volume())
        values = weighted(batch.objectives[batch.violation == 0.0], Weights())
        newest = float(values.max()) if len(values) else -np.inf
        self.last.append(newest)
        self.best.append(max(newest, self.best[-1]) if self.best else newest)
        return front[front >= before] - before

    def reached(self) -> End | None:
        """The rule by which the search is over; None if it is not."""
        rules = {
            End.IMPROVEMENT: self._no_better(),
            End.PLATEAU: self._flat(),
            End.STABLE_FRONT: self._stable(),
            End.HYPERVOLUME: self._not_grown(),
        }
        return next((end for end, holds in rules.items() if holds), None)

    @property
    def _steps_of_front(self) -> int | None:
        return self.parameters.stable_generations if self._generations else self.parameters.stable_steps

    def _no_better(self) -> bool:
        patience = self.parameters.patience
        if patience is None or len(self.best) <= patience:
            return False
        before, now = self.best[-1 - patience], self.best[-1]
        return bool(np.isfinite(before)) and now - before <= self.parameters.min_improvement * abs(before)

    def _flat(self) -> bool:
        patience, plateau = self.parameters.patience, self.parameters.plateau
        if patience is None or plateau is None or len(self.last) < patience:
            return False
        recent = np.array(self.last[-patience:])
        return bool(np.isfinite(recent).all()) and float(recent.std()) < plateau

    def _stable(self) -> bool:
        steps = self._steps_of_front
        if steps is None or len(self.fronts) <= steps or not np.isfinite(self.best[-1 - steps]):
            return False
        return len(set(self.fronts[-1 - steps :])) == 1

    def _not_grown(self) -> bool:
        steps, gain = self._steps_of_front, self.parameters.min_hypervolume_gain
        if steps is None or gain is None or len(self.volumes) <= steps or not self._generations:
            return False
        before, now = self.volumes[-1 - steps], self.volumes[-1]
        return before > 0.0 and now - before <= gain * before

    def _volume(self) -> float:
        held: FloatArray = self.told.objectives[self.told.violation == 0.0]
        if self.fronts[-2:-1] == self.fronts[-1:]:
            return self.volumes[-1]
        return hypervolume(held)
