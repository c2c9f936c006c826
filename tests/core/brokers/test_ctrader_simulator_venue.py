"""The venue's state machine: sequences of events, money worked out by hand, what it refuses and in which words."""

import random
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from fxgpt_core.brokers.ctrader_simulator.codes import (
    ExecutionKind,
    OrderStatus,
    OrderType,
    TimeInForce,
    TradeSide,
    TriggerMethod,
)
from fxgpt_core.brokers.ctrader_simulator.records import (
    Execution,
    MarginCall,
    OrderChange,
    OrderTicket,
    Protection,
    Refusal,
    StopTrailed,
    VenueEvent,
    VenuePosition,
)
from fxgpt_core.brokers.ctrader_simulator.venue import Venue, VenueSettings
from fxgpt_core.market.charges import Charges
from fxgpt_core.market.swaps import SwapRates

HOUR_US = 3_600_000_000
WEDNESDAY_US = 1_790_172_000_000_000  # 2026-09-23 14:00 UTC, 10:00 in New York
PLAIN = Charges(slippage=0.0, impact=0.0, commission=0.0, swap=SwapRates(0.0, 0.0))
LOT = 10_000_000
BUY, SELL = TradeSide.BUY, TradeSide.SELL


@dataclass
class Floor:
    """A venue with a clock that is set by hand, and everything it has told."""

    venue: Venue
    now_us: int
    told: list[VenueEvent] = field(default_factory=list)

    @property
    def account(self) -> int:
        return self.venue.account_id

    def quote(self, bid: float, ask: float, name: str = "EURUSD") -> None:
        self.venue.quote(name, bid, ask)

    def order(self, **fields: Any) -> int:
        """Place a market order of a lot EURUSD, or what the fields make of it; returns the id of its position."""
        return self.venue.place(self.account, self.ticket(**fields)).position_id

    def ticket(self, **fields: Any) -> OrderTicket:
        plain = OrderTicket(self.venue.symbol_id(fields.pop("symbol", "EURUSD")), OrderType.MARKET, BUY, LOT)
        return replace(plain, **fields)

    def position(self, number: int) -> VenuePosition:
        return self.venue.book.positions[number]

    def executions(self) -> list[Execution]:
        return [event for event in self.told if isinstance(event, Execution)]

    def kinds(self) -> list[str]:
        """What was told since the last call."""
        found = [event.kind.name + ("*" if event.is_server else "") for event in self.executions()]
        self.told.clear()
        return found

    def balance(self) -> int:
        return self.venue.book.accounts[self.account].balance


def floor(charges: Charges = PLAIN, deposit: float = 100_000.0, **settings: Any) -> Floor:
    opened = Floor(None, WEDNESDAY_US)  # type: ignore[arg-type]
    opened.venue = Venue(lambda: opened.now_us, VenueSettings(deposits=(deposit,), charges=charges, **settings))
    opened.venue.listen(opened.told.append)
    opened.quote(1.1000, 1.1001)
    return opened


