"""The engines by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from fxgpt_core.optimization.engines.bayesian import BayesianEngine, BayesianParameters
from fxgpt_core.optimization.engines.engine import Engine
from fxgpt_core.optimization.engines.genetic import GeneticEngine, GeneticParameters
from fxgpt_core.optimization.engines.hybrid import GRID_SIZE, HybridEngine, HybridParameters
from fxgpt_core.optimization.engines.random_search import RandomEngine, RandomParameters
from fxgpt_core.optimization.objectives import Weights
from fxgpt_core.optimization.space import Genomes


class EngineName(StrEnum):
    """nsga2: many cheap evaluations, the default; tpe: few dear ones, a front of four objectives; tpe_weighted: the same with
    one weighted objective; hybrid: a coarse grid, then nsga2; random: the baseline.
    """

    NSGA2 = "nsga2"
    TPE = "tpe"
    TPE_WEIGHTED = "tpe_weighted"
    HYBRID = "hybrid"
    RANDOM = "random"

    @property
    def method(self) -> str:
        """The kind of search as the table `optimization_runs` names it."""
        methods = {EngineName.TPE: "bayesian", EngineName.TPE_WEIGHTED: "bayesian", EngineName.NSGA2: "genetic"}
        return methods.get(self, str(self))


@dataclass(frozen=True)
class EngineParameters:
    """Which engine, and the settings of each."""

    name: EngineName = EngineName.NSGA2
    genetic: GeneticParameters = field(default_factory=GeneticParameters)
    bayesian: BayesianParameters = field(default_factory=BayesianParameters)
    weights: Weights = field(default_factory=Weights)
    seeded: int = 20

    def __post_init__(self) -> None:
        if self.name is EngineName.HYBRID:
            HybridParameters(self.seeded, self.genetic)  # raises what is wrong before a search begins

    @property
    def least_trials(self) -> int:
        """How many trials a search must have so that there is something to choose."""
        return GRID_SIZE + self.genetic.population if self.name is EngineName.HYBRID else 1

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "EngineParameters":
        """The record as `asdict` wrote it."""
        return cls(
            name=EngineName(values["name"]),
            genetic=GeneticParameters(**values["genetic"]),
            bayesian=BayesianParameters(**values["bayesian"]),
            weights=Weights(**values["weights"]),
            seeded=values["seeded"],
        )


def engine(parameters: EngineParameters, start: Genomes) -> Engine:
    """A new engine that begins with `start` genomes [s, D], at least one."""
    match parameters.name:
        case EngineName.NSGA2:
            return GeneticEngine(parameters.genetic, start)
        case EngineName.TPE:
            return BayesianEngine(parameters.bayesian, None, start)
        case EngineName.TPE_WEIGHTED:
            return BayesianEngine(parameters.bayesian, parameters.weights, start)
        case EngineName.HYBRID:
            return HybridEngine(HybridParameters(parameters.seeded, parameters.genetic), start)
        case EngineName.RANDOM:
            return RandomEngine(RandomParameters(parameters.genetic.population), start)
