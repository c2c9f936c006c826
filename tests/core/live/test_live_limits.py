"""What the limits measure when an account trades several symbols, whose markets are not at the same moment."""

from pathlib import Path

from awaited import awaited
from live_stage import COSTS, FIRST_US, stage
from sqlalchemy import select

from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.live.candle_feed import ClosedCandle
from fxgpt_core.live.equity_marks import DayStart, day_start
from fxgpt_core.live.guard_situation import Look, sent_orders
from fxgpt_core.live.replay_market import ReplayMarket
from fxgpt_core.market.orders import OrderRequest, Side
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.portfolio.sizing import daily_loss_reached
from fxgpt_core.registry.live_tables import signals


def flat(hour: int, price: float) -> ClosedCandle:
    return ClosedCandle(FIRST_US + hour * Timeframe.H1.us, price, price, price, price, 1.0)


def test_limits_daily_loss_is_not_forgiven_by_a_second_symbol(tmp_path: Path) -> None:
    made = stage(tmp_path)
    broker = PaperBroker(tmp_path / "paper.db", {"EURUSD": COSTS, "GBPUSD": COSTS})
    awaited(broker.connect())
    first, second = (ReplayMarket(made.ledger, broker, "paper", name, "1h") for name in ("EURUSD", "GBPUSD"))
    first.play(flat(0, 1.10))
    awaited(broker.place(OrderRequest("a", "EURUSD", Side.LONG, 2_000_000, 1.05, 1.2, 0)))
    first.play(flat(1, 1.10))
    first.play(flat(2, 1.06))
    second.play(flat(0, 1.25))
    with made.ledger.reading() as connection:
        begun = day_start(connection, "paper")
    assert begun is not None
    assert begun.equity == 100_000.0
    assert daily_loss_reached(broker.account().equity, begun.equity, 0.5)
    second.play(flat(24, 1.25))
    first.play(flat(24, 1.06))
    with made.ledger.reading() as connection:
        assert day_start(connection, "paper") == DayStart(begun.fx_day + 1, broker.account().equity)


def test_limits_day_that_a_slower_symbol_begins_later_is_not_the_accounts_day(tmp_path: Path) -> None:
    made = stage(tmp_path)
    broker = PaperBroker(tmp_path / "paper.db", {"EURUSD": COSTS, "GBPUSD": COSTS})
    awaited(broker.connect())
    first, second = (ReplayMarket(made.ledger, broker, "paper", name, "1h") for name in ("EURUSD", "GBPUSD"))
    first.play(flat(30, 1.10))
    with made.ledger.reading() as connection:
        begun = day_start(connection, "paper")
    second.play(flat(0, 1.25))
    with made.ledger.reading() as connection:
        assert day_start(connection, "paper") == begun


def test_limits_order_of_a_market_that_is_ahead_is_not_of_this_minute(tmp_path: Path) -> None:
    made = stage(tmp_path)
    made.release(0, 60)
    made.play_all(made.gateway())
    with made.ledger.reading() as connection:
        taken = connection.execute(select(signals.c.signal_key).where(signals.c.state == "taken")).scalars().all()
    known_at_us = min(int(key.split(":")[3]) for key in taken)
    broker = PaperBroker(tmp_path / "paper.db", {})
    awaited(broker.connect())
    with made.ledger.reading() as connection:
        looks = (Look(connection, broker, "paper", known_at_us + later, in_replay=True) for later in (-1, 0))
        assert [sent_orders(look).within(look.now_us - 60_000_000) for look in looks] == [0, 1]
