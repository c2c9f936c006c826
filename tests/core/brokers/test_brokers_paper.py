"""The paper broker: a durable book, and the kernel's fills on the same candles."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from awaited import awaited

from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.brokers.paper_quotes import PlayedCandle
from fxgpt_core.errors import BadInputError, NotReadyError
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.orders import OrderOutcome, OrderRequest, Side
from fxgpt_core.market.timeframes import HOUR_US

COSTS = {"EURUSD": Costs(0.0001, 0.00002)}


def candle(hour: int, open_: float, high: float, low: float, close: float) -> PlayedCandle:
    return PlayedCandle("EURUSD", hour * HOUR_US, (hour + 1) * HOUR_US, open_, high, low, close)


@pytest.fixture
def broker(tmp_path: Path) -> PaperBroker:
    made = PaperBroker(tmp_path / "book.db", COSTS)
    awaited(made.connect())
    return made


def request(name: str = "a", units: int = 1000, stop: float | None = 1.0, target: float | None = 1.3) -> OrderRequest:
    return OrderRequest(name, "EURUSD", Side.LONG, units, stop, target, 0)


def test_paper_candle_that_touches_stop_and_target_fills_the_stop(broker: PaperBroker) -> None:
    awaited(broker.place(request()))
    broker.on_candle(candle(1, 1.1, 1.4, 0.9, 1.2))
    assert [(fill.reason, fill.price) for _, fill in broker.fills_since(0)] == [("entry", 1.1 * 1.0001), ("stop", 1.0)]


def test_paper_gap_through_the_stop_fills_at_the_open(broker: PaperBroker) -> None:
    awaited(broker.place(request()))
    broker.on_candle(candle(1, 1.1, 1.1, 1.1, 1.1))
    broker.on_candle(candle(2, 0.8, 0.9, 0.7, 0.8))
    assert broker.fills_since(0)[-1][1].price == 0.8


def test_paper_position_without_bracket_stays_open(broker: PaperBroker) -> None:
    awaited(broker.place(request(stop=None, target=None)))
    broker.on_candle(candle(1, 1.1, 9.0, 0.1, 1.0))
    assert len(broker.positions()) == 1


def test_paper_candle_played_before_changes_nothing(broker: PaperBroker) -> None:
    awaited(broker.place(request()))
    assert broker.on_candle(candle(1, 1.1, 1.1, 1.1, 1.1))
    before = (broker.account(), broker.fills_since(0))
    assert not broker.on_candle(candle(1, 1.1, 1.4, 0.9, 1.2))
    assert not broker.on_candle(candle(0, 1.1, 1.4, 0.9, 1.2))
    assert (broker.account(), broker.fills_since(0)) == before


def test_paper_order_beyond_the_margin_is_rejected_with_both_numbers(broker: PaperBroker) -> None:
    awaited(broker.place(request(units=10_000_000)))
    broker.on_candle(candle(1, 1.1, 1.1, 1.1, 1.1))
    order = awaited(broker.order("a"))
    assert order is not None
    assert order.state == "rejected"
    assert "10000000" in order.reason
    assert "100000.00" in order.reason


def test_paper_margin_that_open_positions_bind_is_not_given_twice(tmp_path: Path) -> None:
    """Each order alone fits 100,000 × 30; all three together would be a leverage of 87."""
    wanted = (("EURUSD", 1.1, 2_600_000), ("GBPUSD", 1.25, 2_300_000), ("AUDUSD", 0.65, 4_500_000), ("NZDUSD", 0.6, 100_000))
    broker = PaperBroker(tmp_path / "book.db", {name: COSTS["EURUSD"] for name, _, _ in wanted})
    awaited(broker.connect())
    for name, price, units in wanted:
        awaited(broker.place(OrderRequest(name, name, Side.LONG, units, None, None, 0)))
        broker.on_candle(PlayedCandle(name, 0, HOUR_US, price, price, price, price))
    orders = [awaited(broker.order(name)) for name, _, _ in wanted]
    assert [order.state for order in orders if order] == ["filled", "rejected", "rejected", "filled"]
    assert "open positions bind 2860000.00" in orders[1].reason  # type: ignore[union-attr]
    bound = sum(held.units * held.entry_price for held in broker.positions())
    assert bound / broker.account().equity <= 30


def test_paper_loss_that_is_not_realised_lowers_the_margin(tmp_path: Path) -> None:
    broker = PaperBroker(tmp_path / "book.db", dict.fromkeys(("EURUSD", "GBPUSD"), COSTS["EURUSD"]))
    awaited(broker.connect())
    awaited(broker.place(request(units=1_000_000, stop=None, target=None)))
    broker.on_candle(candle(1, 1.1, 1.1, 1.05, 1.05))
    awaited(broker.place(OrderRequest("b", "GBPUSD", Side.LONG, 400_000, None, None, 0)))
    broker.on_candle(PlayedCandle("GBPUSD", 0, HOUR_US, 1.25, 1.25, 1.25, 1.25))
    order = awaited(broker.order("b"))
    assert order is not None
    assert order.state == "rejected"  # 50,000 of equity carry 1,500,000, of which 1,050,000 are bound


@pytest.mark.parametrize(("units", "symbol", "said"), [(0, "EURUSD", "at least 1"), (5, "XXXYYY", "not traded here")])
def test_paper_order_that_cannot_be_is_rejected_at_once(broker: PaperBroker, units: int, symbol: str, said: str) -> None:
    answer = awaited(broker.place(OrderRequest("b", symbol, Side.LONG, units, None, None, 0)))
    assert answer.outcome is OrderOutcome.REJECTED
    assert said in answer.reason


def test_paper_symbol_settled_in_another_currency_than_the_account_is_rejected(tmp_path: Path) -> None:
    broker = PaperBroker(tmp_path / "book.db", {name: Costs(0.0, 0.0) for name in ("EURUSD", "GBPUSD", "USDJPY")})
    awaited(broker.connect())
    outcomes = [
        awaited(broker.place(OrderRequest(name, name, Side.LONG, 1, None, None, 0))) for name in ("EURUSD", "USDJPY", "GBPUSD")
    ]
    assert [answer.outcome for answer in outcomes] == [OrderOutcome.CONFIRMED, OrderOutcome.REJECTED, OrderOutcome.CONFIRMED]
    assert "settled in JPY and this account is kept in USD" in outcomes[1].reason
    assert awaited(broker.order("USDJPY")) is None


def test_paper_new_book_never_repeats_the_names_of_an_old_one(tmp_path: Path) -> None:
    names = []
    for book, order in (("old.db", "a"), ("new.db", "b")):
        broker = PaperBroker(tmp_path / book, COSTS)
        awaited(broker.connect())
        answer = awaited(broker.place(request(order)))
        broker.on_candle(candle(1, 1.1, 1.1, 1.1, 1.1))
        names.append({answer.order_id, broker.positions()[0].position_id, broker.fills_since(0)[0][1].fill_id})
    assert names[0].isdisjoint(names[1])


def test_paper_book_survives_a_kill(tmp_path: Path) -> None:
    script = f"""
