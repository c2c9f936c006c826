"""What each component is worth: the same parameter set on unseen candles with it and without it, costs included.

Nothing is chosen by these numbers, so that they are out of sample for every component that has not learned from these candles.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.optimization.problem import Evaluation, Problem
from fxgpt_core.performance.bootstrap import (
    LEAST_RETURNS,
    Interval,
    Resampling,
    block_length,
    bootstrap_interval,
    mean_returns,
)
from fxgpt_core.performance.daily import daily
from fxgpt_core.portfolio.capital import Capital
from fxgpt_core.portfolio.policy_blend import PolicyMode
from fxgpt_core.strategy.components import NONE, Components
from fxgpt_core.strategy.decision import FILTERS
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.validation.folds import Window

FloatArray = npt.NDArray[np.float64]

RESAMPLES: Final = 2_000
WITHOUT, ALONE = "without", "alone"
_FIELDS: Final = ("patterns", "regime", "anomaly", "allocation", "policy")
NAMES: Final = (*_FIELDS, *FILTERS)
"""What is taken away or left alone beside the forecast; the filters by their switches."""

HELPS, HURTS, ALIKE, SAME = "helps", "hurts", "not told apart", "changed nothing"


@dataclass(frozen=True)
class Ablated:
    """One play: `how` is without one component of all, or with it alone beside the forecast.

    `gain` is what the component adds to the mean daily return, as a fraction, with the central 95 % of its resampled means; None
    where it changed no day, or of too few days.
    """

    component: str
    how: str
    trades: int
    return_pct: float
    sharpe_ratio: float
    max_drawdown_pct: float
    profit_factor: float
    gain: Interval | None

    @property
    def verdict(self) -> str:
        """Helps when all of the interval is above zero, hurts when all is below."""
        if self.gain is None:
            return SAME
        if self.gain.low > 0.0:
            return HELPS
        return HURTS if self.gain.high < 0.0 else ALIKE

    def to_json(self) -> dict[str, Any]:
        """The row, its gain in percent a year of 252 days."""
        numbers = {name: value for name, value in vars(self).items() if name != "gain"}
        annual = dict.fromkeys(("gain_pct_a_year", "gain_low", "gain_high"))
        if self.gain is not None:
            bounds = (self.gain.estimate, self.gain.low, self.gain.high)
            annual = dict(zip(annual, (25_200.0 * value for value in bounds), strict=True))
        return numbers | annual | {"verdict": self.verdict}


@dataclass(frozen=True)
class Ablation:
    """The whole strategy, the forecast alone, and each component that is there taken away and left alone."""

    whole: Ablated
    forecast: Ablated
    rows: tuple[Ablated, ...]

    @property
    def table(self) -> list[dict[str, Any]]:
        """All plays as rows, the whole first."""
        return [each.to_json() for each in (self.whole, self.forecast, *self.rows)]


def ablation(
    problem: Problem,
    parameters: StrategyParameters,
    window: Window,
    seed: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Ablation:
    """Every play of a parameter set on one window; `progress(done, total)` counts them. Raises as `Problem.evaluate` does."""
    there = present(problem.components, parameters)
    plays = 2 + 2 * len(there)
    done = 0

    def played(components: Components, changed: StrategyParameters) -> Evaluation:
        nonlocal done
        found = replace(problem, components=components).evaluate(changed, window)
        done += 1
        progress(done, plays)
        return found

    whole = played(problem.components, parameters)
    bare = played(*_only((), problem.components, parameters))
    rows = []
    for name in there:
        others = tuple(each for each in there if each != name)
        without = played(*_only(others, problem.components, parameters))
        alone = played(*_only((name,), problem.components, parameters))
        rows.append(_ablated(name, WITHOUT, without, _gain(whole, without, seed)))
        rows.append(_ablated(name, ALONE, alone, _gain(alone, bare, seed)))
    everything = _ablated("all components", "together", whole, _gain(whole, bare, seed))
    return Ablation(everything, _ablated("forecast", ALONE, bare, None), tuple(rows))


def present(components: Components, parameters: StrategyParameters) -> tuple[str, ...]:
    """The names of what is there to be taken away."""
    capital = components.capital
    fields = {
        "patterns": components.patterns,
        "regime": components.regime is not None,
        "anomaly": components.anomaly is not None,
        "allocation": capital is not None and (capital.policy is None or capital.mode is not PolicyMode.RL_ONLY),
        "policy": capital is not None and capital.policy is not None and capital.mode is not PolicyMode.ADVISORY,
        "vix": components.context is not None and bool(np.isfinite(components.context.vix).any()),
        "sentiment": components.context is not None and bool(np.isfinite(components.context.crowd_long).any()),
        "volume": True,
    }
    return tuple(name for name in NAMES if fields[name] and getattr(parameters, f"filter_{name}_enabled", True))


def _only(
    wanted: tuple[str, ...], components: Components, parameters: StrategyParameters
) -> tuple[Components, StrategyParameters]:
    """The strategy with the wanted components alone."""
    left = replace(
        NONE,
        patterns="patterns" in wanted,
        regime=components.regime if "regime" in wanted else None,
        anomaly=components.anomaly if "anomaly" in wanted else None,
        context=components.context,
        capital=_capital(wanted, components),
        fitted=components.fitted,
    )
    off = {f"filter_{name}_enabled": False for name in FILTERS if name not in wanted}
    return left, parameters.replace(**off)


def _capital(wanted: tuple[str, ...], components: Components) -> Capital | None:
    capital = components.capital
    if capital is None or not {"allocation", "policy"} & set(wanted):
        return None
    if "policy" not in wanted:
        return replace(capital, policy=None)
    return capital if "allocation" in wanted else replace(capital, mode=PolicyMode.RL_ONLY)


def _ablated(component: str, how: str, played: Evaluation, gain: Interval | None) -> Ablated:
    found = played.metrics
    numbers = (found.total_trades, found.total_return_pct, found.sharpe_ratio, found.max_drawdown_pct, found.profit_factor)
    return Ablated(component, how, *numbers, gain)


def _gain(mine: Evaluation, theirs: Evaluation, seed: int) -> Interval | None:
    """What the days of mine earned more than those of theirs, on average."""
    difference = _returns(mine) - _returns(theirs)
    if len(difference) < LEAST_RETURNS or not difference.any():
        return None
    resampling = Resampling(block_length(difference), RESAMPLES)
    return bootstrap_interval(difference, mean_returns, resampling, np.random.default_rng(seed))


def _returns(played: Evaluation) -> FloatArray:
    return daily(played.result.equity, played.result.cash, played.candles).returns


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `Ablation.table` as people read it: the gain with its interval in one cell, numbers with two decimals."""
    gain = row["gain_pct_a_year"]
    return {
        "component": row["component"],
        "how": row["how"],
        "verdict": row["verdict"],
        "adds % a year": "" if gain is None else f"{gain:+.2f} ({row['gain_low']:+.2f} to {row['gain_high']:+.2f})",
        "trades": row["trades"],
        "return %": round(row["return_pct"], 2),
        "Sharpe": round(row["sharpe_ratio"], 2),
        "max drawdown %": round(row["max_drawdown_pct"], 2),
        "profit factor": round(row["profit_factor"], 2),
    }
