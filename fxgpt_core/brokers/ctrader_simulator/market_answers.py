"""Answers about prices: spots, live bars, the past in bars and ticks, each with the habits of the venue."""

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader_simulator import shapes
from fxgpt_core.brokers.ctrader_simulator.bars import trendbar
from fxgpt_core.brokers.ctrader_simulator.codes import Period
from fxgpt_core.brokers.ctrader_simulator.pushes import spot
from fxgpt_core.brokers.ctrader_simulator.records import Refusal

if TYPE_CHECKING:
    from fxgpt_core.brokers.ctrader_simulator.client_connection import ClientConnection
    from fxgpt_core.brokers.ctrader_simulator.server import SimulatorServer

MOST_BARS: Final = 4_999
DEFAULT_BARS: Final = 500
MOST_TICKS: Final = 1_000
WEEK_MS: Final = 604_800_000
MINUTE_MS: Final = 60_000
_BID: Final = 1


def _subscribe(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    account_id = asked.ctidTraderAccountId
    for symbol_id in asked.symbolId:
        server.venue.book.terms(symbol_id)
        if (account_id, symbol_id) in client.spots:
            raise Refusal("ALREADY_SUBSCRIBED", f"Symbol {symbol_id} is already subscribed")
    for symbol_id in asked.symbolId:
        client.spots[account_id, symbol_id] = asked.subscribeToSpotTimestamp
    return protocol.new("ProtoOASubscribeSpotsRes", ctidTraderAccountId=account_id)


def _unsubscribe(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    account_id = asked.ctidTraderAccountId
    for symbol_id in asked.symbolId:
        if client.spots.pop((account_id, symbol_id), None) is None:
            raise Refusal("NOT_SUBSCRIBED_TO_SPOTS", f"Symbol {symbol_id} is not subscribed")
        client.told.pop((account_id, symbol_id), None)
        client.live_bars = {key for key in client.live_bars if key[:2] != (account_id, symbol_id)}
    return protocol.new("ProtoOAUnsubscribeSpotsRes", ctidTraderAccountId=account_id)


def _subscribe_bars(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    key = (asked.ctidTraderAccountId, asked.symbolId)
    if key not in client.spots:
        # The live server says this, and not NOT_SUBSCRIBED_TO_SPOTS.
        raise Refusal("INVALID_REQUEST", "Spots are not subscribed for the symbol")
    client.live_bars.add((*key, asked.period))
    return protocol.new("ProtoOASubscribeLiveTrendbarRes", ctidTraderAccountId=asked.ctidTraderAccountId)


def _unsubscribe_bars(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    client.live_bars.discard((asked.ctidTraderAccountId, asked.symbolId, asked.period))
    return protocol.new("ProtoOAUnsubscribeLiveTrendbarRes", ctidTraderAccountId=asked.ctidTraderAccountId)


def _trendbars(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    """The newest bars up to `toTimestamp`, which is part of it; the rest is left out without a word.

    As on the live server `fromTimestamp` does not bound an answer that has a count, the last bar may be forming, and a count at
    the server's most gives one bar less.
    """
    server.venue.book.terms(asked.symbolId)
    bars = server.bars.bars(asked.symbolId, Period(asked.period))
    until = asked.toTimestamp if asked.HasField("toTimestamp") else shapes.ms(server.clock())
    since = asked.fromTimestamp if asked.HasField("fromTimestamp") else 0
    if since > until:
        raise Refusal("INCORRECT_BOUNDARIES", f"The period from {since} to {until} is not valid")
    rows = np.flatnonzero(bars.time * MINUTE_MS <= until)
    if not asked.HasField("count"):
        rows = rows[bars.time[rows] * MINUTE_MS >= since]
    wanted = min(asked.count or MOST_BARS, MOST_BARS)
    return protocol.new(
        "ProtoOAGetTrendbarsRes",
        ctidTraderAccountId=asked.ctidTraderAccountId,
        period=asked.period,
        symbolId=asked.symbolId,
        # Optional by now; clients with older messages cannot read an answer without it.
        timestamp=shapes.ms(server.clock()),
        trendbar=[trendbar(bars, int(row)) for row in rows[-wanted:]],
        hasMore=len(rows) > wanted,
    )


def _ticks(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    """Ticks, newest first: the first absolute, the others as differences to the one before; one for each minute's close."""
    server.venue.book.terms(asked.symbolId)
    if not 0 <= asked.toTimestamp - asked.fromTimestamp <= WEEK_MS:
        raise Refusal("INCORRECT_BOUNDARIES", "The period must not be longer than a week")
    found = server.bars.minutes(asked.symbolId)
    stamps = found.time * MINUTE_MS
    rows = np.flatnonzero((stamps >= asked.fromTimestamp) & (stamps <= asked.toTimestamp))[::-1]
    told = rows[:MOST_TICKS]
    quote = server.venue.book.quotes.get(asked.symbolId)
    above = 0.0 if asked.type == _BID or quote is None else quote.ask - quote.bid
    prices = [shapes.relative(float(price) + above) for price in found.prices[told, 3]]
    data = [
        {
            "timestamp": int(stamps[row] - (stamps[told[number - 1]] if number else 0)),
            "tick": prices[number] - (prices[number - 1] if number else 0),
        }
        for number, row in enumerate(told)
    ]
    more = len(rows) > len(told)
    return protocol.new("ProtoOAGetTickDataRes", ctidTraderAccountId=asked.ctidTraderAccountId, tickData=data, hasMore=more)


def after(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> None:
    """What follows an answer: a subscription is told the latest price, even while the market is closed."""
    if asked.name != "ProtoOASubscribeSpotsReq":
        return
    for symbol_id in asked.message.symbolId:
        key, quote = (asked.message.ctidTraderAccountId, symbol_id), server.venue.book.quotes.get(symbol_id)
        if quote is not None and key in client.spots:
            client.send(spot(server, client, key, quote))


ANSWERS: Final = MappingProxyType(
    {
        "ProtoOASubscribeSpotsReq": _subscribe,
        "ProtoOAUnsubscribeSpotsReq": _unsubscribe,
        "ProtoOASubscribeLiveTrendbarReq": _subscribe_bars,
        "ProtoOAUnsubscribeLiveTrendbarReq": _unsubscribe_bars,
        "ProtoOAGetTrendbarsReq": _trendbars,
        "ProtoOAGetTickDataReq": _ticks,
    }
)
