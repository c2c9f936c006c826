"""What a trial must keep on its train window to be chosen: constraints, which no objective can buy off."""

from dataclasses import dataclass

from fxgpt_core.errors import BadInputError
from fxgpt_core.optimization.evaluator import Measured

UNTRADED = 10.0
"""What too few trades add to a violation, since then nothing else was measured: no other breach is as far off."""


@dataclass(frozen=True)
class TrialLimits:
    """Percent of equity for the drawdown and the worst day, of trades for the win rate; None leaves a limit out.

    The defaults are those of the specification, 5.2.1, section 4. `min_trades`: closed trades, at least one.
    """

    max_drawdown_pct: float | None = 15.0
    min_win_rate_pct: float | None = 50.0
    max_daily_loss_pct: float | None = 3.0
    min_sharpe: float | None = 1.0
    min_trades: int = 5

    def __post_init__(self) -> None:
        positive = {name: getattr(self, name) for name in ("max_drawdown_pct", "max_daily_loss_pct", "min_sharpe")}
        wrong = [f"{name} {value}" for name, value in positive.items() if value is not None and not value > 0.0]
        if self.min_win_rate_pct is not None and not 0.0 < self.min_win_rate_pct <= 100.0:
            wrong.append(f"min_win_rate_pct {self.min_win_rate_pct}")
        if self.min_trades < 1:
            wrong.append(f"min_trades {self.min_trades}")
        if wrong:
            raise BadInputError(f"limits {', '.join(wrong)} found; each must be above 0, or none (and min_trades at least 1)")

    def violation(self, measured: Measured) -> float:
        """How far a trial is from keeping every limit: the sum of its shortfalls, each as a share of its limit; 0 if all hold."""
        found = measured.metrics
        if found.total_trades < self.min_trades:
            return UNTRADED + 1.0 - found.total_trades / self.min_trades
        return sum(
            (
                _above(found.max_drawdown_pct, self.max_drawdown_pct),
                _below(found.win_rate * 100.0, self.min_win_rate_pct),
                _above(measured.worst_day_pct, self.max_daily_loss_pct),
                _below(found.sharpe_ratio, self.min_sharpe),
            )
        )


def _above(value: float, limit: float | None) -> float:
    return 0.0 if limit is None else max(0.0, value / limit - 1.0)


def _below(value: float, limit: float | None) -> float:
    return 0.0 if limit is None else max(0.0, 1.0 - value / limit)
