"""The 90 parameters against the specification's own list, and what they refuse."""

import dataclasses
import json

import pytest

from fxgpt_core.errors import ParameterError
from fxgpt_core.strategy.definitions import Kind, Stage
from fxgpt_core.strategy.parameters import (
    StrategyParameters,
    broken_constraints,
    definition,
    definitions,
    live_definitions,
    repaired,
)

GROUP_SIZES = {"sssd": 10, "riskfolio": 8, "patterns": 20, "rl": 15, "risk": 12, "sizing": 10, "filters": 15}
LIVE = {
    "sssd_forecast_horizon", "sssd_quantile_confidence", "sssd_uncertainty_threshold",
    "risk_stop_loss_pct", "risk_take_profit_pct", "risk_trailing_stop_pct", "risk_trailing_activation_pct",
    "risk_atr_multiplier", "risk_atr_period", "risk_use_trailing_stop", "risk_use_time_based_exit",
    "risk_max_holding_hours", "risk_daily_loss_limit_pct", "risk_use_breakeven_stop", "risk_breakeven_trigger_pct",
    "sizing_method", "sizing_base_risk_pct", "sizing_max_position_size_pct", "sizing_confidence_scaling",
    "sizing_confidence_min_multiplier", "sizing_confidence_max_multiplier",
}  # fmt: skip
INERT = [definition for definition in definitions() if definition.inert is not None]


def another_value(definition):
    """A value inside the range that is not the default."""
    if definition.kind is Kind.BOOL:
        return not definition.default
    if definition.kind is Kind.CATEGORICAL:
        return next(choice for choice in definition.choices if choice != definition.default)
    return definition.high if definition.default != definition.high else definition.low


def test_the_ninety_fields_fall_into_the_seven_groups_of_the_specification():
    sizes = {}
    for item in definitions():
        sizes[item.group] = sizes.get(item.group, 0) + 1
    assert sizes == GROUP_SIZES
    assert len(dataclasses.fields(StrategyParameters)) == 90


def test_the_live_parameters_are_the_ones_something_reads():
    assert {item.name for item in live_definitions()} == LIVE


@pytest.mark.parametrize("item", definitions(), ids=lambda item: item.name)
def test_every_default_lies_in_its_own_range(item):
    assert item.checked(item.default) == item.default


@pytest.mark.parametrize("item", INERT, ids=lambda item: item.name)
def test_changing_an_inert_parameter_is_refused_with_its_component(item):
    with pytest.raises(ParameterError, match=f"{item.name} is .* inert until component '{item.component}' exists"):
        StrategyParameters().replace(**{item.name: another_value(item)})


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


@pytest.mark.parametrize("method", ["kelly", "optimal_f"])
def test_a_sizing_method_without_its_component_is_refused(method):
    with pytest.raises(ParameterError, match=f"inert until component '{method}' exists"):
        StrategyParameters().replace(sizing_method=method)


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


@pytest.mark.parametrize(
    ("changes", "low"),
    [
        ({"risk_stop_loss_pct": 4.0, "risk_take_profit_pct": 4.0}, "risk_stop_loss_pct"),
        (
            {"risk_stop_loss_pct": 1.0, "risk_take_profit_pct": 1.5, "risk_trailing_activation_pct": 1.5},
            "risk_trailing_activation_pct",
        ),
        (
            {"risk_stop_loss_pct": 1.0, "risk_take_profit_pct": 1.4, "risk_breakeven_trigger_pct": 1.5},
            "risk_breakeven_trigger_pct",
        ),
    ],
)
def test_a_level_at_or_beyond_the_target_is_refused_and_repairable(changes, low):
    values = StrategyParameters().to_json() | changes
    with pytest.raises(ParameterError, match=f"{low} must be below risk_take_profit_pct"):
        StrategyParameters().replace(**changes)
    assert broken_constraints(values)
    assert broken_constraints(repaired(values)) == ()
    assert StrategyParameters.from_json(repaired(values)).risk_take_profit_pct > changes["risk_take_profit_pct"]


def test_a_level_whose_switch_is_off_constrains_nothing():
    parameters = StrategyParameters().replace(
        risk_stop_loss_pct=1.0, risk_take_profit_pct=1.2, risk_trailing_activation_pct=2.0, risk_use_trailing_stop=False
    )
    assert parameters.risk_trailing_activation_pct == 2.0


def test_each_definition_tells_its_stage_and_sql_type():
    assert definition("sssd_forecast_horizon").stage is Stage.FORECAST
    assert definition("risk_max_holding_hours").stage is Stage.EXECUTION
    assert definition("sizing_method").sql_type == "str"
    assert {item.sql_type for item in definitions()} == {"int", "float", "str", "bool"}
