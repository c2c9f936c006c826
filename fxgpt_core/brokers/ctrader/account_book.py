"""The account as the fold of everything the venue tells: events, lists, and the state as a whole.

The same fact may come by an event, by the same event again, and from a list, in any order; it counts once. The state of an order
only moves forward. What the venue tells as a whole (`take_state`) is true for every position that no deal moved meanwhile.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from fxgpt_core.brokers.broker import OrderState
from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader.balance_fold import BalanceFold, BalanceStep
from fxgpt_core.brokers.ctrader.executions import BookedDeal, BookedOrder, booked_deal, booked_order
from fxgpt_core.brokers.ctrader.position_fold import FoldedPosition, folded_position
from fxgpt_core.brokers.ctrader.prices import money
from fxgpt_core.market.orders import OrderType

OPEN = protocol.value("ProtoOAPositionStatus", "POSITION_STATUS_OPEN")
ORDER_REFUSED = protocol.value("ProtoOAExecutionType", "ORDER_REJECTED")
RANK = {OrderState.ACCEPTED: 0, OrderState.REJECTED: 1, OrderState.EXPIRED: 1, OrderState.CANCELLED: 1, OrderState.FILLED: 2}


@dataclass
class AccountBook:
    """Orders, deals, positions and balance of one account. `fills` has the deals in the order in which they were told.

    `n_told` counts what was told; `is_doubtful`: an event spoke of a volume that the known deals do not make, so one was missed.
    """

    orders: dict[int, BookedOrder] = field(default_factory=dict)
    deals: dict[int, BookedDeal] = field(default_factory=dict)
    positions: dict[int, FoldedPosition] = field(default_factory=dict)
    balance: BalanceFold = field(default_factory=BalanceFold)
    fills: list[int] = field(default_factory=list)
    n_told: int = 0
    is_doubtful: bool = False
    _executed: dict[int, int] = field(default_factory=dict)
    _told_at: dict[int, int] = field(default_factory=dict)
    _by_client_id: dict[str, int] = field(default_factory=dict)
    _homeless: dict[int, BookedDeal] = field(default_factory=dict)

    def take_event(self, event: Any) -> None:
        """A ProtoOAExecutionEvent."""
        self.n_told += 1
        refused = event.errorCode if event.executionType == ORDER_REFUSED else ""
        if event.HasField("order"):
            self._take_order(booked_order(event.order, refused))
        if event.HasField("deal"):
            self._take_deal(booked_deal(event.deal))
        if event.HasField("position"):
            position = self._position(event.position)
            position.take_details(event.position)
            is_open = event.position.positionStatus == OPEN
            self.is_doubtful |= is_open and position.volume != event.position.tradeData.volume
        if event.HasField("order"):
            self._take_protection(self.orders[event.order.orderId])
        if event.HasField("depositWithdraw"):
            self.take_cash_flow(event.depositWithdraw)

    def take_rows(self, orders: list[Any], deals: list[Any]) -> None:
        """What lists tell: ProtoOAOrder and ProtoOADeal, each as it is by now."""
        for order in orders:
            self._take_order(booked_order(order))
        executed = [deal for deal in map(booked_deal, deals) if deal is not None]
        for deal in sorted(executed, key=lambda one: (one.executed_ms, one.deal_id)):
            self._take_deal(deal)

    def take_cash_flow(self, told: Any) -> None:
        """A ProtoOADepositWithdraw."""
        self.balance.take_step(BalanceStep(told.balanceVersion, money(told.balance, told.moneyDigits), None))

    def take_trailed(self, told: Any) -> None:
        """A ProtoOATrailingSLChangedEvent."""
        self.n_told += 1
        if told.positionId in self.positions:
            self.positions[told.positionId].take_stop(told.stopPrice, told.utcLastUpdateTimestamp)

    def take_state(self, told: Any, asked_at: int) -> tuple[int, ...]:
        """A ProtoOAReconcileRes, asked for when `n_told` was `asked_at`.

        Returns the positions of which it cannot be said whether it contains what was told meanwhile: ask again for those.
        """
        self.is_doubtful = False
        for order in told.order:
            self._take_order(booked_order(order))
        in_doubt, seen = [], set()
        for one in told.position:
            position = self._position(one)
            seen.add(one.positionId)
            if position.touched > asked_at and position.volume != one.tradeData.volume:
                in_doubt.append(one.positionId)
            elif position.touched <= asked_at:
                position.take_volume(one.tradeData.volume, one.utcLastUpdateTimestamp)
            position.take_details(one, rank=1)
        for position in self.positions.values():
            if position.position_id not in seen and position.volume:
                if position.touched > asked_at:
                    in_doubt.append(position.position_id)
                else:
                    position.take_volume(0, 0)
        return tuple(in_doubt)

    def vanished(self, told: Any, asked_at: int) -> tuple[int, ...]:
        """Orders that waited and are not in the same ProtoOAReconcileRes any more: what became of them was missed."""
        there = {order.orderId for order in told.order}
        return tuple(
            number for number, order in self.orders.items()
            if self.waits(order) and number not in there and self._told_at.get(number, 0) <= asked_at
        )  # fmt: skip

    def waits(self, order: BookedOrder) -> bool:
        """Whether an order of a person or of ours waits for its price."""
        is_pending = order.kind is not OrderType.MARKET and not order.is_closing
        return is_pending and order.state is OrderState.ACCEPTED

    def unexplained(self, since_ms: int) -> tuple[int, ...]:
        """Positions that moved since a moment by deals that nobody told yet."""
        found = (one for one in self.positions.values() if one.unexplained and one.told_ms >= since_ms)
        return tuple(one.position_id for one in found)

    def homeless(self) -> tuple[int, ...]:
        """Ids of orders that deals name and nothing has told."""
        return tuple(sorted({deal.order_id for deal in self._homeless.values()}))

    def known(self, client_order_id: str) -> BookedOrder | None:
        """The order of ours with this id."""
        number = self._by_client_id.get(client_order_id)
        return None if number is None else self.orders[number]

    def opening_order(self, position: FoldedPosition) -> BookedOrder | None:
        """The order that opened a position, where it is known."""
        return None if position.order_id is None else self.orders.get(position.order_id)

    def _position(self, told: Any) -> FoldedPosition:
        return self.positions.setdefault(told.positionId, folded_position(told))

    def _take_order(self, order: BookedOrder) -> None:
        known = self.orders.get(order.order_id)
        self._told_at[order.order_id] = self.n_told
        self.orders[order.order_id] = order if known is None else _newer(known, order)
        if order.client_order_id:
            # Of two orders with one id the first is the one that was meant: the second should not be.
            self._by_client_id.setdefault(order.client_order_id, order.order_id)
        for deal in [deal for deal in self._homeless.values() if deal.order_id == order.order_id]:
            del self._homeless[deal.deal_id]
            self._count(deal)

    def _take_deal(self, deal: BookedDeal | None) -> None:
        if deal is None or deal.deal_id in self.deals or deal.deal_id in self._homeless:
            return
        if deal.order_id in self.orders:
            self._count(deal)
        else:
            self._homeless[deal.deal_id] = deal

    def _count(self, deal: BookedDeal) -> None:
        self.n_told += 1
        self.deals[deal.deal_id] = deal
        self.fills.append(deal.deal_id)
        fresh = FoldedPosition(deal.position_id, deal.symbol_id, deal.side)
        self.positions.setdefault(deal.position_id, fresh).take_deal(deal, self.n_told)
        self._count_executed(deal)
        closing = deal.closing
        if closing is not None:
            self.balance.take_step(BalanceStep(closing.balance_version, closing.balance, closing.change))

    def _count_executed(self, deal: BookedDeal) -> None:
        executed = self._executed[deal.order_id] = self._executed.get(deal.order_id, 0) + deal.volume
        order = self.orders[deal.order_id]
        if executed > order.executed:
            self.orders[deal.order_id] = replace(order, executed=executed)

    def _take_protection(self, order: BookedOrder) -> None:
        position = self.positions.get(order.position_id or 0)
        if order.is_protective and position is not None:
            position.take_protection(order, is_over=order.state is not OrderState.ACCEPTED)


def _newer(known: BookedOrder, told: BookedOrder) -> BookedOrder:
    """The two tellings of one order in one: its state moves forward, its fields are those of the newer."""
    fields = told if told.updated_ms >= known.updated_ms else known
    state = told.state if RANK[told.state] > RANK[known.state] else known.state
    return replace(
        fields, state=state, executed=max(known.executed, told.executed), reason=known.reason or told.reason,
        client_order_id=known.client_order_id or told.client_order_id, position_id=known.position_id or told.position_id,
    )  # fmt: skip
