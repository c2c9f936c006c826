"""The filter against hmmlearn's forward recursion and brute force; the dwell against what a person would say."""

import dataclasses
import itertools
import json

import numpy as np
import pytest
from hmmlearn import _hmmc
from hmmlearn.hmm import GaussianHMM
from regime_examples import fitted, sample, sample_frame
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.regimes import forward_filter
from fxgpt_core.regimes import observations as observed_by
from fxgpt_core.regimes.forward_filter import dwelt
from fxgpt_core.regimes.observations import observations
from fxgpt_core.regimes.regime import RANGING, UNKNOWN, VOLATILE
from fxgpt_core.regimes.regime_model import RegimeModel
from fxgpt_core.validation.lookahead import lookahead_differences


def standard(model, candles):
    far = (observations(candles, model.parameters) - model.observed_mean) / model.observed_deviation
    return np.clip(far, -4.0, 4.0)


def hmm_of(model):
    hmm = GaussianHMM(len(model.regimes), "full", init_params="", params="")
    hmm.startprob_, hmm.transmat_, hmm.means_ = model.start, model.transition, model.means
    hmm.covars_ = model.covariances
    return hmm


def named(model, hidden):
    found = np.zeros((len(hidden), 4))
    for state, code in enumerate(model.regimes):
        found[:, code] += hidden[:, state]
    return found


@pytest.mark.parametrize("n_states", [4, 6])
def test_it_is_hmmlearns_forward_recursion(n_states):
    model, candles = fitted(n_states), sample()
    observed = standard(model, candles)[120:]
    log_density = hmm_of(model)._compute_log_likelihood(observed)
    _, forward = _hmmc.forward_log(model.start, model.transition, log_density)
    expected = np.exp(forward - logsumexp(forward, axis=1, keepdims=True))
    found = model.series(candles).probability[120:]
    assert np.abs(found - named(model, expected)).max() < 1e-9


def test_it_is_the_sum_over_every_path_of_hidden_states():
    model, candles = fitted(), sample().slice(0, 125)
    observed = standard(model, candles)[120:]
    density = np.array([multivariate_normal(m, c).pdf(observed) for m, c in zip(model.means, model.covariances, strict=True)]).T
    weights = np.zeros(4)
    for path in itertools.product(range(4), repeat=5):
        steps = [model.transition[a, b] for a, b in itertools.pairwise(path)]
        weights[path[-1]] += model.start[path[0]] * np.prod(steps) * np.prod(density[range(5), path])
    assert model.series(candles).probability[-1] == pytest.approx(named(model, weights[None] / weights.sum())[0], abs=1e-12)


def test_the_series_is_clean_of_the_future_and_smoothing_and_viterbi_are_not():
    model, frame = fitted(), sample_frame().head(3000)
    cuts = range(500, 3000, 83)
    assert lookahead_differences(model.frame, frame, cuts).clean

    def with_hmmlearn(decode):
        def compute(part):
            observed = standard(model, sample().slice(0, len(part)))
            regime = np.full(len(part), UNKNOWN)
            regime[120:] = np.array(model.regimes)[decode(hmm_of(model), observed[120:])]
            return part.select("open_time").with_columns(regime=regime)

        return compute

    smoothed = lookahead_differences(with_hmmlearn(lambda hmm, x: hmm.predict_proba(x).argmax(axis=1)), frame, cuts)
    viterbi = lookahead_differences(with_hmmlearn(lambda hmm, x: hmm.predict(x)), frame, cuts)
    assert [d.column for d in smoothed.differences] == ["regime"]
    assert [d.column for d in viterbi.differences] == ["regime"]


def test_smoothed_probabilities_are_named_by_the_check_of_the_asset():
    """With the few cuts that every asset makes: a regime is changed by the future in few rows, its probability in all."""
    model = fitted()

    def smoothed(part):
        hidden = np.full((len(part), 4), np.nan)
        hidden[120:] = hmm_of(model).predict_proba(standard(model, sample().slice(0, len(part)))[120:])
        return part.select("open_time").with_columns(**{name: hidden[:, i] for i, name in enumerate("abcd")})

    assert [found.column for found in lookahead_differences(smoothed, sample_frame()).differences] == list("abcd")


