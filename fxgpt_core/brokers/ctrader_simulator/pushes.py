"""Events of the venue as messages to every session they concern."""

from typing import TYPE_CHECKING, Any, Final

from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader_simulator import shapes
from fxgpt_core.brokers.ctrader_simulator.records import (
    AccountChanged,
    Execution,
    MarginCall,
    StopTrailed,
    SymbolChanged,
    VenueEvent,
    VenueQuote,
)

if TYPE_CHECKING:
    from fxgpt_core.brokers.ctrader_simulator.client_connection import ClientConnection
    from fxgpt_core.brokers.ctrader_simulator.server import Origin, SimulatorServer

_FOREIGN_BITS: Final = 64


def push(server: "SimulatorServer", event: VenueEvent, origin: "Origin | None") -> None:
    """Send an event to every session it concerns.

    Who asked for it finds the id of his message on it; the others find an id they never sent, as the venue does.
    """
    if isinstance(event, VenueQuote):
        _push_spot(server, event)
    elif isinstance(event, SymbolChanged):
        for account_id in server.venue.book.accounts:
            message = protocol.new("ProtoOASymbolChangedEvent", ctidTraderAccountId=account_id, symbolId=[event.symbol_id])
            _to_all(server, account_id, message)
    elif isinstance(event, Execution):
        _push_execution(server, event, origin)
    elif isinstance(event, AccountChanged):
        trader = shapes.trader_fields(server.venue.book.accounts[event.account_id])
        message = protocol.new("ProtoOATraderUpdatedEvent", ctidTraderAccountId=event.account_id, trader=trader)
        _to_all(server, event.account_id, message)
    else:
        _to_all(server, event.account_id, _other(event))


def margin_call_fields(level: float, time_us: int | None = None) -> dict[str, Any]:
    """ProtoOAMarginCall of a level of equity over margin."""
    kind = {1.0: 61, 0.75: 62}.get(level, 63)
    stamp = None if time_us is None else shapes.ms(time_us)
    return shapes.present({"marginCallType": kind, "marginLevelThreshold": level * 100.0, "utcLastUpdateTimestamp": stamp})


def spot(server: "SimulatorServer", client: "ClientConnection", key: tuple[int, int], quote: VenueQuote) -> Any:
    """ProtoOASpotEvent of a subscription, with the forming bars it has asked for."""
    fields = shapes.spot_fields(key[0], quote, client.told.get(key))
    if client.spots[key]:
        fields["timestamp"] = shapes.ms(quote.time_us)
    periods = sorted(period for account_id, symbol_id, period in client.live_bars if (account_id, symbol_id) == key)
    fields["trendbar"] = [server.bars.forming(key[1], period) for period in periods]
    client.told[key] = quote
    return protocol.new("ProtoOASpotEvent", **fields)


def _push_spot(server: "SimulatorServer", quote: VenueQuote) -> None:
    for client in tuple(server.clients):
        for key in tuple(client.spots):
            if key[1] == quote.symbol_id:
                client.send(spot(server, client, key, quote))


def _push_execution(server: "SimulatorServer", event: Execution, origin: "Origin | None") -> None:
    message = protocol.new("ProtoOAExecutionEvent", **shapes.execution_fields(server.venue.book, event))
    for client in server.sessions(event.account_id):
        if event.is_server or origin is None:
            client.send(message)
        elif client is origin.client:
            client.send(message, origin.client_msg_id)
        else:
            client.send(message, f"terminal-{server.faults.random.getrandbits(_FOREIGN_BITS):016x}")


def _other(event: StopTrailed | MarginCall) -> Any:
    if isinstance(event, MarginCall):
        called = margin_call_fields(event.level, event.time_us)
        return protocol.new("ProtoOAMarginCallTriggerEvent", ctidTraderAccountId=event.account_id, marginCall=called)
    return protocol.new(
        "ProtoOATrailingSLChangedEvent",
        ctidTraderAccountId=event.account_id,
        positionId=event.position_id,
        orderId=event.order_id,
        stopPrice=event.stop_price,
        utcLastUpdateTimestamp=shapes.ms(event.time_us),
    )


def _to_all(server: "SimulatorServer", account_id: int, message: Any) -> None:
    for client in server.sessions(account_id):
        client.send(message)
