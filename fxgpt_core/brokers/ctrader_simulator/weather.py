"""Faults of time: connections that stand still, sessions that end, clocks, quotes, hands in the terminal."""

import asyncio
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader_simulator import quoted_market
from fxgpt_core.brokers.ctrader_simulator.certificates import make_certificates
from fxgpt_core.brokers.ctrader_simulator.codes import OrderType, TradeSide
from fxgpt_core.brokers.ctrader_simulator.faults import FAULTS
from fxgpt_core.brokers.ctrader_simulator.records import OrderTicket, Protection, Refusal, VenuePosition
from fxgpt_core.brokers.ctrader_simulator.session_answers import invalidate

if TYPE_CHECKING:
    from fxgpt_core.brokers.ctrader_simulator.client_connection import ClientConnection
    from fxgpt_core.brokers.ctrader_simulator.server import SimulatorServer

BLOWN_SPREAD: Final = 20.0
LARGEST_GAP: Final = 0.01


@dataclass
class Weather:
    """What quotes suffer now; each ends at a time of the loop, seconds."""

    one_sided_until: float = 0.0
    stale_until: float = 0.0
    blown_until: float = 0.0


def foreign_context() -> ssl.SSLContext:
    """TLS of a server whose certificate an authority has signed that the client does not know."""
    with tempfile.TemporaryDirectory() as folder:
        return make_certificates(Path(folder)).server_context()


def quoted(server: "SimulatorServer", name: str, bid: float, ask: float) -> None:
    """A new price, as the weather lets it through: not at all, one side of it, or with a wide spread."""
    now_s, weather = asyncio.get_running_loop().time(), server.weather
    if now_s < weather.stale_until:
        return
    if now_s < weather.blown_until:
        ask = bid + (ask - bid) * BLOWN_SPREAD
    before = server.venue.book.quotes.get(server.venue.symbol_id(name))
    if now_s < weather.one_sided_until and before is not None:
        bid = min(before.bid, ask)
    server.venue.quote(name, bid, ask)


def pass_second(server: "SimulatorServer") -> None:
    """What a second brings: orders expire, and each fault of time may come."""
    quoted_market.on_time(server.venue.book)
    for name, kind in FAULTS.items():
        if kind.place == "time":
            detail = server.faults.draw(name)
            if detail is not None:
                strike(server, name, detail)


def strike(server: "SimulatorServer", name: str, detail: dict[str, Any]) -> None:
    """Let a fault of time come now; where it finds nothing to strike, nothing happens."""
    _STRIKES[name](server, detail)


def _half_open(server: "SimulatorServer", detail: dict[str, Any]) -> None:
    client = _some_client(server)
    if client is not None:
        client.stand_still()


def _freeze(server: "SimulatorServer", detail: dict[str, Any]) -> None:
    still = [client for client in server.clients if not client.is_still]
    for client in still:
        client.stand_still()

    async def thaw() -> None:
        for client in still:
            client.go_on()

    server.later(_seconds(server, detail), thaw)


def _account_disconnect(server: "SimulatorServer", detail: dict[str, Any]) -> None:
    account_id = detail.get("account_id", server.venue.account_id)
    for client in server.sessions(account_id):
        client.send(protocol.new("ProtoOAAccountDisconnectEvent", ctidTraderAccountId=account_id))
        client.forget(account_id)


def _client_disconnect(server: "SimulatorServer", detail: dict[str, Any]) -> None:
    for client in tuple(server.clients):
        client.send(protocol.new("ProtoOAClientDisconnectEvent", reason=detail.get("reason", "Server is restarted")))
        client.close()


def _token_invalidated(server: "SimulatorServer", detail: dict[str, Any]) -> None:
    invalidate(server, tuple(server.venue.book.accounts), detail.get("reason", "Access token has been invalidated"))


def _clock_offset(server: "SimulatorServer", detail: dict[str, Any]) -> None:
    reach = server.faults.faults.clock_s
    server.clock.offset_us = round(detail.get("seconds", server.faults.within((-reach, reach))) * 1_000_000)


def _equal_milliseconds(server: "SimulatorServer", detail: dict[str, Any]) -> None:
    server.clock.hold()

    async def release() -> None:
        server.clock.release()

    server.later(detail.get("seconds", 1.0), release)


def _until(field: str) -> Callable[["SimulatorServer", dict[str, Any]], None]:
    def strike_quotes(server: "SimulatorServer", detail: dict[str, Any]) -> None:
        ends = asyncio.get_running_loop().time() + _seconds(server, detail)
        server.weather = replace(server.weather, **{field: ends})

    return strike_quotes


