"""What trading cost, by part: commission, spread, slippage, impact and swap."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.performance.played import ClosedTrades
from fxgpt_core.performance.ratios import ratio

FloatArray = npt.NDArray[np.float64]

CHARGED_BY_SOME = ("slippage", "impact", "swap")
"""Columns of costs that a table of trades may lack, because its engine does not charge them."""


@dataclass(frozen=True)
class CostParts:
    """Money in the account's currency, positive where paid; only `swap` may be earned, which is negative.

    `gross_profit` is the sum of what trades made before costs, over those that made something.
    """

    commission: float
    spread: float
    slippage: float
    impact: float
    swap: float
    gross_profit: float

    @property
    def parts(self) -> dict[str, float]:
        """The five costs by name."""
        amounts = dataclasses.asdict(self)
        del amounts["gross_profit"]
        return amounts

    @property
    def total(self) -> float:
        """The sum of the parts."""
        return sum(self.parts.values())

    @property
    def shares(self) -> dict[str, float]:
        """Each part over the gross profit, held within ± `RATIO_LIMIT`; 0 for a part of 0."""
        return {name: ratio(paid, self.gross_profit) for name, paid in self.parts.items()}

    def to_json(self) -> dict[str, float | dict[str, float]]:
        """The parts, the gross profit, `total` and `shares`."""
        return {**dataclasses.asdict(self), "total": self.total, "shares": self.shares}


def cost_parts(trades: ClosedTrades) -> CostParts:
    """What trades [T] cost in all, by part."""
    paid = {name: float(column.sum()) for name, column in _charged(trades).items()}
    return CostParts(
        commission=paid["commission"],
        spread=paid["spread_cost"],
        slippage=paid.get("slippage", 0.0),
        impact=paid.get("impact", 0.0),
        swap=paid.get("swap", 0.0),
        gross_profit=gross_profit(trades.profit + costs_paid(trades)),
    )


def costs_paid(trades: ClosedTrades) -> FloatArray:
    """float64[T]: what each trade cost in all, in the account's currency; negative where it earned more swap than it paid."""
    paid: FloatArray = np.sum(list(_charged(trades).values()), axis=0)
    return paid


def gross_profit(before_costs: FloatArray) -> float:
    """The sum of the positive ones of profits before costs [T]."""
    return float(before_costs[before_costs > 0.0].sum())


def _charged(trades: ClosedTrades) -> dict[str, FloatArray]:
    always = {"commission": trades.commission, "spread_cost": trades.spread_cost}
    return always | {name: getattr(trades, name) for name in CHARGED_BY_SOME if hasattr(trades, name)}
