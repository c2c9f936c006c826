"""Adherence by FX day, by week and by month of the decisions."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import numpy as np

from fxgpt_core.live.adherence import STOPS, CostParts, OrderAdherence
from fxgpt_core.market.sessions import fx_day

_EPOCH: Final = date(1970, 1, 1)
PERIODS: Final[Mapping[str, Callable[[date], str]]] = {
    "day": lambda day: day.isoformat(),
    "week": lambda day: f"{day.isocalendar().year}-W{day.isocalendar().week:02d}",
    "month": lambda day: f"{day:%Y-%m}",
}
"""How a period is named that an FX day lies in."""


@dataclass(frozen=True)
class PeriodAdherence:
    """The orders decided in one period together; NaN where there is nothing to divide by.

    Slippage is that of the entries from their signal price, per order; `stops_at_level` and `targets_at_level` are shares of the
    positions that one of them ended, `stop_slippage_pips_mean` by how much worse than its level a stop was filled. Money is of
    closed trades, in account currency.
    """

    period: str
    orders: int
    sent: int
    rejected: int
    filled: int
    partial: int
    closed: int
    slippage_pips_mean: float
    slippage_pips_std: float
    slippage_pips_max: float
    slippage_fraction_max: float
    expected_costs: CostParts
    actual_costs: CostParts
    expected_profit: float
    actual_profit: float
    stops_at_level: float
    targets_at_level: float
    stop_slippage_pips_mean: float
    false_triggers: int

    @property
    def rejection_rate(self) -> float:
        """Rejected orders of those that were sent."""
        return _share(self.rejected, self.sent)

    @property
    def partial_fill_rate(self) -> float:
        """Orders filled in part only, of those that were filled."""
        return _share(self.partial, self.filled)

    @property
    def cost_ratio(self) -> float:
        """Actual over expected costs."""
        return _share(self.actual_costs.total, self.expected_costs.total)

    def to_json(self) -> dict[str, Any]:
        """One flat row; NaN is null."""
        row = {name: value for name, value in vars(self).items() if not isinstance(value, CostParts)}
        row |= {"expected_cost": self.expected_costs.total, "actual_cost": self.actual_costs.total}
        row |= {"cost_ratio": self.cost_ratio, "rejection_rate": self.rejection_rate}
        row |= {"partial_fill_rate": self.partial_fill_rate}
        row |= {f"actual_{name}": value for name, value in vars(self.actual_costs).items()}
        return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}


def by_period(orders: Sequence[OrderAdherence], period: str) -> list[PeriodAdherence]:
    """Orders by one of `PERIODS`, oldest period first."""
    groups: dict[str, list[OrderAdherence]] = defaultdict(list)
    days = fx_day(np.array([order.decided_at_us - 1 for order in orders], dtype=np.int64)).tolist() if orders else []
    for order, day in zip(orders, days, strict=True):
        groups[PERIODS[period](_EPOCH + timedelta(days=day))].append(order)
    return [together(groups[name], name) for name in sorted(groups)]


def together(orders: Sequence[OrderAdherence], name: str) -> PeriodAdherence:
    """All of some orders as one period."""
    filled = [order for order in orders if order.fill_price is not None]
    closed = [order for order in filled if order.exit_price is not None]
    pips = np.array([order.slippage_pips for order in filled], dtype=np.float64)
    fractions = np.array([order.slippage_fraction for order in filled], dtype=np.float64)
    return PeriodAdherence(
        period=name,
        orders=len(orders),
        sent=sum(order.was_sent for order in orders),
        rejected=sum(order.is_rejected for order in orders),
        filled=len(filled),
        partial=sum(order.is_partial for order in filled),
        closed=len(closed),
        slippage_pips_mean=float(pips.mean()) if len(pips) else math.nan,
        slippage_pips_std=float(pips.std(ddof=1)) if len(pips) > 1 else math.nan,
        slippage_pips_max=float(pips.max()) if len(pips) else math.nan,
        slippage_fraction_max=float(fractions.max()) if len(fractions) else math.nan,
        expected_costs=_sum(order.expected_costs for order in closed),
        actual_costs=_sum(order.actual_costs for order in closed),
        expected_profit=math.fsum(order.expected_profit or 0.0 for order in closed),
        actual_profit=math.fsum(order.actual_profit or 0.0 for order in closed),
        stops_at_level=_at_level(closed, STOPS),
        targets_at_level=_at_level(closed, frozenset({"target"})),
        stop_slippage_pips_mean=_mean([order.level_slippage_pips for order in closed if order.exit_reason in STOPS]),
        false_triggers=sum(order.false_trigger is True for order in closed),
    )


def _at_level(closed: Iterable[OrderAdherence], reasons: frozenset[str]) -> float:
    met = [order.at_level is True for order in closed if order.exit_reason in reasons]
    return _share(sum(met), len(met))


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return _share(math.fsum(known), len(known))


def _sum(parts: Iterable[CostParts | None]) -> CostParts:
    return sum((part for part in parts if part is not None), CostParts())


def _share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
