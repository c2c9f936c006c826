"""What a parameter set is judged by: four objectives, each in its natural sign."""

import math
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


IDLE = Objectives(sharpe=-10.0, max_drawdown=100.0, profit_factor=0.0, cost_ratio=1.0)
"""What a trial with too few trades is given: worse than any trial that trades, so that doing nothing (no drawdown, no
costs) never looks good. Its true metrics are stored beside it."""

PROFIT_FACTOR_CAP = 10.0
"""A profit factor above this says that there were hardly any losses in the window, not that the set is better."""


def objectives_of(metrics: Metrics, min_trades: int) -> Objectives:
    """The objectives of a backtest, or `IDLE` when it closed fewer than `min_trades` trades (at least one)."""
    if metrics.total_trades < max(1, min_trades):
        return IDLE
    return Objectives(
        sharpe=max(metrics.sharpe_ratio, IDLE.sharpe),
        max_drawdown=min(abs(metrics.max_drawdown_pct), IDLE.max_drawdown),
        profit_factor=min(metrics.profit_factor, PROFIT_FACTOR_CAP),
        cost_ratio=min(metrics.cost_ratio, IDLE.cost_ratio),
    )


def objective_value(objectives: Objectives) -> float:
    """One number to sort a table by, never to choose by: Sharpe + ln(profit factor) − drawdown/10 − cost ratio.

    Ten percent of drawdown weigh as much as one of Sharpe; the profit factor is held within [0.1, 10].
    """
    factor = min(max(objectives.profit_factor, 1.0 / PROFIT_FACTOR_CAP), PROFIT_FACTOR_CAP)
    return objectives.sharpe + math.log(factor) - objectives.max_drawdown / 10.0 - objectives.cost_ratio


def gains(rows: Sequence[Objectives]) -> FloatArray:
    """Objectives as points [N,4] in which more is better in every column."""
    points: FloatArray = np.array([row.values() for row in rows], dtype=np.float64).reshape(-1, 4) * SIGNS
    return points
