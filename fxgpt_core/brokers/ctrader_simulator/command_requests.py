"""Commands on orders and positions: read from their messages, carried out by the venue, and what may go wrong on the way."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader_simulator import orders, protection
from fxgpt_core.brokers.ctrader_simulator.broken_commands import BROKEN
from fxgpt_core.brokers.ctrader_simulator.codes import OrderType, TimeInForce, TradeSide, TriggerMethod
from fxgpt_core.brokers.ctrader_simulator.records import OrderChange, OrderTicket, Protection, Refusal, VenueOrder
from fxgpt_core.brokers.ctrader_simulator.session_answers import may_trade

if TYPE_CHECKING:
    from fxgpt_core.brokers.ctrader_simulator.client_connection import ClientConnection
    from fxgpt_core.brokers.ctrader_simulator.server import SimulatorServer


@dataclass
class Command:
    """One command of a client: `begin` takes it at the venue, `finish` does what follows at once, both as often as asked.

    Only orders that are executed at the market, and closes, have something to finish in parts.
    """

    server: "SimulatorServer"
    client: "ClientConnection"
    client_msg_id: str
    account_id: int
    begin: Callable[[], VenueOrder | None]
    finish: Callable[[VenueOrder], None] | None
    order_id: int | None = None
    position_id: int | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    def start(self) -> VenueOrder | None:
        """Take the command; a refusal is told to the client. None where nothing is left to finish."""
        with self.server.asked_by(self.client, self.client_msg_id):
            try:
                return self.begin()
            except Refusal as refusal:
                self.refuse(refusal.code, refusal.description)
        return None

    def end(self, order: VenueOrder | None) -> None:
        """Do what follows at once."""
        if order is not None and self.finish is not None:
            with self.server.asked_by(self.client, self.client_msg_id):
                self.finish(order)

    def part(self, order: VenueOrder, volume: int) -> None:
        """Execute a part of an order at the market."""
        with self.server.asked_by(self.client, self.client_msg_id):
            orders.execute(self.server.venue.book, order, volume)

    def whole(self) -> None:
        """Take the command and do what follows."""
        self.end(self.start())

    def refuse(self, code: str, description: str) -> None:
        """Tell the client that the command is refused."""
        numbers = {"orderId": self.order_id, "positionId": self.position_id}
        known = {name: number for name, number in numbers.items() if number is not None}
        message = protocol.new(
            "ProtoOAOrderErrorEvent",
            ctidTraderAccountId=self.account_id,
            errorCode=code,
            description=description,
            **known,
        )
        self.client.send(message, self.client_msg_id)


async def command(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> None:
    """Carry out one command, or what a fault makes of it."""
    account_id = asked.message.ctidTraderAccountId
    begin, finish = COMMANDS[asked.name](server, asked.message)
    wanted = Command(server, client, asked.client_msg_id, account_id, begin, finish)
    wanted.order_id, wanted.position_id = _value(asked.message, "orderId"), _value(asked.message, "positionId")
    if not may_trade(server, client, account_id):
        wanted.refuse("TRADING_NOT_ALLOWED", "Trading account is in read only mode")
        return
    fault = server.faults.draw_at("order")
    if fault is None:
        wanted.whole()
    else:
        wanted.detail = fault[1]
        BROKEN[fault[0]](wanted)


Steps = tuple[Callable[[], VenueOrder | None], Callable[[VenueOrder], None] | None]


def _new_order(server: "SimulatorServer", asked: Any) -> Steps:
    book = server.venue.book
    return (
        lambda: orders.accept(book, asked.ctidTraderAccountId, ticket_of(asked)),
        lambda order: orders.fill_at_once(book, order),
    )


def _close(server: "SimulatorServer", asked: Any) -> Steps:
    book = server.venue.book
    return (
        lambda: orders.accept_close(book, asked.ctidTraderAccountId, asked.positionId, asked.volume),
        lambda order: orders.fill_at_once(book, order),
    )


def _cancel(server: "SimulatorServer", asked: Any) -> Steps:
    def begin() -> None:
        server.venue.cancel(asked.ctidTraderAccountId, asked.orderId)

    return begin, None


def _amend_order(server: "SimulatorServer", asked: Any) -> Steps:
    changed = OrderChange(
        volume=_value(asked, "volume"),
        limit_price=_value(asked, "limitPrice"),
        stop_price=_value(asked, "stopPrice"),
        expires_us=_us(_value(asked, "expirationTimestamp")),
        stop_loss=_value(asked, "stopLoss"),
        take_profit=_value(asked, "takeProfit"),
        relative_stop_loss=_value(asked, "relativeStopLoss"),
        relative_take_profit=_value(asked, "relativeTakeProfit"),
        slippage_points=_value(asked, "slippageInPoints"),
        trailing_stop=_value(asked, "trailingStopLoss"),
    )

    def begin() -> None:
        server.venue.amend_order(asked.ctidTraderAccountId, asked.orderId, changed)

    return begin, None


def _amend_position(server: "SimulatorServer", asked: Any) -> Steps:
    wanted = Protection(
        stop_loss=_value(asked, "stopLoss"),
        take_profit=_value(asked, "takeProfit"),
        trailing_stop=asked.trailingStopLoss,
        trigger_method=TriggerMethod(asked.stopLossTriggerMethod),
    )

    def begin() -> None:
        protection.amend_position(server.venue.book, asked.ctidTraderAccountId, asked.positionId, wanted)

    return begin, None


def ticket_of(asked: Any) -> OrderTicket:
    """What a ProtoOANewOrderReq asks for."""
    return OrderTicket(
        symbol_id=asked.symbolId,
        type=OrderType(asked.orderType),
        side=TradeSide(asked.tradeSide),
        volume=asked.volume,
        limit_price=_value(asked, "limitPrice"),
        stop_price=_value(asked, "stopPrice"),
        time_in_force=TimeInForce(asked.timeInForce),
        expires_us=_us(_value(asked, "expirationTimestamp")),
        stop_loss=_value(asked, "stopLoss"),
        take_profit=_value(asked, "takeProfit"),
        relative_stop_loss=_value(asked, "relativeStopLoss"),
        relative_take_profit=_value(asked, "relativeTakeProfit"),
        base_slippage_price=_value(asked, "baseSlippagePrice"),
        slippage_points=_value(asked, "slippageInPoints"),
        position_id=_value(asked, "positionId"),
        client_order_id=asked.clientOrderId,
        label=asked.label,
        comment=asked.comment,
        guaranteed_stop=asked.guaranteedStopLoss,
        trailing_stop=asked.trailingStopLoss,
        trigger_method=TriggerMethod(asked.stopTriggerMethod),
    )


def _value(message: Any, name: str) -> Any:
    """A field's value; None where it is left out, or the message has no such field."""
    return getattr(message, name) if name in message.DESCRIPTOR.fields_by_name and message.HasField(name) else None


def _us(time_ms: int | None) -> int | None:
    return None if time_ms is None else time_ms * 1000


COMMANDS: Final = MappingProxyType(
    {
        "ProtoOANewOrderReq": _new_order,
        "ProtoOAClosePositionReq": _close,
        "ProtoOACancelOrderReq": _cancel,
        "ProtoOAAmendOrderReq": _amend_order,
        "ProtoOAAmendPositionSLTPReq": _amend_position,
    }
)
