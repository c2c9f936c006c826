"""Which regimes get a parameter set of their own, from what their searches found on the train window, and why the others do not.

Compared is the Sharpe ratio a year of an account that enters in that regime only, from flat: of the set that the regime's search
chose, and of the global one. A pure function of these numbers; nothing of a test window is looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fxgpt_core.errors import BadInputError
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.regimes.regime import GLOBAL, REGIMES
from fxgpt_core.registry.trials import TrialRecord
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.strategy.regime_sets import RegimeSets
from fxgpt_core.validation.folds import Window

NOT_SEARCHED = "it was not searched"
NOT_KNOWN = "no regimes of the candles are known"
NEVER_THERE = "no candle of the train window is in it"
NOT_FEASIBLE = "no trial of its search met the constraints"


@dataclass(frozen=True)
class RegimeChoiceParameters:
    """What a set must show for its regime on the train window: closed trades, and by how much of Sharpe a year it is better."""

    min_trades: int = 10
    min_gain: float = 0.0

    def __post_init__(self) -> None:
        if self.min_trades < 1 or not self.min_gain >= 0.0:
            raise BadInputError(
                f"min_trades {self.min_trades} and min_gain {self.min_gain} found; at least one trade is needed to compare, and "
                "a gain of at least 0, or a worse set would be taken"
            )


@dataclass(frozen=True)
class RegimeCandidate:
    """What a regime's search chose (None: no trial met the constraints), played on its train window with entries there only.

    `share` of the window's candles is in the regime; `trades` and `sharpe` a year are those of the chosen set, `global_sharpe` is
    that of the global one.
    """

    chosen: StrategyParameters | None
    share: float
    trades: int = 0
    sharpe: float = 0.0
    global_sharpe: float = 0.0


def candidate_of(
    problem: Problem, window: Window, regime: str, chosen: StrategyParameters | None, global_set: StrategyParameters
) -> RegimeCandidate:
    """Play what a regime's search chose, and the global set, with entries in that regime only.

    Raises `MissingError` where the regimes of the candles are not known.
    """
    alone = problem.only(regime)
    known = alone.components.select(window.slice(problem.candles.known_at_us)).regime
    share = float(np.mean(known == REGIMES.index(regime))) if known is not None and len(known) else 0.0
    if chosen is None or share == 0.0:
        return RegimeCandidate(chosen, share)
    own, others = alone.evaluate(chosen, window).metrics, alone.evaluate(global_set, window).metrics
    return RegimeCandidate(chosen, share, own.total_trades, own.sharpe_ratio, others.sharpe_ratio)


def sets_of_searches(
    problem: Problem,
    window: Window,
    choices: Mapping[str, TrialRecord],
    parameters: RegimeChoiceParameters | None = None,
) -> RegimeSets:
    """The sets by regime from the trial that each search of one train window chose, by its regime; "global" must be there.

    A regime's trial that broke a limit counts as none. Raises `BadInputError` without the choice of the global search.
    """
    if GLOBAL not in choices:
        raise BadInputError(
            f"choices of {', '.join(choices) or 'no search'} found; the global search must have one, for regimes to fall back to"
        )
    global_set = StrategyParameters.from_json(choices[GLOBAL].parameters)
    candidates = {}
    for name in REGIMES:
        if name in choices:
            trial = choices[name]
            own = StrategyParameters.from_json(trial.parameters) if trial.violation <= 0.0 else None
            candidates[name] = candidate_of(problem, window, name, own, global_set)
    return chosen_sets(global_set, candidates, parameters)


def chosen_sets(
    global_set: StrategyParameters,
    candidates: Mapping[str, RegimeCandidate],
    parameters: RegimeChoiceParameters | None = None,
) -> RegimeSets:
    """The set of each regime that earned one; every other falls back to the global set, with the reason.

    Without any candidate no regimes of the candles were known.
    """
    limits = parameters or RegimeChoiceParameters()
    by_regime: dict[str, StrategyParameters] = {}
    reasons: dict[str, str] = {}
    for name in REGIMES:
        found = candidates.get(name)
        reason = (NOT_SEARCHED if candidates else NOT_KNOWN) if found is None else _fallback(found, limits)
        if found is None or found.chosen is None or reason:
            reasons[name] = reason
        else:
            by_regime[name] = found.chosen
    return RegimeSets(global_set, by_regime, reasons)


def _fallback(found: RegimeCandidate, limits: RegimeChoiceParameters) -> str:
    """Why the global set decides; empty if the regime's own does."""
    if found.share == 0.0:
        return NEVER_THERE
    if found.chosen is None:
        return NOT_FEASIBLE
    if found.trades < limits.min_trades:
        return f"its set closed {found.trades} trades in it on the train window, at least {limits.min_trades} are needed"
    if not found.sharpe > found.global_sharpe + limits.min_gain:
        more = f" by more than {limits.min_gain:g}" if limits.min_gain else ""
        return (
            f"its set is not better{more}: Sharpe {found.sharpe:.2f} a year in it on the train window, {found.global_sharpe:.2f} "
            "of the global set"
        )
    return ""
