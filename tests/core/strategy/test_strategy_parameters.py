"""The 90 parameters against the specification's own list, and what they refuse."""

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxgpt_core.errors import ParameterError
from fxgpt_core.strategy.constraints import CONSTRAINTS, broken_constraints, repaired
from fxgpt_core.strategy.definitions import Kind, Stage
from fxgpt_core.strategy.parameters import StrategyParameters, definition, definitions, searched_definitions

GROUP_SIZES = {"sssd": 10, "riskfolio": 8, "patterns": 20, "rl": 15, "risk": 12, "sizing": 10, "filters": 15}
FITTED = {
    "forecasts": {
        "sssd_diffusion_steps", "sssd_noise_schedule", "sssd_sampling_method", "sssd_guidance_scale", "sssd_temperature",
        "sssd_min_samples", "sssd_use_ensemble",
    },
    "rl_agent": {item.name for item in definitions() if item.group == "rl"} - {"rl_hybrid_alpha"},
}  # fmt: skip


def test_the_ninety_fields_fall_into_the_seven_groups_of_the_specification():
    sizes = {}
    for item in definitions():
        sizes[item.group] = sizes.get(item.group, 0) + 1
    assert sizes == GROUP_SIZES
    assert len(dataclasses.fields(StrategyParameters)) == 90


def test_the_parameters_that_assets_are_made_with_are_named_by_their_asset_and_are_not_searched():
    fitted = {asset: {item.name for item in definitions() if item.fitted_by == asset} for asset in FITTED}
    assert fitted == FITTED
    searched = {item.name for item in searched_definitions()}
    assert len(searched) == 90 - 7 - 14
    assert searched.isdisjoint(set.union(*FITTED.values()))


@pytest.mark.parametrize("item", definitions(), ids=lambda item: item.name)
def test_every_default_lies_in_its_own_range(item):
    assert item.checked(item.default) == item.default


