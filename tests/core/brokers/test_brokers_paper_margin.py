"""The paper broker's margin and stop-out, worked out by hand: one position, several, several symbols, candles and quotes."""

from pathlib import Path

import pytest
from awaited import awaited

from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.brokers.paper_quotes import PlayedCandle
from fxgpt_core.market.charges import Charges
from fxgpt_core.market.orders import OrderRequest, Side
from fxgpt_core.market.swaps import SwapRates
from fxgpt_core.market.timeframes import HOUR_US

WEDNESDAY_20_US = 1_515_614_400_000_000  # 2018-01-10 20:00 UTC, two hours before the roll
FREE = Charges(commission=0.0, slippage=0.0, impact=0.0, swap=SwapRates(0.0, 0.0), stop_out=0.5)


def opened(tmp_path: Path, cash: float = 2000.0, charges: Charges = FREE) -> PaperBroker:
    broker = PaperBroker(tmp_path / "book.db", {"EURUSD": charges, "GBPUSD": charges}, cash)
    awaited(broker.connect())
    return broker


def quote(broker: PaperBroker, second: int, bid: float, name: str = "EURUSD", spread: float = 0.0) -> None:
    assert broker.on_quote(name, bid, bid + spread, WEDNESDAY_20_US + second * 1_000_000)


def enter(broker: PaperBroker, order: str, side: Side, units: int, name: str = "EURUSD", stop: float | None = None) -> None:
    awaited(broker.place(OrderRequest(order, name, side, units, stop, None, 0)))


def ends(broker: PaperBroker) -> list[tuple[str, str, float]]:
    return [
        (fill.client_order_id, fill.reason, round(fill.price, 9)) for _, fill in broker.fills_since(0) if fill.reason != "entry"
    ]


def test_margin_of_a_single_position_is_watched_by_quotes_as_by_candles(tmp_path: Path) -> None:
    broker = opened(tmp_path, cash=1000.0)
    enter(broker, "a", Side.LONG, 20_000)
    quote(broker, 1, 1.2)
    level = 23_000 / (20_000 * (1 - 0.5 / 30))
    assert broker.positions()[0].stop_price == pytest.approx(level)
    assert broker.account().margin == pytest.approx(800.0)
    quote(broker, 2, 1.17)  # equity 400 over a margin of 780
    assert broker.positions()
    quote(broker, 3, 1.169)  # 380 over 779.33
    assert ends(broker) == [("a", "stop_out", 1.169)]


def test_margin_level_of_two_positions_closes_the_one_that_has_lost_more_and_leaves_the_other(tmp_path: Path) -> None:
    """Bought at 1.20 and 1.19, 20,000 each, with 2,000: at the bid p, 2,000 + 20,000·(2p − 2.39) = 0.5 · 40,000·p / 30."""
    broker = opened(tmp_path)
    enter(broker, "a", Side.LONG, 20_000)
    quote(broker, 1, 1.2)
    enter(broker, "b", Side.LONG, 20_000)
    quote(broker, 2, 1.19)
    level = (47_800 - 2000) / (40_000 * (1 - 0.5 / 30))
    above, below = level + 1e-6, level - 1e-6
    quote(broker, 3, above)
    assert ends(broker) == []
    assert all(held.stop_price is None for held in broker.positions())
    quote(broker, 4, below)
    assert ends(broker) == [("a", "stop_out", round(below, 9))]
    # Closing frees margin and takes no equity, so that the level is twice as high.
    account = broker.account()
    assert account.equity == pytest.approx(2000 + 20_000 * (2 * below - 2.39))
    assert account.equity / account.margin == pytest.approx(1.0, abs=1e-3)


def test_margin_level_within_a_candle_fills_at_its_price_and_a_nearer_stop_goes_first(tmp_path: Path) -> None:
    broker = opened(tmp_path)
    enter(broker, "a", Side.LONG, 20_000)
    quote(broker, 1, 1.2)
    enter(broker, "b", Side.LONG, 20_000, stop=1.17)
    quote(broker, 2, 1.19)
    at = WEDNESDAY_20_US + HOUR_US
    broker.on_candle(PlayedCandle("EURUSD", at, at + HOUR_US, 1.185, 1.185, 1.10, 1.11, 0.0))
    # b is stopped at 1.17, which leaves 2,000 − 400 and 20,000 units bought at 1.20: 1,600 + 20,000·(p − 1.2) = 10,000·p/30.
    level = (24_000 - 1600) / (20_000 * (1 - 0.5 / 30))
    assert ends(broker) == [("b", "stop", 1.17), ("a", "stop_out", round(level, 9))]
    assert broker.account().balance == pytest.approx(1600 + 20_000 * (level - 1.2))


