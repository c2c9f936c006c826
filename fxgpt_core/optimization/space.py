"""The search space, and the next parameter set to try: a pure function of the trials so far and a seed.

A fresh sampler and a fresh in-memory study are built for every proposal. That costs a few milliseconds and buys that a run
killed at any point goes on exactly as if it had not been: nothing of the search lives outside the ledger.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from fxgpt_core.optimization.objectives import DIRECTIONS, Objectives
from fxgpt_core.strategy.constraints import repaired
from fxgpt_core.strategy.definitions import Kind, ParameterDefinition, ParameterValue
from fxgpt_core.strategy.parameters import StrategyParameters, searched_definitions

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

MAX_SEED = 2**32


@dataclass(frozen=True)
class SamplerParameters:
    """Tree-structured Parzen estimator: random for `n_startup_trials`, then the best of `n_candidates` draws of its model."""

    n_startup_trials: int = 10
    n_candidates: int = 24


@dataclass(frozen=True)
class EvaluatedTrial:
    """What the sampler learns from: the 90 values of a trial and its objectives."""

    parameters: Mapping[str, Any]
    objectives: Objectives


def propose(
    trials: Sequence[EvaluatedTrial],
    sampler: SamplerParameters,
    seed: int,
    fitted: Mapping[str, ParameterValue] | None = None,
) -> StrategyParameters:
    """The next parameter set after these trials, by multi-objective TPE over the parameters a search may vary.

    The first proposal of all is the default set: a known place to start from. A draw that breaks a constraint (such as a
    stop beyond its target) is repaired, and the repaired set is what is evaluated, recorded and learnt from. Parameters that
    assets were made with are what they were made with (`fitted`), and their defaults where no such asset is used.
    Source: Ozaki et al., Multiobjective tree-structured Parzen estimator (2022).
    """
    start = StrategyParameters.default().replace(**(fitted or {}))
    if not trials:
        return start
    import optuna  # a second of import, needed by the search only

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        directions=list(DIRECTIONS),
        sampler=optuna.samplers.TPESampler(
            seed=seed,
            n_startup_trials=sampler.n_startup_trials,
            n_ei_candidates=sampler.n_candidates,
            multivariate=True,
        ),
    )
    space = distributions()
    study.add_trials(
        [
            optuna.trial.create_trial(
                params={name: trial.parameters[name] for name in space},
                distributions=space,
                values=list(trial.objectives.values()),
            )
            for trial in trials
        ]
    )
    drawn = study.ask(space).params
    return StrategyParameters.from_json(repaired({**start.to_json(), **drawn}))


def trial_seed(seed: int, trial_number: int) -> int:
    """The sampler's seed of one trial, from the run's seed and the trial's number, in [0, 2³²)."""
    digest = hashlib.blake2b(f"{seed}:{trial_number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % MAX_SEED


@cache
def distributions() -> "dict[str, BaseDistribution]":
    """The parameters that are searched by name, as Optuna distributions in the order of the definitions."""
    return {definition.name: _distribution(definition) for definition in searched_definitions()}


def _distribution(definition: ParameterDefinition) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if definition.kind is Kind.BOOL:
        return CategoricalDistribution((False, True))
    if definition.kind is Kind.CATEGORICAL:
        return CategoricalDistribution(definition.choices)
    if definition.low is None or definition.high is None:
        raise ValueError(f"{definition.name} is a number without a range; give it one in strategy/parameters.py")
    if definition.kind is Kind.INT:
        return IntDistribution(int(definition.low), int(definition.high), log=definition.log)
    return FloatDistribution(definition.low, definition.high, log=definition.log)
