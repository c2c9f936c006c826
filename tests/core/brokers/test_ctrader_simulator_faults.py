"""Each fault of the simulator comes once when it is called, and does what it says."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from simulator_client import PlainClient, Rehearsal, rehearsal
from virtual_time import loop_clock_us, run_in_virtual_time

from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader.framing import read_frame
from fxgpt_core.brokers.ctrader_simulator.client_connection import Pace
from fxgpt_core.brokers.ctrader_simulator.codes import ExecutionKind
from fxgpt_core.brokers.ctrader_simulator.faults import (
    AMBIGUOUS_ERRORS,
    FAULTS,
    ORDER_ERRORS,
    SESSION_ERRORS,
    UNKNOWN_ERRORS,
    FaultPlan,
    Faults,
    all_faults,
    read_faults,
)
from fxgpt_core.brokers.ctrader_simulator.server import ServerSettings
from fxgpt_core.errors import BadInputError, SourceAnswerError

ACCEPTED, FILLED = int(ExecutionKind.ORDER_ACCEPTED), int(ExecutionKind.ORDER_FILLED)
CANCELLED, PARTIAL = int(ExecutionKind.ORDER_CANCELLED), int(ExecutionKind.ORDER_PARTIAL_FILL)
Check = Callable[[Rehearsal, PlainClient], Awaitable[None]]
CHECKS: dict[str, Check] = {}


def check(name: str) -> Callable[[Check], Check]:
    """The check of the fault of a name."""

    def kept(one: Check) -> Check:
        CHECKS[name] = one
        return one

    return kept


def orders_at_venue(rehearsed: Rehearsal, client_order_id: str = "a") -> list[dict[str, Any]]:
    return rehearsed.venue.snapshot()[str(rehearsed.account_id)]["orders"].get(client_order_id, [])


async def asked(client: PlainClient, rehearsed: Rehearsal, name: str, **fields: Any) -> Any:
    return await client.ask(name, ctidTraderAccountId=rehearsed.account_id, **fields)


async def events_of_order(client: PlainClient, rehearsed: Rehearsal, **fields: Any) -> list[tuple[str, int]]:
    """Send an order and return what came until the next answer: message name and kind of execution."""
    await rehearsed.order(client, clientOrderId="a", **fields)
    found = await client.drained()
    return [(one.name, getattr(one.message, "executionType", 0)) for one in found]


async def opened(client: PlainClient, rehearsed: Rehearsal) -> int:
    """A position with stop and target; returns its id."""
    await rehearsed.order(client, relativeStopLoss=500, relativeTakeProfit=700, clientOrderId="held")
    event = (await client.drained())[-1].message
    return int(event.position.positionId)


@check("drop_before_processing")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    await rehearsed.order(client, clientOrderId="a")
    assert await client.is_ended()
    assert orders_at_venue(rehearsed) == []


@check("drop_after_processing")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    await rehearsed.order(client, clientOrderId="a")
    with pytest.raises(asyncio.IncompleteReadError, match="0 bytes read"):
        await client.read()
    assert [order["status"] for order in orders_at_venue(rehearsed)] == ["FILLED"]


@check("drop_after_accept")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    number = await rehearsed.order(client, clientOrderId="a")
    assert (await client.answer_to(number)).executionType == ACCEPTED
    with pytest.raises(asyncio.IncompleteReadError, match="0 bytes read"):
        await client.read()
    assert [order["status"] for order in orders_at_venue(rehearsed)] == ["FILLED"]


@check("zombie")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    await rehearsed.order(client, clientOrderId="a")
    assert await client.is_ended()
    assert orders_at_venue(rehearsed) == []
    await asyncio.sleep(0.08)
    assert [order["status"] for order in orders_at_venue(rehearsed)] == ["FILLED"]


@check("no_answer")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    assert await events_of_order(client, rehearsed) == []
    assert orders_at_venue(rehearsed) == []


@check("duplicate_event")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    kinds = [kind for _, kind in await events_of_order(client, rehearsed)]
    assert kinds == [ACCEPTED, ACCEPTED, FILLED, FILLED]
    assert len({one.message.deal.dealId for one in client.inbox if getattr(one.message, "executionType", 0) == FILLED}) == 1


@check("out_of_order")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    assert [kind for _, kind in await events_of_order(client, rehearsed)] == [FILLED, ACCEPTED]


@check("push_after_list")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    assert await events_of_order(client, rehearsed) == []
    listed = await asked(client, rehearsed, "ProtoOADealListReq")
    pushed = await client.until(lambda one: getattr(one.message, "executionType", 0) == FILLED)
    assert [deal.dealId for deal in listed.deal] == [pushed.deal.dealId]


@check("late_fill")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    assert [kind for _, kind in await events_of_order(client, rehearsed)] == [ACCEPTED]
    assert (await client.read()).message.executionType == FILLED


@check("partial_fills")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    await rehearsed.order(client, clientOrderId="a")
    last = await client.until(lambda one: getattr(one.message, "executionType", 0) == FILLED)
    fills = [one.message for one in client.inbox if getattr(one.message, "executionType", 0) in (PARTIAL, FILLED)]
    assert len(fills) == 3
    assert sum(one.deal.filledVolume for one in fills) == 1_000_000 == last.position.tradeData.volume


@check("partial_then_cancel")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    kinds = [kind for _, kind in await events_of_order(client, rehearsed)]
    assert kinds == [ACCEPTED, PARTIAL, CANCELLED]
    order = orders_at_venue(rehearsed)[0]
    assert 0 < order["executed_volume"] < order["volume"] == 1_000_000
    assert order["status"] == "CANCELLED"


@check("error_code")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    number = await rehearsed.order(client, clientOrderId="a")
    refused = await client.answer_to(number)
    assert (refused.DESCRIPTOR.name, refused.errorCode) == ("ProtoOAOrderErrorEvent", "POSITION_LOCKED")
    assert orders_at_venue(rehearsed) == []


@check("error_yet_executed")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    answer = await client.answer_to(await rehearsed.order(client, clientOrderId="a"))
    assert (answer.DESCRIPTOR.name, answer.errorCode) == ("ProtoOAErrorRes", "TIMEOUT_ERROR")
    assert (await client.until(lambda one: getattr(one.message, "executionType", 0) == FILLED)).order.clientOrderId == "a"


@check("unknown_error")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    answer = await client.answer_to(await rehearsed.order(client, clientOrderId="a"))
    assert answer.errorCode == "INTERNAL_SERVER_ERROR"
    assert (await client.until(lambda one: getattr(one.message, "executionType", 0) == FILLED)).order.clientOrderId == "a"


@check("rate_limited")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    answer = await client.answer_to(await rehearsed.order(client, clientOrderId="a"))
    assert (answer.errorCode, answer.retryAfter) == ("BLOCKED_PAYLOAD_TYPE", 3)
    assert orders_at_venue(rehearsed) == []


@check("rate_limited_bare")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    answer = await client.answer_to(await rehearsed.order(client, clientOrderId="a"))
    assert (answer.errorCode, answer.HasField("retryAfter")) == ("REQUEST_FREQUENCY_EXCEEDED", False)


@check("slow_answer")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    began = asyncio.get_running_loop().time()
    await asked(client, rehearsed, "ProtoOATraderReq")
    assert asyncio.get_running_loop().time() - began >= 0.05


@check("request_error")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    answer = await asked(client, rehearsed, "ProtoOATraderReq")
    assert (answer.DESCRIPTOR.name, answer.errorCode) == ("ProtoOAErrorRes", "CANT_ROUTE_REQUEST")


@check("token_expired")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    assert (await asked(client, rehearsed, "ProtoOATraderReq")).errorCode == "OA_AUTH_TOKEN_EXPIRED"
    keys = rehearsed.server.credentials
    again = await client.ask("ProtoOAGetAccountListByAccessTokenReq", accessToken=keys.access_token)
    assert again.errorCode == "OA_AUTH_TOKEN_EXPIRED"
    renewed = await client.ask("ProtoOARefreshTokenReq", refreshToken=keys.refresh_token)
    assert (await client.ask("ProtoOAGetAccountListByAccessTokenReq", accessToken=renewed.accessToken)).permissionScope == 1


@check("refresh_reply_lost")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    client.send("ProtoOARefreshTokenReq", refreshToken=rehearsed.server.credentials.refresh_token)
    assert await client.is_ended()
    again = await rehearsed.connected()
    keys = rehearsed.server.credentials
    await again.ask("ProtoOAApplicationAuthReq", clientId=keys.client_id, clientSecret=keys.client_secret)
    lost = await again.ask("ProtoOARefreshTokenReq", refreshToken=keys.refresh_token)
    assert lost.errorCode == "CH_ACCESS_TOKEN_INVALID"


@check("refresh_token_used")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    answer = await client.ask("ProtoOARefreshTokenReq", refreshToken=rehearsed.server.credentials.refresh_token)
    assert answer.errorCode == "CH_ACCESS_TOKEN_INVALID"


@check("history_lag")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    await opened(client, rehearsed)
    assert len((await asked(client, rehearsed, "ProtoOADealListReq")).deal) == 0
    assert len((await asked(client, rehearsed, "ProtoOADealListReq")).deal) == 1


@check("short_pages")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    times = [rehearsed.venue.book.now_us() + step * 1000 for step in (0, 5, 5, 5, 9)]
    for now_us in times:
        rehearsed.venue.book.now_us = lambda now_us=now_us: now_us  # type: ignore[misc]
        await events_of_order(client, rehearsed)
    page = await asked(client, rehearsed, "ProtoOADealListReq")
    assert (len(page.deal), page.hasMore) == (2, True)
    whole = await asked(client, rehearsed, "ProtoOADealListReq", fromTimestamp=page.deal[-1].executionTimestamp)
    assert whole.deal[0].dealId == page.deal[-1].dealId
    assert (len({deal.dealId for deal in (*page.deal, *whole.deal)}), whole.hasMore) == (5, False)


@check("truncated_frame")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    client.send("ProtoOAVersionReq")
    with pytest.raises(asyncio.IncompleteReadError, match="bytes read on a total of"):
        await client.read()


@check("oversized_frame")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    client.send("ProtoOAVersionReq")
    with pytest.raises(SourceAnswerError, match="15000001 bytes"):
        await read_frame(client.reader)


@check("garbage_payload")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    client.send("ProtoOAVersionReq")
    with pytest.raises(SourceAnswerError, match="ProtoMessage"):
        await client.read()


@check("tls_hang")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(rehearsed.connected(), 0.1)
    assert (await (await rehearsed.connected()).ask("ProtoOAVersionReq")).version == "91"


@check("wrong_certificate")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="CERTIFICATE_VERIFY_FAILED"):
        await rehearsed.connected()
    assert (await (await rehearsed.connected()).ask("ProtoOAVersionReq")).version == "91"


async def _refused_application(rehearsed: Rehearsal) -> tuple[PlainClient, Any]:
    client, keys = await rehearsed.connected(), rehearsed.server.credentials
    answer = await client.ask("ProtoOAApplicationAuthReq", clientId=keys.client_id, clientSecret=keys.client_secret)
    return client, answer


@check("connection_limit")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    assert (await _refused_application(rehearsed))[1].errorCode == "CONNECTIONS_LIMIT_EXCEEDED"


@check("maintenance")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    refused, answer = await _refused_application(rehearsed)
    now_s = rehearsed.venue.book.now_us() // 1_000_000
    assert (answer.DESCRIPTOR.name, answer.maintenanceEndTimestamp - now_s) == ("ProtoOAErrorRes", 5)
    assert await refused.is_ended()


@check("maintenance_ms")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    refused, answer = await _refused_application(rehearsed)
    now_ms = rehearsed.venue.book.now_us() // 1000
    assert (answer.DESCRIPTOR.name, answer.maintenanceEndTimestamp - now_ms) == ("ProtoErrorRes", 5000)
    assert await refused.is_ended()


@check("half_open")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    client.send("ProtoOAVersionReq")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.reader.read(1), 0.05)
    assert not client.reader.at_eof()


@check("freeze")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    number = client.send("ProtoOAVersionReq")
    assert await asyncio.wait([asyncio.create_task(asyncio.sleep(0.02))])
    assert client.inbox[-1].client_msg_id != number
    assert (await client.answer_to(number)).version == "91"


@check("account_disconnect")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    assert (await client.read()).name == "ProtoOAAccountDisconnectEvent"
    assert (await asked(client, rehearsed, "ProtoOATraderReq")).errorCode == "ACCOUNT_NOT_AUTHORIZED"


@check("client_disconnect")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    assert (await client.read()).message.reason == "Server is restarted"
    assert await client.is_ended()


@check("token_invalidated")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    told = (await client.read()).message
    assert list(told.ctidTraderAccountIds) == [rehearsed.account_id]
    assert (await asked(client, rehearsed, "ProtoOATraderReq")).errorCode == "ACCOUNT_NOT_AUTHORIZED"


async def _spots(rehearsed: Rehearsal, client: PlainClient) -> Any:
    """Subscribe, and return the first spot."""
    symbol = rehearsed.venue.symbol_id("EURUSD")
    await asked(client, rehearsed, "ProtoOASubscribeSpotsReq", symbolId=[symbol], subscribeToSpotTimestamp=True)
    return await client.until(lambda one: one.name == "ProtoOASpotEvent")


@check("clock_offset")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    before = (await _spots(rehearsed, client)).timestamp
    rehearsed.server.quote("EURUSD", 1.2, 1.2001)
    assert (await client.until(lambda one: one.name == "ProtoOASpotEvent")).timestamp - before == 3000


@check("equal_milliseconds")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    before = rehearsed.server.clock()
    rehearsed.server.clock.offset_us += 5_000_000
    assert rehearsed.server.clock() == before
    await asyncio.sleep(0.08)
    assert rehearsed.server.clock() == before + 5_000_000


@check("one_sided_quotes")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    await _spots(rehearsed, client)
    rehearsed.server.quote("EURUSD", 1.2, 1.2001)
    told = await client.until(lambda one: one.name == "ProtoOASpotEvent")
    assert (told.HasField("bid"), told.ask) == (False, 120_010)


@check("stale_quotes")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    await _spots(rehearsed, client)
    rehearsed.server.quote("EURUSD", 1.2, 1.2001)
    assert await client.drained() == []
    assert rehearsed.venue.book.quote(rehearsed.venue.symbol_id("EURUSD")).bid == 1.1


@check("spread_blowout")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    await _spots(rehearsed, client)
    rehearsed.server.quote("EURUSD", 1.2, 1.2001)
    told = await client.until(lambda one: one.name == "ProtoOASpotEvent")
    assert told.ask - told.bid == 200


@check("weekend_gap")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    assert rehearsed.venue.book.quote(rehearsed.venue.symbol_id("EURUSD")).bid == pytest.approx(1.1 * 0.99)


@check("symbol_change")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    symbol = rehearsed.venue.symbol_id("EURUSD")
    assert list((await client.read()).message.symbolId) == [symbol]
    terms = (await asked(client, rehearsed, "ProtoOASymbolByIdReq", symbolId=[symbol])).symbol[0]
    assert (terms.minVolume, terms.stepVolume) == (200_000, 200_000)


@check("manual_trade")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    told = await client.until(lambda one: getattr(one.message, "executionType", 0) == FILLED)
    assert (told.order.clientOrderId, told.position.tradeData.comment) == ("", "by hand")


@check("manual_close")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    told = await client.until(lambda one: one.message.deal.HasField("closePositionDetail"))
    assert told.position.tradeData.volume == 0
    assert rehearsed.venue.snapshot()[str(rehearsed.account_id)]["positions"] == {}


@check("manual_stop_move")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    told = (await client.read()).message
    assert (told.position.stopLoss, told.position.HasField("takeProfit")) == (1.078, False)


@check("stop_out")
async def _(rehearsed: Rehearsal, client: PlainClient) -> None:
    told = await client.until(lambda one: getattr(one.message, "executionType", 0) == FILLED)
    assert (told.order.isStopOut, told.isServerEvent) == (True, True)


DETAILS: dict[str, dict[str, Any]] = {
    "zombie": {"seconds": 0.05}, "late_fill": {"seconds": 0.05}, "partial_fills": {"parts": 3},
    "error_code": {"code": "POSITION_LOCKED"}, "error_yet_executed": {"code": "TIMEOUT_ERROR", "seconds": 0.02},
    "unknown_error": {"code": "INTERNAL_SERVER_ERROR", "is_executed": True, "seconds": 0.02}, "rate_limited": {"seconds": 3},
    "slow_answer": {"seconds": 0.05}, "request_error": {"code": "CANT_ROUTE_REQUEST"}, "history_lag": {"seconds": 60},
    "short_pages": {"rows": 2}, "freeze": {"seconds": 0.05}, "clock_offset": {"seconds": 3}, "weekend_gap": {"share": -0.01},
    "equal_milliseconds": {"seconds": 0.05}, "symbol_change": {"symbol": "EURUSD"},
}  # fmt: skip
ON_A_POSITION = ("manual_close", "manual_stop_move", "stop_out")


@pytest.mark.parametrize("name", list(FAULTS))
def test_each_fault_comes_once_and_does_what_it_says(name: str, tmp_path: Path) -> None:
    async def rehearse() -> None:
        async with rehearsal(tmp_path) as rehearsed:
            client = await rehearsed.authorised()
            if name in ON_A_POSITION:
                await opened(client, rehearsed)
            rehearsed.server.faults.next(name, **DETAILS.get(name, {}))
            await CHECKS[name](rehearsed, client)
            assert dict(rehearsed.server.faults.fired) == {name: 1}

    asyncio.run(rehearse())


def test_every_error_name_can_be_sent(tmp_path: Path) -> None:
    names = [*protocol.TABLE["enums"]["ProtoOAErrorCode"], *protocol.TABLE["enums"]["ProtoErrorCode"], "A_NAME_OF_TOMORROW"]

    async def rehearse() -> None:
        async with rehearsal(tmp_path, settings=ServerSettings(pace=Pace(requests=1000))) as rehearsed:
            client = await rehearsed.authorised()
            for number, name in enumerate(names):
                rehearsed.server.faults.next("error_code", code=name, as_answer=number % 2 == 1)
                refused = await client.answer_to(await rehearsed.order(client))
                kind = "ProtoOAErrorRes" if number % 2 else "ProtoOAOrderErrorEvent"
                assert (refused.DESCRIPTOR.name, refused.errorCode) == (kind, name)
            assert rehearsed.venue.book.orders == {}

    asyncio.run(rehearse())
    assert len(names) > 50
    assert set(ORDER_ERRORS) | set(AMBIGUOUS_ERRORS) | set(SESSION_ERRORS) <= set(names)
    assert not set(UNKNOWN_ERRORS) & set(names)


def test_what_takes_time_takes_the_time_of_the_settings(tmp_path: Path) -> None:
    faults = Faults(
        zombie_s=(3.0, 3.0), late_s=(7.0, 7.0), slow_s=(11.0, 11.0), lag_s=(50.0, 50.0), weather_s=(4.0, 4.0), clock_s=2.0
    )

    async def rehearse() -> None:
        async with rehearsal(tmp_path, faults, now_us=loop_clock_us(1_790_172_000_000_000)) as rehearsed:
            client, loop, plan = await rehearsed.authorised(), asyncio.get_running_loop(), rehearsed.server.faults
            began = loop.time()
            plan.next("late_fill")
            await rehearsed.order(client, clientOrderId="a")
            while not orders_at_venue(rehearsed) or orders_at_venue(rehearsed)[0]["status"] != "FILLED":
                await asyncio.sleep(0.5)
            assert loop.time() - began == pytest.approx(7.0, abs=0.6)
            began = loop.time()
            plan.next("error_yet_executed")
            await rehearsed.order(client, clientOrderId="b")
            while not orders_at_venue(rehearsed, "b"):
                await asyncio.sleep(0.5)
            assert loop.time() - began == pytest.approx(3.0, abs=0.6)
            began = loop.time()
            plan.next("slow_answer")
            number = client.send("ProtoOATraderReq", ctidTraderAccountId=rehearsed.account_id)
            while not client.inbox or client.inbox[-1].client_msg_id != number:
                client.inbox.append(protocol.decode(await read_frame(client.reader)))
            assert loop.time() - began == pytest.approx(11.0, abs=0.6)
            plan.next("history_lag")
            assert len((await asked(client, rehearsed, "ProtoOADealListReq")).deal) == 0
            assert len((await asked(client, rehearsed, "ProtoOADealListReq")).deal) == 2
            plan.next("stale_quotes")
            assert rehearsed.server.weather.stale_until - loop.time() == pytest.approx(4.0)
            plan.next("clock_offset")
            assert 0 < abs(rehearsed.server.clock.offset_us) <= 2_000_000

    run_in_virtual_time(rehearse())


def test_faults_by_chance_are_those_of_the_seed() -> None:
    def fired(seed: int) -> list[str]:
        plan = FaultPlan(Faults({"zombie": 0.3, "late_fill": 0.3}, seed))
        return [found[0] if (found := plan.draw_at("order")) else "" for _ in range(200)]

    assert fired(1) == fired(1) != fired(2)
    assert {"zombie", "late_fill", ""} == set(fired(1))
    # One is asked after the other: the first comes in 30 %, the second in 30 % of the rest.
    assert 40 <= fired(1).count("zombie") <= 80
    assert 25 <= fired(1).count("late_fill") <= 60


def test_faults_are_read_from_a_command_line() -> None:
    assert read_faults("none", 1).probabilities == {}
    assert read_faults("all", 1) == all_faults(1)
    assert read_faults("zombie=0.5,late_fill", 3).probabilities == {"zombie": 0.5, "late_fill": FAULTS["late_fill"].probability}
    with pytest.raises(BadInputError, match="no fault is called zomby"):
        read_faults("zomby=0.5", 1)
    with pytest.raises(BadInputError, match="'often'; give a number"):
        read_faults("zombie=often", 1)
    with pytest.raises(BadInputError, match="between 0 and 1"):
        read_faults("zombie=1.5", 1)
