"""Points drawn at random: the baseline that every other engine must beat."""

from dataclasses import dataclass

import numpy as np

from fxgpt_core.errors import BadInputError
from fxgpt_core.optimization.engines.engine import IntArray, Told
from fxgpt_core.optimization.pareto import feasible_front
from fxgpt_core.optimization.space import Genomes, dimension, distinct, from_unit


@dataclass(frozen=True)
class RandomParameters:
    """`batch` genomes are drawn at once."""

    batch: int = 50

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise BadInputError(f"batch {self.batch} found; at least 1 genome is drawn at once")


class RandomEngine:
    """Uniform in the unit cube; the first genomes are `start` [s, D]."""

    def __init__(self, parameters: RandomParameters, start: Genomes) -> None:
        self.parameters, self.start = parameters, start
        self.told = Told.none()

    @property
    def screening(self) -> bool:
        """Never: all batches are played alike."""
        return False

    @property
    def population(self) -> IntArray:
        """The front of everything told."""
        return feasible_front(self.told.objectives, self.told.violation)

    def ask(self, most: int, seed: int) -> Genomes:
        """The next draws, none twice in a batch."""
        size = min(most, self.parameters.batch)
        drawn = from_unit(np.random.default_rng(seed).random((size, dimension())))
        return distinct(drawn if len(self.told) else np.concatenate([self.start, drawn]))[:size]

    def tell(self, batch: Told, seed: int) -> None:
        """Remember."""
        self.told = self.told.joined(batch)
