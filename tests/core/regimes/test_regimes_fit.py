"""The fit: it finds planted regimes, keeps their names when it is fitted again, tells what went wrong, and refuses bad input."""

import dataclasses

import numpy as np
import pytest
from regime_examples import H1, candles_of, fitted, planted, sample

from fxgpt_core.errors import BadInputError, RefusedError
from fxgpt_core.regimes import hidden_markov
from fxgpt_core.regimes.hidden_markov import fit_regimes
from fxgpt_core.regimes.naming import ANCHORS, named
from fxgpt_core.regimes.regime import RANGING, TRENDING_DOWN, TRENDING_UP, UNKNOWN, VOLATILE
from fxgpt_core.regimes.regime_parameters import RegimeParameters


@pytest.fixture(scope="module")
def planted_regimes():
    candles, regime = planted(seed=3)
    return fit_regimes(candles, RegimeParameters(), 7), candles, regime


def test_planted_regimes_are_found_in_candles_that_it_was_not_fitted_on(planted_regimes):
    model, *_ = planted_regimes
    candles, regime = planted(seed=4)
    found = model.series(candles).regime
    # A trend of 120 candles cannot be seen in the first of a block.
    settled = (np.arange(len(regime)) % 300 >= 150) & (found != UNKNOWN)
    assert np.mean(found[settled] == regime[settled]) > 0.9


def test_every_name_has_a_state_where_every_regime_was_planted(planted_regimes):
    model, *_ = planted_regimes
    assert sorted(model.regimes) == [TRENDING_UP, TRENDING_DOWN, RANGING, VOLATILE]
    assert model.start == pytest.approx([0.25] * 4, abs=0.1)
    assert np.diag(model.transition).min() > 0.95


def test_the_start_is_the_stationary_distribution_of_the_transitions():
    model = fitted(6)
    assert model.start @ model.transition == pytest.approx(model.start, abs=1e-9)


def test_other_seeds_and_overlapping_spans_keep_the_names():
    candles = sample()
    reference = fitted().series(candles).regime[2500:]
    for n_train, seed in ((2500, 1), (2500, 2), (2000, 7), (3000, 7)):
        again = fitted(n_train=n_train, seed=seed).series(candles).regime[2500:]
        assert np.mean(again == reference) > 0.8


def test_without_a_prior_names_are_not_kept():
    """What the prior is for: drawn by nothing, restarts end in other mixtures of much the same likelihood."""
    parameters = RegimeParameters(n_restarts=1, prior_weight=0.0)
    one = fit_regimes(sample().slice(0, 2500), parameters, 7).series(sample()).regime[2500:]
    two = fit_regimes(sample().slice(0, 3500), parameters, 7).series(sample()).regime[2500:]
    kept = fitted(n_train=3500).series(sample()).regime[2500:]
    assert np.mean(one == two) < np.mean(fitted().series(sample()).regime[2500:] == kept)


def test_equal_inputs_make_equal_models_and_another_seed_or_parameter_another():
    candles = sample().slice(0, 2500)
    model = fitted()
    assert fit_regimes(candles, RegimeParameters(), 7).sha256 == model.sha256
    changed = (
        {"n_states": 5},
        {"volatility_span": 48},
        {"trend_span": 240},
        {"prior_weight": 2.0},
        {"min_dwell": 9},
        {"n_restarts": 1},
    )
    models = [fit_regimes(candles, RegimeParameters(**{"n_restarts": 2, **each}), 7) for each in changed]
    assert len({one.sha256 for one in (model, fit_regimes(candles, RegimeParameters(), 8), *models)}) == len(models) + 2
    for one in models[:4]:
        assert not np.array_equal(one.series(sample()).regime, model.series(sample()).regime)


def test_candles_behind_those_given_are_not_seen():
    candles = sample()
    shaken = candles.close.copy()
    shaken[2500:] *= np.linspace(1.0, 3.0, 2500)
    other = dataclasses.replace(candles, close=shaken)
    assert fit_regimes(other.slice(0, 2500), RegimeParameters(), 7).sha256 == fitted().sha256


def test_the_likeliest_restart_is_taken_and_all_are_told():
    fitted_on = fitted().fitted_on
    model = fit_regimes(sample().slice(0, 2500), RegimeParameters(n_restarts=1), 7)
    assert len(fitted_on.log_likelihoods) == 3
    assert max(fitted_on.log_likelihoods) >= model.fitted_on.log_likelihoods[0] == fitted_on.log_likelihoods[0]
    assert (fitted_on.n_candles, fitted_on.seed, fitted_on.converged) == (2500, 7, True)
    assert (fitted_on.first_us, fitted_on.last_us) == tuple(sample().known_at_us[[0, 2499]])


def test_a_fit_that_has_not_come_to_an_end_says_so(monkeypatch):
    monkeypatch.setattr(hidden_markov, "MOST_ITERATIONS", 2)
    fitted_on = fit_regimes(sample().slice(0, 2500), RegimeParameters(n_restarts=1), 7).fitted_on
    assert (fitted_on.converged, fitted_on.n_iterations) == (False, 2)


def test_too_few_candles_and_a_dead_market_are_refused():
    with pytest.raises(BadInputError, match="380 of 500 candles are behind the warm-up of 120; 4 states need 400"):
        fit_regimes(sample().slice(0, 500), RegimeParameters(), 7)
    with pytest.raises(BadInputError, match="return, volatility, trend of 880 candles never changed"):
        fit_regimes(candles_of(np.zeros(1000)), RegimeParameters(), 7)


def test_a_fit_with_a_state_of_a_handful_of_candles_is_refused():
    """One volatility but for ten candles of three thousand: the volatile state is theirs alone."""
    steps = np.where(np.arange(3000) % 2, 1e-4, -1e-4) * (1.0 + 0.01 * np.random.default_rng(1).standard_normal(3000))
    steps[1500:1510] *= 100.0
    with pytest.raises(RefusedError, match="degenerate: a state has less than 1%"):
        fit_regimes(candles_of(steps), RegimeParameters(volatility_span=2, trend_span=4, prior_weight=0.0), 7)


def test_a_hole_in_the_train_span_is_no_move_and_no_transition():
    candles = sample().slice(0, 2500)
    times = candles.open_time_us + np.where(np.arange(2500) >= 1200, 14 * 24 * H1.us, 0)
    jump = np.where(np.arange(2500) >= 1200, 1.5, 1.0)
    model = fit_regimes(dataclasses.replace(candles, open_time_us=times, close=candles.close * jump), RegimeParameters(), 7)
    # 120 candles fewer, and no candle of 50 %.
    assert model.observed_deviation == pytest.approx(fitted().observed_deviation, rel=0.1)


@pytest.mark.parametrize(
    ("volatility", "trend", "name"),
    [
        (0.0, 1.2, TRENDING_UP),
        (0.75, 0.61, TRENDING_UP),
        (0.0, -0.61, TRENDING_DOWN),
        (0.0, 0.6, RANGING),
        (-3.0, -0.6, RANGING),
        (0.76, 5.0, VOLATILE),
        (0.76, 0.0, VOLATILE),
    ],
)
def test_a_state_is_named_by_its_volatility_and_then_by_its_trend(volatility, trend, name):
    assert named(np.array([volatility]), np.array([trend])) == (name,)


def test_the_first_four_anchors_have_the_four_names():
    volatility, trend = np.array(ANCHORS).T
    assert named(volatility[:4], trend[:4]) == (TRENDING_UP, TRENDING_DOWN, RANGING, VOLATILE)
