"""Position size against the definition of risk."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxgpt_core.portfolio.sizing import daily_loss_reached, position_units


def test_a_stop_loses_the_wished_fraction_of_the_equity():
    assert position_units(100_000.0, 1.25, 0.0125, 0.01, 1.0, 30.0) == 80_000


def test_the_margin_cap_limits_the_notional():
    assert position_units(100_000.0, 1.25, 0.0001, 0.01, 0.2, 30.0) == 480_000


@pytest.mark.parametrize(
    ("equity", "close", "stop_distance", "risk"),
    [
        (0.0, 1.0, 0.1, 0.01),
        (-5.0, 1.0, 0.1, 0.01),
        (1e5, 1.0, 0.0, 0.01),
        (1e5, 1.0, float("nan"), 0.01),
        (1e5, 1.0, 0.1, float("nan")),
        (10.0, 1.0, 1.0, 0.01),
    ],
)
def test_what_cannot_be_sized_gets_no_units(equity, close, stop_distance, risk):
    assert position_units(equity, close, stop_distance, risk, 0.2, 30.0) == 0


@given(
    st.floats(1e3, 1e7),
    st.floats(0.5, 200.0),
    st.floats(1e-5, 1.0),
    st.floats(0.001, 0.05),
    st.floats(0.1, 0.5),
    st.floats(1, 50),
)
def test_risk_and_margin_are_never_exceeded(equity, close, stop_distance, risk, margin, leverage):
    units = position_units(equity, close, stop_distance, risk, margin, leverage)
    assert units * stop_distance <= equity * risk * (1 + 1e-12)
    assert units * close <= equity * margin * leverage * (1 + 1e-12)
    assert (units + 1) * stop_distance > equity * risk * (1 - 1e-12) or (units + 1) * close > equity * margin * leverage * (
        1 - 1e-12
    )


def test_the_daily_loss_is_reached_at_the_limit_itself():
    assert [daily_loss_reached(equity, 100_000.0, 0.03) for equity in (97_000.01, 97_000.0, 90_000.0)] == [False, True, True]
