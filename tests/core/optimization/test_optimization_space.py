"""The search space: what a genome means, and that everything that can be searched can be meant."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fxgpt_core.errors import BadInputError
from fxgpt_core.optimization.space import (
    TOP,
    at_places,
    canonical,
    decoded,
    dimension,
    distinct,
    encoded,
    from_unit,
    options,
    places,
    to_unit,
    trial_seed,
    unordered,
)
from fxgpt_core.strategy.constraints import broken_constraints
from fxgpt_core.strategy.definitions import Kind
from fxgpt_core.strategy.parameters import StrategyParameters, searched_definitions

GENOME = arrays(np.uint16, (69,), elements=st.integers(0, TOP))
LOWEST, HIGHEST = np.zeros(69, np.uint16), np.full(69, TOP, np.uint16)


def test_there_is_a_gene_for_every_parameter_that_no_asset_was_made_with() -> None:
    assert dimension() == len(searched_definitions()) == 69
    kinds = [each.kind for each in searched_definitions()]
    assert unordered().tolist() == [kind in (Kind.BOOL, Kind.CATEGORICAL) for kind in kinds]
    assert [count == 0 for count in options()] == [kind is Kind.FLOAT for kind in kinds]


def test_the_lowest_and_the_highest_genes_are_the_ends_of_the_ranges() -> None:
    low, high = decoded(LOWEST).to_json(), decoded(HIGHEST).to_json()
    repaired = {"pattern_lookback_period", "filter_vix_extreme_threshold"}
    for each in searched_definitions():
        if each.kind in (Kind.INT, Kind.FLOAT):
            assert high[each.name] == pytest.approx(each.high, rel=1e-15)
            assert low[each.name] == each.low or each.name in repaired
    assert (low["risk_use_trailing_stop"], high["risk_use_trailing_stop"]) == (False, True)
    assert (low["sizing_method"], high["sizing_method"]) == ("fixed_fraction", "volatility_adjusted")


@given(GENOME)
def test_every_genome_is_a_set_that_keeps_the_constraints(genome: np.ndarray) -> None:
    values = decoded(genome).to_json()
    assert broken_constraints(values) == ()
    default = StrategyParameters.default().to_json()
    searched = {each.name for each in searched_definitions()}
    assert {name for name, value in values.items() if value != default[name]} <= searched


@given(GENOME)
def test_a_canonical_genome_means_the_same_and_is_its_own_place(genome: np.ndarray) -> None:
    same = canonical(genome[np.newaxis])
    assert decoded(same[0]) == decoded(genome)
    assert np.array_equal(canonical(same), same)
    assert np.array_equal(at_places(places(same)), same)
    assert np.array_equal(from_unit(to_unit(same)), same)


@given(GENOME)
def test_a_set_is_encoded_to_a_genome_that_means_it(genome: np.ndarray) -> None:
    wanted = decoded(genome)
    found = decoded(encoded(wanted))
    for each in searched_definitions():
        value, again = getattr(wanted, each.name), getattr(found, each.name)
        if each.kind is Kind.FLOAT:
            assert again == pytest.approx(value, abs=(each.high - each.low) / TOP)
        else:
            assert again == value


def test_steps_are_even_on_the_scale_that_is_searched() -> None:
    middle = decoded(np.full(69, TOP // 2, np.uint16)).to_json()
    for each in searched_definitions():
        if each.kind is Kind.FLOAT:
            expected = (each.low * each.high) ** 0.5 if each.log else (each.low + each.high) / 2
            assert middle[each.name] == pytest.approx(expected, rel=1e-3) or each.name == "risk_take_profit_pct"


def test_what_assets_were_made_with_stays() -> None:
    fitted = {"rl_gamma": 0.97, "sssd_temperature": 1.2}
    values = decoded(HIGHEST, fitted).to_json()
    assert {name: values[name] for name in fitted} == fitted


def test_a_genome_of_another_version_is_refused() -> None:
    with pytest.raises(BadInputError, match="69 genes"):
        decoded(np.zeros(68, np.uint16))


def test_what_is_known_or_there_twice_is_left_out() -> None:
    rows = np.array([LOWEST, HIGHEST, LOWEST, HIGHEST - 1])
    assert np.array_equal(distinct(rows, {HIGHEST.tobytes()}), rows[[0, 3]])


def test_seeds_of_batches_differ_between_batches_and_runs() -> None:
    seeds = {trial_seed(run, number) for run in range(20) for number in range(200)}
    assert len(seeds) == 4000
    assert min(seeds) >= 0
    assert max(seeds) < 2**32
