"""Units, distances, quotes, symbols and candles of the wire, against numbers worked out by hand."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxgpt_core.brokers.broker import Quote
from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader.order_messages import OrderTerms, amended_order, levels, new_order
from fxgpt_core.brokers.ctrader.prices import money, price_of, relative, rounded, units_of, volume_of
from fxgpt_core.brokers.ctrader.spots import Chain, Spot, quote_of
from fxgpt_core.brokers.ctrader.symbols import ListedSymbol, SymbolList, TradedSymbol, listed_symbol, traded_symbol
from fxgpt_core.brokers.ctrader.trendbars import trendbar
from fxgpt_core.errors import BadInputError, MissingError
from fxgpt_core.market.orders import OrderRequest, OrderType, Side

NOW_US = 1_790_172_000_000_000
EURUSD = ListedSymbol(11, "EURUSD", 1, 2, True)


def sized(**given_: Any) -> TradedSymbol:
    fields = {"symbolId": 11, "digits": 5, "pipPosition": 4, "lotSize": 10_000_000, "minVolume": 100_000, "stepVolume": 100_000,
              "maxVolume": 1_000_000_000} | given_  # fmt: skip
    return traded_symbol(EURUSD, protocol.new("ProtoOASymbol", **fields), NOW_US)


def asked(**given_: Any) -> OrderRequest:
    fields: dict[str, Any] = {"stop_price": None, "target_price": None, "stop_distance": 0.0025} | given_
    return OrderRequest(
        "fx1-a", "EURUSD", fields.pop("side", Side.LONG), fields.pop("units", 20_000), requested_at_us=0, **fields
    )


def sent(terms: dict[str, Any] | None = None, **given_: Any) -> Any:
    quote = Quote(0.0001, 1.0, 1.1, 1.1001, NOW_US)
    return new_order(asked(**given_), OrderTerms(7, sized(), **({"quote": quote} | (terms or {}))))


@given(st.integers(min_value=0, max_value=10**12))
def test_units_come_back_from_their_volume(units: int) -> None:
    assert units_of(volume_of(units)) == units
    assert volume_of(units) == units * 100


def test_a_part_of_a_unit_never_looks_flat() -> None:
    assert (units_of(1), units_of(100), units_of(101), units_of(0)) == (1, 1, 2, 0)


@pytest.mark.parametrize(
    ("distance", "digits", "points"),
    [
        (0.00257, 1, None), (0.257, 1, 20_000), (0.257, 2, 25_000), (0.25779, 3, 25_700), (0.00257, 4, 250),
        (0.00257, 5, 257), (0.002579, 5, 257), (1.1001 - 1.0901, 5, 1_000), (1.0901 - 1.0889, 4, 120), (0.00001, 5, 1),
        (0.000009, 5, None), (0.0, 5, None), (-0.01, 5, None),
    ],
)  # fmt: skip
def test_a_distance_goes_down_to_the_grid_of_the_digits_and_never_to_nothing(
    distance: float, digits: int, points: int | None
) -> None:
    if points is None:
        with pytest.raises(BadInputError, match="at least a point"):
            relative(distance, digits)
    else:
        assert relative(distance, digits) == points


@given(st.integers(1, 10**7), st.integers(1, 5))
def test_every_distance_on_the_grid_is_kept(points: int, digits: int) -> None:
    grid = 10 ** (5 - digits)
    assert relative(points * grid / 100_000, digits) == points * grid


@given(st.integers(1, 2_000_000_00))
def test_a_price_of_the_wire_survives_our_floats(raw: int) -> None:
    assert round(price_of(raw) * 100_000) == raw
    assert rounded(price_of(raw), 5) == price_of(raw)


def test_money_is_exact_whatever_its_digits() -> None:
    assert money(10_053_099_944, 8) == Decimal("100.53099944")
    assert money(-5, 2) == Decimal("-0.05")


def test_an_order_at_the_market_carries_distances_and_one_that_waits_its_levels() -> None:
    market = sent(target_distance=0.005)
    assert (market.relativeStopLoss, market.relativeTakeProfit, market.volume) == (250, 500, 2_000_000)
    assert not market.HasField("stopLoss")
    assert (market.clientOrderId, market.label) == ("fx1-a", "fxgpt")
    assert market.timeInForce == protocol.value("ProtoOATimeInForce", "IMMEDIATE_OR_CANCEL")
    limit = sent(order_type=OrderType.LIMIT, limit_price=1.095, stop_price=1.0909999999)
    assert (limit.limitPrice, limit.stopLoss, limit.takeProfit) == (1.095, 1.091, 0.0)
    assert not limit.HasField("relativeStopLoss")
    stop = sent(order_type=OrderType.STOP, trigger_price=1.105, target_distance=0.01, expires_at_us=NOW_US)
    assert (stop.stopPrice, stop.stopLoss, stop.takeProfit) == (1.105, 1.1025, 1.115)
    assert stop.expirationTimestamp == NOW_US // 1000
    assert stop.timeInForce == protocol.value("ProtoOATimeInForce", "GOOD_TILL_DATE")


def test_levels_of_an_order_at_the_market_become_distances_from_the_price_it_will_meet() -> None:
    long = sent(stop_distance=None, stop_price=1.09, target_price=1.12)
    assert (long.relativeStopLoss, long.relativeTakeProfit) == (1_010, 1_990)
    short = sent(side=Side.SHORT, stop_distance=None, stop_price=1.11, target_price=1.08)
    assert (short.relativeStopLoss, short.relativeTakeProfit) == (1_000, 2_000)
    with pytest.raises(BadInputError, match="no price of EURUSD is known"):
        sent({"quote": None}, stop_distance=None, stop_price=1.09)
    with pytest.raises(BadInputError, match="at least a point"):
        sent(stop_distance=None, stop_price=1.11)


def test_a_stop_limit_has_its_limit_as_points_beyond_the_trigger() -> None:
    long = sent(order_type=OrderType.STOP_LIMIT, trigger_price=1.105, limit_price=1.1053)
    assert (long.stopPrice, long.slippageInPoints) == (1.105, 30)
    short = sent(side=Side.SHORT, order_type=OrderType.STOP_LIMIT, trigger_price=1.095, limit_price=1.0949)
    assert (short.stopPrice, short.slippageInPoints) == (1.095, 10)
    with pytest.raises(BadInputError, match="at the trigger or beyond it"):
        sent(order_type=OrderType.STOP_LIMIT, trigger_price=1.105, limit_price=1.104)


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"units": 1_500}, "steps of 1000"),
        ({"units": 500}, "1000 to 10000000"),
        ({"units": 20_000_000}, "1000 to 10000000"),
        ({"stop_distance": None}, "has no stop"),
        ({"order_type": OrderType.LIMIT}, "needs a limit price"),
        ({"order_type": OrderType.STOP}, "needs a trigger price"),
    ],
)
def test_what_the_venue_would_not_take_is_refused_before_it_leaves(given_: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInputError, match=words):
        sent(**given_)


def test_an_order_without_a_stop_is_sent_only_where_that_is_allowed() -> None:
    assert not sent({"may_be_bare": True}, stop_distance=None).HasField("relativeStopLoss")


def test_a_short_order_on_a_symbol_that_may_not_be_sold_is_refused() -> None:
    terms = OrderTerms(7, sized(enableShortSelling=False), None)
    with pytest.raises(BadInputError, match="may not be sold short"):
        new_order(asked(side=Side.SHORT), terms)


def test_a_changed_order_carries_everything_it_is_to_be() -> None:
    request = asked(order_type=OrderType.LIMIT, limit_price=1.09, stop_price=1.08, target_price=1.12)
    changed: Any = amended_order(99, request, OrderTerms(7, sized(), None))
    assert (changed.orderId, changed.volume, changed.limitPrice) == (99, 2_000_000, 1.09)
    assert (changed.stopLoss, changed.takeProfit) == (1.08, 1.12)


def test_both_levels_are_sent_and_what_is_none_is_left_out() -> None:
    both: Any = levels(7, 5, sized(digits=3), 150.12349, 149.0)
    assert (both.stopLoss, both.takeProfit) == (150.123, 149.0)
    one: Any = levels(7, 5, sized(), 1.08, None)
    assert (one.HasField("stopLoss"), one.HasField("takeProfit")) == (True, False)


def spot(**fields: Any) -> Any:
    return protocol.new("ProtoOASpotEvent", ctidTraderAccountId=7, symbolId=11, **fields)


def test_sides_of_a_quote_merge_and_keep_their_own_times() -> None:
    one = Spot().merged(spot(bid=110_000, timestamp=1_000), 5)
    assert (one.is_whole, quote_of(one, Chain(2, 2, ()), {})) == (False, None)
    two = one.merged(spot(ask=110_010, timestamp=4_000), 5).merged(spot(bid=110_005), 9_000_000)
    assert (two.bid, two.ask, two.bid_us, two.ask_us) == (110_005, 110_010, 9_000_000, 4_000_000)
    quote = quote_of(two, Chain(2, 2, ()), {})
    assert quote is not None
    assert (quote.bid, quote.ask, quote.time_us, quote.conversion) == (1.10005, 1.1001, 4_000_000, 1.0)
    assert quote.spread == pytest.approx(0.00005)


def test_a_chain_converts_step_by_step_whichever_side_it_meets() -> None:
    usdjpy, gbpusd = ListedSymbol(1, "USDJPY", 2, 3, True), ListedSymbol(2, "GBPUSD", 4, 2, True)
    spots = {1: Spot(bid=15_000_000), 2: Spot(bid=125_000)}
    assert Chain(3, 4, (usdjpy, gbpusd)).worth(spots) == pytest.approx(1 / 150 / 1.25)
    assert Chain(4, 3, (gbpusd, usdjpy)).worth(spots) == pytest.approx(1.25 * 150)
    assert Chain(3, 4, (usdjpy, gbpusd)).worth({1: spots[1]}) is None
    assert not Chain(3, 4, (usdjpy,)).is_whole


def test_a_candle_is_its_low_and_what_is_above_it() -> None:
    told = protocol.new(
        "ProtoOATrendbar", volume=42, low=109_900, deltaOpen=50, deltaHigh=120, deltaClose=70, utcTimestampInMinutes=29_836_200
    )
    bar = trendbar(told)
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (1.0995, 1.1002, 1.099, 1.0997, 42.0)
    assert bar.open_time_us == 29_836_200 * 60_000_000


def symbols(*names: str, spelled: dict[str, str] | None = None) -> SymbolList:
    listed = {n: ListedSymbol(n, name, 1, 2, not name.startswith("-")) for n, name in enumerate(names, start=1)}
    return SymbolList(listed, {1: "EUR", 2: "USD"}, spelled or {})


def test_a_symbol_is_found_by_its_name_as_houses_spell_it() -> None:
    assert symbols("GBPUSD", "EUR/USD").named("EURUSD").symbol_id == 2
    assert symbols("EUR/USD", "EURUSD").named("EURUSD").symbol_id == 2
    house = symbols("EURUSD.r", "EURUSD.x", spelled={"EURUSD": "EURUSD.r"})
    assert (house.named("EURUSD").symbol_id, house.name_of(1), house.name_of(2)) == (1, "EURUSD", "EURUSD.X")


@pytest.mark.parametrize(
    ("names", "words"),
    [(("GBPUSD",), "no enabled symbol"), (("EUR/USD", "EUR_USD"), "several symbols"), (("EURUSD.r",), "it has EURUSD.r")],
)
def test_a_symbol_that_is_missing_or_ambiguous_is_refused(names: tuple[str, ...], words: str) -> None:
    with pytest.raises(BadInputError, match=words):
        symbols(*names).named("EURUSD")


def test_a_disabled_symbol_is_not_traded() -> None:
    told = protocol.new("ProtoOALightSymbol", symbolId=3, symbolName="EURUSD", enabled=False)
    assert not listed_symbol(told).is_enabled
    with pytest.raises(BadInputError, match="no enabled symbol"):
        SymbolList({3: listed_symbol(told)}, {}).named("EURUSD")


@pytest.mark.parametrize("name", ["lotSize", "minVolume", "maxVolume", "stepVolume"])
def test_a_symbol_without_a_size_cannot_be_ordered(name: str) -> None:
    with pytest.raises(MissingError, match=name):
        sized(**{name: None})


def test_terms_say_what_may_be_ordered_and_when() -> None:
    terms = sized(
        schedule=[{"startSecond": 61_200, "endSecond": 493_200}],
        scheduleTimeZone="America/New_York",
        tradingMode=3,
        enableShortSelling=False,
        holiday=[
            {"holidayId": 1, "name": "", "scheduleTimeZone": "America/New_York", "holidayDate": 20_447, "isRecurring": True},
            {"holidayId": 2, "name": "early", "scheduleTimeZone": "UTC", "holidayDate": 20_720, "isRecurring": False,
             "startSecond": 64_800, "endSecond": 86_400},
        ],
    ).terms  # fmt: skip
    assert (terms.min_units, terms.step_units, terms.max_units, terms.pip) == (1_000, 1_000, 10_000_000, 0.0001)
    assert (terms.schedule, terms.time_zone) == (((61_200, 493_200),), "America/New_York")
    assert (terms.is_open, terms.may_short) == (False, False)
    # The 25th of December of New York begins at 05:00 UTC, in each year around now; 2026-09-24 closes at 18:00 UTC.
    spans = [(1_766_638_800, 86_400), (1_790_272_800, 21_600), (1_798_174_800, 86_400), (1_829_710_800, 86_400)]
    assert terms.holidays == tuple((start * 10**6, (start + seconds) * 10**6) for start, seconds in spans)


class SizingHouse:
    """A venue that tells nothing of any symbol where one of those it is asked for is 2."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    async def request(self, message: Any, **_: Any) -> Any:
        self.asked.append(list(message.symbolId))
        known = [] if 2 in message.symbolId else list(message.symbolId)
        one = {"digits": 5, "pipPosition": 4, "lotSize": 10**7, "minVolume": 10**5, "stepVolume": 10**5, "maxVolume": 10**9}
        return protocol.new("ProtoOASymbolByIdRes", ctidTraderAccountId=7, symbol=[{"symbolId": n} | one for n in known])


def test_sizes_are_asked_one_by_one_where_one_unknown_id_empties_the_answer() -> None:
    house, found = SizingHouse(), symbols("EURUSD", "GBPUSD")
    with pytest.raises(MissingError, match="no sizes of GBPUSD"):
        asyncio.run(found.size(house, 7, [1, 2], NOW_US))
    assert house.asked == [[1, 2], [1], [2]]
    assert found.sized("EURUSD").min_volume == 10**5