import asyncio, os, signal
from pathlib import Path
from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.brokers.paper_quotes import PlayedCandle
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.orders import OrderRequest, Side
broker = PaperBroker(Path({str(tmp_path / "book.db")!r}), {{"EURUSD": Costs(0.0001, 0.00002)}})
asyncio.run(broker.connect())
asyncio.run(broker.place(OrderRequest("a", "EURUSD", Side.LONG, 1000, 1.0, 1.3, 0)))
broker.on_candle(PlayedCandle("EURUSD", 3_600_000_000, 7_200_000_000, 1.1, 1.2, 1.05, 1.15))
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", script], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    again = PaperBroker(tmp_path / "book.db", COSTS)
    awaited(again.connect())
    (held,) = again.positions()
    assert held.client_order_id == "a"
    assert again.last_played_us("EURUSD") == 3_600_000_000
    assert again.account().balance == pytest.approx(100_000 - 1000 * 1.1 * 1.0001 * 0.00002)


def test_paper_book_that_is_no_database_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "book.db").write_bytes(b"this is not a database" * 100)
    with pytest.raises(NotReadyError, match=r"book\.db cannot be opened"):
        awaited(PaperBroker(tmp_path / "book.db", COSTS).connect())


def test_paper_broker_not_connected_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match="not connected"):
        PaperBroker(tmp_path / "book.db", COSTS).positions()