def _weekend_gap(server: "SimulatorServer", detail: dict[str, Any]) -> None:
    book = server.venue.book
    if not book.quotes:
        return
    symbol_id = server.venue.symbol_id(detail["symbol"]) if "symbol" in detail else _one_of(server, sorted(book.quotes))
    quote = book.quotes[symbol_id]
    share = detail.get("share", server.faults.within((-LARGEST_GAP, LARGEST_GAP)))
    bid = quote.bid * (1.0 + share)
    server.venue.quote(book.symbols[symbol_id].symbol.name, bid, bid + quote.ask - quote.bid)


def _symbol_change(server: "SimulatorServer", detail: dict[str, Any]) -> None:
    name = detail.get("symbol") or _one_of(server, sorted(server.venue.book.ids))
    terms = server.venue.terms(name)
    changed = detail.get("terms", {"min_volume": terms.min_volume * 2, "step_volume": terms.step_volume * 2})
    server.venue.change_symbol(name, **changed)


def _manual_trade(server: "SimulatorServer", detail: dict[str, Any]) -> None:
    book = server.venue.book
    if not book.quotes:
        return
    symbol_id = server.venue.symbol_id(detail["symbol"]) if "symbol" in detail else _one_of(server, sorted(book.quotes))
    side = detail.get("side", _one_of(server, list(TradeSide)))
    volume = detail.get("volume", book.symbols[symbol_id].min_volume)
    ticket = OrderTicket(symbol_id, OrderType.MARKET, side, volume, comment="by hand")
    _by_hand(lambda: server.venue.place(server.venue.account_id, ticket))


def _manual_close(server: "SimulatorServer", detail: dict[str, Any]) -> None:
    position = _some_position(server, detail)
    if position is not None:
        volume = detail.get("volume", position.volume)
        _by_hand(lambda: server.venue.close(position.account_id, position.position_id, volume))


def _manual_stop_move(server: "SimulatorServer", detail: dict[str, Any]) -> None:
    position = _some_position(server, detail)
    if position is None:
        return
    terms = server.venue.book.symbols[position.symbol_id]
    quote = server.venue.book.quote(position.symbol_id)
    far = terms.rounded(quote.bid * (1.0 - position.side.sign * 0.02))
    wanted = Protection(detail.get("stop_loss", far), None)
    _by_hand(lambda: server.venue.amend_position(position.account_id, position.position_id, wanted))


def _stop_out(server: "SimulatorServer", detail: dict[str, Any]) -> None:
    server.venue.stop_out(detail.get("account_id", server.venue.account_id))


def _by_hand(act: Callable[[], object]) -> None:
    try:
        act()
    except Refusal:
        # The terminal refuses a person as the protocol refuses a program; nobody is told by a push.
        return


def _some_client(server: "SimulatorServer") -> "ClientConnection | None":
    """The connection that has been there longest among those with a session, else any."""
    ready = sorted((client for client in server.clients if not client.is_still), key=lambda one: not one.tokens)
    return ready[0] if ready else None


def _some_position(server: "SimulatorServer", detail: dict[str, Any]) -> VenuePosition | None:
    book = server.venue.book
    if "position_id" in detail:
        return book.positions[detail["position_id"]]
    return book.positions[_one_of(server, sorted(book.open))] if book.open else None


def _one_of(server: "SimulatorServer", choices: list[Any]) -> Any:
    return server.faults.random.choice(choices)


def _seconds(server: "SimulatorServer", detail: dict[str, Any]) -> float:
    return float(detail.get("seconds", server.faults.within(server.faults.faults.weather_s)))


_STRIKES: Final = MappingProxyType(
    {
        "half_open": _half_open,
        "freeze": _freeze,
        "account_disconnect": _account_disconnect,
        "client_disconnect": _client_disconnect,
        "token_invalidated": _token_invalidated,
        "clock_offset": _clock_offset,
        "equal_milliseconds": _equal_milliseconds,
        "one_sided_quotes": _until("one_sided_until"),
        "stale_quotes": _until("stale_until"),
        "spread_blowout": _until("blown_until"),
        "weekend_gap": _weekend_gap,
        "symbol_change": _symbol_change,
        "manual_trade": _manual_trade,
        "manual_close": _manual_close,
        "manual_stop_move": _manual_stop_move,
        "stop_out": _stop_out,
    }
)
