"""Adherence by numbers worked out by hand: slippage, levels, costs and profit of one order, periods, thresholds and alerts."""

from dataclasses import replace
from pathlib import Path

import live_stage
import numpy as np
import pytest
from live_stage import Stage, stage
from sqlalchemy import and_, select, update

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.live.adherence import CostParts, Executed, OrderAdherence, OrderLife, adherence_of
from fxgpt_core.live.adherence_limits import AdherenceLimits, DailyLoss, breaches, daily_losses, tell
from fxgpt_core.live.adherence_periods import by_period, together
from fxgpt_core.live.adherence_rows import order_lives
from fxgpt_core.live.candle_feed import received
from fxgpt_core.live.costed_candles import EVER, CostedCandles, arrays_of, costed
from fxgpt_core.live.equity_marks import mark
from fxgpt_core.market.costs import Costs, FxCosts
from fxgpt_core.market.timeframes import DAY_US, HOUR_US, Timeframe
from fxgpt_core.registry.live_tables import alerts, fills, order_intents, positions

PIP = 0.0001
BEGIN_US = 1_709_510_400_000_000  # Monday 2024-03-04 00:00 UTC
COSTS = FxCosts(
    spread=np.full(6, 0.0001),
    swap_long=np.array([0.0, 9.0, 0.00001, 0.00002, 9.0, 9.0]),
    swap_short=np.array([0.0, 9.0, -0.00001, 0.0, 9.0, 9.0]),
    unit_commission=0.00003,
    slippage=0.25,
    impact=0.5,
    depth=100_000.0,
)


def market(costs: Costs | FxCosts = COSTS, high: float = 1.106) -> CostedCandles:
    times = BEGIN_US + np.arange(6, dtype=np.int64) * HOUR_US
    close = np.full(6, 1.1)
    return CostedCandles(CandleArrays(times, close, np.full(6, high), np.full(6, 1.095), close, close, Timeframe.H1), costs)


def at(row: int) -> int:
    return BEGIN_US + row * HOUR_US


ENTRY = Executed(100_000, 1.1003, at(1), "entry", CostParts(3.5, 12.0, 3.0, 5.0))
TARGET = Executed(100_000, 1.105, at(3), "target", CostParts(3.5, swap=3.0), gross_profit=470.0)
LONG = OrderLife("one", 1, "paper", "EURUSD", 1, 100_000, "FILLED", True, "", at(1), 1.1, 1.09, 1.105, (ENTRY,), (TARGET,))
STOP = Executed(100_000, 1.1023, at(3), "stop", CostParts(3.0))
SHORT = replace(LONG, side=-1, stop_price=1.102, target_price=1.09, entries=(replace(ENTRY, price=1.0998),), exits=(STOP,))


def test_adherence_of_a_long_order_that_reached_its_target_is_that_worked_out_by_hand():
    found = adherence_of(LONG, market(), PIP)
    assert (found.fill_price, found.exit_price, found.level_price) == (1.1003, 1.105, 1.105)
    assert (found.slippage_pips, found.slippage_fraction) == pytest.approx((3.0, 0.0003 / 1.1))
    assert (found.level_slippage_pips, found.at_level, found.false_trigger) == (0.0, True, None)
    # One spread of a pip for the buyer, a quarter of it as slippage and half of it as impact, no such at a target; 3 a side.
    assert found.expected_costs == CostParts(*map(pytest.approx, (6.0, 10.0, 2.5, 5.0, 3.0)))
    assert found.expected_profit == pytest.approx(100_000 * (1.105 - 1.1 - 0.000175) - 6.0 - 3.0)
    assert found.actual_costs == CostParts(*map(pytest.approx, (7.0, 12.0, 3.0, 5.0, 3.0)))
    assert found.actual_profit == pytest.approx(470.0 - 7.0 - 3.0)


def test_adherence_of_a_short_order_pays_the_spread_when_it_is_bought_back_and_slips_beyond_its_stop():
    found = adherence_of(SHORT, market(), PIP)
    assert found.slippage_pips == pytest.approx(2.0)  # sold at 1.0998 what was decided at 1.1
    assert (found.level_slippage_pips, found.at_level) == (pytest.approx(3.0), False)
    assert found.expected_costs == CostParts(*map(pytest.approx, (6.0, 10.0, 5.0, 10.0, -1.0)))
    assert found.expected_profit == pytest.approx(-100_000 * (1.102 + 0.000075 - 1.1 + 0.000075) - 6.0 + 1.0)
    assert found.actual_profit == pytest.approx(-100_000 * (1.1023 - 1.0998) - 6.5)


