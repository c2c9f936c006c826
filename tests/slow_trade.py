"""The records of the slow backtest: a candle of one side of the quote, an order, a trade."""

import math
from dataclasses import dataclass

from fxgpt_core.backtest.engine import ExecutionParameters


@dataclass
class Bar:
    """A candle of the bid or of the ask."""

    open: float
    high: float
    low: float
    close: float


@dataclass
class Order:
    decided: int
    side: int
    units: int
    level: float
    kind: str
    stop: float
    target: float
    atr: float
    pattern_led: bool
    execution: ExecutionParameters

    def reached_by(self, bar):
        return bar.high >= self.level if self.waits_for_a_rise else bar.low <= self.level

    def opened_beyond(self, bar):
        return bar.open > self.level if self.waits_for_a_rise else bar.open < self.level

    @property
    def waits_for_a_rise(self):
        return (self.side > 0) == (self.kind == "stop")


@dataclass
class SlowTrade:
    entry_index: int
    side: int
    units: int
    entry_price: float
    stop: float
    target: float
    atr: float
    pattern_led: bool
    execution: ExecutionParameters
    stop_reason: str = "stop"
    closing: str = ""
    exit_index: int = -1
    exit_price: float = math.nan
    reason: int = 0
    ambiguous: bool = False
    profit: float = math.nan
    commission: float = 0.0
    spread_cost: float = 0.0
    slippage: float = 0.0
    impact: float = 0.0
    swap: float = 0.0

    def stopped_by(self, bar):
        return bar.low <= self.stop if self.side > 0 else bar.high >= self.stop

    def target_in(self, bar):
        return bar.high >= self.target if self.side > 0 else bar.low <= self.target

    def worth(self, price):
        """The profit in quote currency at a price."""
        return (price - self.entry_price) * self.side * self.units
