"""Where a set lies in the ranges of its parameters, and how far from the defaults."""

import numpy as np
import pytest

from fxgpt_core.optimization.distance import distance_from_default, place, places_in_range
from fxgpt_core.strategy.definitions import About, Kind, ParameterDefinition, Stage
from fxgpt_core.strategy.parameters import StrategyParameters, searched_definitions

ABOUT = About("risk", Stage.EXECUTION, "test")
DEFAULT = StrategyParameters.default()


def test_a_place_is_a_fraction_of_the_range():
    real = ParameterDefinition("a", Kind.FLOAT, 1.0, ABOUT, low=1.0, high=5.0)
    log = ParameterDefinition("b", Kind.FLOAT, 1.0, ABOUT, low=0.01, high=100.0, log=True)
    named = ParameterDefinition("c", Kind.CATEGORICAL, "x", ABOUT, choices=("x", "y", "z"))
    switch = ParameterDefinition("d", Kind.BOOL, True, ABOUT)
    assert [place(real, value) for value in (1.0, 2.0, 5.0)] == [0.0, 0.25, 1.0]
    assert [place(log, value) for value in (0.01, 1.0, 100.0)] == pytest.approx([0.0, 0.5, 1.0])
    assert [place(named, value) for value in ("x", "y", "z")] == [0.0, 0.5, 1.0]
    assert [place(switch, value) for value in (False, True)] == [0.0, 1.0]


def test_places_are_one_row_a_set_and_one_column_a_searched_parameter():
    found = places_in_range([DEFAULT, DEFAULT.replace(risk_atr_multiplier=3.0)])
    assert found.shape == (2, len(searched_definitions()))
    (column,) = np.flatnonzero(found[0] != found[1])
    assert searched_definitions()[column].name == "risk_atr_multiplier"
    assert found[:, column] == pytest.approx([0.5, 1.0])
    assert (found >= 0.0).all()
    assert (found <= 1.0).all()
    assert places_in_range([]).shape == (0, len(searched_definitions()))


def test_the_distance_from_the_defaults_names_what_was_moved_most():
    moved = DEFAULT.replace(risk_atr_multiplier=3.0, risk_atr_period=16, sizing_method="kelly")
    found = distance_from_default(moved)
    assert [move.name for move in found.moves] == ["risk_atr_multiplier", "sizing_method", "risk_atr_period"]
    assert [move.distance for move in found.moves] == pytest.approx([0.5, 1 / 3, 0.1])
    assert found.mean == pytest.approx((0.5 + 1 / 3 + 0.1) / found.n_searched)
    assert (found.moves[1].default, found.moves[1].value) == ("fixed_fraction", "kelly")
    assert found.to_json()["moves"][0]["name"] == "risk_atr_multiplier"


def test_the_defaults_are_at_no_distance():
    found = distance_from_default(DEFAULT)
    assert (found.mean, found.moves) == (0.0, ())