@pytest.mark.parametrize("item", [item for item in definitions() if item.low is not None], ids=lambda item: item.name)
@pytest.mark.parametrize("beyond", ["below", "above", "nan"])
def test_a_number_outside_its_range_is_refused_by_name(item, beyond):
    value = {"below": item.low - 1, "above": item.high + 1, "nan": float("nan")}[beyond]
    with pytest.raises(ParameterError, match=rf"{item.name} is .*; allowed is .*{item.low} to {item.high}"):
        StrategyParameters().replace(**{item.name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("risk_atr_period", 14.5),
        ("risk_stop_loss_pct", 10**400),
        ("risk_atr_period", True),
        ("risk_use_trailing_stop", 1),
        ("sizing_method", 3),
        ("sizing_method", "martingale"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(name, value):
    with pytest.raises(ParameterError, match=f"{name} is"):
        StrategyParameters().replace(**{name: value})


def test_json_round_trip_keeps_values_types_and_hash():
    parameters = StrategyParameters().replace(risk_stop_loss_pct=1, risk_atr_period=20.0, sizing_method="volatility_adjusted")
    again = StrategyParameters.from_json(json.loads(json.dumps(parameters.to_json())))
    assert again == parameters
    assert again.sha256 == parameters.sha256
    assert isinstance(parameters.risk_stop_loss_pct, float)
    assert isinstance(parameters.risk_atr_period, int)


def test_the_hash_tells_two_parameter_sets_apart():
    assert StrategyParameters().sha256 != StrategyParameters().replace(risk_atr_period=15).sha256


def test_from_json_names_what_is_missing():
    values = StrategyParameters().to_json()
    del values["rl_gamma"]
    with pytest.raises(ParameterError, match="1 of the 90 parameters are missing: rl_gamma"):
        StrategyParameters.from_json(values)


def test_from_json_and_replace_name_what_is_unknown():
    with pytest.raises(ParameterError, match="unknown parameter stop_los"):
        StrategyParameters.from_json(StrategyParameters().to_json() | {"stop_los": 1.0})
    with pytest.raises(ParameterError, match="unknown parameter stop_los"):
        StrategyParameters().replace(stop_los=1.0)
    with pytest.raises(ParameterError, match="unknown parameter stop_los"):
        definition("stop_los")


BROKEN = {
    ("risk_stop_loss_pct", "risk_take_profit_pct"): {"risk_stop_loss_pct": 4.0, "risk_take_profit_pct": 4.0},
    ("risk_trailing_activation_pct", "risk_take_profit_pct"): {
        "risk_stop_loss_pct": 1.0, "risk_take_profit_pct": 1.5, "risk_trailing_activation_pct": 1.5,
    },
    ("risk_breakeven_trigger_pct", "risk_take_profit_pct"): {
        "risk_stop_loss_pct": 1.0, "risk_take_profit_pct": 1.4, "risk_breakeven_trigger_pct": 1.5,
    },
    ("pattern_stop_loss_multiplier", "pattern_target_multiplier"): {
        "pattern_stop_loss_multiplier": 1.5, "pattern_target_multiplier": 1.2,
    },
    ("pattern_max_pattern_size", "pattern_lookback_period"): {"pattern_max_pattern_size": 30, "pattern_lookback_period": 20},
    ("pattern_breakout_retest_bars", "pattern_max_age_bars"): {"pattern_breakout_retest_bars": 8, "pattern_max_age_bars": 5},
    ("filter_vix_high_threshold", "filter_vix_extreme_threshold"): {
        "filter_vix_high_threshold": 40.0, "filter_vix_extreme_threshold": 35.0,
    },
    ("filter_vix_high_reduction_pct", "filter_vix_extreme_reduction_pct"): {
        "filter_vix_high_reduction_pct": 0.7, "filter_vix_extreme_reduction_pct": 0.5,
    },
}  # fmt: skip


def test_every_constraint_has_values_that_break_it():
    assert list(BROKEN) == [(constraint.low, constraint.high) for constraint in CONSTRAINTS]


@pytest.mark.parametrize("constraint", CONSTRAINTS, ids=lambda constraint: f"{constraint.low}-{constraint.high}")
def test_a_broken_constraint_is_refused_with_its_reason_and_repaired_by_as_little_as_needed(constraint):
    changes = BROKEN[constraint.low, constraint.high]
    values = StrategyParameters().to_json() | changes
    with pytest.raises(ParameterError, match=rf"{constraint.low} must be (below|at most) {constraint.high}, or {constraint.why}"):
        StrategyParameters().replace(**changes)
    assert len(broken_constraints(values)) == 1
    mended = repaired(values)
    assert broken_constraints(mended) == ()
    assert {name for name in mended if mended[name] != values[name]} == {constraint.high}
    StrategyParameters.from_json(mended)
    apart = mended[constraint.high] - mended[constraint.low]
    assert apart == (0 if constraint.may_equal else pytest.approx(0.1))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_values_within_their_ranges_can_be_repaired(data):
    drawn = {}
    for item in definitions():
        if item.kind is Kind.BOOL:
            drawn[item.name] = data.draw(st.booleans())
        elif item.kind is Kind.CATEGORICAL:
            drawn[item.name] = item.choices[0]
        elif item.kind is Kind.INT:
            drawn[item.name] = data.draw(st.integers(int(item.low), int(item.high)))
        else:
            drawn[item.name] = data.draw(st.floats(item.low, item.high))
    assert StrategyParameters.from_json(repaired(drawn)).to_json() == repaired(drawn)


@pytest.mark.parametrize("constraint", [each for each in CONSTRAINTS if each.switch], ids=lambda each: each.low)
def test_a_constraint_whose_switch_is_off_holds(constraint):
    values = StrategyParameters().to_json() | BROKEN[constraint.low, constraint.high] | {constraint.switch: False}
    assert broken_constraints(values) == ()


def test_each_definition_tells_its_stage_and_sql_type():
    assert definition("sssd_forecast_horizon").stage is Stage.FORECAST
    assert definition("risk_max_holding_hours").stage is Stage.EXECUTION
    assert definition("sizing_method").sql_type == "str"
    assert {item.sql_type for item in definitions()} == {"int", "float", "str", "bool"}
