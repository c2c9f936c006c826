"""A coarse grid, then NSGA-II: many cheap looks at a few parameters, whose best seed the population that is refined.

The grid is that of the user's document: thresholds, stops, targets and risks, five, five, five and four values of each, all other
parameters as they start. It is played with entries at the last candle of each day alone, and the best of it begin the first
generation.
"""

from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import Final

import numpy as np

from fxgpt_core.errors import BadInputError
from fxgpt_core.optimization.engines.engine import IntArray, Told
from fxgpt_core.optimization.engines.genetic import GeneticEngine, GeneticParameters, survivors
from fxgpt_core.optimization.space import TOP, Genomes, canonical, distinct
from fxgpt_core.strategy.parameters import searched_definitions

GRID: Final = {"sssd_uncertainty_threshold": 5, "risk_stop_loss_pct": 5, "risk_take_profit_pct": 5, "sizing_base_risk_pct": 4}
"""How many values, evenly over its range, each parameter of the grid takes: 500 candidates."""
GRID_SIZE: Final = prod(GRID.values())
_AT_ONCE = 50


@dataclass(frozen=True)
class HybridParameters:
    """`seeded` of the grid's candidates begin the population that `genetic` refines."""

    seeded: int = 20
    genetic: GeneticParameters = field(default_factory=GeneticParameters)

    def __post_init__(self) -> None:
        if not 1 <= self.seeded <= self.genetic.population:
            raise BadInputError(f"seeded {self.seeded} found; it must be from 1 to the population, {self.genetic.population}")


class HybridEngine:
    """First the grid around the first of the `start` genomes [s, D], then NSGA-II that begins with its best and with `start`."""

    def __init__(self, parameters: HybridParameters, start: Genomes) -> None:
        self.parameters, self.start = parameters, start
        self.grid = grid(start[0])
        self.screened = Told.none()
        self._refining: GeneticEngine | None = None

    @property
    def screening(self) -> bool:
        """Whether the next batch is of the grid."""
        return len(self.screened) < len(self.grid)

    @property
    def population(self) -> IntArray:
        """The survivors; while the grid is searched, nothing that could be chosen."""
        return np.empty(0, np.int64) if self._refining is None else len(self.grid) + self._refining.population

    def ask(self, most: int, seed: int) -> Genomes:
        """The next part of the grid, or the next generation."""
        if self._refining is None:
            first = len(self.screened)
            return self.grid[first : first + min(most, _AT_ONCE)]
        return self._refining.ask(most, seed)

    def tell(self, batch: Told, seed: int) -> None:
        """What became of it; behind the last of the grid its best are chosen, as generations choose."""
        if self._refining is not None:
            self._refining.tell(batch, seed)
            return
        self.screened = self.screened.joined(batch)
        if not self.screening:
            best = survivors(self.screened, self.parameters.seeded, self.parameters.genetic, seed)
            seeds = distinct(np.concatenate([self.start, self.screened.genomes[best]]))
            self._refining = GeneticEngine(self.parameters.genetic, seeds)


def grid(start: Genomes) -> Genomes:
    """The candidates uint16[500, D] around a genome uint16[D]."""
    names = [each.name for each in searched_definitions()]
    axes = [np.rint(np.linspace(0, TOP, count)).astype(np.uint16) for count in GRID.values()]
    columns = [names.index(name) for name in GRID]
    genomes = np.repeat(start[np.newaxis], GRID_SIZE, axis=0)
    genomes[:, columns] = np.array(list(product(*axes)))
    return canonical(genomes)
