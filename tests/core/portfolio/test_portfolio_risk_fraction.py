"""The risk of a trade by each method and multiplier: hand numbers, the cap, and each parameter at work."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxgpt_core.errors import BadInputError
from fxgpt_core.portfolio.edge import Edge
from fxgpt_core.portfolio.sizing import (
    MAX_TRADE_RISK,
    METHODS,
    Conditions,
    SizingParameters,
    position_units,
    risk_fraction,
)
from fxgpt_core.regimes.regime import RANGING, TRENDING_DOWN, TRENDING_UP, UNKNOWN, VOLATILE

PLAIN = SizingParameters(confidence_scaling=False)


def column(*values):
    return np.array(values, dtype=np.float64)


def edge(n=1, p_target=0.52, p_stop=0.44, cost=0.0001):
    return Edge(*(np.full(n, value) for value in (p_target, p_stop, 0.01, 0.01, cost)))


def risk(parameters=PLAIN, trade=None, **conditions):
    return risk_fraction(trade or edge(), Conditions(**conditions), parameters)


def test_fixed_fraction_is_the_base_risk():
    assert risk(dataclasses.replace(PLAIN, base_risk_pct=1.25)).tolist() == [0.0125]


def test_kelly_and_optimal_f_take_their_fraction_of_the_bet():
    # p = 0.52, q = 0.48, b = 0.0099 / 0.0101; f* = 0.52 - 0.48 / b = 0.030303; an eighth of it
    trade = edge(p_stop=0.48)
    expected = 0.125 * (0.52 - 0.48 * 0.0101 / 0.0099)
    for method in ("kelly", "optimal_f"):
        assert risk(dataclasses.replace(PLAIN, method=method, kelly_fraction=0.125), trade)[0] == pytest.approx(expected)


def test_without_edge_the_methods_that_ask_for_one_risk_nothing():
    losing = edge(p_target=0.45, p_stop=0.55)
    for method in METHODS:
        parameters = dataclasses.replace(PLAIN, method=method)
        asks = method in ("kelly", "optimal_f")
        assert risk(parameters, losing, usual_volatility=column(1.0)).tolist() == [0.0 if asks else 0.01]


def test_volatility_adjusted_scales_by_usual_over_present_within_bounds():
    parameters = dataclasses.replace(PLAIN, method="volatility_adjusted")
    found = risk(parameters, edge(4), usual_volatility=column(0.8, 0.1, 3.0, np.nan))
    np.testing.assert_array_equal(found, [0.01 * 0.8, 0.005, 0.01 * 1.5, np.nan])


def test_confidence_scales_between_its_multipliers():
    found = risk(SizingParameters(), edge(3), certainty=column(0.0, 0.5, 1.0))
    np.testing.assert_array_equal(found, [0.005, 0.01, 0.015])


def test_each_regime_has_its_multiplier_and_an_unknown_one_none():
    regime = np.array([TRENDING_UP, TRENDING_DOWN, RANGING, VOLATILE, UNKNOWN], dtype=np.int8)
    np.testing.assert_array_equal(risk(PLAIN, edge(5), regime=regime), 0.01 * np.array([1.5, 1.5, 0.7, 0.5, 1.0]))


@pytest.mark.parametrize("factor", ["vix", "sentiment", "allocation"])
def test_each_factor_multiplies_and_one_that_is_off_does_not(factor):
    assert risk(PLAIN, **{factor: column(0.25)}).tolist() == [0.0025]
    assert risk(PLAIN, **{factor: None}).tolist() == [0.01]


def test_the_cap_holds_whatever_multiplies():
    found = risk(
        SizingParameters(base_risk_pct=2.0, confidence_max_multiplier=2.0), certainty=column(1.0), allocation=column(2.0)
    )
    assert found.tolist() == [MAX_TRADE_RISK]


MOVED = {
    "method": "kelly",
    "base_risk_pct": 0.5,
    "kelly_fraction": 0.2,
    "regime_trending_multiplier": 1.1,
    "regime_ranging_multiplier": 0.9,
    "regime_volatile_multiplier": 0.8,
    "confidence_scaling": False,
    "confidence_min_multiplier": 0.3,
    "confidence_max_multiplier": 1.2,
}


@pytest.mark.parametrize("name", sorted(MOVED))
def test_each_parameter_moves_the_risk(name):
    start = SizingParameters(method="optimal_f") if name == "kelly_fraction" else SizingParameters()
    conditions = {
        "certainty": column(0.2, 0.6, 0.9, 0.7),
        "regime": np.array([TRENDING_UP, RANGING, VOLATILE, UNKNOWN], dtype=np.int8),
    }
    before, after = (
        risk(parameters, edge(4), **conditions) for parameters in (start, dataclasses.replace(start, **{name: MOVED[name]}))
    )
    assert (before != after).any()


def test_the_largest_position_moves_the_units_and_no_parameter_is_forgotten():
    assert set(MOVED) | {"max_position_size_pct"} == {item.name for item in dataclasses.fields(SizingParameters)}
    units = [
        position_units(1e5, 1.25, 0.0001, 0.01, SizingParameters(max_position_size_pct=pct).max_position_size_pct / 100, 30.0)
        for pct in (10, 20)
    ]
    assert units == [240_000, 480_000]


@given(
    st.sampled_from(METHODS),
    st.floats(0.5, 2.0),
    st.floats(0.0, 1.0),
    st.floats(0.0, 1.0),
    st.floats(0.0, 10.0),
    st.sampled_from([UNKNOWN, TRENDING_UP, TRENDING_DOWN, RANGING, VOLATILE]),
)
def test_the_risk_lies_between_nothing_and_the_cap(method, base, p, certainty, factor, regime):
    found = risk(
        SizingParameters(method=method, base_risk_pct=base, kelly_fraction=0.5),
        edge(1, p, 1 - p),
        certainty=column(certainty),
        usual_volatility=column(factor),
        regime=np.array([regime], dtype=np.int8),
        vix=column(factor),
    )
    assert 0.0 <= found[0] <= MAX_TRADE_RISK


@pytest.mark.parametrize("method", METHODS)
def test_a_row_is_the_same_alone_and_among_others(method):
    rng = np.random.default_rng(2)
    n = 501
    trade = edge(n, rng.uniform(0.45, 0.55, n), 0.42)
    conditions = {name: rng.uniform(0.1, 1.0, n) for name in ("certainty", "usual_volatility", "vix", "sentiment", "allocation")}
    conditions["regime"] = rng.integers(UNKNOWN, VOLATILE + 1, n).astype(np.int8)
    parameters = SizingParameters(method=method)
    whole = risk(parameters, trade, **conditions)
    for row in range(0, n, 11):
        one = slice(row, row + 1)
        alone = risk(
            parameters, Edge(*(v[one].copy() for v in vars(trade).values())), **{k: v[one].copy() for k, v in conditions.items()}
        )
        assert alone.tobytes() == whole[one].tobytes()


@pytest.mark.parametrize(
    ("parameters", "conditions", "text"),
    [
        (SizingParameters(), {}, "tell no certainty"),
        (dataclasses.replace(PLAIN, method="volatility_adjusted"), {}, "tell no usual_volatility"),
        (PLAIN, {"vix": column(1.0, 1.0)}, "vix has 2 values for 1 trades"),
        (PLAIN, {"regime": np.array([4], dtype=np.int8)}, "codes from 4 to 4"),
    ],
)
def test_what_is_missing_or_wrong_is_refused(parameters, conditions, text):
    with pytest.raises(BadInputError, match=text):
        risk(parameters, **conditions)


def test_an_unknown_method_is_refused():
    with pytest.raises(BadInputError, match="'martingale'; choose one of fixed_fraction"):
        SizingParameters(method="martingale")
