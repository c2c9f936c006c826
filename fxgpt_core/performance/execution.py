"""What became of the wishes to trade: each order beside its fill, and what the difference cost. Pure; live will call it.

Positive is always worse for the trader: a long that was filled above the signal's price, a short below it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Execution:
    """An order and its fill: prices in quote currency, money in account currency, times in µs since the epoch.

    `signal_price`: the price when it was decided; `expected_price`: what the backtest fills it at; `spread` and `impact` in price
    units at the fill; `conversion`: a unit of quote currency in account currency. An order that was rejected or not filled has
    `filled_units` 0 and its `price` does not count. Raises `BadInputError` for units or a side that cannot be.
    """

    side: int
    units: int
    filled_units: int
    signal_price: float
    expected_price: float
    price: float
    signal_us: int
    filled_us: int
    spread: float = 0.0
    impact: float = 0.0
    commission: float = 0.0
    conversion: float = 1.0

    def __post_init__(self) -> None:
        if self.side not in {1, -1} or self.units < 1 or not 0 <= self.filled_units <= self.units:
            raise BadInputError(
                f"an order of {self.units} units, {self.filled_units} of them filled, on side {self.side} found; a side is 1 or "
                "-1, at least one unit is ordered, and no more are filled than were ordered"
            )

    @property
    def slippage(self) -> float:
        """How much worse than the signal's price it was filled, as a fraction of that price."""
        return self.side * (self.price - self.signal_price) / self.signal_price

    @property
    def shortfall(self) -> float:
        """What the fill cost beyond the backtest's price, in account currency: side × (price − expected price) × units filled.

        Source: Perold, The Implementation Shortfall (1988), its part of the fill.
        """
        return self.side * (self.price - self.expected_price) * self.filled_units * self.conversion

    @property
    def cost(self) -> float:
        """Commission, and spread and impact of the units filled, in account currency."""
        return self.commission + (self.spread + self.impact) * self.filled_units * self.conversion


@dataclass(frozen=True)
class ExecutionQuality:
    """Many orders together: rates are fractions of the orders, slippage fractions of the price, money in account currency.

    `cost_impact`: all costs and the shortfall over the gross profit that was expected; 0 without any, and never below. Slippage,
    shortfall and delay are of filled orders; 0 if there are none.
    """

    orders: int
    filled: int
    rejection_rate: float
    partial_fill_rate: float
    mean_slippage: float
    slippage_deviation: float
    worst_slippage: float
    shortfall: float
    costs: float
    cost_impact: float
    mean_delay_s: float

    def to_json(self) -> dict[str, float | int]:
        """The numbers by name."""
        return asdict(self)


def execution_quality(executions: Sequence[Execution], expected_gross_profit: float = 0.0) -> ExecutionQuality:
    """What a list of executions says; `expected_gross_profit` is what the same trades earned in the backtest before costs."""
    done = [one for one in executions if one.filled_units]
    slippage: FloatArray = np.array([one.slippage for one in done] or [0.0])
    delays = [(one.filled_us - one.signal_us) / 1e6 for one in done] or [0.0]
    shortfall, costs = sum(one.shortfall for one in done), sum(one.cost for one in done)
    n = max(1, len(executions))
    return ExecutionQuality(
        orders=len(executions),
        filled=len(done),
        rejection_rate=(len(executions) - len(done)) / n,
        partial_fill_rate=sum(one.filled_units < one.units for one in done) / n,
        mean_slippage=float(slippage.mean()),
        slippage_deviation=float(slippage.std()),
        worst_slippage=float(slippage.max()),
        shortfall=float(shortfall),
        costs=float(costs),
        cost_impact=max(0.0, (shortfall + costs) / expected_gross_profit) if expected_gross_profit > 0.0 else 0.0,
        mean_delay_s=float(np.mean(delays)),
    )
