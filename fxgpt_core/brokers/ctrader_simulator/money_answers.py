"""Answers about money: the trader, expected margin, open profit, margin calls, cash flow."""

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader_simulator import shapes
from fxgpt_core.brokers.ctrader_simulator.codes import TradeSide
from fxgpt_core.brokers.ctrader_simulator.pushes import margin_call_fields
from fxgpt_core.brokers.ctrader_simulator.quoted_market import MARGIN_CALL_LEVELS
from fxgpt_core.brokers.ctrader_simulator.records import MONEY_DIGITS, Refusal

if TYPE_CHECKING:
    from fxgpt_core.brokers.ctrader_simulator.client_connection import ClientConnection
    from fxgpt_core.brokers.ctrader_simulator.server import SimulatorServer

WEEK_MS: Final = 604_800_000


def _trader(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    account_id = asked.ctidTraderAccountId
    fields = shapes.trader_fields(server.venue.book.accounts[account_id])
    return protocol.new("ProtoOATraderRes", ctidTraderAccountId=account_id, trader=fields)


def _expected_margin(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    book = server.venue.book
    account = book.accounts[asked.ctidTraderAccountId]
    book.quote(asked.symbolId)
    rows = [
        {
            "volume": volume,
            "buyMargin": book.margin_of(asked.symbolId, volume, TradeSide.BUY, account),
            "sellMargin": book.margin_of(asked.symbolId, volume, TradeSide.SELL, account),
        }
        for volume in asked.volume
    ]
    fields = {"ctidTraderAccountId": account.account_id, "margin": rows, "moneyDigits": MONEY_DIGITS}
    return protocol.new("ProtoOAExpectedMarginRes", **fields)


def _open_profit(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    book = server.venue.book
    rows = [
        {
            "positionId": position.position_id,
            "grossUnrealizedPnL": book.gross_of(position),
            "netUnrealizedPnL": book.net_of(position),
        }
        for position in book.positions_of(asked.ctidTraderAccountId)
    ]
    return protocol.new(
        "ProtoOAGetPositionUnrealizedPnLRes",
        ctidTraderAccountId=asked.ctidTraderAccountId,
        positionUnrealizedPnL=rows,
        moneyDigits=MONEY_DIGITS,
    )


def _margin_calls(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    rows = [margin_call_fields(level) for level in MARGIN_CALL_LEVELS]
    return protocol.new("ProtoOAMarginCallListRes", marginCall=rows)


def _cash_flow(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> Any:
    if not 0 <= asked.toTimestamp - asked.fromTimestamp <= WEEK_MS:
        raise Refusal("INCORRECT_BOUNDARIES", "The period must not be longer than a week")
    rows = [
        shapes.flow_fields(flow)
        for flow in server.venue.book.flows
        if flow.account_id == asked.ctidTraderAccountId and asked.fromTimestamp <= shapes.ms(flow.time_us) <= asked.toTimestamp
    ]
    return protocol.new("ProtoOACashFlowHistoryListRes", ctidTraderAccountId=asked.ctidTraderAccountId, depositWithdraw=rows)


ANSWERS: Final = MappingProxyType(
    {
        "ProtoOATraderReq": _trader,
        "ProtoOAExpectedMarginReq": _expected_margin,
        "ProtoOAGetPositionUnrealizedPnLReq": _open_profit,
        "ProtoOAMarginCallListReq": _margin_calls,
        "ProtoOACashFlowHistoryListReq": _cash_flow,
    }
)
