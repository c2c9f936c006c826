"""The FX mode by hand numbers: swap, conversion and margin."""

from dataclasses import replace

import numpy as np
import pytest
from fx_story import FLAT, MONDAY_US, OFF, fx, play, told

from fxgpt_core.backtest.engine import BacktestAccount
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.timeframes import DAY_US, HOUR_US, Timeframe

# Swap and conversion.


def test_swap_is_paid_once_a_night_and_only_by_who_holds():
    costs = fx(swap_long=np.array([0.1]), swap_short=np.array([-0.3]), conversion=np.array([0.5]))
    bought = play([FLAT] * 26, costs=costs)
    assert bought.trades.units.tolist() == [400]  # 200,000 of quote currency
    assert bought.trades.swap.tolist() == pytest.approx([400 * 0.1 * 0.5])
    assert bought.equity[20:24] == pytest.approx([100_000.0, 100_000.0, 99_980.0, 99_980.0])
    assert play([FLAT] * 26, side=-1, costs=costs).trades.profit.tolist() == pytest.approx([400 * 0.3 * 0.5])
    assert play([FLAT] * 26, at=22, costs=costs).trades.swap.tolist() == [0.0]


def test_a_weekend_is_one_night_at_the_rate_of_its_first_candle():
    friday_us = MONDAY_US + 4 * DAY_US + 18 * HOUR_US
    times = expected_open_times(friday_us, friday_us + 3 * DAY_US, Timeframe.H1)[:8]
    assert times[4] - times[3] == 49 * HOUR_US  # Friday 21:00, Sunday 22:00
    rates = np.arange(8) / 10.0
    assert play([FLAT] * 8, times=times, costs=fx(swap_long=rates)).trades.swap.tolist() == pytest.approx([200 * 0.4])


def test_usdjpy_in_dollars_earns_what_the_yen_are_worth_at_the_exit():
    rows = [(150.0, 150.5, 149.5, 150.0)] * 3 + [(150.0, 151.0, 149.5, 151.0), (151.0, 151.5, 150.5, 151.0)]
    costs = fx(conversion=1.0 / np.array([150.0, 150.0, 150.0, 151.0, 151.0]), commission=0.00002, unit_commission=0.00003)
    result = play(rows, stop=1.0, target=1.0, costs=costs, account=BacktestAccount(10_000.0, 30.0))
    assert result.trades.units.tolist() == [15_000]  # 1 % of 1,500,000 yen over 1 yen
    paid = 2 * (15_000 * 0.00002 + 15_000 * 0.00003)  # a unit is a dollar of notional
    assert result.trades.commission.tolist() == pytest.approx([paid])
    assert result.trades.profit.tolist() == pytest.approx([15_000 / 151.0 - paid])
    assert result.final_equity == pytest.approx(10_000.0 + 15_000 / 151.0 - paid)


# Margin.

ALL_IN = {"stop": 50.0, "target": 50.0, "risk": 100.0}
SMALL = BacktestAccount(1_000.0, 30.0)


@pytest.mark.parametrize(("side", "price"), [(1, 29_000 / 295), (-1, 31_000 / 305)])
def test_the_broker_closes_at_half_the_margin(side, price):
    rows = [(100.0, 100.5, 99.5, 100.0)] * 3 + [(100.0, 103.0, 97.0, 100.0), FLAT]
    result = play(rows, side=side, costs=fx(stop_out=0.5), account=SMALL, **ALL_IN)
    assert told(result) == [(2, 100.0, 3, pytest.approx(price), "stop_out")]
    (equity,) = 1_000.0 + result.trades.profit
    assert equity / (300 * price / 30.0) == pytest.approx(0.5)


def test_a_stop_before_the_stop_out_keeps_its_place():
    rows = [(100.0, 100.5, 99.5, 100.0)] * 3 + [(100.0, 103.0, 97.0, 100.0), FLAT]
    result = play(rows, costs=fx(stop_out=0.5), account=SMALL, **(ALL_IN | {"stop": 1.5}))
    assert told(result) == [(2, 100.0, 3, 98.5, "stop")]


@pytest.mark.parametrize("offset", [0.0, -0.5, 0.5])
def test_a_long_position_without_debt_is_never_stopped_out(offset):
    result = play([FLAT] * 5, offset=offset, costs=fx(stop_out=1.0), account=BacktestAccount(100_000.0, 1.0))
    assert told(result) == [(2, 100.0 + offset, 4, 100.0, "end")]


@pytest.mark.parametrize(
    ("dear", "less"),
    [
        (fx(unit_commission=2.1), fx(unit_commission=2.0)),
        (fx(commission=0.021), fx(commission=0.02)),
        (fx(1.0, slippage=1.1), fx(1.0, slippage=1.0)),
        (fx(1.0, impact=1.1, depth=980.0), fx(1.0, impact=1.0, depth=980.0)),
        (fx(conversion=np.array([2.0]), unit_commission=4.2), fx(conversion=np.array([2.0]), unit_commission=4.0)),
    ],
    ids=["commission of a unit", "commission", "slippage", "impact", "converted"],
)
def test_an_order_whose_costs_are_beyond_the_margin_is_refused(dear, less):
    """Of 100,000 without leverage 98 % are ordered: 980 units at 100, so that 2.04 a unit are left for what the entry costs."""
    execution, account = replace(OFF, max_margin_fraction=0.98), BacktestAccount(100_000.0, 1.0)
    refused, filled = (play([FLAT] * 5, costs=costs, execution=execution, account=account, **ALL_IN) for costs in (dear, less))
    assert (len(refused.trades), refused.refused) == (0, 1)
    assert refused.equity.tolist() == [100_000.0] * 5
    assert (len(filled.trades), filled.refused) == (1, 0)


def test_an_order_is_refused_where_the_open_has_run_away():
    result = play([FLAT] * 2 + [(101.0, 102.0, 100.0, 101.0), FLAT], account=SMALL, **ALL_IN)
    assert (len(result.trades), result.refused) == (0, 1)


def test_an_account_that_lost_everything_stays_at_nothing():
    result = play([FLAT] * 3 + [(90.0, 91.0, 89.0, 90.0), FLAT, FLAT], at=slice(1, None), account=SMALL, **ALL_IN)
    assert told(result) == [(2, 100.0, 3, 90.0, "stop_out")]
    assert result.equity[3:].tolist() == [0.0] * 3
    assert result.trades.profit.tolist() == [-3_000.0]