def test_the_events_of_a_life_come_in_the_order_of_the_venue() -> None:
    opened = floor()
    held = opened.order(relative_stop_loss=500, relative_take_profit=900)
    accepted, filled, protected = opened.executions()
    assert (accepted.position.volume, accepted.position.status.name) == (0, "CREATED")
    assert (filled.position.volume, filled.position.stop_loss, filled.deal.price) == (LOT, None, 1.1001)
    assert (protected.position.stop_loss, protected.position.take_profit) == (1.0951, 1.1091)
    assert (protected.order.stop_price, protected.order.limit_price, protected.order.is_closing) == (1.0951, 1.1091, True)
    assert opened.kinds() == ["ORDER_ACCEPTED", "ORDER_FILLED", "ORDER_ACCEPTED*"]
    opened.venue.close(opened.account, held, LOT // 4)
    assert opened.kinds() == ["ORDER_ACCEPTED", "ORDER_FILLED", "ORDER_REPLACED*"]
    opened.venue.close(opened.account, held, 3 * LOT // 4)
    assert opened.kinds() == ["ORDER_ACCEPTED", "ORDER_FILLED", "ORDER_CANCELLED*"]
    with pytest.raises(Refusal, match="POSITION_NOT_FOUND"):
        opened.venue.close(opened.account, held, LOT)


def test_money_is_what_a_pencil_makes_of_it() -> None:
    # Half the spread of slippage, 0.01 % of the notional a side: bought at 1.1002 + 0.0001, sold at 1.1100 - 0.0001.
    opened = floor(replace(PLAIN, slippage=0.5, commission=0.0001))
    opened.quote(1.1000, 1.1002)
    held = opened.order()
    assert (opened.position(held).price, opened.position(held).commission) == (1.1003, -1100)
    opened.quote(1.1100, 1.1102)
    opened.venue.close(opened.account, held, LOT)
    detail = opened.executions()[-1].deal.closing
    assert (detail.gross, detail.commission, detail.swap, detail.fee) == (96_000, -2210, 0, 0)
    assert (detail.balance, opened.balance(), detail.balance_version) == (10_093_790, 10_093_790, 2)


def test_profits_of_a_cross_are_converted_and_cost_the_fee() -> None:
    opened = floor()
    opened.venue.book.accounts[opened.account].conversion_fee = 0.01
    opened.quote(0.8600, 0.8601, "EURGBP")
    with pytest.raises(Refusal, match="NO_QUOTES"):
        opened.order(symbol="EURGBP")
    opened.quote(1.25, 1.2501, "GBPUSD")
    held = opened.order(symbol="EURGBP")
    opened.quote(0.8701, 0.8702, "EURGBP")
    opened.venue.close(opened.account, held, LOT)
    # 100,000 x (0.8701 - 0.8601) = 1,000 pounds = 1,250 dollars, of which 12.50 are the fee.
    detail = opened.executions()[-1].deal.closing
    assert (detail.gross, detail.fee, detail.conversion) == (125_000, -1250, 1.25)
    assert opened.balance() == 10_000_000 + 125_000 - 1250


def test_a_night_is_charged_at_17_in_new_york_and_three_on_wednesday() -> None:
    opened = floor(replace(PLAIN, swap=SwapRates(0.0365, -0.0365)))
    long, short = opened.order(), opened.order(side=SELL)
    opened.now_us += 6 * HOUR_US
    opened.quote(1.1000, 1.1001)
    assert (opened.position(long).swap, opened.position(short).swap) == (0, 0)
    opened.now_us += 2 * HOUR_US
    opened.quote(1.1000, 1.1001)
    # 110,000 dollars x 3.65 % / 365 = 11 dollars a night.
    assert (opened.position(long).swap, opened.position(short).swap) == (-3300, 3300)
    assert [event.kind.name for event in opened.executions()[-2:]] == ["SWAP", "SWAP"]
    opened.venue.close(opened.account, long, LOT // 2)
    assert opened.position(long).swap == -1650
    assert opened.executions()[-1].deal.closing.swap == -1650


def test_a_stop_fills_worse_and_a_target_at_its_price() -> None:
    opened = floor(replace(PLAIN, slippage=0.5))
    stopped, reached = opened.order(), opened.order(side=SELL)
    opened.venue.amend_position(opened.account, stopped, Protection(1.0950, 1.1200))
    opened.venue.amend_position(opened.account, reached, Protection(1.1200, 1.0950))
    opened.quote(1.0948, 1.0949)
    fills = {event.deal.position_id: event.deal.price for event in opened.executions() if event.deal and event.deal.closing}
    assert fills == {stopped: 1.09475, reached: 1.0950}
    assert opened.venue.snapshot()[str(opened.account)]["positions"] == {}


def test_an_amendment_removes_what_it_leaves_out() -> None:
    opened = floor()
    held = opened.order(relative_stop_loss=500, relative_take_profit=900)
    opened.kinds()
    opened.venue.amend_position(opened.account, held, Protection(1.0900, None))
    assert (opened.position(held).stop_loss, opened.position(held).take_profit) == (1.0900, None)
    opened.venue.amend_position(opened.account, held, Protection(None, None))
    opened.venue.amend_position(opened.account, held, Protection(1.0900, None))
    assert opened.kinds() == ["ORDER_REPLACED", "ORDER_CANCELLED", "ORDER_ACCEPTED"]
    with pytest.raises(Refusal, match="TRADING_BAD_STOPS"):
        opened.venue.amend_position(opened.account, held, Protection(1.1000, None))


def test_a_trailing_stop_follows_and_never_goes_back() -> None:
    opened = floor()
    held = opened.order(relative_stop_loss=500, trailing_stop=True)
    for bid in (1.1050, 1.1020, 1.1060):
        opened.quote(bid, bid + 0.0001)
    # Set when the bid was 1.1000: 1.0951 is 49 pips below.
    moved = [event.stop_price for event in opened.told if isinstance(event, StopTrailed)]
    assert moved == [1.1001, 1.1011]
    opened.quote(1.1011, 1.1012)
    assert opened.position(held).status.name == "CLOSED"


@pytest.mark.parametrize(
    ("method", "bids", "is_closed"),
    [
        (TriggerMethod.TRADE, [1.0950], True),
        (TriggerMethod.OPPOSITE, [1.0950], False),  # the ask is still above
        (TriggerMethod.OPPOSITE, [1.0949], True),
        (TriggerMethod.DOUBLE_TRADE, [1.0950, 1.0960, 1.0950], False),
        (TriggerMethod.DOUBLE_TRADE, [1.0950, 1.0949], True),
    ],
)
def test_a_stop_is_triggered_by_its_method(method: TriggerMethod, bids: list[float], is_closed: bool) -> None:
    opened = floor()
    held = opened.order()
    opened.venue.amend_position(opened.account, held, Protection(1.0950, None, trigger_method=method))
    for bid in bids:
        opened.quote(bid, bid + 0.0001)
    assert (opened.position(held).status.name == "CLOSED") is is_closed


def pending_price(opened: Floor, quotes: list[tuple[float, float]], **fields: Any) -> float | None:
    """What a pending order is filled at by quotes; None while it waits."""
    order = opened.venue.place(opened.account, opened.ticket(**fields))
    for bid, ask in quotes:
        opened.quote(bid, ask)
    return order.execution_price


def test_pending_orders_wait_for_their_price() -> None:
    half = replace(PLAIN, slippage=0.5)
    limit = {"type": OrderType.LIMIT, "limit_price": 1.0990}
    assert pending_price(floor(half), [(1.0990, 1.0991)], **limit) is None
    assert pending_price(floor(half), [(1.0988, 1.0989)], **limit) == 1.0990
    assert pending_price(floor(half), [], type=OrderType.LIMIT, limit_price=1.1050) == 1.1001  # better at once
    stop = {"type": OrderType.STOP, "stop_price": 1.1010}
    assert pending_price(floor(half), [(1.1008, 1.1009)], **stop) is None
    assert pending_price(floor(half), [(1.1012, 1.1014)], **stop) == 1.1015  # a gap fills at the market, and slips
    within = {"type": OrderType.STOP_LIMIT, "stop_price": 1.1010, "slippage_points": 20}
    assert pending_price(floor(half), [(1.1014, 1.1015)], **within) is None
    assert pending_price(floor(half), [(1.1014, 1.1015), (1.1010, 1.1011)], **within) == 1.1011
    around = {"type": OrderType.MARKET_RANGE, "base_slippage_price": 1.1000}
    assert pending_price(floor(half), [], slippage_points=10, **around) is None  # 1.10015 is 15 points away
    assert pending_price(floor(half), [], slippage_points=15, **around) == pytest.approx(1.10015)


def test_waiting_orders_expire_are_changed_and_cancelled() -> None:
    opened = floor()
    until = opened.now_us + HOUR_US
    fields = {"type": OrderType.LIMIT, "limit_price": 1.09, "time_in_force": TimeInForce.GOOD_TILL_DATE, "expires_us": until}
    expiring = opened.venue.place(opened.account, opened.ticket(**fields))
    changed = opened.venue.place(opened.account, opened.ticket(type=OrderType.LIMIT, limit_price=1.08, relative_stop_loss=100))
    gone = opened.venue.place(opened.account, opened.ticket(type=OrderType.LIMIT, limit_price=1.07))
    opened.venue.amend_order(opened.account, changed.order_id, OrderChange(limit_price=1.0995, volume=2 * LOT))
    opened.venue.cancel(opened.account, gone.order_id)
    opened.now_us = until
    opened.quote(1.0993, 1.0994)
    assert [order.status for order in (expiring, changed, gone)] == [
        OrderStatus.EXPIRED, OrderStatus.FILLED, OrderStatus.CANCELLED,
    ]  # fmt: skip
    assert (opened.position(changed.position_id).volume, opened.position(changed.position_id).stop_loss) == (2 * LOT, None)
    with pytest.raises(Refusal, match="ORDER_NOT_FOUND"):
        opened.venue.cancel(opened.account, gone.order_id)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"volume": 150_000}, "TRADING_BAD_VOLUME: .*not a multiple"),
    ({"volume": 50_000}, "TRADING_BAD_VOLUME: .*out of range"),
    ({"volume": 200 * LOT}, "TRADING_BAD_VOLUME: .*out of range"),
    ({"type": OrderType.LIMIT, "limit_price": 1.090001}, "INVALID_REQUEST: .*has more digits than symbol allows"),
    (
        {"stop_loss": 1.09},
        r"INVALID_REQUEST: SL/TP in absolute values are allowed only for order types: \[LIMIT, STOP, STOP_LIMIT\]",
    ),
    ({"symbol": "USDJPY", "relative_stop_loss": 150}, "INVALID_REQUEST: Relative stop loss has invalid precision"),
    ({"relative_stop_loss": 0}, "TRADING_BAD_STOPS"),
    ({"relative_stop_loss": 200_000}, "TRADING_BAD_STOPS: .*below zero"),
    ({"type": OrderType.LIMIT}, "TRADING_BAD_PRICES"),
    ({"type": OrderType.STOP, "stop_price": 1.09}, "TRADING_BAD_PRICES: .*wrong side"),
    ({"type": OrderType.LIMIT, "limit_price": 1.09, "stop_loss": 1.095}, "TRADING_BAD_STOPS: .*wrong side"),
    ({"type": OrderType.MARKET_RANGE, "base_slippage_price": 1.1}, "INVALID_REQUEST: slippageInPoints"),
    ({"type": OrderType.LIMIT, "limit_price": 1.09, "expires_us": 1}, "TRADING_BAD_EXPIRATION_DATE"),
    ({"type": OrderType.STOP_LOSS_TAKE_PROFIT}, "INVALID_REQUEST"),
    ({"client_order_id": "x" * 51}, "INVALID_REQUEST: Field client_order_id is longer than 50"),
    ({"volume": 100 * LOT}, "NOT_ENOUGH_MONEY"),
    ({"trailing_stop": True}, "INVALID_REQUEST: Trailing"),
    ({"symbol": "AUDUSD"}, "NO_QUOTES"),
    ({"symbol_id": 9999}, "SYMBOL_NOT_FOUND"),
    ({"position_id": 5}, "POSITION_NOT_FOUND"),
]


