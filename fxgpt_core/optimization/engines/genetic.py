"""NSGA-II on the unit cube: elitist non-dominated sorting, crowding, simulated binary crossover, polynomial mutation.

Selection, survival, crossover and mutation are pymoo's. The loop around them is ours, because a generation must depend on what is
stored and on a seed only: pymoo's own can be resumed by unpickling alone.
Sources: Deb, Pratap, Agarwal & Meyarivan, A fast and elitist multiobjective genetic algorithm: NSGA-II (2002); Deb & Agrawal,
Simulated binary crossover for continuous search space (1995).
"""

from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError
from fxgpt_core.optimization.engines.engine import IntArray, Told
from fxgpt_core.optimization.objectives import SIGNS
from fxgpt_core.optimization.space import Genomes, dimension, distinct, from_unit, to_unit, unordered

FloatArray = npt.NDArray[np.float64]

_PATIENCE = 20
"""Matings after which a generation is left smaller than asked: a converged population has hardly any new children."""


@dataclass(frozen=True)
class GeneticParameters:
    """`population` sets a generation. A pair is crossed with `crossover`; of a child each gene mutates with `mutation`.

    `crossover_index` and `mutation_index`: the larger, the nearer children stay to their parents.
    """

    population: int = 50
    crossover: float = 0.9
    mutation: float = 0.1
    crossover_index: float = 20.0
    mutation_index: float = 20.0

    def __post_init__(self) -> None:
        if self.population < 4 or not (0.0 <= self.crossover <= 1.0 and 0.0 <= self.mutation <= 1.0):
            raise BadInputError(
                f"population {self.population}, crossover {self.crossover}, mutation {self.mutation} found; needed are at "
                "least 4 sets a generation, and probabilities from 0 to 1"
            )


class GeneticEngine:
    """NSGA-II. The first generation is `start` genomes [s, D], then points of a scrambled Sobol sequence."""

    def __init__(self, parameters: GeneticParameters, start: Genomes) -> None:
        self.parameters, self.start = parameters, start
        self.told = Told.none()
        self._held: IntArray = np.empty(0, np.int64)
        self._names: set[bytes] = set()

    @property
    def screening(self) -> bool:
        """Never: all batches are played alike."""
        return False

    @property
    def population(self) -> IntArray:
        """The survivors, in the order in which they were told."""
        return self._held

    def ask(self, most: int, seed: int) -> Genomes:
        """The first generation, or the children of the survivors; none that was ever told."""
        rng = np.random.default_rng([seed, 0])
        size = min(most, self.parameters.population)
        if not len(self.told):
            return self._first(size, seed)
        children = _none()
        for _ in range(_PATIENCE):
            known = self._names.union(genome.tobytes() for genome in children)
            children = np.concatenate([children, distinct(self._children(size - len(children), rng), known)])
            if len(children) >= size:
                break
        if not len(children):
            children = from_unit(rng.random((size, dimension())))
        return children[:size]

    def tell(self, batch: Told, seed: int) -> None:
        """Survivors are chosen among those of before and the batch."""
        offset = len(self.told)
        self.told = self.told.joined(batch)
        self._names.update(genome.tobytes() for genome in batch.genomes)
        rivals = np.concatenate([self._held, np.arange(offset, len(self.told))])
        kept = self._operators.survivors(_population(self.told.rows(rivals)), self.parameters.population, _rng_of_survival(seed))
        self._held = np.sort(rivals[kept])

    def _first(self, size: int, seed: int) -> Genomes:
        from scipy.stats import qmc

        drawn = qmc.Sobol(dimension(), scramble=True, rng=np.random.default_rng([seed, 0])).random(_power_of_two(size))
        return distinct(np.concatenate([self.start, from_unit(drawn)]))[:size]

    def _children(self, n: int, rng: np.random.Generator) -> Genomes:
        # Rank and crowding, which the tournament reads, are set by the survival of the same population.
        population = _population(self.told.rows(self._held))
        self._operators.survivors(population, len(population), rng)
        return from_unit(self._operators.children(population, n, rng))

    @cached_property
    def _operators(self) -> "_Operators":
        return _Operators(self.parameters)