def test_a_row_is_bit_equal_from_the_candles_it_needs_alone():
    model = dataclasses.replace(fitted())
    whole = model.series(sample())
    for stop in (1700, 2049, 3333, 5000):
        part = model.series(sample().slice(stop - model.candles_needed, stop))
        assert part.probability[-1].tobytes() == whole.probability[stop - 1].tobytes()
        assert part.regime[-1] == whole.regime[stop - 1]


def test_where_a_filter_begins_is_forgotten_within_a_block(monkeypatch):
    model = fitted()
    in_blocks = model.series(sample())
    monkeypatch.setattr(forward_filter.blocks, "__defaults__", (1 << 30,))
    from_the_start = model.series(sample())
    assert np.abs(in_blocks.probability - from_the_start.probability)[120:].max() < 1e-9
    assert np.array_equal(in_blocks.regime, from_the_start.regime)


def test_every_row_lies_in_one_block_and_a_filter_begins_a_block_before():
    times = sample().open_time_us
    found = forward_filter.blocks(times, Timeframe.H1, 500)
    assert [first for _, first, _ in found] == [0, *(stop for *_, stop in found[:-1])]
    assert found[-1][2] == len(times)
    assert [begin for begin, *_ in found[1:]] == [first for _, first, _ in found[:-1]]
    assert max(stop - begin for begin, _, stop in found) <= forward_filter.most_candles(Timeframe.H1, 500)
    late = forward_filter.blocks(times[700:], Timeframe.H1, 500)
    assert {first + 700 for _, first, _ in late[1:]} <= {first for _, first, _ in found}


def test_probabilities_sum_to_one_and_are_unknown_in_the_warm_up_and_behind_a_hole():
    model, candles = fitted(), sample()
    shifted = np.where(np.arange(len(candles)) >= 2000, 14 * 24 * Timeframe.H1.us, 0)
    series = model.series(dataclasses.replace(candles, open_time_us=candles.open_time_us + shifted))
    warming = [*range(120), *range(2000, 2120)]
    known = np.setdiff1d(np.arange(5000), warming)
    assert np.isnan(series.probability[warming]).all()
    assert np.abs(series.probability[known].sum(axis=1) - 1.0).max() < 1e-12
    # A first regime is believed after the dwell of 5, as every other.
    assert (series.regime[[*warming, *range(120, 124), *range(2120, 2124)]] == UNKNOWN).all()
    assert (series.regime[[*range(140, 2000), *range(2140, 5000)]] != UNKNOWN).all()


def test_a_switch_is_believed_after_the_dwell_and_one_that_flickers_never():
    likely = [0, 0, 0, 1, 0, 2, 2, 1, 1, 1, 1, 3]
    probability = np.eye(4)[likely]
    assert dwelt(probability, 1).tolist() == likely
    assert dwelt(probability, 2).tolist() == [-1, 0, 0, 0, 0, 0, 2, 2, 1, 1, 1, 1]
    assert dwelt(probability, 3).tolist() == [-1, -1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1]


def test_what_is_not_known_ends_a_run_and_a_tie_goes_to_the_first_regime():
    probability = np.array([[0.5, 0.5, 0, 0], [0.0, 0.5, 0.5, 0], [np.nan] * 4, [0, 0, 0, 1.0], [0, 0, 0, 1.0]])
    assert dwelt(probability, 1).tolist() == [0, 1, -1, 3, 3]
    assert dwelt(probability, 2).tolist() == [-1, -1, -1, -1, 3]


