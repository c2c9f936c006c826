"""Weights day by day: when they are rebalanced, how they drift, and that they rest on a bounded past and no future."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxgpt_core.portfolio.allocation import allocation, past_days
from fxgpt_core.portfolio.optimal_weights import DRIFTED, HELD, NOT_KNOWN, SCHEDULED, AllocationParameters, optimal_weights
from fxgpt_core.portfolio.universe import Universe

# Monday 2024-01-01
FIRST_DAY = 19_723
SHORT = AllocationParameters(objective="MinRisk", max_weight=0.5, window=30)


def universe_of_days(days=200, symbols=4, seed=0, volatility=0.005):
    """Working days of symbols, closes of random walks."""
    number = FIRST_DAY + np.arange(2 * days)
    number = number[(number + 3) % 7 < 5][:days].astype(np.int32)
    moves = np.random.default_rng(seed).normal(0.0, volatility, (days, symbols)) * np.linspace(1.0, 1.6, symbols)
    return Universe(tuple("ABCDEF"[:symbols]), number, np.exp(np.cumsum(moves, axis=0)))


def days_of(universe, rows):
    return Universe(universe.names, universe.day[rows], universe.close[rows])


def test_the_calendar_rebalances_from_the_days_before_and_between_the_weights_drift():
    universe = universe_of_days()
    found = allocation(universe, SHORT)
    rows = np.flatnonzero(found.rebalanced)
    # Blocks of 7 days since Thursday 1970-01-01 begin on Thursdays, and the first waits for 30 returns.
    assert set(((universe.day[rows] + 3) % 7).tolist()) == {3}
    assert 30 <= rows[0] < 35
    assert set(np.diff(rows).tolist()) == {5}
    for row in rows[:3]:
        window = universe.returns[row - 29 : row + 1]
        np.testing.assert_array_equal(found.weights[row], optimal_weights(window, SHORT))
    row = rows[2]
    weights = found.weights[row]
    for after in range(1, 5):
        grown = weights * (1.0 + universe.returns[row + after])
        weights = grown / (1.0 - weights.sum() + grown.sum())
        np.testing.assert_allclose(found.weights[row + after], weights, rtol=1e-12)
        assert found.reason[row + after] == HELD
    assert np.isnan(found.weights[: rows[0]]).all()
    assert (found.reason[: rows[0]] == NOT_KNOWN).all()
    assert found.reason_counts()["held: drifting with the prices"] == int((found.reason == HELD).sum())


def test_cash_drifts_too():
    found = allocation(universe_of_days(), dataclasses.replace(SHORT, max_weight=0.1))
    total = np.nansum(found.weights, axis=1)
    assert total[found.rebalanced] == pytest.approx(0.4)
    assert total[found.reason == HELD].std() > 0.0


def test_a_leap_of_a_price_rebalances_at_once():
    universe = universe_of_days()
    row = int(np.flatnonzero(allocation(universe, SHORT).rebalanced)[5]) + 2
    leaping = Universe(universe.names, universe.day, universe.close.copy())
    leaping.close[row:, 0] *= 1.4
    found = allocation(leaping, SHORT)
    assert found.reason[row] == DRIFTED
    np.testing.assert_array_equal(found.weights[row], optimal_weights(leaping.returns[row - 29 : row + 1], SHORT))
    assert not allocation(leaping, dataclasses.replace(SHORT, drift=0.5)).rebalanced[row]


@pytest.mark.parametrize("frequency", [1, 7, 30])
def test_the_frequency_says_how_often(frequency):
    universe = universe_of_days()
    found = allocation(universe, dataclasses.replace(SHORT, rebalance_freq=frequency, drift=9.0))
    expected = len(set((universe.day[30:] // frequency).tolist()) - {int(universe.day[29]) // frequency})
    assert found.rebalanced.sum() == expected
    assert (found.reason[found.rebalanced] == SCHEDULED).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 199), st.integers(0, 60), st.sampled_from([1, 7, 13]), st.booleans())
def test_the_weights_rest_on_a_bounded_past_and_no_future(stop, earlier, frequency, wild):
    universe = universe_of_days(volatility=0.03 if wild else 0.005)
    parameters = dataclasses.replace(SHORT, rebalance_freq=frequency)
    whole = allocation(universe, parameters)
    start = max(stop - past_days(parameters) - earlier, 0)
    part = allocation(days_of(universe, slice(start, stop)), parameters)
    last = stop - 1
    assert part.weights[-1].tobytes() == whole.weights[last].tobytes()
    assert (part.reason[-1], part.rebalanced[-1]) == (whole.reason[last], whole.rebalanced[last])
    past = allocation(days_of(universe, slice(0, stop)), parameters)
    assert past.weights.tobytes() == whole.weights[:stop].tobytes()


def test_a_symbol_joins_when_a_whole_window_of_it_is_known():
    universe = universe_of_days()
    universe.close[:100, 1] = np.nan
    found = allocation(universe, SHORT)
    joined = int(np.flatnonzero(np.isfinite(found.weights[:, 1]))[0])
    assert found.rebalanced[joined]
    assert np.isfinite(universe.returns[joined - 29 : joined + 1, 1]).all()
    assert 130 <= joined < 140
    three = allocation(Universe(("A", "C", "D"), universe.day, universe.close[:, [0, 2, 3]]), SHORT)
    np.testing.assert_array_equal(found.weights[:joined, [0, 2, 3]], three.weights[:joined])


def test_what_was_allocated_is_kept_and_cannot_be_changed():
    universe = universe_of_days(days=80)
    found = allocation(universe, SHORT)
    assert allocation(universe, dataclasses.replace(SHORT)) is found
    assert allocation(universe_of_days(days=80), SHORT) is not found
    for column in (found.weights, found.rebalanced, found.reason):
        with pytest.raises(ValueError, match="read-only"):
            column[:] = 0