def test_adherence_under_flat_costs_pays_the_whole_spread_at_the_entry_on_either_side():
    found = adherence_of(SHORT, market(Costs(0.0001, 0.00002)), PIP)
    sold = 1.1 - 0.00011
    assert found.expected_costs == CostParts(*map(pytest.approx, (2.0 * (sold + 1.102), 11.0, 0.0, 0.0, 0.0)))
    assert found.expected_profit == pytest.approx(-100_000 * (1.102 - sold) - 2.0 * (sold + 1.102))


@pytest.mark.parametrize(("high", "false"), [(1.1019, False), (1.1018, True)])
def test_adherence_tells_a_stop_that_no_candle_reached_the_ask_counts_for_a_short(high: float, false: bool):
    assert adherence_of(SHORT, market(high=high), PIP).false_trigger is false


def test_adherence_of_an_order_in_its_states_compares_only_what_is_there():
    unsent = adherence_of(replace(LONG, entries=(), exits=(), state="DENIED", was_sent=False), market(), PIP)
    assert (unsent.fill_price, unsent.is_rejected, unsent.is_partial) == (None, False, False)
    refused = adherence_of(replace(LONG, entries=(), exits=(), state="REJECTED"), market(), PIP)
    assert refused.is_rejected
    open_ = adherence_of(replace(LONG, exits=()), market(), PIP)
    assert (open_.slippage_pips, open_.actual_profit) == (pytest.approx(3.0), None)
    half = replace(ENTRY, units=50_000)
    waiting = adherence_of(replace(LONG, entries=(half,), exits=(), state="PARTLY_FILLED"), market(), PIP)
    ended = adherence_of(replace(LONG, entries=(half,), exits=(), state="CANCELLED"), market(), PIP)
    assert (waiting.is_partial, ended.is_partial, ended.filled_units) == (False, True, 50_000)


def test_adherence_of_two_partial_fills_is_at_their_average_price():
    parts = (replace(ENTRY, units=25_000, price=1.1001), replace(ENTRY, units=75_000, price=1.1005))
    assert adherence_of(replace(LONG, entries=parts), market(), PIP).slippage_pips == pytest.approx(4.0)


def orders() -> list[OrderAdherence]:
    """Two days of one week, and a day of the next month: filled at 3 and 2 pips, rejected, and one of the later month."""
    one, two = adherence_of(LONG, market(), PIP), adherence_of(SHORT, market(), PIP)
    rejected = adherence_of(replace(LONG, entries=(), exits=(), state="REJECTED"), market(), PIP)
    days = (0, 0, 1, 30)
    found = (one, rejected, two, one)
    return [replace(order, decided_at_us=at(12) + day * DAY_US) for order, day in zip(found, days, strict=True)]


def test_adherence_by_day_week_and_month_counts_each_order_once():
    assert [(day.period, day.orders) for day in by_period(orders(), "day")] == [
        ("2024-03-04", 2), ("2024-03-05", 1), ("2024-04-03", 1),
    ]  # fmt: skip
    assert [(week.period, week.orders) for week in by_period(orders(), "week")] == [("2024-W10", 3), ("2024-W14", 1)]
    assert [(month.period, month.filled) for month in by_period(orders(), "month")] == [("2024-03", 2), ("2024-04", 1)]


def test_adherence_of_a_period_is_that_of_its_orders_together():
    (march, _) = by_period(orders(), "month")
    assert (march.rejection_rate, march.partial_fill_rate) == (pytest.approx(1 / 3), 0.0)
    assert (march.slippage_pips_mean, march.slippage_pips_max) == pytest.approx((2.5, 3.0))
    assert march.slippage_pips_std == pytest.approx(0.5**0.5)
    assert (march.stops_at_level, march.targets_at_level, march.stop_slippage_pips_mean) == (0.0, 1.0, pytest.approx(3.0))
    assert march.actual_profit == pytest.approx(460.0 - 256.5)
    assert march.cost_ratio == pytest.approx((30.0 + 26.5) / (26.5 + 30.0))
    assert together([], "none").to_json()["rejection_rate"] is None


def beyond(limits: AdherenceLimits, losses: tuple[DailyLoss, ...] = ()) -> list[str]:
    return [breach.kind for breach in breaches(orders(), losses, limits)]


def test_adherence_thresholds_each_tell_their_breach_and_no_other():
    within = AdherenceLimits(slippage=0.01, rejection_rate=0.5, cost_ratio=2.0, window_days=40)
    assert beyond(within) == []
    assert beyond(replace(within, slippage=0.0002)) == ["slippage"]
    assert beyond(replace(within, rejection_rate=0.05)) == ["rejections"]
    assert beyond(replace(within, cost_ratio=1.0)) == ["costs"]
    today = (at(12) + 30 * DAY_US) // DAY_US
    assert beyond(within, (DailyLoss("paper", today, 0.051, 0.05),)) == ["limits"]
    assert beyond(within, (DailyLoss("paper", today, 0.049, 0.05),)) == []


