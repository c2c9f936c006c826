"""Orders beside their fills: slippage, shortfall and costs by hand."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxgpt_core.errors import BadInputError
from fxgpt_core.performance.execution import Execution, execution_quality

LONG = Execution(1, 1000, 1000, 1.1000, 1.1001, 1.1003, 0, 250_000, spread=0.0002, impact=0.0001, commission=2.0)


def test_a_long_filled_above_the_signal_has_slipped_and_a_short_below_it():
    assert LONG.slippage == pytest.approx(0.0003 / 1.1)
    short = replace(LONG, side=-1)
    assert short.slippage == pytest.approx(-0.0003 / 1.1)
    assert replace(short, price=1.0997).slippage == pytest.approx(0.0003 / 1.1)


def test_the_shortfall_is_measured_against_what_the_backtest_fills():
    assert LONG.shortfall == pytest.approx(0.0002 * 1000)
    assert replace(LONG, filled_units=400).shortfall == pytest.approx(0.0002 * 400)
    assert replace(LONG, conversion=0.5).shortfall == pytest.approx(0.0001 * 1000)


def test_costs_are_commission_spread_and_impact():
    assert LONG.cost == pytest.approx(2.0 + 0.0003 * 1000)


def test_rates_count_orders_and_slippage_counts_fills():
    rejected, partial = replace(LONG, filled_units=0, price=0.0), replace(LONG, filled_units=250, filled_us=750_000)
    found = execution_quality([LONG, partial, rejected, rejected], expected_gross_profit=10.0)
    assert (found.orders, found.filled, found.rejection_rate, found.partial_fill_rate) == (4, 2, 0.5, 0.25)
    assert found.mean_slippage == found.worst_slippage == pytest.approx(0.0003 / 1.1)
    assert found.slippage_deviation == pytest.approx(0.0, abs=1e-18)
    assert found.mean_delay_s == pytest.approx(0.5)
    assert found.shortfall == pytest.approx(0.0002 * 1250)
    assert found.cost_impact == pytest.approx((0.25 + 4.0 + 0.0003 * 1250) / 10.0)


def test_nothing_filled_has_no_slippage_and_nothing_expected_has_no_impact():
    assert execution_quality([]).to_json() == dict.fromkeys(execution_quality([]).to_json(), 0)
    assert execution_quality([replace(LONG, filled_units=0)]).rejection_rate == 1.0
    assert execution_quality([LONG], expected_gross_profit=-5.0).cost_impact == 0.0


@given(st.floats(0.5, 2.0), st.floats(0.5, 2.0), st.sampled_from([1, -1]))
def test_what_one_side_loses_to_the_price_the_other_gains(signal, price, side):
    one = replace(LONG, side=side, signal_price=signal, expected_price=signal, price=price)
    other = replace(one, side=-side)
    assert one.slippage == -other.slippage
    assert one.shortfall == -other.shortfall
    assert one.shortfall == pytest.approx(one.slippage * signal * 1000, abs=1e-9)


@pytest.mark.parametrize("change", [{"side": 0}, {"units": 0, "filled_units": 0}, {"filled_units": 1001}, {"filled_units": -1}])
def test_an_order_that_cannot_be_is_refused(change):
    with pytest.raises(BadInputError, match="no more are filled than were ordered"):
        replace(LONG, **change)
