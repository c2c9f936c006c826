"""Run by the vendor's own client in its own environment: `trade` against a simulator, or `schema`; one JSON object on stdout.

Host, port and keys come from the environment. Nothing of fxgpt is imported here.
"""

import json
import os
import sys
from collections.abc import Iterator
from typing import Any

from ctrader_open_api import Client, Protobuf, TcpProtocol
from ctrader_open_api.messages import OpenApiCommonMessages_pb2, OpenApiMessages_pb2, OpenApiModelMessages_pb2
from twisted.internet import defer, reactor

FILES = (OpenApiCommonMessages_pb2, OpenApiMessages_pb2, OpenApiModelMessages_pb2)
LABELS = {1: "optional", 2: "required", 3: "repeated"}
TYPES = {1: "double", 3: "int64", 4: "uint64", 5: "int32", 8: "bool", 9: "string", 12: "bytes", 13: "uint32"}


def schema() -> dict[str, Any]:
    """Of every message its fields as number, label, type, name; of every enum its names and numbers."""
    from google.protobuf import descriptor_pb2

    messages, enums = {}, {}
    for module in FILES:
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in file.message_type:
            messages[message.name] = {
                field.name: [field.number, LABELS[field.label], TYPES.get(field.type, field.type_name.lstrip("."))]
                for field in message.field
            }
        for enum in file.enum_type:
            enums[enum.name] = {one.name: one.number for one in enum.value}
    return {"messages": messages, "enums": enums}


@defer.inlineCallbacks
def trade(client: Client) -> Iterator[Any]:
    """Authorise, look up EURUSD, buy with a stop, see the fill, close, read the deals."""
    fills: list[Any] = []
    waiting: list[defer.Deferred] = []

    def on_message(_client: Client, message: Any) -> None:
        event = Protobuf.extract(message)
        if type(event).__name__ == "ProtoOAExecutionEvent" and event.executionType == 3:
            fills.append(event)
            if waiting:
                waiting.pop().callback(event)

    def next_fill(count: int) -> defer.Deferred:
        wanted = defer.Deferred()
        if len(fills) >= count:
            wanted.callback(fills[count - 1])
        else:
            waiting.append(wanted)
        return wanted

    def ask(name: str, **fields: Any) -> defer.Deferred:
        return client.send(name, responseTimeoutInSeconds=20, **fields).addCallback(Protobuf.extract)

    client.setMessageReceivedCallback(on_message)
    env, found = os.environ, {}
    keys = {"clientId": env["SIM_CLIENT_ID"], "clientSecret": env["SIM_CLIENT_SECRET"]}
    found["application"] = type((yield ask("ApplicationAuthReq", **keys))).__name__
    accounts = yield ask("GetAccountListByAccessTokenReq", accessToken=env["SIM_ACCESS_TOKEN"])
    account = {"ctidTraderAccountId": accounts.ctidTraderAccount[0].ctidTraderAccountId}
    found["account"] = type((yield ask("AccountAuthReq", accessToken=env["SIM_ACCESS_TOKEN"], **account))).__name__
    symbols = (yield ask("SymbolsListReq", **account)).symbol
    found["symbols"] = len(symbols)
    number = next(one.symbolId for one in symbols if one.symbolName == "EURUSD")
    terms = (yield ask("SymbolByIdReq", symbolId=[number], **account)).symbol[0]
    found["lot_size"] = terms.lotSize
    order = {"symbolId": number, "orderType": 1, "tradeSide": 1, "volume": terms.minVolume, "relativeStopLoss": 1000}
    accepted = yield ask("NewOrderReq", clientOrderId="vendor-1", **order, **account)
    filled = yield next_fill(1)
    found["order"] = [accepted.executionType, filled.order.clientOrderId, filled.deal.filledVolume]
    held = yield ask("ReconcileReq", **account)
    found["held"] = [[one.tradeData.volume, one.stopLoss > 0.0] for one in held.position]
    yield ask("ClosePositionReq", positionId=filled.position.positionId, volume=terms.minVolume, **account)
    closed = yield next_fill(2)
    found["balance"] = closed.deal.closePositionDetail.balance
    deals = yield ask("DealListReq", fromTimestamp=0, toTimestamp=2147483646000, **account)
    found["deals"] = [deal.dealId for deal in deals.deal]
    print(json.dumps(found))


def main() -> None:
    if sys.argv[1] == "schema":
        print(json.dumps(schema()))
        return
    failures: list[Any] = []
    client = Client("127.0.0.1", int(os.environ["SIM_PORT"]), TcpProtocol)

    def run(_client: Client) -> None:
        done = trade(client)
        done.addErrback(failures.append)
        done.addBoth(lambda _: reactor.stop())

    client.setConnectedCallback(run)
    client.startService()
    reactor.run()
    if failures:
        raise SystemExit(failures[0].getTraceback())


if __name__ == "__main__":
    main()
