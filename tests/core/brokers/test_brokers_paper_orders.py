"""Orders of every kind on paper: equal to the backtest's order book, by hand where it matters, filled in parts."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from awaited import awaited
from paper_against_orders import OrderCase, order_differences, random_orders

from fxgpt_core.backtest.order_account import EXIT_NAMES
from fxgpt_core.brokers import paper_entries, paper_margin, paper_matching
from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.brokers.paper_liquidity import Liquidity
from fxgpt_core.brokers.paper_quotes import PlayedCandle
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.charges import Charges
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.orders import OrderOutcome, OrderRequest, OrderType, Side
from fxgpt_core.market.positions import STAYS, reached
from fxgpt_core.market.swaps import SwapRates
from fxgpt_core.market.timeframes import HOUR_US

SEEDS = (0, 2, 11, 17, 57)
FREE = Charges(commission=0.0, slippage=0.0, impact=0.0, swap=SwapRates(0.0, 0.0))
WEDNESDAY_US = 1_515_578_400_000_000  # 2018-01-10 10:00 UTC


@pytest.fixture(scope="module")
def cases() -> dict[int, OrderCase]:
    return {seed: random_orders(seed) for seed in SEEDS}


@pytest.mark.parametrize("seed", SEEDS)
def test_paper_orders_fill_as_those_of_the_backtest(cases: dict[int, OrderCase], tmp_path: Path, seed: int) -> None:
    assert order_differences(cases[seed], tmp_path / "book.db") == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 200))
def test_paper_orders_fill_as_those_of_the_backtest_whatever_is_asked(tmp_path: Path, seed: int) -> None:
    assert order_differences(random_orders(seed), tmp_path / "book.db") == []


def test_paper_orders_are_compared_on_every_way_a_trade_ends(cases: dict[int, OrderCase]) -> None:
    results = {seed: case.by_backtest() for seed, case in cases.items()}
    reasons = Counter(EXIT_NAMES[code] for result in results.values() for code in result.trades.reason)
    assert min(reasons[name] for name in ("stop", "target", "close", "stop_out")) >= 5, reasons
    kinds = Counter()
    for seed, result in results.items():
        asked = cases[seed].asked
        for number in set(result.trades.instruction.tolist()):
            kinds[asked.limit[number] == asked.limit[number], asked.stop[number] == asked.stop[number]] += 1
    assert len(kinds) == 4
    assert min(kinds.values()) >= 10, kinds
    assert sum(result.without_margin for result in results.values()) >= 10


def limit_at_the_open(candle, order, terms):
    price, spread = reached(candle, order, terms)
    return (candle.open, spread) if order.kind == -1 and price else (price, spread)


def best_goes_first(desk, rows, bid, spread):
    paper_margin_close(desk, [max(rows, key=lambda row: row["side"] * (bid - row["entry_price"]))], bid, spread)


paper_margin_close = paper_margin._close_worst


@pytest.mark.parametrize(("place", "defect", "seed"), [
    ((paper_entries, "reached"), limit_at_the_open, 2),
    ((paper_entries, "left_on_entry"), lambda candle, held, terms: STAYS, 0),
    ((paper_margin, "_close_worst"), best_goes_first, 17),
    ((paper_matching, "watch"), lambda desk, bid, spread: None, 57),
])  # fmt: skip
def test_paper_orders_comparison_notices_a_broker_that_fills_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: tuple[object, str], defect: object, seed: int
) -> None:
    monkeypatch.setattr(*place, defect)
    assert order_differences(random_orders(seed), tmp_path / "book.db")


def opened(tmp_path: Path, costs: Costs | Charges = FREE, liquidity: Liquidity | None = None) -> PaperBroker:
    broker = PaperBroker(tmp_path / "book.db", {"EURUSD": costs}, liquidity=liquidity)
    awaited(broker.connect())
    return broker


def order(name: str = "a", units: int = 10_000, **more: object) -> OrderRequest:
    return replace(OrderRequest(name, "EURUSD", Side.LONG, units, None, None, WEDNESDAY_US), **more)  # type: ignore[arg-type]


def candle(hour: int, open_: float, high: float, low: float, close: float) -> PlayedCandle:
    at = WEDNESDAY_US + hour * HOUR_US
    return PlayedCandle("EURUSD", at, at + HOUR_US, open_, high, low, close, 0.0)


def entries(broker: PaperBroker) -> list[tuple[str, int, float]]:
    return [
        (fill.client_order_id, fill.units, round(fill.price, 9)) for _, fill in broker.fills_since(0) if fill.reason == "entry"
    ]


@pytest.mark.parametrize(("request_", "price"), [
    (order(order_type=OrderType.LIMIT, limit_price=1.195), 1.195 * 1.0001),
    (order(order_type=OrderType.LIMIT, limit_price=1.205), 1.2 * 1.0001),  # as backtesting.py: the open is better
    (order(order_type=OrderType.STOP, trigger_price=1.205), 1.205 * 1.0001),
    (order(order_type=OrderType.STOP, trigger_price=1.195), 1.2 * 1.0001),
    (order(order_type=OrderType.STOP_LIMIT, trigger_price=1.205, limit_price=1.206), 1.205 * 1.0001),
])  # fmt: skip
def test_paper_order_at_flat_costs_fills_as_parity_has_it(tmp_path: Path, request_: OrderRequest, price: float) -> None:
    broker = opened(tmp_path, Costs(0.0001, 0.0))
    awaited(broker.place(request_))
    broker.on_candle(candle(0, 1.2, 1.21, 1.19, 1.2))
    assert entries(broker) == [("a", 10_000, pytest.approx(price))]


def test_paper_stop_limit_order_is_triggered_once_for_all(tmp_path: Path) -> None:
    broker = opened(tmp_path)
    awaited(broker.place(order(order_type=OrderType.STOP_LIMIT, trigger_price=1.205, limit_price=1.203)))
    broker.on_candle(candle(0, 1.2, 1.206, 1.2, 1.205))
    assert entries(broker) == []
    broker.on_candle(candle(1, 1.204, 1.204, 1.203, 1.2035))
    assert entries(broker) == [("a", 10_000, 1.203)]


def test_paper_order_amended_to_another_trigger_waits_for_that_one(tmp_path: Path) -> None:
    broker = opened(tmp_path)
    first = order(order_type=OrderType.STOP_LIMIT, trigger_price=1.205, limit_price=1.203)
    awaited(broker.place(first))
    broker.on_candle(candle(0, 1.2, 1.206, 1.2, 1.205))
    awaited(broker.amend_order("paper-a", replace(first, trigger_price=1.22, limit_price=1.203)))
    broker.on_candle(candle(1, 1.204, 1.204, 1.2, 1.2035))
    assert entries(broker) == []


@pytest.mark.parametrize(("more", "said"), [
    ({"order_type": OrderType.LIMIT}, "a limit order without a limit_price; it has limit_price"),
    ({"order_type": OrderType.STOP, "limit_price": 1.2, "trigger_price": 1.2}, "with a limit_price; it has trigger_price"),
    ({"limit_price": 1.2}, "a market order with a limit_price; it has neither"),
    ({"order_type": OrderType.LIMIT, "limit_price": float("nan")}, "limit_price nan; a finite number above 0"),
    ({"stop_distance": 0.0}, "stop_distance 0.0; a finite number above 0"),
])  # fmt: skip
def test_paper_order_whose_prices_do_not_go_with_its_type_is_rejected(tmp_path: Path, more: dict[str, object], said: str) -> None:
    broker = opened(tmp_path)
    answer = awaited(broker.place(order(**more)))
    assert answer.outcome is OrderOutcome.REJECTED
    assert said in answer.reason
    assert awaited(broker.order("a")) is None


@pytest.mark.parametrize(("more", "said"), [
    ({"side": Side.SHORT}, "side -1; an order keeps its side"),
    ({"order_type": OrderType.STOP, "limit_price": None, "trigger_price": 1.3}, "an order keeps its order_type"),
    ({"symbol": "GBPUSD"}, "an order keeps its symbol"),
    ({"units": 0}, "at least 1"),
])  # fmt: skip
def test_paper_order_is_not_amended_into_another(tmp_path: Path, more: dict[str, object], said: str) -> None:
    broker = opened(tmp_path)
    first = order(order_type=OrderType.LIMIT, limit_price=1.1)
    awaited(broker.place(first))
    answer = awaited(broker.amend_order("paper-a", replace(first, **more)))  # type: ignore[arg-type]
    assert answer.outcome is OrderOutcome.REJECTED
    assert said in answer.reason


def quote(broker: PaperBroker, second: int, bid: float) -> None:
    assert broker.on_quote("EURUSD", bid, bid, WEDNESDAY_US + second * 1_000_000)


def filled_by(liquidity: Liquidity, seconds: range) -> list[int]:
    return [liquidity.at("EURUSD", WEDNESDAY_US + second * 1_000_000) for second in seconds]


def test_paper_order_is_filled_in_parts_at_the_average_price_and_carries_one_bracket(tmp_path: Path) -> None:
    liquidity = Liquidity(7_000, seed=3)
    broker = opened(tmp_path, liquidity=liquidity)
    awaited(broker.place(order(stop_distance=0.05)))
    parts, left, second = [], 10_000, 0
    while left:
        second += 1
        quote(broker, second, 1.2 + second / 1000)
        parts.append(min(left, liquidity.at("EURUSD", WEDNESDAY_US + second * 1_000_000)))
        left -= parts[-1]
        known = awaited(broker.order("a"))
        assert known is not None
        assert (known.filled_units, known.state) == (10_000 - left, "partly_filled" if left else "filled")
    assert len(parts) >= 2
    prices = [1.201 + k / 1000 for k in range(len(parts))]
    assert entries(broker) == [("a", units, pytest.approx(price)) for units, price in zip(parts, prices, strict=True)]
    assert len({fill.fill_id for _, fill in broker.fills_since(0)}) == len(parts)
    (held,) = broker.positions()
    assert held.units == 10_000
    assert held.entry_price == pytest.approx(sum(u * p for u, p in zip(parts, prices, strict=True)) / 10_000)
    assert held.stop_price == pytest.approx(1.201 - 0.05)


def test_paper_close_is_filled_in_parts_and_the_money_is_the_same(tmp_path: Path) -> None:
    broker = opened(
        tmp_path, Charges(commission=0.0, commission_per_lot=10.0, slippage=0.0, impact=0.0, swap=SwapRates(0.0, 0.0))
    )
    awaited(broker.place(order()))
    quote(broker, 1, 1.2)
    broker = PaperBroker(tmp_path / "book.db", {"EURUSD": FREE}, liquidity=Liquidity(4_000))
    awaited(broker.connect())
    awaited(broker.close("paper-a", "a-time", "time"))
    for second in range(2, 40):
        quote(broker, second, 1.21)
    exits = [fill for _, fill in broker.fills_since(0) if fill.reason == "time"]
    assert [fill.units for fill in exits][:2] == filled_by(Liquidity(4_000), range(2, 4))
    assert sum(fill.units for fill in exits) == 10_000
    assert broker.positions() == ()
    assert broker.account().balance == pytest.approx(100_000 + 100.0 - 1.0)
    assert [fill.balance for fill in exits][-1] == pytest.approx(broker.account().balance)


def test_paper_liquidity_of_another_seed_fills_other_parts() -> None:
    drawn = filled_by(Liquidity(1_000, seed=1), range(200))
    assert drawn == filled_by(Liquidity(1_000, seed=1), range(200))
    assert drawn != filled_by(Liquidity(1_000, seed=2), range(200))
    assert 1 <= min(drawn) < 100
    assert 900 < max(drawn) <= 1_000
    with pytest.raises(BadInputError, match="at least 1"):
        Liquidity(0)


def test_paper_rest_of_an_order_whose_position_was_stopped_is_cancelled(tmp_path: Path) -> None:
    broker = opened(tmp_path, liquidity=Liquidity(100))
    awaited(broker.place(order(stop_price=1.19)))
    quote(broker, 1, 1.2)
    quote(broker, 2, 1.18)
    known = awaited(broker.order("a"))
    assert known is not None
    assert (known.state, known.filled_units) == ("cancelled", sum(filled_by(Liquidity(100), range(1, 3))))
    assert "before all of it was filled" in known.reason
    quote(broker, 3, 1.2)
    assert broker.positions() == ()


def test_paper_order_whose_rest_is_cancelled_keeps_its_position(tmp_path: Path) -> None:
    broker = opened(tmp_path, liquidity=Liquidity(100))
    awaited(broker.place(order()))
    quote(broker, 1, 1.2)
    assert awaited(broker.cancel("paper-a")).outcome is OrderOutcome.CONFIRMED
    quote(broker, 2, 1.2)
    assert [held.units for held in broker.positions()] == filled_by(Liquidity(100), range(1, 2))


def test_paper_two_closes_of_a_part_and_a_whole_one_each_do_what_they_say(tmp_path: Path) -> None:
    broker = opened(tmp_path)
    awaited(broker.place(order()))
    quote(broker, 1, 1.2)
    for name, units in (("p", 3_000), ("p", 3_000), ("q", 2_000), ("all", None)):
        assert awaited(broker.close("paper-a", name, "close", units)).outcome is OrderOutcome.CONFIRMED
    assert awaited(broker.close("paper-a", "r", "close", 0)).outcome is OrderOutcome.REJECTED
    quote(broker, 2, 1.2)
    exits = [(fill.client_order_id, fill.units) for _, fill in broker.fills_since(0) if fill.reason == "close"]
    assert exits == [("p", 3_000), ("q", 2_000), ("all", 5_000)]


def test_paper_part_pays_its_share_of_the_nights(tmp_path: Path) -> None:
    broker = opened(tmp_path, replace(FREE, swap=SwapRates(0.0365, 0.0)))
    awaited(broker.place(order()))
    quote(broker, 1, 1.2)
    awaited(broker.close("paper-a", "p", "close", 2_500))
    quote(broker, 86_400, 1.2)  # behind the roll of Wednesday, three nights
    part = broker.fills_since(0)[-1][1]
    night = 10_000 * 0.0365 * 1.2 * 3 / 365
    assert part.swap == pytest.approx(night / 4)
    assert (part.balance, part.balance_version) == (pytest.approx(100_000 - night), 1)
    awaited(broker.close("paper-a", "q", "close"))
    quote(broker, 86_401, 1.2)
    assert broker.fills_since(0)[-1][1].swap == pytest.approx(night * 3 / 4)


def test_paper_quote_at_or_before_the_last_price_is_nothing_and_a_crossed_one_is_refused(tmp_path: Path) -> None:
    broker = opened(tmp_path)
    quote(broker, 5, 1.2)
    assert not broker.on_quote("EURUSD", 1.3, 1.3, WEDNESDAY_US + 5_000_000)
    assert not broker.on_candle(candle(0, 1.2, 1.2, 1.2, 1.2))
    with pytest.raises(BadInputError, match="0 < bid <= ask"):
        broker.on_quote("EURUSD", 1.2, 1.1999, WEDNESDAY_US + 6_000_000)
    told = broker.quote("EURUSD")
    assert told is not None
    assert (told.bid, told.time_us) == (1.2, WEDNESDAY_US + 5_000_000)


def test_paper_quotes_convert_by_the_last_quote_of_the_joining_symbol(tmp_path: Path) -> None:
    pounds = replace(FREE, account_currency="GBP")
    broker = PaperBroker(tmp_path / "book.db", {"EURUSD": pounds, "GBPUSD": pounds})
    awaited(broker.connect())
    quote(broker, 1, 1.2)
    assert broker.quote("EURUSD") is None
    assert broker.on_quote("GBPUSD", 1.25, 1.25, WEDNESDAY_US + 1_000_000)
    quote(broker, 2, 1.2)
    told = broker.quote("EURUSD")
    assert told is not None
    assert told.conversion == pytest.approx(1 / 1.25)
