"""The closed trades of the folds' choices in other orders: was the drawdown that was seen a lucky one?"""

from dataclasses import asdict, dataclass

import numpy as np

from fxgpt_core.optimization.outcome import OptimizationOutcome
from fxgpt_core.performance.luck import MOST_ORDERS_P_VALUE, LuckTest
from fxgpt_core.performance.monte_carlo import TradeSimulation, TradeSimulationParameters, shuffled_trades


@dataclass(frozen=True)
class OtherOrders:
    """What the trades would have shown in so many other orders, `runs`; the final equity is the same in all."""

    runs: int
    simulation: TradeSimulation

    @property
    def test(self) -> LuckTest:
        """How often another order falls at least as deep: nearly always, if the order was lucky."""
        found, deep = self.simulation, self.simulation.drawdown
        told = (
            f"Was the order of its trades lucky? How often another falls at least as deep. Of {self.runs:,} others the 5th, 50th "
            f"and 95th percentile of the deepest fall are {deep.p5:,.0f}, {deep.p50:,.0f} and {deep.p95:,.0f}, here it is "
            f"{found.observed_drawdown:,.0f}; {found.drawdown_fraction.p95:.1%} of the account is to be expected once in twenty."
        )
        return LuckTest("other_orders", found.drawdown_p_value, "<=", MOST_ORDERS_P_VALUE, told)

    def to_json(self) -> dict[str, object]:
        """Every number of the simulation, and how many orders it is of."""
        return {"runs": self.runs, **asdict(self.simulation)}


def in_other_orders(outcome: OptimizationOutcome, rng: np.random.Generator, runs: int) -> OtherOrders | None:
    """The stitched trades in `runs` other orders; None where nothing was traded. Raises as `shuffled_trades`."""
    result = outcome.out_of_sample.result
    if len(result.trades) == 0:
        return None
    return OtherOrders(runs, shuffled_trades(result.trades.profit, TradeSimulationParameters(result.cash, resamples=runs), rng))