def test_paper_account_without_money_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="cash is positive"):
        PaperBroker(tmp_path / "book.db", COSTS, cash=0.0)


def test_paper_same_candles_and_order_give_the_kernels_trade(tmp_path: Path) -> None:
    """One order, no exit rules: the broker alone must equal the kernel to the last bit."""
    from fxgpt_core.backtest.engine import BacktestAccount, ExecutionParameters, backtest
    from fxgpt_core.candles.arrays import CandleArrays
    from fxgpt_core.market.fills import ExitPlan, bracket
    from fxgpt_core.market.timeframes import Timeframe
    from fxgpt_core.portfolio.sizing import position_units
    from fxgpt_core.strategy.decision import Decisions

    rng = np.random.default_rng(3)
    n = 400
    close = 1.1 + np.cumsum(rng.normal(0, 0.001, n))
    open_ = np.concatenate([[1.1], close[:-1]]) + rng.normal(0, 0.0002, n)
    high = np.maximum(open_, close) + np.abs(rng.normal(0, 0.0005, n))
    low = np.minimum(open_, close) - np.abs(rng.normal(0, 0.0005, n))
    times = np.arange(n, dtype=np.int64) * Timeframe.H1.us
    candles = CandleArrays(times, open_, high, low, close, np.ones(n), Timeframe.H1)
    side = rng.choice(np.array([-1, 0, 0, 0, 1], dtype=np.int8), n)
    distance = np.abs(rng.normal(0.004, 0.001, n))
    decisions = Decisions(candles.known_at_us, side, distance, 1.5 * distance, np.full(n, 0.01), side)
    never = ExitPlan(np.inf, np.inf, 0.01)
    execution = ExecutionParameters(never, 0, 0.9, 0.2)
    kernel = backtest(candles, decisions, execution, COSTS["EURUSD"], BacktestAccount())
    broker = PaperBroker(tmp_path / "book.db", COSTS)
    awaited(broker.connect())
    leverage = BacktestAccount().usable_leverage
    for i in range(n - 1):
        if i > 0:
            broker.on_candle(candle_of(candles, i))
            if not broker.positions() and side[i]:
                equity = broker.account().equity
                stop, target = bracket(int(side[i]), close[i], distance[i], 1.5 * distance[i])
                units = position_units(equity, close[i], distance[i], 0.01, 0.2, leverage)
                awaited(broker.place(OrderRequest(f"o{i}", "EURUSD", Side(int(side[i])), units, stop, target, 0)))
    fills = [fill for _, fill in broker.fills_since(0)]
    pairs = list(zip(fills[::2], fills[1::2], strict=False))
    assert len(pairs) > 10
    for k, (entry, exit_) in enumerate(pairs):
        trades = kernel.trades
        assert (entry.time_us, entry.price, entry.units) == (trades.entry_time_us[k], trades.entry_price[k], trades.units[k])
        assert (exit_.time_us, exit_.price) == (trades.exit_time_us[k], trades.exit_price[k])


def candle_of(candles: object, i: int) -> PlayedCandle:
    c = candles
    return PlayedCandle(
        "EURUSD",
        int(c.open_time_us[i]),
        int(c.known_at_us[i]),
        float(c.open[i]),
        float(c.high[i]),
        float(c.low[i]),
        float(c.close[i]),  # type: ignore[attr-defined]
    )
