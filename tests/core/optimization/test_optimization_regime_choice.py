"""Which regime gets a set of its own: each reason for a fallback by hand, and the numbers of a real comparison."""

from dataclasses import replace

import numpy as np
import pytest
from search_problem import problem, with_components

from fxgpt_core.errors import BadInputError, MissingError
from fxgpt_core.optimization.regime_choice import (
    RegimeCandidate,
    RegimeChoiceParameters,
    candidate_of,
    chosen_sets,
    sets_of_searches,
)
from fxgpt_core.regimes.regime import RANGING, REGIMES
from fxgpt_core.registry.trials import TrialRecord
from fxgpt_core.strategy.components import Components
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.validation.folds import Window

GLOBAL_SET = StrategyParameters.default()
OWN = GLOBAL_SET.replace(sssd_forecast_horizon=8)
EARNED = RegimeCandidate(OWN, share=0.3, trades=10, sharpe=1.2, global_sharpe=0.9)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (None, "it was not searched"),
        (replace(EARNED, share=0.0), "no candle of the train window is in it"),
        (replace(EARNED, chosen=None), "no trial of its search met the constraints"),
        (replace(EARNED, trades=9), "its set closed 9 trades in it on the train window, at least 10 are needed"),
        (
            replace(EARNED, sharpe=0.9),
            "its set is not better: Sharpe 0.90 a year in it on the train window, 0.90 of the global set",
        ),
        (replace(EARNED, sharpe=-0.1, global_sharpe=0.0), "its set is not better: Sharpe -0.10 a year in it on the train window"),
        (replace(EARNED, sharpe=float("nan")), "its set is not better: Sharpe nan a year"),
    ],
)
def test_a_regime_falls_back_to_the_global_set_and_says_why(found, reason):
    candidates = {name: EARNED for name in REGIMES if name != "ranging"} | ({} if found is None else {"ranging": found})
    sets = chosen_sets(GLOBAL_SET, candidates)
    assert list(sets.reasons) == ["ranging"]
    assert sets.reasons["ranging"].startswith(reason)
    assert sets.by_regime == {name: OWN for name in REGIMES if name != "ranging"}
    assert sets.global_set == GLOBAL_SET


def test_without_regimes_the_global_set_decides_everywhere():
    sets = chosen_sets(GLOBAL_SET, {})
    assert not sets.by_regime
    assert set(sets.reasons.values()) == {"no regimes of the candles are known"}


def test_both_limits_move_the_choice():
    candidates = dict.fromkeys(REGIMES, EARNED)

    def chosen(**limits):
        return chosen_sets(GLOBAL_SET, candidates, RegimeChoiceParameters(**limits))

    assert len(chosen().by_regime) == len(chosen(min_gain=0.29, min_trades=1).by_regime) == 4
    assert chosen(min_trades=11).reasons["volatile"].endswith("at least 11 are needed")
    assert "not better by more than 0.31: Sharpe 1.20" in chosen(min_gain=0.31).reasons["volatile"]


@pytest.mark.parametrize("limits", [{"min_trades": 0}, {"min_gain": -0.1}, {"min_gain": float("nan")}])
def test_limits_that_would_take_anything_are_refused(limits):
    with pytest.raises(BadInputError, match="at least one trade is needed to compare"):
        RegimeChoiceParameters(**limits)


@pytest.fixture(scope="module")
def mixed():
    return with_components(problem(24 * 70))


def span(of, start=300, stop=1600):
    return Window(int(of.candles.known_at_us[start]), int(of.candles.known_at_us[stop]))


def test_a_candidate_is_measured_with_entries_in_its_regime_only(mixed):
    found = candidate_of(mixed, span(mixed), "ranging", OWN, GLOBAL_SET)
    regime = mixed.components.regime[300:1600]
    assert found.share == pytest.approx((regime == RANGING).mean())
    own, usual = (mixed.only("ranging").evaluate(each, span(mixed)) for each in (OWN, GLOBAL_SET))
    assert (found.trades, found.sharpe) == (len(own.result.trades), own.metrics.sharpe_ratio)
    assert found.global_sharpe == usual.metrics.sharpe_ratio
    assert set(regime[own.result.trades.entry_index - 1]) == {RANGING}


