"""What a strategy meets: candles and what trading in them costs; a stress changes them and has the strategy played again."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from fxgpt_core.backtest.engine import BacktestAccount, BacktestResult, ExecutionParameters, backtest
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.market.costs import Costs, FxCosts
from fxgpt_core.strategy.decision import Decisions


@dataclass(frozen=True, eq=False)
class Conditions:
    """N candles and their costs, of which an array has N numbers or one.

    `in_base`: the account is kept in the base currency of the symbol, so that `FxCosts.conversion` is one over the price and
    moves with it.
    """

    candles: CandleArrays
    costs: Costs | FxCosts
    in_base: bool = False

    def with_candles(self, candles: CandleArrays) -> "Conditions":
        """The same with other prices at the same times."""
        costs = self.costs
        if self.in_base and isinstance(costs, FxCosts):
            costs = replace(costs, conversion=costs.conversion * (self.candles.close / candles.close))
        return replace(self, candles=candles, costs=costs)

    def times(self, multiplier: float) -> "Conditions":
        """The same, trading `multiplier` times as dear. Raises `BadInputError`."""
        return replace(self, costs=self.costs.times(multiplier))


Play = Callable[[Conditions], tuple[CandleArrays, BacktestResult]]
"""Decides and trades under given conditions: the candles [M] that were played, a part of those given, and the result on them.

What is decided must be made anew from the candles given, by what is known at each of them; trading costs what the conditions
say. The same conditions must give the same result.
"""


def play_of(decisions: Decisions, execution: ExecutionParameters, account: BacktestAccount | None = None) -> Play:
    """A play of decisions that are what they are, whatever becomes of the prices; those without a candle are left out."""

    def play(conditions: Conditions) -> tuple[CandleArrays, BacktestResult]:
        there = np.isin(decisions.known_at_us, conditions.candles.known_at_us)
        return conditions.candles, backtest(conditions.candles, decisions.select(there), execution, conditions.costs, account)

    return play
