"""Lines are thinned without losing a peak or a trough, however short it is."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from played_by_hand import hourly
from report_examples import sample, three_trades

from fxgpt_core.market.timeframes import HOUR_US
from fxgpt_core.reports import curves
from fxgpt_core.reports.curves import SPANS, Curve, price_ranges, spans, thinned


def _curve(values):
    return Curve(np.arange(len(values), dtype=np.int64) * HOUR_US, np.asarray(values, dtype=float))


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 5 * SPANS), st.integers(0, 2**32 - 1))
def test_every_span_keeps_its_highest_and_lowest_value_in_order_of_time(n, seed):
    curve = _curve(np.random.default_rng(seed).normal(size=n))
    thin = thinned(curve)
    assert len(thin.value) <= 2 * SPANS + 2
    assert (np.diff(thin.time_us) > 0).all()
    rows = thin.time_us // HOUR_US
    assert (curve.value[rows] == thin.value).all()
    assert (rows[0], rows[-1]) == (0, n - 1)
    edges = spans(n)
    assert (edges[0], edges[-1]) == (0, n)
    assert set(np.diff(edges).tolist()) <= {n // min(n, SPANS), -(-n // min(n, SPANS))}
    for start, stop in pairwise(edges):
        kept = thin.value[(rows >= start) & (rows < stop)]
        assert kept.min() == curve.value[start:stop].min()
        assert kept.max() == curve.value[start:stop].max()


@pytest.mark.parametrize("at", [0, 77_777, 149_999])
def test_one_spike_among_150_000_values_is_drawn(at):
    values = np.zeros(150_000)
    values[at] = -1.0
    assert thinned(_curve(values)).value.min() == -1.0


def test_a_short_line_is_drawn_whole():
    values = np.random.default_rng(1).normal(size=SPANS)
    assert (thinned(_curve(values)).value == values).all()


def test_ranges_reach_from_the_lowest_low_to_the_highest_high_of_their_candles():
    candles = hourly(2 * SPANS, close=np.random.default_rng(2).uniform(1.0, 2.0, 2 * SPANS))
    found = price_ranges(candles)
    assert found.candles == 2
    assert (found.low == candles.low.reshape(-1, 2).min(axis=1)).all()
    assert (found.high == candles.high.reshape(-1, 2).max(axis=1)).all()
    assert (found.time_us == candles.open_time_us[::2]).all()


def test_equity_benchmark_and_drawdown_begin_with_the_cash_and_are_those_of_the_run():
    made = three_trades()
    times = [made.candles.open_time_us[0], *made.candles.known_at_us]
    for curve, expected in (
        (curves.equity(made), [100.0, 110.0, 104.5, 110.0, 121.0]),
        (curves.buy_and_hold(made), [100.0, 100.0, 110.0, 120.0, 130.0]),
        (curves.drawdown(made), [0.0, 0.0, -5.0, 0.0, 0.0]),
    ):
        assert curve.value == pytest.approx(expected)
        assert curve.time_us.tolist() == times


def test_the_deepest_point_of_the_drawdown_is_the_measured_one():
    made = sample()
    assert -curves.drawdown(made).value.min() == pytest.approx(made.measured.metrics.max_drawdown_pct)


def test_a_fall_from_the_cash_is_a_drawdown_from_the_first_open():
    made = three_trades()
    fallen = dataclasses.replace(made, result=dataclasses.replace(made.result, equity=np.array([80.0, 90.0, 95.0, 99.0])))
    assert curves.drawdown(fallen).value == pytest.approx([0.0, -20.0, -10.0, -5.0, -1.0])
