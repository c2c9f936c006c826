"""The order book and `backtest`, where both can play a strategy: the same trades and the same equity, under `==`."""

from dataclasses import replace

import numpy as np
from backtest_examples import runs
from hypothesis import HealthCheck, given, settings
from slow_backtest import SlowBacktest

from fxgpt_core.backtest.instructions import Instruction, instructions
from fxgpt_core.backtest.order_account import EXIT_NAMES
from fxgpt_core.backtest.order_stream import ANY_TAG, BUY, CANCEL, CLOSE, MOVE_STOP, SELL
from fxgpt_core.backtest.order_terms import OrderTerms
from fxgpt_core.backtest.orders import play_orders
from fxgpt_core.market.fills import REASON_NAMES

SAME = (
    "entry_index", "exit_index", "side", "units", "entry_price", "exit_price", "profit", "commission", "spread_cost", "slippage",
    "impact", "swap",
)  # fmt: skip
AS_TOLD = {"breakeven": "stop", "trailing": "stop", "time": "close", "signal": "close"}


class Instructing(SlowBacktest):
    """A slow backtest that writes down what it decides, as instructions for the order book."""

    def __init__(self, *parts):
        self.rows = []
        super().__init__(*parts)

    def decide(self, i):
        held, waiting, stop = self.position, self.order, self.position.stop if self.position else None
        super().decide(i)
        if held and held.closing:
            self.rows.append(Instruction(i, CLOSE, ANY_TAG, size=1.0))
        elif held and held.stop != stop:
            self.rows.append(Instruction(i, MOVE_STOP, ANY_TAG, stop_loss=held.stop))
        if waiting and not self.order:
            self.rows.append(Instruction(i, CANCEL, ANY_TAG))
        if self.order and self.order is not waiting:
            order = self.order
            level = {} if order.kind == "market" else {order.kind: order.level}
            self.rows.append(
                Instruction(
                    i, BUY if order.side > 0 else SELL, 0, order.units, **level, stop_loss=order.stop, take_profit=order.target
                )
            )


def expressible(played):
    """The run without finer candles, and without what would move its stop-out price after the entry."""
    costs = played.costs
    if costs.stop_out > 0.0:
        nothing = np.zeros(1)
        costs = replace(costs, conversion=costs.conversion[:1], swap_long=nothing, swap_short=nothing)
    return played.but(costs=costs, finer=None)


@settings(max_examples=400, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(runs(fx=True))
def test_trades_and_equity_are_those_of_the_backtest(played):
    played = expressible(played)
    parts = (played.candles, played.decisions, played.execution, played.costs, played.account)
    found = played.result()
    asked = instructions(Instructing(*parts).rows)
    result = play_orders(played.candles, asked, OrderTerms(played.costs), played.account)
    for name in SAME:
        assert getattr(result.trades, name).tolist() == getattr(found.trades, name).tolist(), name
    reasons = [AS_TOLD.get(REASON_NAMES[code], REASON_NAMES[code]) for code in found.trades.reason]
    assert [EXIT_NAMES[code] for code in result.trades.reason] == reasons
    assert result.equity.tolist() == found.equity.tolist()
    assert result.without_margin == found.refused
