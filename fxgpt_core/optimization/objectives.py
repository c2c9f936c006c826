"""What a parameter set is judged by: four objectives, each in its natural sign."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from fxgpt_core.performance.measures import Metrics

FloatArray = npt.NDArray[np.float64]

DIRECTIONS: tuple[Literal["maximize", "minimize"], ...] = ("maximize", "minimize", "maximize", "minimize")
"""Of sharpe, max_drawdown, profit_factor, cost_ratio."""

SIGNS = np.array([1.0, -1.0, 1.0, -1.0])


@dataclass(frozen=True)
class Objectives:
    """`sharpe` a year; `max_drawdown` percent of the peak, >= 0; `profit_factor` gross profit / gross loss; `cost_ratio`
    costs / gross profit before costs.
    """

    sharpe: float
    max_drawdown: float
    profit_factor: float
    cost_ratio: float

    def values(self) -> tuple[float, float, float, float]:
        """The four numbers in the order of `DIRECTIONS`."""
        return self.sharpe, self.max_drawdown, self.profit_factor, self.cost_ratio

    def to_json(self) -> dict[str, float]:
        """The four numbers by name."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, float]) -> "Objectives":
        """The record written by `to_json`."""
        return cls(**{name: float(values[name]) for name in ("sharpe", "max_drawdown", "profit_factor", "cost_ratio")})


WORST = Objectives(sharpe=-10.0, max_drawdown=100.0, profit_factor=0.0, cost_ratio=1.0)
"""The bounds of what is told to a search: measures beyond them say no more."""

PROFIT_FACTOR_CAP = 10.0
"""A profit factor above this says that there were hardly any losses in the window, not that the set is better."""
TEN_PCT = 10.0


@dataclass(frozen=True)
class Weights:
    """What an objective weighs where there can be only one; ten percent of drawdown stand beside a Sharpe ratio of one.

    The defaults are those of the specification, 7.3.
    """

    sharpe: float = 0.5
    max_drawdown: float = 0.3
    profit_factor: float = 0.15
    cost_ratio: float = 0.05


def objectives_of(metrics: Metrics) -> Objectives:
    """The objectives of a backtest, within their bounds; without a trade they are `WORST`, since nothing was shown."""
    if not metrics.total_trades:
        return WORST
    return Objectives(
        sharpe=max(metrics.sharpe_ratio, WORST.sharpe),
        max_drawdown=min(abs(metrics.max_drawdown_pct), WORST.max_drawdown),
        profit_factor=min(metrics.profit_factor, PROFIT_FACTOR_CAP),
        cost_ratio=min(metrics.cost_ratio, WORST.cost_ratio),
    )


def weighted(objectives: FloatArray, weights: Weights) -> FloatArray:
    """float64[n]: the weighted sum of objectives float64[n,4], more is better."""
    scale = np.array([weights.sharpe, weights.max_drawdown / TEN_PCT, weights.profit_factor, weights.cost_ratio])
    total: FloatArray = objectives @ (SIGNS * scale)
    return total


def objective_value(objectives: Objectives) -> float:
    """The one number of the table `optimization_results`: the weighted sum with the specification's weights."""
    return float(weighted(np.array([objectives.values()]), Weights())[0])


def gains(rows: Sequence[Objectives]) -> FloatArray:
    """Objectives as points [N,4] in which more is better in every column."""
    points: FloatArray = np.array([row.values() for row in rows], dtype=np.float64).reshape(-1, 4) * SIGNS
    return points
