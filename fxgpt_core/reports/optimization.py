"""What the report of an optimization is made of: the run as the ledger holds it, and what was found out about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError
from fxgpt_core.optimization.contest import Contest
from fxgpt_core.optimization.limits import UNTRADED
from fxgpt_core.optimization.objectives import SIGNS, Weights, weighted
from fxgpt_core.optimization.pareto import feasible_front, knee
from fxgpt_core.optimization.searching import SCREEN
from fxgpt_core.regimes.regime import GLOBAL
from fxgpt_core.registry.evaluations import Evaluations
from fxgpt_core.registry.searches import SearchRow
from fxgpt_core.reports.contents import BacktestReport
from fxgpt_core.strategy.definitions import ParameterValue

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
FINAL = "final"


@dataclass(frozen=True)
class RunFacts:
    """The run as it was asked: `made_at`, when the report is made, has a time zone; `configuration` is text by name.

    `fitted`: the parameters that assets were made with, by name, which no genome holds.
    """

    run_id: int
    symbol: str
    timeframe: str
    method: str
    regime_mode: str
    status: str
    made_at: datetime
    configuration: Mapping[str, str] = field(default_factory=dict)
    fitted: Mapping[str, ParameterValue] = field(default_factory=dict)


@dataclass(frozen=True)
class RegimeNumbers:
    """What was traded in one regime on the folds' test windows: closed trades, Sharpe ratio a year, drawdown in percent."""

    trades: int
    sharpe: float
    drawdown_pct: float


@dataclass(frozen=True)
class RegimeRow:
    """What trades in one regime from now on: its `own` set, or the global one as a fallback, and the reason.

    `by_regime`, `by_global`: what the sets by regime and the global sets of the folds did in it, None where it was not played.
    """

    regime: str
    parameters_sha256: str
    own: bool
    reason: str
    by_regime: RegimeNumbers | None = None
    by_global: RegimeNumbers | None = None


@dataclass(frozen=True, eq=False)
class OptimizationReport:
    """Everything a report shows of a run; `proposed` are the parameters it proposes, none while it has not come to its end.

    `importances`: shares by parameter, the largest first. `played`: the folds' choices on their test windows.
    Raises `BadInputError` for a moment without a time zone and for an evaluation of a search that is not there.
    """

    run: RunFacts
    searches: tuple[SearchRow, ...]
    evaluations: Evaluations
    proposed: Mapping[str, Any] = field(default_factory=dict)
    importances: Mapping[str, float] = field(default_factory=dict)
    regimes: tuple[RegimeRow, ...] = ()
    contest: Contest | None = None
    played: BacktestReport | None = None

    def __post_init__(self) -> None:
        if self.run.made_at.tzinfo is None:
            raise BadInputError(f"the report was made at {self.run.made_at}, without a time zone; give the moment in UTC")
        unknown = sorted(self._evaluated - {search.search for search in self.searches})
        if unknown:
            raise BadInputError(f"there are evaluations of the searches {unknown}, which are not told; tell every search")

    @cached_property
    def value(self) -> FloatArray:
        """The weighted objective float64[N] of each evaluation, by which a table is sorted."""
        return weighted(self.evaluations.objectives, Weights())

    @cached_property
    def measured(self) -> BoolArray:
        """bool[N]: what traded enough to be measured; a screen, of a coarser history, measures another thing."""
        found: BoolArray = (self.evaluations.violation <= UNTRADED) & (self.evaluations.phase != SCREEN)
        return found

    @cached_property
    def feasible(self) -> BoolArray:
        """bool[N]: what was measured and keeps every limit."""
        return self.measured & (self.evaluations.violation <= 0.0)

    @cached_property
    def front(self) -> BoolArray:
        """bool[N]: what is feasible and not beaten by another feasible one of its search."""
        found = np.zeros(len(self.evaluations), dtype=bool)
        for search in self.searches:
            rows = np.flatnonzero(self.feasible & self.of_search(search))
            found[rows[feasible_front(self.evaluations.objectives[rows], self.evaluations.violation[rows])]] = True
        return found

    @cached_property
    def chosen(self) -> dict[int, int]:
        """The number of the trial that each search chose from its population, by search; none of one that has not ended."""
        evaluations, found = self.evaluations, {}
        for search in self.searches:
            rows = np.flatnonzero(np.isin(evaluations.number, search.population))
            if len(rows):
                best = rows[evaluations.violation[rows] <= evaluations.violation[rows].min()]
                found[search.search] = int(evaluations.number[best[knee(evaluations.objectives[best] * SIGNS)]])
        return found

    @property
    def shown(self) -> SearchRow | None:
        """The search that is looked at first: the last one over all regimes that has an evaluation, or the last of any."""
        found = [search for search in self.searches if search.search in self._evaluated]
        alike = [search for search in found if search.regime == GLOBAL]
        return (alike or found)[-1] if found else None

    def of_search(self, search: SearchRow) -> BoolArray:
        """bool[N]: the evaluations of a search."""
        found: BoolArray = self.evaluations.search == search.search
        return found

    def name(self, search: SearchRow) -> str:
        """What a search is called: its fold, counted by their windows, or the final one, and its regime."""
        windows = sorted({each.window_start for each in self.searches if each.phase != FINAL})
        place = FINAL if search.phase == FINAL else f"fold {windows.index(search.window_start)}"
        return place if search.regime == GLOBAL else f"{place}, {search.regime}"

    @cached_property
    def _evaluated(self) -> set[int]:
        return set(np.unique(self.evaluations.search).tolist())
