"""Every request of the protocol that the simulator answers: who may ask, how often, and which room answers."""

import asyncio
from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from fxgpt_core.brokers.ctrader_simulator import (
    command_requests,
    history_answers,
    market_answers,
    money_answers,
    reference_answers,
    session_answers,
)
from fxgpt_core.brokers.ctrader_simulator.faults import SESSION_ERRORS
from fxgpt_core.brokers.ctrader_simulator.records import Refusal

if TYPE_CHECKING:
    from fxgpt_core.brokers.ctrader_simulator.client_connection import ClientConnection
    from fxgpt_core.brokers.ctrader_simulator.server import SimulatorServer

Answer = Callable[["SimulatorServer", "ClientConnection", Any], Any]
"""A message that answers a request; raises `Refusal`."""

ANSWERS: Final = MappingProxyType(
    {
        **session_answers.ANSWERS,
        **reference_answers.ANSWERS,
        **market_answers.ANSWERS,
        **money_answers.ANSWERS,
        **history_answers.ANSWERS,
    }
)
BEFORE_LOGIN: Final = frozenset({"ProtoOAApplicationAuthReq", "ProtoOAVersionReq"})
WITHOUT_ACCOUNT: Final = frozenset(
    {*BEFORE_LOGIN, "ProtoOAAccountAuthReq", "ProtoOAGetAccountListByAccessTokenReq", "ProtoOARefreshTokenReq"}
)
HISTORICAL: Final = frozenset(
    {
        "ProtoOAGetTrendbarsReq", "ProtoOAGetTickDataReq", "ProtoOADealListReq", "ProtoOAOrderListReq", "ProtoOAOrderDetailsReq",
        "ProtoOADealListByPositionIdReq", "ProtoOAOrderListByPositionIdReq", "ProtoOADealOffsetListReq",
        "ProtoOACashFlowHistoryListReq",
    }
)  # fmt: skip
RETRY_AFTER_S: Final = 1


async def answer(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> None:
    """Answer one request, or let a fault come in place of it."""
    name, message, number = asked.name, asked.message, asked.client_msg_id
    if name not in ANSWERS and name not in command_requests.COMMANDS:
        client.common_error("UNSUPPORTED_MESSAGE", f"Message {asked.payload_type} is not supported", number)
        return
    try:
        _require_admission(client, name, message)
        if not _is_admitted(client, name):
            # The schema has the seconds to wait as a field of the account's error only.
            client.error("BLOCKED_PAYLOAD_TYPE", "Rate limit is reached", number, retryAfter=RETRY_AFTER_S, **_account(message))
        elif name in command_requests.COMMANDS:
            await command_requests.command(server, client, asked)
        else:
            await _answered(server, client, asked)
    except session_answers.Maintenance as maintenance:
        maintenance.tell(client, number)
    except Refusal as refusal:
        client.error(refusal.code, refusal.description, number, **_account(message))


async def _answered(server: "SimulatorServer", client: "ClientConnection", asked: Any) -> None:
    fault = None if asked.name in WITHOUT_ACCOUNT else server.faults.draw_at("request")
    if fault is not None:
        kind, detail = fault
        if kind == "request_error":
            code = detail.get("code") or server.faults.random.choice(SESSION_ERRORS)
            raise Refusal(code, f"Simulated {code}")
        if kind == "token_expired":
            server.grants.expire(client.tokens[asked.message.ctidTraderAccountId])
            raise Refusal("OA_AUTH_TOKEN_EXPIRED", "Access token has expired")
        await asyncio.sleep(detail.get("seconds", server.faults.within(server.faults.faults.slow_s)))
    reply = ANSWERS[asked.name](server, client, asked.message)
    if reply is not None:
        client.send(reply, asked.client_msg_id)
    if asked.name in history_answers.LISTS:
        server.release_held()
    market_answers.after(server, client, asked)


def _require_admission(client: "ClientConnection", name: str, message: Any) -> None:
    if not client.is_authorised and name not in BEFORE_LOGIN:
        raise Refusal("CH_CLIENT_NOT_AUTHENTICATED", "Client is not authenticated")
    if name not in WITHOUT_ACCOUNT and hasattr(message, "ctidTraderAccountId"):
        account_id = message.ctidTraderAccountId
        if account_id not in client.tokens:
            raise Refusal("ACCOUNT_NOT_AUTHORIZED", f"Trading account {account_id} is not authorized")


def _is_admitted(client: "ClientConnection", name: str) -> bool:
    now_s = asyncio.get_running_loop().time()
    window = client.historical if name in HISTORICAL else client.requests
    return window.admits(now_s)


def _account(message: Any) -> dict[str, Any]:
    account_id = getattr(message, "ctidTraderAccountId", 0)
    return {"ctidTraderAccountId": account_id} if account_id else {}
