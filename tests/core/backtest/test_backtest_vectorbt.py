"""What vectorbt 1.2 can play of a backtest it plays like ours, but for two rules of its own about stops, and for nothing else."""

import dataclasses

import numpy as np
import pytest

from benchmarks.backtest_material import Crossing, crossings, drawn_rules, resampled, sample
from fxgpt_core.backtest.engine import backtest
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.market.timeframes import HOUR_US, Timeframe
from fxgpt_core.strategy.decision import Decisions

START_US = 1_500_000_000_000_000 // HOUR_US * HOUR_US


@pytest.fixture(scope="module")
def beside():
    """The comparison; its import is vectorbt's, which takes seconds."""
    from benchmarks import backtest_vectorbt

    return backtest_vectorbt


@pytest.fixture(scope="module")
def five_minutes():
    return resampled(sample(), 20_000, seed=11)


def both(beside, candles, decisions):
    """Our trades and vectorbt's."""
    ours = backtest(candles, decisions, beside.EXECUTION, beside.COSTS, beside.ACCOUNT).trades
    theirs = beside.portfolio(candles, beside.signals_of(candles, [decisions]), "numba")
    return beside.table_of_trades(ours), beside.table_of_vectorbt(theirs)


def candles_of(rows):
    """Hourly candles by (open, high, low, close)."""
    prices = (np.ascontiguousarray(column, dtype=np.float64) for column in np.array(rows).T)
    n = len(rows)
    return CandleArrays(START_US + np.arange(n, dtype=np.int64) * HOUR_US, *prices, np.ones(n), Timeframe.H1)


def wished(beside, candles, sides, stop=2.0, target=3.0):
    """Decisions by candle, of vectorbt's fixed size."""
    n = len(candles)
    side, reason = np.array(sides, dtype=np.int8), np.zeros(n, np.int8)
    given = Decisions(candles.known_at_us, side, np.full(n, stop), np.full(n, target), np.ones(n), reason)
    return beside.expressible(candles, given)


@pytest.mark.parametrize("seed", range(4))
def test_two_rules_about_stops_explain_every_trade_that_differs(beside, five_minutes, seed):
    rule = drawn_rules(np.random.default_rng(seed), 1)[0]
    decisions = beside.expressible(five_minutes, crossings(five_minutes, rule))
    ours, theirs = both(beside, five_minutes, decisions)
    assert beside.all_identical(ours, beside.by_rules(five_minutes, decisions, beside.OURS))
    assert beside.all_identical(theirs, beside.by_rules(five_minutes, decisions, beside.THEIRS))
    assert 0.7 * len(ours) < len(beside.identical(ours, theirs)) < len(ours)


def test_where_no_stop_is_touched_in_the_candle_of_an_entry_or_of_a_signal_all_trades_are_identical(beside, five_minutes):
    # Far stops; the candles in which the two rules differ are counted, so that there are none of them.
    decisions = beside.expressible(five_minutes, crossings(five_minutes, Crossing(stop_ranges=12.0, target_ranges=15.0)))
    ours, theirs = both(beside, five_minutes, decisions)
    assert len(ours) > 100
    assert (ours.entry < ours.exit).all()
    assert beside.all_identical(ours, theirs)


def test_it_does_not_look_at_a_stop_in_the_candle_of_the_entry(beside):
    candles = candles_of(
        [(10, 10, 10, 10), (10, 10, 10, 10), (10, 11, 7, 10), (10, 10, 9, 10), (10, 14, 10, 13), (13, 13, 13, 13)]
    )
    ours, theirs = both(beside, candles, wished(beside, candles, [0, 1, 0, 0, 0, 0]))
    assert (ours.entry.tolist(), ours.exit.tolist(), ours.exit_price.tolist()) == ([2], [2], [8.0])
    assert (theirs.entry.tolist(), theirs.exit.tolist(), theirs.exit_price.tolist()) == ([2], [4], [13.0])


def test_it_takes_the_stop_where_a_signal_fills_at_the_open_of_the_same_candle(beside):
    candles = candles_of([(10, 10, 10, 10), (10, 10, 10, 10), (10, 11, 9, 10), (9.5, 10, 7, 9), (9, 9, 9, 9), (9, 9, 9, 9)])
    ours, theirs = both(beside, candles, wished(beside, candles, [0, 1, -1, 0, 0, 0]))
    assert (ours.exit.tolist(), ours.exit_price.tolist()) == ([3], [9.5])
    assert (theirs.exit.tolist(), theirs.exit_price.tolist()) == ([3], [8.0])


def test_a_trade_that_is_shifted_by_a_candle_or_a_tick_is_not_called_identical(beside, five_minutes):
    decisions = beside.expressible(five_minutes, crossings(five_minutes, Crossing()))
    ours, _ = both(beside, five_minutes, decisions)
    price, exit_ = ours.exit_price.copy(), ours.exit.copy()
    price[3] += 1e-9
    exit_[5] += 1
    planted = dataclasses.replace(
        ours, exit_price=price, exit=exit_, side=np.where(np.arange(len(ours)) == 8, -ours.side, ours.side)
    )
    assert sorted(set(range(len(ours))) - set(beside.identical(ours, planted).tolist())) == [3, 5, 8]
    assert beside.all_identical(ours, ours)
    assert not beside.all_identical(ours, planted)


def test_a_size_is_the_same_for_every_trade_and_units_are_those_of_vectorbt(beside, five_minutes):
    decisions = beside.expressible(five_minutes, crossings(five_minutes, Crossing()))
    trades = backtest(five_minutes, decisions, beside.EXECUTION, beside.COSTS, beside.ACCOUNT).trades
    assert set(trades.units.tolist()) == {beside.UNITS}
    played = beside.portfolio(five_minutes, beside.signals_of(five_minutes, [decisions]), "numba")
    assert set(played.trades.values["size"].tolist()) == {float(beside.UNITS)}
