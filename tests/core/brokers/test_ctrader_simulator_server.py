"""The simulator over the wire: who may come in, what is answered in which habits, what every session is told."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from simulator_client import WEDNESDAY_US, PlainClient, Rehearsal, rehearsal

from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader.framing import framed, read_frame
from fxgpt_core.brokers.ctrader_simulator.client_connection import Pace
from fxgpt_core.brokers.ctrader_simulator.codes import AccessRights, Period, Scope
from fxgpt_core.brokers.ctrader_simulator.server import ServerSettings
from fxgpt_core.brokers.ctrader_simulator.venue import VenueSettings

MINUTE_US = 60_000_000
FILLED = 3
Play = Callable[[Rehearsal], Awaitable[None]]


def played(folder: Path, play: Play, **fields: Any) -> None:
    """Run a play against a fresh simulator."""

    async def run() -> None:
        async with rehearsal(folder, **fields) as rehearsed:
            await play(rehearsed)

    asyncio.run(run())


async def asked(client: PlainClient, rehearsed: Rehearsal, name: str, **fields: Any) -> Any:
    return await client.ask(f"ProtoOA{name}Req", ctidTraderAccountId=rehearsed.account_id, **fields)


def symbol_of(rehearsed: Rehearsal, name: str = "EURUSD") -> int:
    return rehearsed.venue.symbol_id(name)


def test_nobody_comes_in_without_keys_and_each_step_has_its_error(tmp_path: Path) -> None:
    async def play(rehearsed: Rehearsal) -> None:
        client, keys = await rehearsed.connected(), rehearsed.server.credentials
        account = {"ctidTraderAccountId": rehearsed.account_id}
        application = {"clientId": keys.client_id, "clientSecret": keys.client_secret}
        steps: list[tuple[str, dict[str, Any], str]] = [
            ("TraderReq", account, "CH_CLIENT_NOT_AUTHENTICATED"),
            ("ApplicationAuthReq", {**application, "clientId": "nobody"}, "CH_OA_CLIENT_NOT_FOUND"),
            ("ApplicationAuthReq", {**application, "clientSecret": "wrong"}, "CH_CLIENT_AUTH_FAILURE"),
            ("ApplicationAuthReq", application, ""),
            ("ApplicationAuthReq", application, "CH_CLIENT_ALREADY_AUTHENTICATED"),
            ("TraderReq", account, "ACCOUNT_NOT_AUTHORIZED"),
            ("AccountAuthReq", {**account, "accessToken": "wrong"}, "CH_ACCESS_TOKEN_INVALID"),
            ("AccountAuthReq", {"ctidTraderAccountId": 1, "accessToken": keys.access_token}, "CH_CTID_TRADER_ACCOUNT_NOT_FOUND"),
            ("AccountAuthReq", {**account, "accessToken": keys.access_token}, ""),
            ("AccountAuthReq", {**account, "accessToken": keys.access_token}, "ALREADY_LOGGED_IN"),
            ("TraderReq", account, ""),
            ("AccountLogoutReq", account, ""),
            ("TraderReq", account, "ACCOUNT_NOT_AUTHORIZED"),
        ]
        for name, fields, code in steps:
            answer = await client.ask(f"ProtoOA{name}", **fields)
            assert getattr(answer, "errorCode", "") == code, (name, code)
        assert (await client.ask("ProtoOAVersionReq")).version == "91"

    played(tmp_path, play)


def test_a_connection_too_many_is_refused(tmp_path: Path) -> None:
    async def play(rehearsed: Rehearsal) -> None:
        await rehearsed.authorised()
        client, keys = await rehearsed.connected(), rehearsed.server.credentials
        answer = await client.ask("ProtoOAApplicationAuthReq", clientId=keys.client_id, clientSecret=keys.client_secret)
        assert answer.errorCode == "CONNECTIONS_LIMIT_EXCEEDED"

    played(tmp_path, play, settings=ServerSettings(connections=1))


def test_an_account_of_the_other_host_is_listed_and_cannot_be_routed(tmp_path: Path) -> None:
    async def play(rehearsed: Rehearsal) -> None:
        rehearsed.venue.book.accounts[rehearsed.account_id].is_live = True
        client = await rehearsed.authorised()
        assert client.inbox[-1].message.errorCode == "CANT_ROUTE_REQUEST"
        listed = await client.ask("ProtoOAGetAccountListByAccessTokenReq", accessToken=rehearsed.server.credentials.access_token)
        assert [(one.ctidTraderAccountId, one.isLive) for one in listed.ctidTraderAccount] == [(rehearsed.account_id, True)]

    played(tmp_path, play)


def test_a_token_that_may_only_look_cannot_trade(tmp_path: Path) -> None:
    async def play(rehearsed: Rehearsal) -> None:
        grant = rehearsed.server.grants.issue((rehearsed.account_id,), WEDNESDAY_US, Scope.VIEW)
        rehearsed.server.credentials = replace(rehearsed.server.credentials, access_token=grant.access_token)
        client = await rehearsed.authorised()
        refused = await client.answer_to(await rehearsed.order(client))
        assert (refused.DESCRIPTOR.name, refused.errorCode) == ("ProtoOAOrderErrorEvent", "TRADING_NOT_ALLOWED")
        assert rehearsed.venue.book.orders == {}
        assert (await asked(client, rehearsed, "Trader")).trader.balance == 10_000_000

    played(tmp_path, play)


def test_a_refresh_token_serves_once_and_ends_the_sessions(tmp_path: Path) -> None:
    async def play(rehearsed: Rehearsal) -> None:
        client, keys = await rehearsed.authorised(), rehearsed.server.credentials
        other = await rehearsed.authorised()
        renewed = await client.ask("ProtoOARefreshTokenReq", refreshToken=keys.refresh_token)
        assert (renewed.tokenType, renewed.expiresIn) == ("bearer", 2_628_000)
        assert (await other.read()).name == "ProtoOAAccountsTokenInvalidatedEvent"
        again = await client.ask("ProtoOARefreshTokenReq", refreshToken=keys.refresh_token)
        assert again.errorCode == "CH_ACCESS_TOKEN_INVALID"
        assert (
            await asked(other, rehearsed, "AccountAuth", accessToken=keys.access_token)
        ).errorCode == "CH_ACCESS_TOKEN_INVALID"
        assert (await asked(other, rehearsed, "AccountAuth", accessToken=renewed.accessToken)).HasField("ctidTraderAccountId")

    played(tmp_path, play)


def test_every_session_is_told_and_only_the_asking_one_under_its_own_id(tmp_path: Path) -> None:
    async def play(rehearsed: Rehearsal) -> None:
        client, other = await rehearsed.authorised(), await rehearsed.authorised()
        number = await rehearsed.order(client, relativeStopLoss=500)
        mine, others = await client.drained(), await other.drained()
        assert [(one.message.executionType, one.client_msg_id) for one in mine] == [(2, number), (3, number), (2, "")]
        assert [one.message.executionType for one in others] == [2, 3, 2]
        foreign = {one.client_msg_id for one in others}
        assert number not in foreign
        assert len(foreign - {""}) == 2
        # Nothing is told again to one who comes back.
        back = await rehearsed.authorised()
        assert await back.drained() == []

    played(tmp_path, play)


def test_the_same_client_order_id_is_two_orders(tmp_path: Path) -> None:
    async def play(rehearsed: Rehearsal) -> None:
        client = await rehearsed.authorised()
        for _ in range(2):
            await rehearsed.order(client, clientOrderId="twice")
        await client.drained()
        assert len(rehearsed.venue.snapshot()[str(rehearsed.account_id)]["orders"]["twice"]) == 2

    played(tmp_path, play)


def test_pending_orders_and_levels_by_the_wire(tmp_path: Path) -> None:
    async def play(rehearsed: Rehearsal) -> None:
        client = await rehearsed.authorised()
        until = WEDNESDAY_US // 1000 + 1000
        fields = {
            "orderType": 2,
            "limitPrice": 1.09,
            "timeInForce": 1,
            "expirationTimestamp": until,
            "label": "l",
            "comment": "c",
        }
        placed = await client.answer_to(await rehearsed.order(client, clientOrderId="p", **fields))
        order = placed.order
        assert (order.limitPrice, order.expirationTimestamp, order.clientOrderId) == (1.09, until, "p")
        assert (order.tradeData.label, order.tradeData.comment, order.timeInForce) == ("l", "c", 1)
        changed = await asked(client, rehearsed, "AmendOrder", orderId=order.orderId, limitPrice=1.08, stopLoss=1.07)
        assert (changed.executionType, changed.order.limitPrice, changed.order.stopLoss) == (4, 1.08, 1.07)
        assert [one.orderId for one in (await asked(client, rehearsed, "Reconcile")).order] == [order.orderId]
        cancelled = await asked(client, rehearsed, "CancelOrder", orderId=order.orderId)
        assert (cancelled.executionType, cancelled.order.orderStatus) == (5, 5)
        assert (await asked(client, rehearsed, "CancelOrder", orderId=order.orderId)).errorCode == "ORDER_NOT_FOUND"
        await rehearsed.order(client)
        held = (await client.drained())[-1].message.position.positionId
        amended = await asked(client, rehearsed, "AmendPositionSLTP", positionId=held, stopLoss=1.09, takeProfit=1.2)
        assert (amended.position.stopLoss, amended.position.takeProfit) == (1.09, 1.2)
        amended = await asked(client, rehearsed, "AmendPositionSLTP", positionId=held, stopLoss=1.08)
        assert (amended.position.stopLoss, amended.position.HasField("takeProfit")) == (1.08, False)
        wrong = await asked(client, rehearsed, "AmendPositionSLTP", positionId=held, stopLoss=1.3)
        assert (wrong.errorCode, wrong.positionId) == ("TRADING_BAD_STOPS", held)

    played(tmp_path, play)


def test_lists_tell_what_happened(tmp_path: Path) -> None:
    async def play(rehearsed: Rehearsal) -> None:
        client = await rehearsed.authorised()
        await rehearsed.order(client, relativeStopLoss=500, clientOrderId="a")
        event = (await client.drained())[-1].message
        held = event.position.positionId
        await asked(client, rehearsed, "ClosePosition", positionId=held, volume=400_000)
        await client.drained()
        plain = await asked(client, rehearsed, "Reconcile")
        whole = await asked(client, rehearsed, "Reconcile", returnProtectionOrders=True)
        assert (len(plain.order), [one.orderType for one in whole.order], whole.order[0].tradeData.volume) == (0, [4], 600_000)
        assert plain.position[0].tradeData.volume == 600_000
        deals = (await asked(client, rehearsed, "DealListByPositionId", positionId=held)).deal
        assert [deal.filledVolume for deal in deals] == [1_000_000, 400_000]
        orders = (await asked(client, rehearsed, "OrderListByPositionId", positionId=held)).order
        assert [order.orderType for order in orders] == [1, 4, 1]
        details = await asked(client, rehearsed, "OrderDetails", orderId=deals[0].orderId)
        assert (details.order.clientOrderId, [deal.dealId for deal in details.deal]) == ("a", [deals[0].dealId])
        offsets = await asked(client, rehearsed, "DealOffsetList", dealId=deals[0].dealId)
        assert [one.dealId for one in offsets.offsetBy] == [deals[1].dealId]
        now_ms = WEDNESDAY_US // 1000
        assert len((await asked(client, rehearsed, "DealList", fromTimestamp=now_ms + 1)).deal) == 0
        page = await asked(client, rehearsed, "DealList", fromTimestamp=0, toTimestamp=now_ms, maxRows=1)
        assert (len(page.deal), page.hasMore) == (2, False)  # both have the same millisecond
        wrong = await asked(client, rehearsed, "OrderList", fromTimestamp=2, toTimestamp=1)
        assert wrong.errorCode == "INCORRECT_BOUNDARIES"

    played(tmp_path, play, settings=ServerSettings(pace=Pace(historical=50)))


def test_money_by_the_wire(tmp_path: Path) -> None:
    async def play(rehearsed: Rehearsal) -> None:
        client = await rehearsed.authorised()
        await rehearsed.order(client)
        await client.drained()
        rehearsed.server.quote("EURUSD", 1.11, 1.1101)
        open_profit = (await asked(client, rehearsed, "GetPositionUnrealizedPnL")).positionUnrealizedPnL[0]
        # Bought 10,000 at 1.1001 + a quarter and 0.02 of half the spread, that is at 1.10013: 98.70, less 0.22 of commission.
        assert (open_profit.grossUnrealizedPnL, open_profit.netUnrealizedPnL) == (9870, 9848)
        margin = await asked(client, rehearsed, "ExpectedMargin", symbolId=symbol_of(rehearsed), volume=[100_000, 3_000_000])
        assert [(one.buyMargin, one.sellMargin) for one in margin.margin] == [(3700, 3700), (111_010, 111_000)]
        rehearsed.venue.move_cash(rehearsed.account_id, 50.0, "a gift")
        now_ms = WEDNESDAY_US // 1000
        flow = await asked(client, rehearsed, "CashFlowHistoryList", fromTimestamp=now_ms, toTimestamp=now_ms)
        assert [(one.delta, one.balance, one.externalNote) for one in flow.depositWithdraw] == [(5000, 10_005_000, "a gift")]
        long = await asked(client, rehearsed, "CashFlowHistoryList", fromTimestamp=0, toTimestamp=604_800_001)
        assert long.errorCode == "INCORRECT_BOUNDARIES"
        calls = await asked(client, rehearsed, "MarginCallList")
        assert [one.marginLevelThreshold for one in calls.marginCall] == [100.0, 75.0, 60.0]

    played(tmp_path, play)


def test_symbols_are_those_of_the_venue(tmp_path: Path) -> None:
    async def play(rehearsed: Rehearsal) -> None:
        client = await rehearsed.authorised()
        listed = {one.symbolName: one for one in (await asked(client, rehearsed, "SymbolsList")).symbol}
        numbers = [listed["EURUSD"].symbolId, listed["XAUUSD"].symbolId, listed["USDJPY"].symbolId]
        euro, gold, yen = (await asked(client, rehearsed, "SymbolById", symbolId=numbers)).symbol
        assert (euro.digits, euro.pipPosition, euro.lotSize, euro.minVolume, euro.stepVolume) == (
            5,
            4,
            10_000_000,
            100_000,
            100_000,
        )
        assert (gold.digits, gold.pipPosition, gold.lotSize, gold.minVolume) == (2, 1, 10_000, 100)
        assert (yen.digits, yen.pipPosition) == (3, 2)
        assert (gold.schedule[0].startSecond, gold.schedule[0].endSecond) == (18 * 3600, 24 * 3600 + 17 * 3600)
        # One unknown id empties the batch.
        assert len((await asked(client, rehearsed, "SymbolById", symbolId=[*numbers, 99_999])).symbol) == 0
        assets = {one.name: one.assetId for one in (await asked(client, rehearsed, "AssetList")).asset}
        ends = {"firstAssetId": assets["GBP"], "lastAssetId": assets["USD"]}
        chain = await asked(client, rehearsed, "SymbolsForConversion", **ends)
        assert [one.symbolName for one in chain.symbol] == ["GBPUSD"]
        tier = (await asked(client, rehearsed, "GetDynamicLeverageByID", leverageId=euro.leverageId)).leverage.tiers[0]
        assert tier.leverage == 3000

    played(tmp_path, play)


def test_spots_tell_the_last_price_at_once_and_then_what_moved(tmp_path: Path) -> None:
    async def play(rehearsed: Rehearsal) -> None:
        client, number = await rehearsed.authorised(), symbol_of(rehearsed)
        early = await asked(client, rehearsed, "SubscribeLiveTrendbar", symbolId=number, period=1)
        assert early.errorCode == "INVALID_REQUEST"
        await asked(client, rehearsed, "SubscribeSpots", symbolId=[number], subscribeToSpotTimestamp=True)
        first = (await client.read()).message
        assert (first.bid, first.ask, first.timestamp) == (110_000, 110_010, WEDNESDAY_US // 1000)
        again = await asked(client, rehearsed, "SubscribeSpots", symbolId=[number])
        assert again.errorCode == "ALREADY_SUBSCRIBED"
        rehearsed.server.quote("EURUSD", 1.1, 1.1002)
        moved = (await client.read()).message
        assert (moved.HasField("bid"), moved.ask, len(moved.trendbar)) == (False, 110_020, 0)
        await asked(client, rehearsed, "SubscribeLiveTrendbar", symbolId=number, period=1)
        rehearsed.server.quote("EURUSD", 1.1003, 1.1004)
        bar = (await client.read()).message.trendbar[0]
        assert (bar.period, bar.low, bar.deltaOpen, bar.deltaHigh, bar.deltaClose) == (1, 110_000, 0, 30, 30)
        await asked(client, rehearsed, "UnsubscribeSpots", symbolId=[number])
        rehearsed.server.quote("EURUSD", 1.1004, 1.1005)
        assert await client.drained() == []

    played(tmp_path, play)


def by_hand(minutes: Any, size: int) -> dict[int, list[float]]:
    """Bars of `size` minutes from the epoch, put together one minute after the other."""
    bars: dict[int, list[float]] = {}
    for time, (open_, high, low, close) in zip(minutes.time.tolist(), minutes.prices.tolist(), strict=True):
        bar = bars.setdefault(time // size * size, [open_, high, low, close])
        bar[1:] = [max(bar[1], high), min(bar[2], low), close]
    return bars


def test_trendbars_are_minutes_put_together(tmp_path: Path) -> None:
    async def play(rehearsed: Rehearsal) -> None:
        client, number = await rehearsed.authorised(), symbol_of(rehearsed)
        wanted = by_hand(rehearsed.server.bars.minutes(number), 60)
        answer = await asked(client, rehearsed, "GetTrendbars", symbolId=number, period=int(Period.H1))
        assert (answer.period, answer.hasMore, answer.trendbar[0].HasField("period")) == (int(Period.H1), False, False)
        found = {
            bar.utcTimestampInMinutes: [
                bar.low + bar.deltaOpen, bar.low + bar.deltaHigh, bar.low, bar.low + bar.deltaClose,
            ]
            for bar in answer.trendbar
        }  # fmt: skip
        assert found == {time: [round(price * 100_000) for price in bar] for time, bar in wanted.items()}

    played(tmp_path, play)


def test_trendbars_have_the_habits_of_the_venue(tmp_path: Path) -> None:
    async def play(rehearsed: Rehearsal) -> None:
        client, number = await rehearsed.authorised(), symbol_of(rehearsed)
        now_ms = WEDNESDAY_US // 1000
        ask = {"symbolId": number, "period": 1}
        # The end is part of it, and the last bar is forming; the start does not bound what has a count.
        five = await asked(client, rehearsed, "GetTrendbars", **ask, fromTimestamp=now_ms - 1, toTimestamp=now_ms, count=5)
        times = [bar.utcTimestampInMinutes * 60_000 for bar in five.trendbar]
        assert (times[-1], len(times), five.hasMore) == (now_ms, 5, True)
        # More than 4,999 are cut off without a word, the newest stay.
        most = await asked(client, rehearsed, "GetTrendbars", **ask, toTimestamp=now_ms, count=10_000)
        assert (len(most.trendbar), most.hasMore, most.trendbar[-1].utcTimestampInMinutes * 60_000) == (4999, True, now_ms)
        days = (await asked(client, rehearsed, "GetTrendbars", symbolId=number, period=int(Period.D1), count=5)).trendbar
        opens = [
            datetime.fromtimestamp(bar.utcTimestampInMinutes * 60, UTC).astimezone(ZoneInfo("America/New_York")) for bar in days
        ]
        assert {(one.hour, one.minute) for one in opens} == {(17, 0)}
        assert not {one.weekday() for one in opens} & {4, 5}  # none opens on Friday or Saturday evening
        weeks = (await asked(client, rehearsed, "GetTrendbars", symbolId=number, period=int(Period.W1), count=2)).trendbar
        opened = datetime.fromtimestamp(weeks[-1].utcTimestampInMinutes * 60, UTC).astimezone(ZoneInfo("America/New_York"))
        assert (opened.weekday(), opened.hour) == (6, 17)

    played(tmp_path, play)


def test_ticks_come_newest_first_as_differences(tmp_path: Path) -> None:
    async def play(rehearsed: Rehearsal) -> None:
        client, number = await rehearsed.authorised(), symbol_of(rehearsed)
        now_ms = WEDNESDAY_US // 1000
        ask = {"symbolId": number, "type": 1, "toTimestamp": now_ms}
        answer = await asked(client, rehearsed, "GetTickData", **ask, fromTimestamp=now_ms - 180_000)
        times, prices = [0], [0]
        for tick in answer.tickData:
            times.append(times[-1] + tick.timestamp)
            prices.append(prices[-1] + tick.tick)
        minutes = rehearsed.server.bars.minutes(number)
        assert times[1:] == [now_ms - 60_000 * step for step in range(4)]
        assert prices[1:] == [round(price * 100_000) for price in minutes.prices[:-5:-1, 3]]
        wide = await asked(client, rehearsed, "GetTickData", **ask, fromTimestamp=now_ms - 604_800_001)
        assert wide.errorCode == "INCORRECT_BOUNDARIES"

    played(tmp_path, play)


def test_more_requests_than_the_limit_are_blocked(tmp_path: Path) -> None:
    async def play(rehearsed: Rehearsal) -> None:
        client = await rehearsed.authorised()
        numbers = [client.send("ProtoOAVersionReq") for _ in range(60)]
        answers = [await client.answer_to(number) for number in numbers]
        blocked = [answer for answer in answers if hasattr(answer, "errorCode")]
        # Two of the 50 went into coming in.
        assert (len(blocked), {answer.errorCode for answer in blocked}) == (12, {"BLOCKED_PAYLOAD_TYPE"})
        assert blocked[0].retryAfter == 1
        numbers = [client.send("ProtoOADealListReq", ctidTraderAccountId=rehearsed.account_id) for _ in range(6)]
        answers = [await client.answer_to(number) for number in numbers]
        assert [hasattr(answer, "errorCode") for answer in answers] == [False] * 5 + [True]
        client.close()
        await asyncio.sleep(0.02)
        assert (rehearsed.server.peak_requests, rehearsed.server.peak_historical) == (62, 6)

    played(tmp_path, play)


def test_heartbeats_are_sent_and_never_answered_and_the_silent_are_closed(tmp_path: Path) -> None:
    async def play(rehearsed: Rehearsal) -> None:
        client = await rehearsed.connected()
        for _ in range(3):
            client.writer.write(framed(protocol.encode(protocol.new("ProtoHeartbeatEvent"))))
        came = [(await client.read()).name for _ in range(2)]
        assert came == ["ProtoHeartbeatEvent"] * 2
        assert await client.is_ended()

    played(tmp_path, play, settings=ServerSettings(pace=Pace(heartbeat_s=0.1, idle_s=0.25)))


def test_what_no_schema_has_is_sent_along(tmp_path: Path) -> None:
    async def play(rehearsed: Rehearsal) -> None:
        client = await rehearsed.authorised()
        client.send("ProtoOATraderReq", ctidTraderAccountId=rehearsed.account_id)
        raw = await read_frame(client.reader)
        assert b"\xb8\x01\x01" in raw
        client.inbox.clear()
        await rehearsed.order(client)
        await read_frame(client.reader)
        assert b"\x98\x01\x01" in await read_frame(client.reader)

    played(tmp_path, play)


def test_what_cannot_be_read_is_refused_and_the_connection_stays(tmp_path: Path) -> None:
    async def play(rehearsed: Rehearsal) -> None:
        client = await rehearsed.authorised()
        client.writer.write(framed(b"\xff\xff\xff"))
        assert (await client.read()).message.errorCode == "INVALID_REQUEST"
        assert (await asked(client, rehearsed, "MarginCallUpdate", marginCall={"marginCallType": 61, "marginLevelThreshold": 5.0})
                ).errorCode == "UNSUPPORTED_MESSAGE"  # fmt: skip
        assert (await client.ask("ProtoOAVersionReq")).version == "91"

    played(tmp_path, play)


def test_ids_and_prices_of_the_past_follow_the_seed(tmp_path: Path) -> None:
    seen: list[tuple[int, list[float], str]] = []
    for seed in (1, 1, 2):

        async def play(rehearsed: Rehearsal) -> None:
            number = symbol_of(rehearsed)
            closes = rehearsed.server.bars.minutes(number).prices[:100, 3].tolist()
            seen.append((number, closes, rehearsed.server.credentials.access_token))

        played(tmp_path, play, venue=VenueSettings(seed=seed))
    assert seen[0] == seen[1]
    assert all(one != other for one, other in zip(seen[0], seen[2], strict=True))


def test_what_changes_at_the_venue_is_told(tmp_path: Path) -> None:
    async def play(rehearsed: Rehearsal) -> None:
        client = await rehearsed.authorised()
        rehearsed.venue.change_account(rehearsed.account_id, rights=AccessRights.CLOSE_ONLY)
        assert (await client.read()).message.trader.accessRights == AccessRights.CLOSE_ONLY
        refused = await client.answer_to(await rehearsed.order(client))
        assert refused.errorCode == "TRADING_DISABLED"
        rehearsed.venue.change_account(rehearsed.account_id, rights=AccessRights.FULL_ACCESS)
        today = WEDNESDAY_US // 86_400_000_000
        rehearsed.venue.change_symbol("EURUSD", holidays=(today,))
        terms = (await asked(client, rehearsed, "SymbolById", symbolId=[symbol_of(rehearsed)])).symbol[0]
        assert [one.holidayDate for one in terms.holiday] == [today]
        assert (await client.answer_to(await rehearsed.order(client))).errorCode == "SYMBOL_HAS_HOLIDAY"

    played(tmp_path, play)


def test_settings_move_what_they_name(tmp_path: Path) -> None:
    async def play(rehearsed: Rehearsal) -> None:
        client, keys = await rehearsed.authorised(), rehearsed.server.credentials
        listed = await client.ask("ProtoOAGetAccountListByAccessTokenReq", accessToken=keys.access_token)
        assert [one.isLive for one in listed.ctidTraderAccount] == [True, True]
        assert keys.client_id == "another"
        assert [one.symbolName for one in (await asked(client, rehearsed, "SymbolsList")).symbol] == ["EURUSD"]
        for _ in range(2):
            await rehearsed.order(client, volume=300_000)
            rehearsed.server.clock.offset_us += 1_000_000
        await client.drained()
        margin = await asked(client, rehearsed, "ExpectedMargin", symbolId=symbol_of(rehearsed), volume=[1_000_000])
        assert margin.margin[0].sellMargin == 110_000  # 11,000 dollars by 10
        page = await asked(client, rehearsed, "DealList")
        assert ([deal.dealId for deal in page.deal], page.hasMore) == ([900_002], True)
        assert (await asked(client, rehearsed, "Trader")).trader.balance == 500_000

    venue = VenueSettings(deposits=(5000.0, 7.0), leverage=10.0, is_live=True, symbols=("EURUSD",))
    played(tmp_path, play, venue=venue, settings=ServerSettings(page=1, is_newest_first=True, client_id="another"))
