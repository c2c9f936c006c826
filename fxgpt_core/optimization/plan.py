"""What a run will search: one search for each fold's train window, then a last one for today."""

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from fxgpt_core import content_hash
from fxgpt_core.errors import BadInputError
from fxgpt_core.optimization.convergence import ConvergenceParameters
from fxgpt_core.optimization.engines.named import EngineParameters
from fxgpt_core.optimization.limits import TrialLimits
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.validation.folds import Fold, FoldParameters, Window, latest_train, walk_forward

GLOBAL = "global"
RUN_NAMESPACE = uuid.UUID("5f0b6d3e-0d0f-5a55-9a0b-6f7867707400")


@dataclass(frozen=True)
class WarmStart:
    """Genomes, as hexadecimal text, that an earlier run held in the end, and until when that run had seen the market.

    They begin a search only if all they know lies before the days on which its choice is tested; the last search always.
    """

    run_id: int
    seen_until_us: int
    genomes: tuple[str, ...]

    def serves(self, fold: Fold | None) -> bool:
        """Whether a search may begin with them."""
        return fold is None or self.seen_until_us <= fold.test.start_us


@dataclass(frozen=True)
class SearchParameters:
    """The budget of a run: of the latest `max_folds` folds `n_trials` evaluations each, then `n_final_trials` for today.

    `vault_share`: the last part of the test span, which no search sees. `limits` are what a trial must keep to be chosen.
    """

    seed: int = 7
    n_trials: int = 1_000
    n_final_trials: int = 2_500
    max_folds: int = 8
    vault_share: float = 0.2
    folds: FoldParameters = field(default_factory=FoldParameters)
    limits: TrialLimits = field(default_factory=TrialLimits)
    engine: EngineParameters = field(default_factory=EngineParameters)
    convergence: ConvergenceParameters = field(default_factory=ConvergenceParameters)
    warm_start: WarmStart | None = None

    def __post_init__(self) -> None:
        if min(self.n_trials, self.n_final_trials, self.max_folds) < 1 or not 0.0 <= self.vault_share <= 0.5:
            raise BadInputError(
                f"n_trials {self.n_trials}, n_final_trials {self.n_final_trials}, max_folds {self.max_folds}, vault_share "
                f"{self.vault_share} found; the counts must be at least 1, the share from 0 to 0.5"
            )

        least = self.engine.least_trials
        if min(self.n_trials, self.n_final_trials) < least:
            raise BadInputError(
                f"n_trials {self.n_trials} and n_final_trials {self.n_final_trials} found; the engine {self.engine.name} "
                f"needs at least {least} in each search: give it more, or choose another engine"
            )

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "SearchParameters":
        """The record as `asdict` stored it with a proposal."""
        warm = values["warm_start"]
        inner = {
            "folds": FoldParameters(**values["folds"]),
            "limits": TrialLimits(**values["limits"]),
            "engine": EngineParameters.from_json(values["engine"]),
            "convergence": ConvergenceParameters(**values["convergence"]),
            "warm_start": warm and WarmStart(warm["run_id"], warm["seen_until_us"], tuple(warm["genomes"])),
        }
        return cls(**{**values, **inner})


@dataclass(frozen=True)
class Search:
    """One search of a run: trials `first` … at most `first + n_trials` − 1 on one train window; `fold` None is the last one.

    `regime`: entries are allowed in that regime alone, or anywhere.
    """

    index: int
    window: Window
    first: int
    n_trials: int
    fold: Fold | None
    regime: str = GLOBAL

    @property
    def phase(self) -> str:
        """`search` for a fold, `final` for the last one."""
        return "final" if self.fold is None else "search"


def searchable(problem: Problem, parameters: SearchParameters) -> Window:
    """The part of the test span that searches and their judges see: all of it but the vault, which is at its end."""
    first, last = int(problem.bands.known_at_us[0]), int(problem.bands.known_at_us[-1])
    return Window(first, last + 1 - round((last - first) * parameters.vault_share))


def planned(problem: Problem, parameters: SearchParameters) -> list[Search]:
    """The searches of a run in order: one for each of the latest folds of the forecasts, numbered from 0, then the last one.

    Raises `BadInputError` when not one fold fits before the vault.
    """
    known_at = problem.bands.known_at_us
    known_at = known_at[searchable(problem, parameters).slice(known_at)]
    latest = walk_forward(known_at, parameters.folds)[-parameters.max_folds :]
    folds = [replace(fold, index=index) for index, fold in enumerate(latest)]
    searches = [Search(fold.index, fold.train, fold.index * parameters.n_trials, parameters.n_trials, fold) for fold in folds]
    first = len(folds) * parameters.n_trials
    last = Search(len(folds), latest_train(known_at, parameters.folds), first, parameters.n_final_trials, None)
    return [*searches, last]


def run_uuid(problem: Problem, parameters: SearchParameters) -> str:
    """The name of a run: a version 5 UUID of problem and search parameters, the same whenever the same is asked."""
    recipe = {"problem": problem.sha256, "search": asdict(parameters)}
    return str(uuid.uuid5(RUN_NAMESPACE, content_hash.of_json(recipe)))