def survivors(told: Told, n: int, parameters: GeneticParameters, seed: int) -> IntArray:
    """int64[n]: which of the genomes told would survive as one generation, ascending."""
    return np.sort(_Operators(parameters).survivors(_population(told), n, _rng_of_survival(seed)))


def _population(told: Told) -> Any:
    from pymoo.core.population import Population

    return Population.new(X=to_unit(told.genomes), F=-told.objectives * SIGNS, G=told.violation[:, np.newaxis])


def _rng_of_survival(seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, 1])


def _none() -> Genomes:
    """No genome."""
    return np.empty((0, dimension()), np.uint16)


class _Operators:
    """pymoo's operators of one search, imported with the first."""

    def __init__(self, parameters: GeneticParameters) -> None:
        from pymoo.algorithms.moo.nsga2 import binary_tournament
        from pymoo.core.problem import Problem
        from pymoo.operators.selection.tournament import TournamentSelection
        from pymoo.operators.survival.rank_and_crowding import RankAndCrowding

        self.parameters = parameters
        self.problem = Problem(n_var=dimension(), n_obj=len(SIGNS), n_ieq_constr=1, xl=0.0, xu=1.0)
        self.survival, self.selection = RankAndCrowding(), TournamentSelection(func_comp=binary_tournament)

    def survivors(self, population: Any, n: int, rng: np.random.Generator) -> list[int]:
        """Which of the population live on; sets rank and crowding."""
        # What is beyond a limit is ranked by its violation alone, and survival gives it neither.
        population.set("rank", np.full(len(population), len(population)))
        population.set("crowding", np.zeros(len(population)))
        kept: list[int] = self.survival.do(self.problem, population, n_survive=n, random_state=rng, return_indices=True)
        return kept

    def children(self, population: Any, n: int, rng: np.random.Generator) -> FloatArray:
        """At least n points of the unit cube: of pairs won in tournaments, crossed and mutated."""
        told = SimpleNamespace(tournament_type="comp_by_dom_and_crowding", random_state=rng)
        half = -(-n // 2)
        pairs = self.selection(self.problem, population, half, n_parents=2, to_pop=False, random_state=rng, algorithm=told)
        parents = np.swapaxes(population.get("X")[pairs], 0, 1)
        return self._mutated(self._crossed(parents, rng), rng)

    def _crossed(self, parents: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Children [2 m, D] of parents [2, m, D]: numbers by SBX, what has no order by exchange of every other one."""
        from pymoo.operators.crossover.sbx import cross_sbx

        pairs, names = parents.shape[1], unordered()
        crossed = np.asarray(rng.random(pairs) < self.parameters.crossover)
        ones = np.ones((pairs, 1))
        low, high = np.zeros((~names).sum()), np.ones((~names).sum())
        index = self.parameters.crossover_index * ones
        numbers = cross_sbx(parents[:, :, ~names], low, high, index, 0.5, 0.5 * ones, random_state=rng)
        swap = rng.random((pairs, names.sum())) < 0.5
        first, second = parents[0][:, names], parents[1][:, names]
        exchanged = np.array([np.where(swap, second, first), np.where(swap, first, second)])
        children: FloatArray = parents.copy()
        children[:, :, ~names] = numbers
        children[:, :, names] = exchanged
        both: FloatArray = np.where(crossed[:, np.newaxis], children, parents)
        return both.reshape(-1, parents.shape[2])

    def _mutated(self, children: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Children [n, D] with some genes changed: numbers by the polynomial, what has no order by a draw."""
        from pymoo.operators.mutation.pm import mut_pm

        names, n = unordered(), len(children)
        low, high = np.zeros((~names).sum()), np.ones((~names).sum())
        index, chance = np.full(n, self.parameters.mutation_index), np.full(n, self.parameters.mutation)
        mutated = children.copy()
        mutated[:, ~names] = mut_pm(children[:, ~names], low, high, index, chance, at_least_once=False, random_state=rng)
        drawn = rng.random((n, names.sum()))
        change = rng.random(drawn.shape) < self.parameters.mutation
        mutated[:, names] = np.where(change, drawn, children[:, names])
        return mutated


def _power_of_two(n: int) -> int:
    return 1 << max(n - 1, 1).bit_length()