@pytest.mark.parametrize(
    ("fields", "words"), REFUSED, ids=[words[:40] + str(number) for number, (_, words) in enumerate(REFUSED)]
)
def test_what_the_venue_refuses(fields: dict[str, Any], words: str) -> None:
    opened = floor()
    opened.quote(150.0, 150.01, "USDJPY")
    opened.told.clear()
    with pytest.raises(Refusal, match=f"^{words}"):
        opened.order(**fields)
    assert opened.told == []
    assert opened.venue.book.orders == {}


def test_terms_of_a_symbol_and_of_an_account_refuse_too() -> None:
    opened = floor(deposit=10_000_000.0)
    opened.venue.change_symbol("EURUSD", max_exposure=3 * LOT, stop_points=20)
    opened.order(volume=2 * LOT)
    with pytest.raises(Refusal, match="MAX_EXPOSURE_REACHED"):
        opened.order(volume=2 * LOT)
    with pytest.raises(Refusal, match="PROTECTION_IS_TOO_CLOSE_TO_MARKET"):
        opened.order(relative_stop_loss=19)
    held = opened.order(relative_stop_loss=20)
    opened.now_us += 3 * 24 * HOUR_US  # Saturday
    with pytest.raises(Refusal, match="MARKET_CLOSED"):
        opened.order()
    with pytest.raises(Refusal, match="MARKET_CLOSED"):
        opened.venue.close(opened.account, held, LOT)
    opened.venue.change_symbol("EURUSD", max_exposure=100 * LOT)
    assert opened.venue.place(opened.account, opened.ticket(type=OrderType.LIMIT, limit_price=1.09)).status.name == "ACCEPTED"


