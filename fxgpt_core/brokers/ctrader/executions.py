"""Orders and deals as the venue tells them, in events and in lists alike, reduced to what the books keep."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fxgpt_core.brokers.broker import OrderState
from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader.prices import money
from fxgpt_core.market.orders import OrderType, Side

LABEL = "fxgpt"
OUR_PREFIX = "fx1-"
ORDER_TYPES = {
    protocol.value("ProtoOAOrderType", "MARKET"): OrderType.MARKET,
    protocol.value("ProtoOAOrderType", "MARKET_RANGE"): OrderType.MARKET,
    protocol.value("ProtoOAOrderType", "LIMIT"): OrderType.LIMIT,
    protocol.value("ProtoOAOrderType", "STOP"): OrderType.STOP,
    protocol.value("ProtoOAOrderType", "STOP_LIMIT"): OrderType.STOP_LIMIT,
}
WIRE_TYPES = {
    kind: protocol.value("ProtoOAOrderType", kind.name)
    for kind in (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT)
}
PROTECTIVE = protocol.value("ProtoOAOrderType", "STOP_LOSS_TAKE_PROFIT")
BUY, SELL = (protocol.value("ProtoOATradeSide", name) for name in ("BUY", "SELL"))
EXECUTED = frozenset(protocol.value("ProtoOADealStatus", name) for name in ("FILLED", "PARTIALLY_FILLED"))
STATES = {
    protocol.value("ProtoOAOrderStatus", "ORDER_STATUS_ACCEPTED"): OrderState.ACCEPTED,
    protocol.value("ProtoOAOrderStatus", "ORDER_STATUS_FILLED"): OrderState.FILLED,
    protocol.value("ProtoOAOrderStatus", "ORDER_STATUS_REJECTED"): OrderState.REJECTED,
    protocol.value("ProtoOAOrderStatus", "ORDER_STATUS_EXPIRED"): OrderState.EXPIRED,
    protocol.value("ProtoOAOrderStatus", "ORDER_STATUS_CANCELLED"): OrderState.CANCELLED,
}


@dataclass(frozen=True)
class BookedOrder:
    """An order of the account; volumes in hundredths of a unit. `side` is that of the order itself.

    `client_order_id` is empty for one that is not ours. `is_protective`: the server's own, for stop and target of a position.
    """

    order_id: int
    client_order_id: str
    symbol_id: int
    side: Side
    volume: int
    executed: int
    kind: OrderType
    state: OrderState
    position_id: int | None
    limit_price: float | None
    trigger_price: float | None
    updated_ms: int
    is_closing: bool
    is_protective: bool
    is_stop_out: bool
    reason: str = ""


@dataclass(frozen=True)
class Closing:
    """What a deal that closes settles, in account currency and as it is added to the balance; costs are negative."""

    gross: Decimal
    swap: Decimal
    commission: Decimal
    fee: Decimal
    balance: Decimal
    balance_version: int

    @property
    def change(self) -> Decimal:
        """By how much the balance moved."""
        return self.gross + self.swap + self.commission + self.fee


@dataclass(frozen=True)
class BookedDeal:
    """An execution; `side` is that of the position, `commission` what this deal alone is charged, negative."""

    deal_id: int
    order_id: int
    position_id: int
    symbol_id: int
    side: Side
    volume: int
    price: float
    executed_ms: int
    commission: Decimal
    closing: Closing | None


def booked_order(told: Any, error_code: str = "") -> BookedOrder:
    """From a ProtoOAOrder; `error_code` is that of the event it came with."""
    data, is_protective = told.tradeData, told.orderType == PROTECTIVE
    return BookedOrder(
        order_id=told.orderId,
        client_order_id=told.clientOrderId if is_ours(told) else "",
        symbol_id=data.symbolId,
        side=side_of(data.tradeSide),
        volume=data.volume,
        executed=told.executedVolume,
        kind=ORDER_TYPES.get(told.orderType, OrderType.MARKET),
        state=STATES[told.orderStatus],
        position_id=told.positionId if told.HasField("positionId") else None,
        limit_price=present(told, "limitPrice"),
        trigger_price=present(told, "stopPrice"),
        updated_ms=told.utcLastUpdateTimestamp,
        is_closing=told.closingOrder or is_protective,
        is_protective=is_protective,
        is_stop_out=told.isStopOut,
        reason=error_code,
    )


def booked_deal(told: Any) -> BookedDeal | None:
    """From a ProtoOADeal; None for one that executed nothing."""
    if told.dealStatus not in EXECUTED or told.filledVolume <= 0:
        return None
    side, closing = side_of(told.tradeSide), None
    if told.HasField("closePositionDetail"):
        side, closing = Side(-side), _closing(told.closePositionDetail, told.moneyDigits)
    return BookedDeal(
        deal_id=told.dealId,
        order_id=told.orderId,
        position_id=told.positionId,
        symbol_id=told.symbolId,
        side=side,
        volume=told.filledVolume,
        price=told.executionPrice,
        executed_ms=told.executionTimestamp,
        commission=money(told.commission, told.moneyDigits),
        closing=closing,
    )


def is_ours(order: Any) -> bool:
    """Whether we placed an order: servers give ids to those of others, and do not promise to keep a label."""
    return bool(order.clientOrderId) and (order.tradeData.label == LABEL or order.clientOrderId.startswith(OUR_PREFIX))


def side_of(trade_side: int) -> Side:
    """LONG for a BUY."""
    return Side.LONG if trade_side == BUY else Side.SHORT


def present(message: Any, name: str) -> Any:
    """A field's value; None where it is left out."""
    return getattr(message, name) if message.HasField(name) else None


def _closing(told: Any, digits_of_deal: int) -> Closing:
    digits = told.moneyDigits if told.HasField("moneyDigits") else digits_of_deal
    gross, swap, commission, fee, balance = (
        money(amount, digits) for amount in (told.grossProfit, told.swap, told.commission, told.pnlConversionFee, told.balance)
    )
    return Closing(gross, swap, commission, fee, balance, told.balanceVersion)
