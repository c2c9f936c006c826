"""What the folds' choices would have made of other histories: the same entries at other times, on other candles, or a bit late.

In the first two no forecast knows what comes, so that what is left is what the market and the way positions are run give anybody.
In the last it does: an edge that is gone a few candles later is one that nobody could have traded.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.backtest.engine import Execution, execution_of
from fxgpt_core.backtest.sets import ParameterSet, Replay, play_sets
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.optimization.outcome import OptimizationOutcome
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.performance.bootstrap import cluster_length, deepest_drawdowns, rank_p_value, sharpe_ratios
from fxgpt_core.performance.luck import LEAST_SHARPE_AT_5, MOST_OTHERS_P_VALUE, LuckTest
from fxgpt_core.performance.measures import periods_a_year
from fxgpt_core.performance.other_times import bootstrapped_candles, delayed_entries, shifted_entries
from fxgpt_core.strategy.decision import Decisions

FloatArray = npt.NDArray[np.float64]
Columns = dict[str, npt.NDArray[Any]]
Tell = Callable[[int, int], None]
Moved = Callable[[Columns], Columns]

RUNS: Final = 1_000
RUNS_AT_ONCE: Final = 100
LATEST: Final = 3
"""Candles by which an entry comes late, at most."""
PRICED: Final[tuple[str, ...]] = ("stop_distance", "target_distance", "atr", "entry_offset")
"""Columns in quote currency, which other prices ask for as fractions of the close."""
UNPRICED: Final = ("pattern_led", "parameter_set")
"""Further numbers by which a decision is played, which other prices leave as they are."""

QUESTIONS: Final = {
    "other_times": "Would the same entries do as well at other times?",
    "other_candles": "Would they do as well on other candles of the same moves?",
    "late_entries": "What annual Sharpe ratio remains when entries come a few candles late?",
}


@dataclass(frozen=True, eq=False)
class OtherHistories:
    """Annual Sharpe ratio and final equity as observed and, float64[R] each, in R other histories of a kind (`QUESTIONS`).

    `drawdown` float64[R]: the deepest fall of each, as a fraction of the highest equity before it.
    """

    name: str
    observed_sharpe: float
    observed_equity: float
    sharpe: FloatArray
    final_equity: FloatArray
    drawdown: FloatArray

    @property
    def p_value(self) -> float:
        """How probable a Sharpe ratio as large as the observed one is in other histories."""
        return rank_p_value(self.observed_sharpe, self.sharpe)

    def percentiles(self, values: FloatArray) -> tuple[float, float, float]:
        """The 5th, 50th and 95th percentile of values of the other histories."""
        low, middle, high = np.quantile(values, (0.05, 0.5, 0.95))
        return float(low), float(middle), float(high)

    @property
    def test(self) -> LuckTest:
        """The p-value beside its limit, of late entries the 5th percentile of the Sharpe ratio; what others showed is told."""
        sharpe, equity = self.percentiles(self.sharpe), self.percentiles(self.final_equity)
        told = (
            f"{QUESTIONS[self.name]} Of {len(self.sharpe):,} others the 5th, 50th and 95th percentile of the annual Sharpe ratio "
            f"are {sharpe[0]:.2f}, {sharpe[1]:.2f} and {sharpe[2]:.2f}, here it is {self.observed_sharpe:.2f}; of the final "
            f"equity {equity[0]:,.0f}, {equity[1]:,.0f} and {equity[2]:,.0f}, here {self.observed_equity:,.0f}."
        )
        if self.name == "late_entries":
            return LuckTest(self.name, sharpe[0], ">", LEAST_SHARPE_AT_5, told)
        return LuckTest(self.name, self.p_value, "<=", MOST_OTHERS_P_VALUE, told)

    def to_json(self) -> dict[str, object]:
        """What was observed, mean, deviation and percentiles of the others, and the p-value."""
        measured = {"sharpe": self.sharpe, "final_equity": self.final_equity, "drawdown": self.drawdown}
        return {
            "runs": len(self.sharpe),
            "observed": {"sharpe": self.observed_sharpe, "final_equity": self.observed_equity},
            **{name: self.percentiles(values) for name, values in measured.items()},
            "mean": {name: float(values.mean()) for name, values in measured.items()},
            "deviation": {name: float(values.std()) for name, values in measured.items()},
            "p_value": self.p_value,
        }


@dataclass(frozen=True, eq=False)
class _Leg:
    """One fold's test window: its rows of the problem's candles, its decisions with distances as fractions of the close."""

    rows: slice
    columns: Columns
    execution: Execution


def at_other_times(
    problem: Problem, outcome: OptimizationOutcome, rng: np.random.Generator, runs: int = RUNS, progress: Tell | None = None
) -> OtherHistories:
    """The entries of each test window all later by a random distance, what goes over its end coming in at its start.

    Each window is played from a fresh account and the returns are chained. `progress(done, total)` counts windows. Raises
    `BadInputError` for no run, and for a window of a single candle.
    """
    legs = _legs(problem, outcome, runs)
    return _moved_entries("other_times", problem, legs, runs, lambda columns: shifted_entries(columns, rng), progress)


def with_late_entries(
    problem: Problem, outcome: OptimizationOutcome, rng: np.random.Generator, runs: int = RUNS, progress: Tell | None = None
) -> OtherHistories:
    """The entries of each test window each later by 0 to 3 candles of its own draw (`delayed_entries`), never earlier.

    Played and told as `at_other_times`. Raises `BadInputError` for no run.
    """
    legs = _legs(problem, outcome, runs)
    return _moved_entries("late_entries", problem, legs, runs, lambda columns: delayed_entries(columns, LATEST, rng), progress)


def on_other_candles(
    problem: Problem, outcome: OptimizationOutcome, rng: np.random.Generator, runs: int = RUNS, progress: Tell | None = None
) -> OtherHistories:
    """The same decisions on candles chained of drawn moves of all test windows, distances being the same fractions of the close.

    The moves come in blocks that keep clusters of volatility (`cluster_length`). There are no finer candles of a made-up history:
    what finer ones would tell apart goes to the stop. `progress(done, total)` counts runs. Errors as of `at_other_times`.
    """
    legs = _legs(problem, outcome, runs)
    first, stop = legs[0].rows.start, legs[-1].rows.stop
    candles = problem.candles.slice(first, stop)
    block = cluster_length(np.diff(np.log(candles.close)))
    plain = replace(problem, finer=None)
    found: list[list[FloatArray]] = [[_played(plain, leg, _part(candles, leg, first), [leg.columns])] for leg in legs]
    for run in range(runs):
        other = bootstrapped_candles(candles, block, rng)
        for leg, parts in zip(legs, found, strict=True):
            parts.append(_played(plain, leg, _part(other, leg, first), [leg.columns]))
        if progress is not None:
            progress(run + 1, runs)
    return _histories("other_candles", problem, legs, [np.concatenate(parts) for parts in found])


def _moved_entries(
    name: str, problem: Problem, legs: "list[_Leg]", runs: int, moved: Moved, progress: Tell | None
) -> OtherHistories:
    found = []
    for number, leg in enumerate(legs):
        candles = problem.candles.slice(leg.rows.start, leg.rows.stop)
        parts = [_played(problem, leg, candles, [leg.columns])]
        parts += [_played(problem, leg, candles, [moved(leg.columns) for _ in range(n)]) for n in _portions(runs)]
        found.append(np.concatenate(parts))
        if progress is not None:
            progress(number + 1, len(legs))
    return _histories(name, problem, legs, found)


def _legs(problem: Problem, outcome: OptimizationOutcome, runs: int) -> list[_Leg]:
    if runs < 1:
        raise BadInputError(f"{runs} other histories asked for; at least one is needed, and {RUNS:,} are usual")
    legs = []
    for fold in outcome.folds:
        rows = fold.fold.test.slice(problem.candles.known_at_us)
        decisions = problem.decisions(fold.parameters, fold.fold.test)
        close = problem.candles.close[rows]
        columns: Columns = {
            name: getattr(decisions, name) for name in ("side", "stop_distance", "target_distance", "risk_fraction")
        }
        columns |= {name: decisions.numbers[name] for name in (*PRICED, *UNPRICED) if name in decisions.numbers}
        columns |= {name: columns[name] / close for name in PRICED if name in columns}
        legs.append(_Leg(rows, columns, execution_of(fold.parameters, problem.candles.timeframe)))
    return legs


def _part(candles: CandleArrays, leg: _Leg, first: int) -> CandleArrays:
    return candles.slice(leg.rows.start - first, leg.rows.stop - first)


def _portions(runs: int) -> Iterator[int]:
    return (min(RUNS_AT_ONCE, runs - done) for done in range(0, runs, RUNS_AT_ONCE))


def _played(problem: Problem, leg: _Leg, candles: CandleArrays, columns: list[Columns]) -> FloatArray:
    """float64[R, D]: returns of the FX days of a window, for each of R sets of decision columns."""
    replay = Replay(candles, problem.costs_at(leg.rows), problem.account, problem.finer)
    sets = [ParameterSet(number, leg.execution) for number in range(len(columns))]
    return play_sets(replay, [_decisions(each, candles) for each in columns], sets, daily=True).daily


def _decisions(columns: Columns, candles: CandleArrays) -> Decisions:
    priced = {name: columns[name] * candles.close for name in PRICED if name in columns}
    return Decisions(
        known_at_us=candles.known_at_us,
        side=columns["side"],
        stop_distance=priced.pop("stop_distance"),
        target_distance=priced.pop("target_distance"),
        risk_fraction=columns["risk_fraction"],
        reason=np.zeros(len(candles), np.int8),
        numbers=priced | {name: columns[name] for name in UNPRICED if name in columns},
    )


def _histories(name: str, problem: Problem, legs: list[_Leg], found: list[FloatArray]) -> OtherHistories:
    """Of returns [1 + R, D] of each leg, the observed ones first; a day that two windows share is one day."""
    days = np.concatenate([np.unique(problem.candles.fx_day[leg.rows]) for leg in legs])
    growth = np.multiply.reduceat(1.0 + np.concatenate(found, axis=1), np.flatnonzero(np.diff(days, prepend=-1)), axis=1)
    whole = problem.candles.slice(legs[0].rows.start, legs[-1].rows.stop)
    sharpe = np.sqrt(periods_a_year(whole)) * sharpe_ratios(growth - 1.0)
    equity = problem.account.cash * growth.prod(axis=1)
    falls = deepest_drawdowns(growth[1:] - 1.0)
    return OtherHistories(name, float(sharpe[0]), float(equity[0]), sharpe[1:], equity[1:], falls)