def test_a_hedged_account_holds_both_sides_and_the_same_client_order_id_twice() -> None:
    opened = floor()
    opened.order(client_order_id="a")
    opened.order(client_order_id="a", side=SELL)
    snapshot = opened.venue.snapshot()[str(opened.account)]
    assert [order["side"] for order in snapshot["orders"]["a"]] == ["BUY", "SELL"]
    assert len(snapshot["positions"]) == 2


def test_an_order_on_a_position_adds_to_it_or_closes_it() -> None:
    opened = floor()
    held = opened.order()
    opened.quote(1.1100, 1.1101)
    assert opened.order(position_id=held, volume=3 * LOT) == held
    assert (opened.position(held).volume, opened.position(held).price) == (4 * LOT, pytest.approx(1.1076))
    opened.order(position_id=held, side=SELL, volume=LOT, client_order_id="close")
    assert opened.position(held).volume == 3 * LOT
    assert opened.venue.snapshot()[str(opened.account)]["orders"]["close"][0]["is_closing"]


def test_the_margin_warns_and_then_closes() -> None:
    # 1,000 + 20,000 (p - 1.1001) = 0.5 x 20,000 (p + 0.0001) / 30 at a bid of 1.06790.
    opened = floor(deposit=1000.0)
    held = opened.order(volume=2_000_000)
    opened.quote(1.0680, 1.0681)
    assert opened.position(held).status.name == "OPEN"
    assert [event.level for event in opened.told if isinstance(event, MarginCall)] == [0.6]
    opened.quote(1.0678, 1.0679)
    ended = opened.executions()[-1]
    assert (ended.order.is_stop_out, ended.is_server, ended.position.status.name) == (True, True, "CLOSED")