def test_what_comes_behind_the_train_window_changes_no_candidate(mixed):
    other = replace(mixed, components=replace(mixed.components, regime=mixed.components.regime.copy()))
    other.components.regime[1000:] = RANGING
    first, second = (candidate_of(each, span(each, 300, 1000), "ranging", OWN, GLOBAL_SET) for each in (mixed, other))
    assert first == second
    assert candidate_of(other, span(other), "ranging", OWN, GLOBAL_SET) != candidate_of(
        mixed, span(mixed), "ranging", OWN, GLOBAL_SET
    )


def test_a_regime_that_never_was_and_a_search_without_a_choice_are_not_played(mixed):
    volatile = replace(mixed.components, regime=np.full(len(mixed.candles), 3, np.int8))
    assert candidate_of(replace(mixed, components=volatile), span(mixed), "ranging", OWN, GLOBAL_SET) == RegimeCandidate(OWN, 0.0)
    nothing = candidate_of(mixed, span(mixed), "ranging", None, GLOBAL_SET)
    assert (nothing.chosen, nothing.trades) == (None, 0)
    assert nothing.share > 0.1
    with pytest.raises(MissingError, match="no regimes of the candles are there"):
        candidate_of(problem(200), span(problem(200), 50, 150), "ranging", OWN, GLOBAL_SET)


def trial(parameters, violation=0.0):
    return TrialRecord(0, 0, "search", 1, parameters.to_json(), {}, {}, 1, 0.0, parameters.sha256, violation=violation)


def test_the_sets_are_those_of_the_trials_that_the_searches_chose(mixed):
    """One search chose the global set again, which is not better than itself; one kept no limit, and one never began."""
    choices = {"global": trial(GLOBAL_SET), "ranging": trial(OWN), "volatile": trial(GLOBAL_SET), "trending_up": trial(OWN, 0.2)}
    sets = sets_of_searches(mixed, span(mixed), choices, RegimeChoiceParameters(min_trades=1))
    found = candidate_of(mixed, span(mixed), "ranging", OWN, GLOBAL_SET)
    assert ("ranging" in sets.by_regime) == (found.sharpe > found.global_sharpe)
    assert sets.reasons["trending_up"] == "no trial of its search met the constraints"
    assert sets.reasons["trending_down"] == "it was not searched"
    assert "not better" in sets.reasons["volatile"]
    with pytest.raises(BadInputError, match="choices of ranging found; the global search must have one"):
        sets_of_searches(mixed, span(mixed), {"ranging": trial(OWN)})


def known_by_regime(n=24 * 70):
    """Forecasts that know the move of eight candles in ranging markets and that of four in all others, and nothing else."""
    knows, noise = problem(n, edge=0.6), problem(n, edge=0.0)
    regime = (np.arange(n) // 48 % 4).astype(np.int8)
    step = np.where(regime == RANGING, 8, 4)
    here = knows.bands.steps[None, :] == step[:, None]
    median = np.where(here, knows.bands.median, noise.bands.median)
    half = knows.bands.upper - knows.bands.median[:, :, None]
    bands = replace(knows.bands, median=median, lower=median[:, :, None] - half, upper=median[:, :, None] + half)
    return replace(knows, bands=bands, components=Components(regime=regime))


def test_a_planted_edge_of_one_regime_earns_it_a_set_and_the_others_keep_the_global_one():
    planted = known_by_regime()
    four, eight = GLOBAL_SET.replace(sssd_forecast_horizon=4), GLOBAL_SET.replace(sssd_forecast_horizon=8)
    choices = {"global": trial(four), **{name: trial(eight) for name in REGIMES}}
    sets = sets_of_searches(planted, span(planted), choices)
    assert list(sets.by_regime) == ["ranging"]
    assert all("not better" in reason or "too few" in reason for reason in sets.reasons.values())
    whole = span(planted)
    assert planted.evaluate(sets, whole).metrics.sharpe_ratio > planted.evaluate(four, whole).metrics.sharpe_ratio
