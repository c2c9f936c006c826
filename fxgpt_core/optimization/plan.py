"""What a run will search: one search for each fold's train window, then a last one for today."""

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fxgpt_core import content_hash
from fxgpt_core.errors import BadInputError
from fxgpt_core.optimization.convergence import ConvergenceParameters
from fxgpt_core.optimization.engines.named import EngineParameters
from fxgpt_core.optimization.limits import TrialLimits
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.optimization.regime_choice import RegimeChoiceParameters
from fxgpt_core.regimes.regime import GLOBAL, REGIMES, SET_NAMES
from fxgpt_core.strategy.regime_sets import PER_REGIME
from fxgpt_core.validation.folds import Fold, FoldParameters, Window, latest_train, walk_forward

MOST_VAULT = 0.5
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

    `vault_share`: the last part of the test span, which no search sees. `limits` are what a trial must keep to be chosen. In
    `regime_mode` "per_regime" each window has a search for each regime too, with as many evaluations, and `regime_choice` tells
    what its choice must show to decide there.
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
    regime_mode: str = GLOBAL
    regime_choice: RegimeChoiceParameters = field(default_factory=RegimeChoiceParameters)

    def __post_init__(self) -> None:
        if min(self.n_trials, self.n_final_trials, self.max_folds) < 1 or not 0.0 <= self.vault_share <= MOST_VAULT:
            raise BadInputError(
                f"n_trials {self.n_trials}, n_final_trials {self.n_final_trials}, max_folds {self.max_folds}, vault_share "
                f"{self.vault_share} found; the counts must be at least 1, the share from 0 to {MOST_VAULT}"
            )

        if self.regime_mode not in (GLOBAL, PER_REGIME):
            raise BadInputError(f"regime_mode {self.regime_mode!r} found; it must be {GLOBAL} or {PER_REGIME}")
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
            "regime_choice": RegimeChoiceParameters(**values["regime_choice"]),
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
    return before_vault(problem.bands.known_at_us, parameters.vault_share)


def before_vault(known_at_us: npt.NDArray[np.int64], vault_share: float) -> Window:
    """All of a span but its last share, 0 to 0.5, which is its vault; `known_at_us` int64[N] of its candles.

    Raises `BadInputError` for another share.
    """
    if not 0.0 <= vault_share <= MOST_VAULT:
        raise BadInputError(
            f"vault_share {vault_share} found; it is a share of the test span from 0 to {MOST_VAULT}, such as 0.2"
        )
    first, last = int(known_at_us[0]), int(known_at_us[-1])
    return Window(first, last + 1 - round((last - first) * vault_share))


def planned(problem: Problem, parameters: SearchParameters) -> list[Search]:
    """The searches of a run in order: those of each of the latest folds of the forecasts, numbered from 0, then the last ones.

    Raises `BadInputError` when not one fold fits before the vault, `MissingError` where regimes are to be searched and not known.
    """
    known_at = problem.bands.known_at_us
    known_at = known_at[searchable(problem, parameters).slice(known_at)]
    latest = walk_forward(known_at, parameters.folds)[-parameters.max_folds :]
    folds = [replace(fold, index=index) for index, fold in enumerate(latest)]
    windows: list[tuple[Window, Fold | None, int]] = [(fold.train, fold, parameters.n_trials) for fold in folds]
    windows.append((latest_train(known_at, parameters.folds), None, parameters.n_final_trials))
    if parameters.regime_mode == PER_REGIME:
        problem.only(REGIMES[0])  # raises where no regimes are known
    names = SET_NAMES if parameters.regime_mode == PER_REGIME else (GLOBAL,)
    searches: list[Search] = []
    first = 0
    for window, fold, n_trials in windows:
        for name in names:
            searches.append(Search(len(searches), window, first, n_trials, fold, name))
            first += n_trials
    return searches


def run_uuid(problem: Problem, parameters: SearchParameters) -> str:
    """The name of a run: a version 5 UUID of problem and search parameters, the same whenever the same is asked."""
    recipe = {"problem": problem.sha256, "search": asdict(parameters)}
    return str(uuid.uuid5(RUN_NAMESPACE, content_hash.of_json(recipe)))
