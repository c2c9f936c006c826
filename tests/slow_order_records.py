"""The records of the slow order book: a trade, an order that waits, and what a candle says."""

import math
from dataclasses import dataclass, replace

MONEY = ("profit", "commission", "spread_cost", "slippage", "impact", "swap")
NO_PRICE = math.nan


@dataclass(eq=False)
class Trade:
    instruction: int
    tag: int
    side: int
    units: int
    entry_index: int
    entry_price: float
    stop_loss: float = NO_PRICE
    take_profit: float = NO_PRICE
    stop_born: int = 0
    target_born: int = 0
    commission: float = 0.0
    spread_cost: float = 0.0
    slippage: float = 0.0
    impact: float = 0.0
    swap: float = 0.0
    exit_index: int = -1
    exit_price: float = NO_PRICE
    reason: int = 0
    profit: float = NO_PRICE

    def gain(self, price):
        return (price - self.entry_price) * self.side * self.units

    def cut(self, units):
        """A part of the trade, with its share of what the trade has cost."""
        part = replace(self, units=units)
        for name in MONEY[1:]:
            setattr(part, name, getattr(self, name) * units / self.units)
            setattr(self, name, getattr(self, name) - getattr(part, name))
        self.units -= units
        return part


@dataclass(eq=False)
class Order:
    """An entry that waits, or a close of some units of a trade."""

    born: int
    instruction: int = -1
    tag: int = 0
    side: int = 0
    size: float = 0.0
    limit: float = NO_PRICE
    stop: float = NO_PRICE
    stop_loss: float = NO_PRICE
    take_profit: float = NO_PRICE
    closes: Trade | None = None

    @property
    def at_market(self):
        return math.isnan(self.limit) and math.isnan(self.stop)


class SlowQuotes:
    """What candle `i` of `candles` says, with `costs`."""

    def now(self, name):
        values = getattr(self.costs, name)
        return float(values[self.i if len(values) > 1 else 0])

    @property
    def spread(self):
        return self.now("spread")

    @property
    def open_spread(self):
        return self.now("open_spread") if len(self.costs.open_spread) else self.spread

    @property
    def conversion(self):
        return self.now("conversion")

    def quoted(self, buys):
        """Open, high and low as who buys or sells meets them; the open is a part of the candle."""
        more, more_at_open = (self.spread, self.open_spread) if buys else (0.0, 0.0)
        at = self.candles.open[self.i] + more_at_open
        return at, max(self.candles.high[self.i] + more, at), min(self.candles.low[self.i] + more, at)

    def mark(self, trade):
        return self.candles.close[self.i] + (self.spread if trade.side < 0 else 0.0)
