"""A strategy by regime: which parameter set decides at a candle, and the decisions of all of them as one series.

The regime is that of `Components.regime`, told at the candle's close by what was known there. docs/decisions/0038.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fxgpt_core import content_hash
from fxgpt_core.errors import BadInputError, BrokenLineageError, MissingError, RefusedError
from fxgpt_core.regimes.regime import GLOBAL, REGIMES, SET_NAMES, UNKNOWN
from fxgpt_core.strategy.decision import Decisions
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.strategy.reasons import OTHER_REGIME

Codes = npt.NDArray[np.int8]

PER_REGIME: Final = "per_regime"


@dataclass(frozen=True)
class RegimeSets:
    """`global_set`, and the sets of those regimes that have one of their own; all others fall back to it, with the reason.

    Raises `BadInputError` unless each of the four regimes has either a set or a reason.
    """

    global_set: StrategyParameters
    by_regime: Mapping[str, StrategyParameters] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        told = sorted([*self.by_regime, *(name for name, reason in self.reasons.items() if reason.strip())])
        if told != sorted(REGIMES):
            raise BadInputError(
                f"sets of {', '.join(sorted(self.by_regime)) or 'no regime'} and reasons for "
                f"{', '.join(sorted(self.reasons)) or 'none'} found; each of {', '.join(REGIMES)} needs a set of its own, or the "
                "reason why the global one decides there, and not both"
            )

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "RegimeSets":
        """The record written by `to_json`. Raises `ParameterError` for values that are no parameter set."""
        by_regime = {name: StrategyParameters.from_json(each) for name, each in values["by_regime"].items()}
        return cls(StrategyParameters.from_json(values["global"]), by_regime, dict(values["reasons"]))

    def to_json(self) -> dict[str, Any]:
        """The sets, each with its 90 values, and the reasons of the fallbacks."""
        own = {name: self.by_regime[name].to_json() for name in REGIMES if name in self.by_regime}
        reasons = {name: self.reasons[name] for name in REGIMES if name in self.reasons}
        return {"global": self.global_set.to_json(), "by_regime": own, "reasons": reasons}

    @property
    def sha256(self) -> str:
        """Content hash of what decides: the sets, and not the reasons of the fallbacks."""
        return content_hash.of_json({name: each.sha256 for name, each in zip(SET_NAMES, self.sets, strict=True)})

    @property
    def sets(self) -> tuple[StrategyParameters, ...]:
        """One set for each of `SET_NAMES`."""
        return self.global_set, *(self.by_regime.get(name, self.global_set) for name in REGIMES)

    def numbers_of(self, regime: Codes) -> Codes:
        """int8[N]: which set decides in each regime; the global one where it is unknown or falls back."""
        own = np.array([code + 1 if name in self.by_regime else 0 for code, name in enumerate(REGIMES)], dtype=np.int8)
        return np.where(regime == UNKNOWN, np.int8(0), own[regime])


Strategy = StrategyParameters | RegimeSets
"""What decides: one parameter set everywhere, or one by regime."""


def sets_of(strategy: Strategy) -> tuple[StrategyParameters, ...]:
    """Every parameter set that may decide, the global one first."""
    return strategy.sets if isinstance(strategy, RegimeSets) else (strategy,)


def searched_mode(proposal: Mapping[str, Any]) -> str:
    """The mode in which a proposed parameter set, as it is stored, was searched: "per_regime" where it has sets by regime."""
    return PER_REGIME if "regime_sets" in proposal else GLOBAL


def strategy_of(proposal: Mapping[str, Any], mode: str) -> Strategy:
    """What decides of a proposed parameter set, as it is stored, in a deployment mode: its sets by regime, or its global one.

    Raises `RefusedError` in mode "per_regime" for a proposal that has no sets by regime, `BrokenLineageError` where these have
    another global set, `ParameterError` for values that are no parameter set.
    """
    global_set = StrategyParameters.from_json(proposal["parameters"])
    if mode != PER_REGIME:
        return global_set
    if "regime_sets" not in proposal:
        raise RefusedError(
            "deployed per regime, but the parameter set was searched for all regimes together; deploy it in mode global, or "
            "search with regime_mode per_regime"
        )
    sets = RegimeSets.from_json(proposal["regime_sets"])
    if sets.global_set != global_set:
        raise BrokenLineageError(
            f"the sets by regime were chosen beside the global set {sets.global_set.sha256[:16]}…, the parameter set is "
            f"{global_set.sha256[:16]}…; nothing is traded with them: roll back, or search and deploy again"
        )
    return sets


def decided_by(strategy: Strategy, numbers: Mapping[str, float | None]) -> StrategyParameters:
    """The parameter set of a strategy that made the decision with these numbers."""
    return strategy.sets[int(numbers["parameter_set"] or 0)] if isinstance(strategy, RegimeSets) else strategy


def decided_by_regime(sets: RegimeSets, regime: Codes | None, decided: Callable[[StrategyParameters], Decisions]) -> Decisions:
    """The decision at every candle by the set of the regime there; `regime` int8[N], `decided` those of one set at all N candles.

    `numbers["parameter_set"]` tells which set decided; a number that this set does not know is NaN. Every set decides at every
    candle, so that which numbers there are does not depend on which regimes occur. Raises `MissingError` for regimes that are not
    known (None) while a regime has a set of its own.
    """
    if regime is None and sets.by_regime:
        raise MissingError(
            f"sets of {', '.join(sets.by_regime)} are to decide, but no regimes of the candles are there; materialize `regimes` "
            "and search with them, or use the global set alone"
        )
    parts = {0: decided(sets.global_set)}
    parts |= {REGIMES.index(name) + 1: decided(each) for name, each in sets.by_regime.items()}
    n = len(parts[0])
    numbers = np.zeros(n, np.int8) if regime is None else sets.numbers_of(regime)
    names = dict.fromkeys(name for part in parts.values() for name in part.numbers)
    unknown = np.full(n, np.nan)

    def taken(of: Callable[[Decisions], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        column = of(parts[0]).copy()
        for number, part in parts.items():
            rows = numbers == number
            column[rows] = of(part)[rows]
        return column

    columns = {name: taken(lambda part, name=name: part.numbers.get(name, unknown)) for name in names}  # type: ignore[misc]
    return Decisions(
        known_at_us=parts[0].known_at_us,
        side=taken(lambda part: part.side),
        stop_distance=taken(lambda part: part.stop_distance),
        target_distance=taken(lambda part: part.target_distance),
        risk_fraction=taken(lambda part: part.risk_fraction),
        reason=taken(lambda part: part.reason),
        numbers=columns | {"parameter_set": numbers.astype(np.float64)},
    )


def entries_in(decisions: Decisions, regime: Codes, name: str) -> Decisions:
    """The decisions with every wish refused that was made in another regime than the named one; `regime` int8[N]."""
    elsewhere = (regime != REGIMES.index(name)) & (decisions.side != 0)
    return replace(
        decisions,
        side=np.where(elsewhere, np.int8(0), decisions.side),
        stop_distance=np.where(elsewhere, np.nan, decisions.stop_distance),
        target_distance=np.where(elsewhere, np.nan, decisions.target_distance),
        risk_fraction=np.where(elsewhere, np.nan, decisions.risk_fraction),
        reason=np.where(elsewhere, np.int8(OTHER_REGIME), decisions.reason),
    )