def test_adherence_looks_back_no_further_than_its_window():
    assert beyond(AdherenceLimits(slippage=0.01, cost_ratio=2.0, window_days=31)) == ["rejections"]
    assert beyond(AdherenceLimits(slippage=0.01, cost_ratio=2.0, window_days=5)) == []


def test_adherence_tells_an_order_that_was_filled_beyond_its_size():
    (found,) = breaches([replace(orders()[0], intended_units=90_000)], (), AdherenceLimits(cost_ratio=2.0))
    assert (found.kind, found.found, found.allowed) == ("limits", 100_000, 90_000)


def test_adherence_alerts_are_raised_once_and_resolved_when_the_thresholds_are_kept(tmp_path: Path):
    made = stage(tmp_path, n=2)
    found = breaches(orders(), (), AdherenceLimits(slippage=0.0002, rejection_rate=0.9, cost_ratio=2.0))
    for each in (found, found, []):
        tell(made.ledger, "EURUSD", "1h", each)
        with made.ledger.reading() as connection:
            (row,) = connection.execute(select(alerts)).all()
        assert row.kind == "adherence_slippage"
        assert "the worst, order one, by 0.027% (3.0 pips)" in row.message
        assert (row.resolved_at is None) == bool(each)


def test_adherence_reads_the_most_a_day_lost_from_its_marks(tmp_path: Path):
    made = stage(tmp_path, n=2)
    with made.ledger.begin() as connection:
        for day, equity in ((10, 100.0), (10, 94.0), (10, 98.0), (11, 98.0)):
            mark(connection, "paper", day, equity, made.ledger.now())
    assert [(loss.fx_day, loss.lost) for loss in daily_losses(made.ledger, "paper", 0.05)] == [
        (10, pytest.approx(0.06)),
        (11, 0.0),
    ]
    assert daily_losses(made.ledger, "paper", 0.0) == []


def of_stage(made: Stage) -> list[OrderAdherence]:
    candles = arrays_of(received(made.ledger, "EURUSD", "1h", EVER), "1h")
    costs = costed(made.ledger, "EURUSD", candles, made.charges or live_stage.COSTS)
    return [adherence_of(life, costs, PIP) for life in order_lives(made.ledger, made.deployment.id)]


def test_adherence_on_paper_earns_what_the_backtest_earns_trade_by_trade(traded: Stage):
    """The backtest is the oracle of what was earned and what it cost; what was expected is near it: the open is not the close."""
    found = [order for order in of_stage(traded) if order.exit_price is not None]
    trades = traded.backtest(len(traded.candles)).trades
    ended = [row for row in range(len(trades)) if trades.exit_time_us[row] < traded.candles.open_time_us[-1]]
    assert len(found) == len(ended) > 5
    for order, row in zip(found, ended, strict=True):
        assert order.actual_profit == pytest.approx(float(trades.profit[row]), rel=1e-9, abs=1e-6)
        for part in ("commission", "slippage", "impact", "swap"):
            assert getattr(order.actual_costs, part) == pytest.approx(float(getattr(trades, part)[row]), rel=1e-9, abs=1e-9)
    stops = [order for order in found if order.exit_reason in ("stop", "breakeven", "trailing")]
    assert stops
    assert {order.false_trigger for order in stops} == {False}


def test_adherence_reads_an_order_with_its_decision_fills_and_last_stop(traded: Stage):
    lives = order_lives(traded.ledger, traded.deployment.id)
    with traded.ledger.reading() as connection:
        n_intents = len(connection.execute(select(order_intents)).all())
        stops = {row.client_order_id: row.stop_price for row in connection.execute(select(positions))}
    assert len(lives) == n_intents
    closes = dict(zip(traded.candles.known_at_us.tolist(), traded.candles.close.tolist(), strict=True))
    for life in lives:
        assert life.signal_price == closes[life.decided_at_us]
        assert not life.entries or life.stop_price == stops[life.client_order_id]


def test_adherence_counts_what_the_broker_told_a_fill_to_cost(traded: Stage):
    before = next(order for order in of_stage(traded) if order.exit_price is not None)
    mine = and_(fills.c.client_order_id == before.client_order_id, fills.c.reason == "entry")
    with traded.ledger.begin() as connection:
        honest = connection.execute(select(fills).where(mine)).one()
        connection.execute(update(fills).where(mine).values(commission=honest.commission + 7.0, fee=2.0))
    after = next(order for order in of_stage(traded) if order.client_order_id == before.client_order_id)
    with traded.ledger.begin() as connection:
        connection.execute(update(fills).where(mine).values(commission=honest.commission, fee=honest.fee))
    assert after.actual_costs.commission == pytest.approx(before.actual_costs.commission + 9.0)
    assert after.actual_profit == pytest.approx(before.actual_profit - 9.0)
