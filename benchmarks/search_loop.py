"""One search without a ledger: ask the engine, play what it proposes, tell the engine, until the trials are spent."""

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.optimization.engines.engine import Told
from fxgpt_core.optimization.engines.named import EngineParameters, engine
from fxgpt_core.optimization.evaluator import Evaluator
from fxgpt_core.optimization.limits import TrialLimits
from fxgpt_core.optimization.objectives import objectives_of
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.optimization.screening import day_ends
from fxgpt_core.optimization.space import Genomes, decoded, encoded, trial_seed
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.validation.folds import Window

FloatArray = npt.NDArray[np.float64]


class Field:
    """One window of one problem, on which every engine searches; `limits` None: those of a run."""

    def __init__(self, problem: Problem, window: Window, limits: TrialLimits | None = None) -> None:
        self.window, self.limits = window, limits or TrialLimits()
        self.whole, self.screen = Evaluator(problem.around(window)), Evaluator(day_ends(problem).around(window))

    def played(self, genomes: Genomes, screening: bool) -> tuple[Told, FloatArray]:
        """What became of genomes, and the Sharpe ratio a day of each."""
        found = (self.screen if screening else self.whole).measured([decoded(genome) for genome in genomes], self.window)
        rows = np.array([objectives_of(each.metrics).values() for each in found])
        told = Told(genomes, rows, np.array([self.limits.violation(each) for each in found]))
        return told, np.array([each.metrics.sharpe_per_period for each in found])


@dataclass(frozen=True, eq=False)
class Searched:
    """All n evaluations in their order, the first `looks` of them cheap ones; the Sharpe ratio a day float64[n] of each; the
    seconds that the engine itself and playing took.
    """

    told: Told
    looks: int
    sharpe_per_period: FloatArray
    engine_s: float
    played_s: float


def searched(field: Field, parameters: EngineParameters, trials: int, seed: int) -> Searched:
    """So many trials of an engine that begins with the default set."""
    made = engine(parameters, encoded(StrategyParameters.default())[np.newaxis])
    told, sharpes, looks, engine_s, played_s = Told.none(), list[float](), 0, 0.0, 0.0
    while len(told) < trials:
        began, screening, seed_of_batch = time.perf_counter(), made.screening, trial_seed(seed, len(told))
        genomes = made.ask(trials - len(told), seed_of_batch)
        asked = time.perf_counter()
        batch, sharpe = field.played(genomes, screening)
        played = time.perf_counter()
        made.tell(batch, seed_of_batch)
        engine_s += time.perf_counter() - began - (played - asked)
        played_s += played - asked
        told, looks = told.joined(batch), looks + len(batch) * screening
        sharpes += sharpe.tolist()
    return Searched(told, looks, np.array(sharpes), engine_s, played_s)
