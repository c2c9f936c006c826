"""One position as the fold of its deals, corrected by what the venue tells of it as a whole.

A deal counts once, in whatever order deals come. Where the venue tells a volume that the known deals do not explain, the rest is
kept apart as `unexplained`, until a deal turns up that is older than what was told: that one explains it and changes nothing.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fxgpt_core.brokers.ctrader.executions import BookedDeal, BookedOrder, present, side_of
from fxgpt_core.brokers.ctrader.prices import money
from fxgpt_core.market.orders import Side

ALWAYS_MS = 2**62
"""After every deal: a position that the venue does not have any more never opens again."""

Stamp = tuple[int, int]


@dataclass
class FoldedPosition:
    """Volumes in hundredths of a unit, money as it is added to the balance. `touched` counts when a deal last changed it."""

    position_id: int
    symbol_id: int
    side: Side
    entered: int = 0
    left: int = 0
    unexplained: int = 0
    told_ms: int = 0
    entered_value: float = 0.0
    told_price: float = 0.0
    opened_ms: int = 0
    touched: int = 0
    order_id: int | None = None
    is_labelled: bool = False
    stop_price: float | None = None
    target_price: float | None = None
    swap: Decimal = Decimal(0)
    commission: Decimal = Decimal(0)
    used_margin: Decimal = Decimal(0)
    levels_stamp: Stamp = (0, 0)
    money_ms: int = 0

    @property
    def volume(self) -> int:
        """What is open."""
        return max(0, self.entered - self.left + self.unexplained)

    @property
    def entry_price(self) -> float:
        """The mean price of what was entered; what the venue tells where not every deal is known."""
        if self.entered and (self.unexplained == 0 or not self.told_price):
            return self.entered_value / self.entered
        return self.told_price

    def take_deal(self, deal: BookedDeal, number: int) -> None:
        """Count a deal that was not counted yet."""
        signed = deal.volume if deal.closing is None else -deal.volume
        is_told = deal.executed_ms <= self.told_ms
        if is_told and 0 < signed * _sign(self.unexplained) <= abs(self.unexplained):
            self.unexplained -= signed
        if deal.closing is None:
            self.entered += deal.volume
            self.entered_value += deal.price * deal.volume
            self.opened_ms = min(self.opened_ms or deal.executed_ms, deal.executed_ms)
            self.order_id = self.order_id or deal.order_id
        else:
            self.left += deal.volume
        self.touched = number

    def take_volume(self, volume: int, told_ms: int) -> None:
        """The venue tells how much is open, by all that had happened at `told_ms`."""
        self.unexplained = volume - (self.entered - self.left)
        self.told_ms = told_ms or ALWAYS_MS

    def take_details(self, told: Any, rank: int = 0) -> None:
        """Levels and money of a ProtoOAPosition, unless newer ones are known; of one moment the higher `rank` counts."""
        data, stamp = told.tradeData, (told.utcLastUpdateTimestamp, rank)
        self.is_labelled = self.is_labelled or bool(data.label)
        if stamp >= self.levels_stamp:
            self.levels_stamp = stamp
            self.stop_price, self.target_price = present(told, "stopLoss"), present(told, "takeProfit")
        if told.utcLastUpdateTimestamp >= self.money_ms and data.volume > 0:
            self.money_ms, digits = told.utcLastUpdateTimestamp, told.moneyDigits
            self.swap, self.commission = money(told.swap, digits), money(told.commission, digits)
            self.used_margin = money(told.usedMargin, digits)
            self.told_price = told.price
            self.opened_ms = data.openTimestamp or self.opened_ms

    def take_protection(self, order: BookedOrder, is_over: bool) -> None:
        """Levels of the protective order, which is told with its own time; none when it is over."""
        stamp = (order.updated_ms, 1)
        if stamp < self.levels_stamp:
            return
        self.levels_stamp = stamp
        self.stop_price, self.target_price = (None, None) if is_over else (order.trigger_price, order.limit_price)

    def take_stop(self, stop_price: float, told_ms: int) -> None:
        """A stop that the venue has trailed."""
        if (told_ms, 1) >= self.levels_stamp:
            self.levels_stamp, self.stop_price = (told_ms, 1), stop_price


def folded_position(told: Any) -> FoldedPosition:
    """An empty fold of a ProtoOAPosition."""
    return FoldedPosition(told.positionId, told.tradeData.symbolId, side_of(told.tradeData.tradeSide))


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)
