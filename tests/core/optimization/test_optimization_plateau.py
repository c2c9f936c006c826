"""Plateaus and peaks: which neighbours a set has, by hand, and how many keep its score."""

import numpy as np
import pytest
from search_problem import problem

from fxgpt_core.optimization.distance import places_in_range
from fxgpt_core.optimization.plateau import PlateauParameters, moved_together, neighbours, plateau, sharpe_on
from fxgpt_core.strategy.constraints import broken_constraints
from fxgpt_core.strategy.definitions import Kind
from fxgpt_core.strategy.parameters import StrategyParameters, searched_definitions
from fxgpt_core.validation.folds import Window

DEFAULT = StrategyParameters.default()
NUMBERS = [each for each in searched_definitions() if each.kind in (Kind.FLOAT, Kind.INT)]


def values_of(parameters, name, step=0.1):
    return [getattr(each.parameters, name) for each in neighbours(parameters, step) if each.moved == name]


def test_a_number_is_moved_by_a_tenth_of_its_range_and_a_whole_one_by_one_at_least():
    assert values_of(DEFAULT, "risk_atr_multiplier") == pytest.approx([1.8, 2.2])  # 1 to 3
    assert values_of(DEFAULT, "risk_atr_period") == [12, 16]  # 10 to 30
    assert values_of(DEFAULT, "risk_atr_period", 0.001) == [13, 15]
    assert values_of(DEFAULT, "risk_atr_multiplier", 0.25) == pytest.approx([1.5, 2.5])


def test_choices_turn_to_those_beside_them_and_switches_over():
    assert values_of(DEFAULT, "sizing_method") == ["kelly"]
    assert values_of(DEFAULT.replace(sizing_method="optimal_f"), "sizing_method") == ["kelly", "volatility_adjusted"]
    assert values_of(DEFAULT, "risk_use_trailing_stop") == [False]


def test_at_the_end_of_a_range_there_is_one_neighbour_and_none_is_the_set_itself():
    assert values_of(DEFAULT.replace(risk_atr_multiplier=3.0), "risk_atr_multiplier") == pytest.approx([2.8])
    found = [each.parameters.sha256 for each in neighbours(DEFAULT)]
    assert len(set(found)) == len(found) > len(searched_definitions())
    assert DEFAULT.sha256 not in found


def test_neighbours_keep_the_constraints_and_what_assets_were_made_with():
    tight = DEFAULT.replace(risk_stop_loss_pct=3.9)  # its target is 4
    made_with = [name for name in DEFAULT.to_json() if name not in {each.name for each in searched_definitions()}]
    for each in [near.parameters for near in neighbours(tight)] + moved_together(tight, 0.1, 20, np.random.default_rng(1)):
        assert broken_constraints(each.to_json()) == ()
        assert all(getattr(each, name) == getattr(tight, name) for name in made_with)


def test_all_numbers_are_moved_together_within_the_step_and_by_the_seed():
    first, again, other = (moved_together(DEFAULT, 0.1, 30, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again != other
    apart = np.abs(places_in_range(first) - places_in_range([DEFAULT]))
    columns = [i for i, each in enumerate(searched_definitions()) if each in NUMBERS]
    still = [i for i in range(apart.shape[1]) if i not in columns]
    assert (apart[:, still] == 0.0).all()
    # Rounding to a whole number may add half of one; a repaired target may be drawn along.
    assert np.median(apart[:, columns].max(axis=0)) == pytest.approx(0.1, abs=0.01)
    assert (apart[:, columns].max(axis=0) > 0.0).sum() > 0.9 * len(columns)


def peak(width):
    """A score of 1 at the defaults that falls with the distance from there, to 0 at `width` of a range."""
    return lambda sets: np.maximum(0.0, 1.0 - np.abs(places_in_range(sets) - places_in_range([DEFAULT])).max(axis=1) / width)


def test_a_flat_top_is_a_plateau_and_a_needle_is_not():
    settings = PlateauParameters(together=20)
    flat, needle = (plateau(DEFAULT, peak(width), np.random.default_rng(1), settings) for width in (20.0, 0.05))
    assert (flat.share_alone, flat.share_together) == (1.0, 1.0)
    assert (needle.share_alone, needle.share_together) == (0.0, 0.0)
    assert (flat.score, len(flat.together), len(flat.alone)) == (1.0, 20, len(neighbours(DEFAULT)))


def of_one(name, lost):
    """A score of 1 that is less by so much wherever one parameter is not at its default."""
    return lambda sets: np.array([1.0 - lost * (getattr(each, name) != getattr(DEFAULT, name)) for each in sets])


def test_what_has_no_effect_is_named_and_does_not_make_a_plateau():
    found = plateau(DEFAULT, of_one("risk_atr_multiplier", 0.5), np.random.default_rng(1))
    assert found.share_alone == pytest.approx(1.0 - 2 / len(found.alone))
    assert found.share_felt == 0.0
    assert set(found.without_effect) == {each.name for each in searched_definitions()} - {"risk_atr_multiplier"}
    assert found.steepest == ("risk_atr_multiplier", 0.5)


@pytest.mark.parametrize(("lost", "share"), [(0.29, 1.0), (0.31, 0.0)])
def test_seventy_percent_of_the_score_are_kept_or_not(lost, share):
    assert plateau(DEFAULT, of_one("risk_atr_multiplier", lost), np.random.default_rng(1)).share_felt == share
    looser = PlateauParameters(kept=0.5)
    assert plateau(DEFAULT, of_one("risk_atr_multiplier", lost), np.random.default_rng(1), looser).share_felt == 1.0


@pytest.mark.parametrize("score", [0.0, -1.0])
def test_of_a_set_that_earns_nothing_no_share_is_known(score):
    found = plateau(DEFAULT, lambda sets: np.full(len(sets), score), np.random.default_rng(1))
    assert np.isnan([found.share_alone, found.share_together, found.share_felt]).all()
    assert found.to_json()["share"] == {"alone": None, "felt": None, "together": None}


def test_the_score_on_a_problem_is_the_sharpe_ratio_of_the_window():
    small = problem()
    window = Window(int(small.candles.known_at_us[200]), int(small.candles.known_at_us[700]))
    sets = [DEFAULT, DEFAULT.replace(risk_atr_multiplier=1.2)]
    wanted = [small.evaluate(each, window).metrics.sharpe_ratio for each in sets]
    assert sharpe_on(small, window)(sets).tolist() == wanted
    assert wanted[0] != wanted[1]