def test_a_withdrawal_can_stop_out() -> None:
    opened = floor()
    opened.order()
    opened.venue.move_cash(opened.account, -99_000.0)
    assert opened.executions()[-1].order.is_stop_out
    assert [event.kind for event in opened.executions() if event.flow] == [ExecutionKind.DEPOSIT_WITHDRAW]


def test_a_pending_order_without_money_is_rejected_when_its_price_comes() -> None:
    opened = floor(deposit=1000.0)
    order = opened.venue.place(opened.account, opened.ticket(type=OrderType.LIMIT, limit_price=1.0990))
    opened.quote(1.0980, 1.0981)
    assert (order.status, opened.executions()[-1].error_code) == (OrderStatus.REJECTED, "NOT_ENOUGH_MONEY")


@pytest.mark.parametrize("seed", range(3))
def test_books_balance_whatever_happens(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    opened = floor(Charges(), deposit=20_000.0)
    price, refused = 1.1, set()
    for _ in range(300):
        act = chance.random()
        price *= 1.0 + chance.gauss(0.0, 0.001)
        opened.now_us += chance.randrange(HOUR_US)
        try:
            if act < 0.4:
                opened.quote(round(price, 5), round(price + 0.0001, 5))
            elif act < 0.7:
                fields = {"relative_stop_loss": chance.randrange(50, 500), "relative_take_profit": chance.randrange(50, 500)}
                opened.order(volume=chance.randrange(1, 30) * 100_000, side=chance.choice(list(TradeSide)), **fields)
            elif opened.venue.book.open:
                held = opened.position(chance.choice(sorted(opened.venue.book.open)))
                opened.venue.close(opened.account, held.position_id, max(100_000, held.volume // 200_000 * 100_000))
        except Refusal as refusal:
            refused.add(refusal.code)
    assert refused <= {"MARKET_CLOSED", "NOT_ENOUGH_MONEY", "MAX_EXPOSURE_REACHED"}
    deals = [event.deal for event in opened.executions() if event.deal is not None]
    balance, version = 2_000_000, 1
    for detail in (deal.closing for deal in deals if deal.closing is not None):
        balance, version = balance + detail.gross + detail.swap + detail.commission + detail.fee, version + 1
        assert (detail.balance, detail.balance_version) == (balance, version)
    assert (opened.balance(), version > 30) == (balance, True)
    for position in opened.venue.book.positions.values():
        mine = [deal for deal in deals if deal.position_id == position.position_id]
        assert position.volume == sum(-deal.filled_volume if deal.closing else deal.filled_volume for deal in mine)
        if position.volume == 0 and mine:
            assert (position.swap, position.commission) == (0, 0)
