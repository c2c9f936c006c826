"""The paper broker in mode FX: equal to the backtest on the same candles, by hand where it matters, and nothing lost."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from awaited import awaited
from paper_against_backtest import Case, differences, random_case

from fxgpt_core.brokers import paper_matching
from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.brokers.paper_quotes import PlayedCandle
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.charges import Charges
from fxgpt_core.market.conversion import Closes
from fxgpt_core.market.fills import REASON_NAMES
from fxgpt_core.market.orders import OrderOutcome, OrderRequest, Side
from fxgpt_core.market.positions import left
from fxgpt_core.market.swaps import SwapRates
from fxgpt_core.market.symbols import symbol
from fxgpt_core.market.timeframes import HOUR_US

PLACES = (("EURUSD", "EUR"), ("EURGBP", "USD"), ("EURUSD", "GBP"), ("USDJPY", "USD"), ("EURUSD", "USD"))
CASES = [(seed, *PLACES[seed % len(PLACES)]) for seed in range(20)]
WEDNESDAY_20_US = 1_515_614_400_000_000  # 2018-01-10 20:00 UTC, 15:00 New York: the roll of three nights is two hours later
CHARGES = Charges(
    commission=0.0,
    commission_per_lot=5.0,
    slippage=0.25,
    impact=0.5,
    depth=100_000.0,
    swap=SwapRates(0.0365, -0.01),
    stop_out=0.5,
)


@pytest.mark.parametrize(("seed", "name", "currency"), CASES)
def test_paper_fx_fills_costs_and_equity_are_those_of_the_backtest(tmp_path: Path, seed: int, name: str, currency: str) -> None:
    assert differences(random_case(seed, name, currency), tmp_path / "book.db") == []


def test_paper_fx_is_compared_on_every_way_a_position_ends() -> None:
    results = [random_case(*case).by_backtest() for case in CASES]
    reasons = Counter(REASON_NAMES[code] for result in results for code in result.trades.reason)
    assert min(reasons[name] for name in ("stop", "target", "time", "trailing", "breakeven", "stop_out", "end")) >= 5
    assert sum(int((result.trades.swap != 0.0).sum()) for result in results) > 50
    assert sum(result.refused for result in results) > 30
    assert any(result.final_equity == 0.0 for result in results)


def forgets_the_swap(desk: object, row: object) -> None:
    """A broker that charges no night."""


def short_stopped_by_the_bid(candle, held, terms):
    return left(candle._replace(spread=0.0, open_spread=0.0) if held.side < 0 else candle, held, terms)


def target_filled_with_slippage(candle, held, terms):
    end = left(candle, held, terms)
    return end._replace(reason=1) if end.reason == 2 else end


@pytest.mark.parametrize(("owner", "place", "defect"), [
    (paper_matching, "pay_nights", forgets_the_swap),
    (paper_matching, "left", short_stopped_by_the_bid),
    (paper_matching, "left", target_filled_with_slippage),
])  # fmt: skip
def test_paper_fx_comparison_notices_a_broker_that_fills_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: object, place: str, defect: object
) -> None:
    monkeypatch.setattr(owner, place, defect)
    assert differences(random_case(13, "USDJPY", "USD"), tmp_path / "book.db")


def test_paper_fx_comparison_notices_a_conversion_of_the_candle_before(tmp_path: Path) -> None:
    class Late(Case):
        def played(self, i: int) -> PlayedCandle:
            now = super().played(i)
            assert now.cross is not None
            late = Closes(now.cross.symbol, now.cross.known_at_us[:-1], now.cross.close[:-1])
            return PlayedCandle(**{**vars(now), "cross": late})

    assert differences(Late(**vars(random_case(1, "EURGBP", "USD"))), tmp_path / "book.db")


def candle(hour: int, open_: float, high: float, low: float, close: float, **more: object) -> PlayedCandle:
    """A candle `hour` hours after 20:00 of the Wednesday; its spread is 2 pips unless told."""
    at = WEDNESDAY_20_US + hour * HOUR_US
    return PlayedCandle("EURUSD", at, at + HOUR_US, open_, high, low, close, **{"spread": 0.0002, **more})  # type: ignore[arg-type]


def opened(tmp_path: Path, charges: Charges = CHARGES, cash: float = 100_000.0, name: str = "EURUSD") -> PaperBroker:
    broker = PaperBroker(tmp_path / "book.db", {name: charges}, cash)
    awaited(broker.connect())
    return broker


def order(side: Side, units: int, stop: float, target: float, name: str = "EURUSD") -> OrderRequest:
    return OrderRequest("a", name, side, units, stop, target, 0)


def test_paper_fx_long_over_a_wednesday_pays_three_nights(tmp_path: Path) -> None:
    broker = opened(tmp_path)
    broker.on_candle(candle(0, 1.2, 1.2, 1.2, 1.2))
    awaited(broker.place(order(Side.LONG, 100_000, 1.15, 1.3)))
    broker.on_candle(candle(1, 1.2, 1.21, 1.199, 1.21))
    # The ask 1.2002, a quarter of the spread, and half of it since the order is as large as the depth.
    assert broker.positions()[0].entry_price == pytest.approx(1.2002 + 0.00005 + 0.0001, abs=1e-12)
    assert broker.account().balance == pytest.approx(99_995.0)
    assert broker.account().equity == pytest.approx(99_995.0 + 100_000 * (1.21 - 1.20035))
    broker.on_candle(candle(2, 1.21, 1.215, 1.209, 1.215))
    assert broker.account().balance == pytest.approx(99_995.0 - 100_000 * 0.0365 * 1.21 * 3 / 365)
    awaited(broker.close(broker.positions()[0].position_id, "a-time", "time"))
    broker.on_candle(candle(3, 1.215, 1.215, 1.215, 1.215))
    (_, entry), (_, exit_) = broker.fills_since(0)
    assert exit_.price == pytest.approx(1.215 - 0.00015, abs=1e-12)
    assert (entry.commission, exit_.commission, exit_.reason) == (5.0, 5.0, "time")
    assert (entry.spread_cost, exit_.spread_cost) == (pytest.approx(20.0), 0.0)
    assert (entry.slippage, entry.impact, exit_.swap) == (pytest.approx(5.0), pytest.approx(10.0), pytest.approx(36.3))
    assert broker.account().balance == pytest.approx(100_000 + 1450.0 - 10.0 - 36.3)


def test_paper_fx_short_is_stopped_by_the_ask(tmp_path: Path) -> None:
    broker = opened(tmp_path)
    broker.on_candle(candle(0, 1.2, 1.2, 1.2, 1.2))
    awaited(broker.place(order(Side.SHORT, 100_000, 1.201, 1.15)))
    broker.on_candle(candle(1, 1.2, 1.2007, 1.1995, 1.2))
    assert len(broker.positions()) == 1  # the ask was at 1.2009 at most
    broker.on_candle(candle(2, 1.2, 1.2009, 1.1995, 1.2))
    exit_ = broker.fills_since(0)[-1][1]
    assert (exit_.reason, exit_.price) == ("stop", pytest.approx(1.201 + 0.00015, abs=1e-12))
    entry = 1.2 - 0.00015
    earned = 100_000 * 0.01 * 1.2 * 3 / 365
    assert broker.account().balance == pytest.approx(100_000 - 100_000 * (exit_.price - entry) - 10.0 + earned)


def test_paper_fx_position_is_closed_where_equity_is_half_of_the_margin(tmp_path: Path) -> None:
    free = Charges(commission=0.0, slippage=0.0, impact=0.0, swap=SwapRates(0.0, 0.0), stop_out=0.5)
    broker = opened(tmp_path, free, cash=1000.0)
    broker.on_candle(candle(0, 1.2, 1.2, 1.2, 1.2, spread=0.0))
    awaited(broker.place(order(Side.LONG, 20_000, 1.1, 1.3)))
    broker.on_candle(candle(1, 1.2, 1.2, 1.175, 1.18, spread=0.0))
    level = 23_000 / (20_000 * (1 - 0.5 / 30))
    assert 1000 + 20_000 * (level - 1.2) == pytest.approx(0.5 * 20_000 * level / 30)
    assert broker.positions()[0].stop_price == pytest.approx(level, abs=1e-12)
    broker.on_candle(candle(2, 1.18, 1.18, 1.165, 1.17, spread=0.0))
    exit_ = broker.fills_since(0)[-1][1]
    assert (exit_.reason, exit_.price) == ("stop_out", pytest.approx(level, abs=1e-12))


def test_paper_fx_stop_moved_beyond_the_stop_out_is_a_stop(tmp_path: Path) -> None:
    free = Charges(commission=0.0, slippage=0.0, impact=0.0, swap=SwapRates(0.0, 0.0), stop_out=0.5)
    broker = opened(tmp_path, free, cash=1000.0)
    broker.on_candle(candle(0, 1.2, 1.2, 1.2, 1.2, spread=0.0))
    awaited(broker.place(order(Side.LONG, 20_000, 1.1, 1.3)))
    broker.on_candle(candle(1, 1.2, 1.2, 1.175, 1.18, spread=0.0))
    held = broker.positions()[0]
    awaited(broker.amend(held.position_id, 1.05, 1.3))
    assert broker.positions()[0].stop_price == held.stop_price  # the stop-out cannot be moved away
    awaited(broker.amend(held.position_id, 1.17, 1.3))
    broker.on_candle(candle(2, 1.18, 1.18, 1.165, 1.17, spread=0.0))
    exit_ = broker.fills_since(0)[-1][1]
    assert (exit_.reason, exit_.price) == ("stop", 1.17)


def test_paper_fx_candle_played_twice_charges_no_second_night(tmp_path: Path) -> None:
    broker = opened(tmp_path)
    broker.on_candle(candle(0, 1.2, 1.2, 1.2, 1.2))
    awaited(broker.place(order(Side.LONG, 100_000, 1.15, 1.3)))
    for hour in (1, 2):
        broker.on_candle(candle(hour, 1.2, 1.2, 1.2, 1.2))
    before = broker.account()
    assert before.balance < 99_995.0
    assert not broker.on_candle(candle(2, 1.2, 1.2, 1.2, 1.2))
    assert broker.account() == before


def test_paper_fx_symbol_without_a_way_into_the_accounts_money_is_rejected(tmp_path: Path) -> None:
    broker = opened(tmp_path, Charges(account_currency="SEK"))
    answer = awaited(broker.place(order(Side.LONG, 1000, 1.1, 1.3)))
    assert answer.outcome is OrderOutcome.REJECTED
    assert "no symbol joins USD" in answer.reason


def test_paper_fx_order_while_the_conversion_is_unknown_is_rejected_and_a_position_keeps_the_last_one(tmp_path: Path) -> None:
    broker = opened(tmp_path, Charges(account_currency="GBP"))
    cross = Closes(symbol("GBPUSD"), np.array([WEDNESDAY_20_US]), np.array([1.25]))
    assert broker.converted_by("EURUSD") == "GBPUSD"
    assert broker.quote("EURUSD") is None
    awaited(broker.place(order(Side.LONG, 1000, 1.1, 1.3)))
    broker.on_candle(candle(0, 1.2, 1.2, 1.2, 1.2))
    refused = awaited(broker.order("a"))
    assert refused is not None
    assert refused.state == "rejected"
    assert "needed: the closes of GBPUSD" in refused.reason
    assert broker.quote("EURUSD") is None
    awaited(broker.place(OrderRequest("b", "EURUSD", Side.LONG, 1000, 1.1, 1.3, 0)))
    broker.on_candle(candle(1, 1.2, 1.2, 1.2, 1.2, cross=cross))
    broker.on_candle(candle(2, 1.2, 1.35, 1.2, 1.35))
    exit_ = broker.fills_since(0)[-1][1]
    assert exit_.reason == "target"
    entry = broker.fills_since(0)[0][1]
    costs = entry.commission + exit_.commission + exit_.swap
    assert broker.account().balance == pytest.approx(100_000 + 1000 * (1.3 - entry.price) * (1 / 1.25) - costs)


def test_paper_fx_account_is_kept_in_one_currency(tmp_path: Path) -> None:
    broker = opened(tmp_path, Charges(account_currency="EUR"))
    broker.on_candle(candle(0, 1.2, 1.2, 1.2, 1.2))
    assert awaited(broker.place(order(Side.LONG, 1000, 1.1, 1.3))).outcome is OrderOutcome.CONFIRMED
    broker.trade("EURUSD", Charges(account_currency="USD"))
    answer = awaited(broker.place(OrderRequest("b", "EURUSD", Side.LONG, 1000, 1.1, 1.3, 0)))
    assert "settled in USD and this account is kept in EUR" in answer.reason


def test_paper_fx_crossed_quote_is_refused_and_plays_nothing(tmp_path: Path) -> None:
    broker = opened(tmp_path)
    with pytest.raises(BadInputError, match="negative or infinite"):
        broker.on_candle(candle(0, 1.2, 1.2, 1.2, 1.2, spread=-0.0001))
    assert broker.last_played_us("EURUSD") is None