def test_a_longer_dwell_makes_fewer_transitions_and_the_log_tells_each():
    quick, slow = (
        dataclasses.replace(fitted(), parameters=dataclasses.replace(fitted().parameters, min_dwell=m)) for m in (1, 12)
    )
    many, few = quick.series(sample()), slow.series(sample())
    assert len(few.transitions) < len(many.transitions)
    assert few.probability.tobytes() == many.probability.tobytes()
    rows = np.flatnonzero(np.diff(few.regime) != 0) + 1
    assert [t.known_at_us for t in few.transitions] == few.known_at_us[rows].tolist()
    assert [(t.before, t.after) for t in few.transitions] == list(zip(few.regime[rows - 1], few.regime[rows], strict=True))
    assert [t.probability for t in few.transitions] == [few.probability[row, few.regime[row]] for row in rows]
    assert few.transitions[0].before == UNKNOWN


def test_a_model_with_its_states_in_another_order_gives_the_same_regimes():
    model, order = fitted(6), [3, 0, 5, 1, 4, 2]
    other = dataclasses.replace(
        model,
        regimes=tuple(model.regimes[state] for state in order),
        start=model.start[order],
        transition=np.ascontiguousarray(model.transition[np.ix_(order, order)]),
        means=model.means[order],
        covariances=model.covariances[order],
    )
    one, two = model.series(sample()), other.series(sample())
    assert np.array_equal(one.regime, two.regime)
    assert np.nanmax(np.abs(one.probability - two.probability)) < 1e-12


def test_a_name_without_a_state_is_never_given():
    model = dataclasses.replace(fitted(), regimes=(0, 1, RANGING, RANGING))
    series = model.series(sample())
    assert (series.probability[120:, VOLATILE] == 0.0).all()
    assert (series.regime != VOLATILE).all()


def test_a_candle_of_a_hundred_sigmas_leaves_finite_probabilities():
    candles = sample().slice(0, 400)
    close = candles.close.copy()
    close[300:] *= 1.5
    probability = fitted().series(dataclasses.replace(candles, close=close)).probability[120:]
    assert np.isfinite(probability).all()
    assert probability[200, VOLATILE] > 0.99


def test_a_dead_market_is_not_volatile(monkeypatch):
    """Where the volatile state is the widest, it would be the likeliest far out on the other side too."""
    candles = sample().slice(0, 600)
    close = candles.close.copy()
    close[300:400] = close[300]
    dead = dataclasses.replace(candles, close=close)
    covariances = fitted().covariances.copy()
    covariances[:, 1] *= np.where(np.arange(4) == VOLATILE, 1.3, 1.0)[:, None]
    covariances[:, :, 1] *= np.where(np.arange(4) == VOLATILE, 1.3, 1.0)[:, None]
    model = dataclasses.replace(fitted(), covariances=covariances)
    assert (model.series(dead).probability[330:400, VOLATILE] < 0.5).all()
    monkeypatch.setattr(observed_by, "FARTHEST", np.inf)
    assert (model.series(dead).probability[330:400, VOLATILE] > 0.99).all()


def test_json_comes_back_bit_for_bit_and_the_hash_is_of_its_text():
    model = fitted(6)
    again = RegimeModel.from_json(model.to_json())
    assert again.to_json() == model.to_json()
    assert again.sha256 == model.sha256 != fitted(6, seed=8).sha256
    assert again.series(sample()).probability.tobytes() == model.series(sample()).probability.tobytes()


@pytest.mark.parametrize("text", ["{}", "[]", "nonsense", '{"timeframe": "1h"}'])
def test_a_text_that_is_no_model_is_refused(text):
    with pytest.raises(BadInputError, match="no regime model"):
        RegimeModel.from_json(text)


def test_numbers_that_are_no_hidden_markov_model_are_refused():
    values = json.loads(fitted().to_json())
    for name, wrong in (("start", [0.5, 0.5, 0.5, 0.5]), ("means", [[0.0] * 3] * 3), ("observed_deviation", [1.0, 0.0, 1.0])):
        with pytest.raises(BadInputError, match="fit it again"):
            RegimeModel.from_json(json.dumps(values | {name: wrong}))


def test_candles_of_another_timeframe_are_refused():
    with pytest.raises(BadInputError, match="fitted on 1h"):
        fitted().series(dataclasses.replace(sample(), timeframe=Timeframe.H4))
