"""The tree-structured Parzen estimator of Optuna: for few evaluations, each of which is dear.

Sources: Bergstra, Bardenet, Bengio & Kégl, Algorithms for hyper-parameter optimization (2011); Ozaki, Tanigaki, Watanabe,
Nomura & Onishi, Multiobjective tree-structured Parzen estimator (2022).
"""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from fxgpt_core.errors import BadInputError
from fxgpt_core.optimization.engines.engine import FloatArray, IntArray, Told
from fxgpt_core.optimization.objectives import DIRECTIONS, Weights, weighted
from fxgpt_core.optimization.space import Genomes, at_places, options, places, unordered
from fxgpt_core.strategy.parameters import searched_definitions

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.storages import InMemoryStorage
    from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class BayesianParameters:
    """Random for `startup` trials, then the best of `candidates` draws of the model."""

    startup: int = 10
    candidates: int = 24

    def __post_init__(self) -> None:
        if self.startup < 1 or self.candidates < 1:
            raise BadInputError(f"startup {self.startup}, candidates {self.candidates} found; at least 1 of each is needed")


class BayesianEngine:
    """Multivariate TPE, one genome a batch: first the `start` genomes [s, D], one after another.

    `weights` None: a front of all four objectives; else one objective, their weighted sum.
    """

    def __init__(self, parameters: BayesianParameters, weights: Weights | None, start: Genomes) -> None:
        self.parameters, self.weights, self.start = parameters, weights, start
        self.n_told = 0
        self._storage: InMemoryStorage | None = None

    @property
    def screening(self) -> bool:
        """Never: all batches are played alike."""
        return False

    @property
    def population(self) -> IntArray:
        """Everything told: so few evaluations are all kept."""
        return np.arange(self.n_told)

    def ask(self, most: int, seed: int) -> Genomes:
        """One genome; a sampler with a seed of its own draws it, so that nothing but the study's trials is remembered."""
        if self.n_told < len(self.start):
            return self.start[self.n_told : self.n_told + 1]
        import optuna

        sampler = optuna.samplers.TPESampler(
            seed=seed,
            n_startup_trials=self.parameters.startup,
            n_ei_candidates=self.parameters.candidates,
            multivariate=True,
            constant_liar=False,
        )
        # The sampler is asked itself: `Study.ask` would look through all trials for the parameters they share and keep a draft of
        # each question, which takes as long as the answer. What a study remembers of its trials is loaded anew.
        study, draft = optuna.load_study(study_name=None, storage=self._opened()), _draft()
        drawn = sampler.sample_relative(study, draft, dict(sorted(_distributions().items())))
        if not drawn:
            drawn = {name: sampler.sample_independent(study, draft, name, each) for name, each in _distributions().items()}
        return at_places(np.array([[drawn[name] for name in _distributions()]], dtype=np.float64))

    def tell(self, batch: Told, seed: int) -> None:
        """Add the batch to the study's trials, with how far each is from holding every constraint."""
        from optuna import load_study
        from optuna.trial import create_trial

        weights = self.weights
        values = batch.objectives if weights is None else weighted(batch.objectives, weights)[:, np.newaxis]
        trials = [
            create_trial(
                params=_parameters(point),
                distributions=_distributions(),
                values=value.tolist(),
                constraints={"violation": float(violation)},
            )
            for point, value, violation in zip(places(batch.genomes), values, batch.violation, strict=True)
        ]
        load_study(study_name=None, storage=self._opened()).add_trials(trials)
        self.n_told += len(batch)

    def _opened(self) -> "InMemoryStorage":
        if self._storage is None:
            import optuna  # a second of import, needed by this engine only

            optuna.logging.set_verbosity(optuna.logging.WARNING)
            self._storage = optuna.storages.InMemoryStorage()
            optuna.create_study(storage=self._storage, directions=list(DIRECTIONS if self.weights is None else DIRECTIONS[:1]))
        return self._storage


def _draft() -> "FrozenTrial":
    from optuna.trial import TrialState, create_trial

    return create_trial(state=TrialState.RUNNING)


@cache
def _distributions() -> "dict[str, BaseDistribution]":
    """The searched parameters by name: those with few values by their place, other numbers in the unit interval."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    def kind(count: int, unlike: bool) -> "BaseDistribution":
        if unlike:
            return CategoricalDistribution(tuple(range(count)))
        return IntDistribution(0, count - 1) if count else FloatDistribution(0.0, 1.0)

    kinds = zip(searched_definitions(), options(), unordered(), strict=True)
    return {each.name: kind(count, bool(unlike)) for each, count, unlike in kinds}


def _parameters(point: FloatArray) -> dict[str, float | int]:
    named = zip(_distributions(), point.tolist(), options(), strict=True)
    return {name: int(place) if count else place for name, place, count in named}