def test_margin_level_of_two_symbols_closes_the_worst_of_the_account_at_its_own_last_price(tmp_path: Path) -> None:
    """EURUSD has lost 900 when GBPUSD falls: 2,100 − 900 + 20,000·(p − 1.25) = 0.5 · (30,000·1.17 + 20,000·p) / 30."""
    broker = opened(tmp_path, cash=2100.0)
    enter(broker, "a", Side.LONG, 30_000)
    quote(broker, 1, 1.2)
    enter(broker, "b", Side.LONG, 20_000, "GBPUSD")
    quote(broker, 1, 1.25, "GBPUSD")
    quote(broker, 2, 1.17)
    level = (0.5 * 30_000 * 1.17 / 30 - 1200 + 25_000) / (20_000 * (1 - 0.5 / 30))
    assert 1.25 > level > 1.25 - 900 / 20_000  # GBPUSD has lost something, and less than EURUSD
    quote(broker, 3, level + 1e-6, "GBPUSD")
    assert ends(broker) == []
    quote(broker, 4, level - 1e-6, "GBPUSD")
    assert ends(broker) == [("a", "stop_out", 1.17)]
    assert [held.client_order_id for held in broker.positions()] == ["b"]
    assert broker.account().balance == pytest.approx(1200.0)


def test_margin_of_a_hedge_falls_short_when_the_spread_widens(tmp_path: Path) -> None:
    """Both sides are marked at one quote: 1,700 − 20,000·s of equity over (20,000·1.2 + 20,000·(1.2 + s)) / 30 of margin."""
    broker = opened(tmp_path, cash=1700.0)
    enter(broker, "a", Side.LONG, 20_000)
    enter(broker, "b", Side.SHORT, 20_000)
    quote(broker, 1, 1.2)
    assert len(broker.positions()) == 2
    spread = (1700 - 0.5 * 48_000 / 30) / (20_000 * (1 + 0.5 / 30))
    quote(broker, 2, 1.2, spread=spread - 1e-6)
    assert ends(broker) == []
    quote(broker, 3, 1.2, spread=spread + 1e-6)
    assert ends(broker) == [("b", "stop_out", round(1.2 + spread + 1e-6, 9))]


def test_margin_is_charged_for_both_sides_and_what_is_not_free_is_refused(tmp_path: Path) -> None:
    broker = opened(tmp_path)
    enter(broker, "a", Side.LONG, 30_000)
    quote(broker, 1, 1.2)
    for order, units in (("b", 16_001), ("c", 16_000)):
        enter(broker, order, Side.SHORT, units)
    quote(broker, 2, 1.5)  # 2,000 + 9,000 of equity, of which 1,500 are bound
    states = {name: order.state for name in "bc" if (order := awaited(broker.order(name)))}
    assert states == {"b": "filled", "c": "filled"}
    broker = opened(tmp_path / "other")
    enter(broker, "a", Side.LONG, 30_000)
    quote(broker, 1, 1.2)
    for order, units in (("b", 20_001), ("c", 20_000)):
        enter(broker, order, Side.SHORT, units)
    quote(broker, 2, 1.2)  # of 2,000 are 800 free: 24,000
    states = {name: order.state for name in "bc" if (order := awaited(broker.order(name)))}
    assert states == {"b": "rejected", "c": "filled"}
    assert broker.account().margin == pytest.approx(2000.0)


def test_margin_expected_of_an_order_is_what_its_position_binds(tmp_path: Path) -> None:
    broker = opened(tmp_path)
    assert awaited(broker.expected_margin("EURUSD", Side.LONG, 10_000)) is None
    quote(broker, 1, 1.2, spread=0.003)
    assert awaited(broker.expected_margin("EURUSD", Side.LONG, 10_000)) == pytest.approx(10_000 * 1.203 / 30)
    assert awaited(broker.expected_margin("EURUSD", Side.SHORT, 10_000)) == pytest.approx(10_000 * 1.2 / 30)


@pytest.mark.parametrize(("stop_out", "is_closed"), [(0.5, True), (0.0, False)])
def test_margin_level_at_which_is_closed_is_that_of_the_charges(tmp_path: Path, stop_out: float, is_closed: bool) -> None:
    charges = Charges(commission=0.0, slippage=0.0, impact=0.0, swap=SwapRates(0.0, 0.0), stop_out=stop_out)
    broker = opened(tmp_path, charges=charges)
    for order in "ab":
        enter(broker, order, Side.LONG, 20_000)
    quote(broker, 1, 1.2)
    quote(broker, 2, 1.155)  # 200 over a margin of 1,540
    assert bool(ends(broker)) is is_closed
