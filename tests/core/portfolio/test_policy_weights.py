"""From states to weights: against torch, bit for bit alone and in batch, blended, bounded, and told for each candle."""

from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fxgpt_core import content_hash
from fxgpt_core.errors import BadInputError, CorruptArtifactError
from fxgpt_core.portfolio.daily_context import DailyContext
from fxgpt_core.portfolio.policy import (
    MEMORY_DAYS,
    PAST_CALENDAR_DAYS,
    Layer,
    Memory,
    PlainPolicy,
    memory_begins,
    policy_weights,
    weights_of,
)
from fxgpt_core.portfolio.policy_blend import PolicyMode, WeightBounds, blended
from fxgpt_core.portfolio.policy_file import about_policy, policy_bytes, policy_of_bytes
from fxgpt_core.portfolio.policy_parameters import PolicyParameters
from fxgpt_core.portfolio.policy_state import SIZE
from fxgpt_core.portfolio.policy_state import states as states_of
from fxgpt_core.portfolio.universe import Universe
from fxgpt_core.strategy.parameters import definition

SYMBOLS = ("EURUSD", "GBPUSD")
DAY = np.arange(17_000, 17_200, dtype=np.int32)


def layer(rng, came, goes):
    return Layer(rng.normal(0.0, 0.1, (came, goes)).astype(np.float32), rng.normal(0.0, 0.1, goes).astype(np.float32))


def policy(memory=False):
    rng = np.random.default_rng(2)
    lstm = Memory(*(rng.normal(0.0, 0.1, shape).astype(np.float32) for shape in ((SIZE, 96), (24, 96), (96,))))
    first = 24 if memory else SIZE
    layers = (layer(rng, first, 32), layer(rng, 32, 16), layer(rng, 16, 3))
    return PlainPolicy(SYMBOLS, layers, lstm if memory else None)


@pytest.fixture(scope="module")
def states():
    return np.random.default_rng(3).normal(0.0, 1.0, (len(DAY), SIZE))


def of_torch(plain, states, day):
    """The same policy by torch's own layers."""
    x = torch.tensor(states, dtype=torch.float32)
    if plain.memory is not None:
        lstm = torch.nn.LSTM(SIZE, len(plain.memory.keep))
        with torch.no_grad():
            lstm.weight_ih_l0.copy_(torch.from_numpy(plain.memory.enter.T.copy()))
            lstm.weight_hh_l0.copy_(torch.from_numpy(plain.memory.keep.T.copy()))
            lstm.bias_ih_l0.copy_(torch.from_numpy(plain.memory.bias))
            lstm.bias_hh_l0.zero_()
            periods = np.split(np.arange(len(day)), np.flatnonzero(np.diff(day // MEMORY_DAYS)) + 1)
            x = torch.cat([lstm(x[rows])[0] for rows in periods])
    for number, each in enumerate(plain.layers):
        x = x @ torch.from_numpy(each.weight) + torch.from_numpy(each.bias)
        x = torch.tanh(x) if number < len(plain.layers) - 1 else x
    return torch.softmax(4.0 * torch.clip(x, -1.0, 1.0), dim=1).numpy()


@pytest.mark.parametrize("memory", [False, True])
def test_the_weights_are_those_of_torch(memory, states):
    found = policy_weights(policy(memory), states, DAY)
    np.testing.assert_allclose(found, of_torch(policy(memory), states, DAY), atol=1e-5)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-12)
    assert found.std(axis=0).min() > 1e-3


@pytest.mark.parametrize("memory", [False, True])
def test_the_future_cut_off_changes_no_bit(memory, states):
    whole = policy_weights(policy(memory), states, DAY)
    for stop in (1, 2, 77, 199):
        assert policy_weights(policy(memory), states[:stop], DAY[:stop]).tobytes() == whole[:stop].tobytes()


def test_a_day_alone_is_that_day_among_all_and_a_memory_needs_its_period_only(states):
    whole, remembered = policy_weights(policy(), states, DAY), policy_weights(policy(True), states, DAY)
    begins = np.flatnonzero(memory_begins(DAY))
    assert begins.tolist() == [0, *(day - DAY[0] for day in DAY if day % MEMORY_DAYS == 0)]
    assert policy_weights(policy(), states[150:151], DAY[150:151]).tobytes() == whole[150].tobytes()
    assert policy_weights(policy(True), states[begins[1] :], DAY[begins[1] :]).tobytes() == remembered[begins[1] :].tobytes()
    other = states.copy()
    other[begins[1]] += 1.0
    assert policy_weights(policy(True), other, DAY)[begins[1] + 5].tobytes() != remembered[begins[1] + 5].tobytes()


def test_scores_become_weights_by_a_softmax_of_four_times_the_cut_score():
    found = weights_of(np.array([[0.0, 0.0, 0.0], [1.0, -1.0, 0.0], [7.0, -9.0, 0.0]]))
    exact = np.exp([4.0, -4.0, 0.0]) / np.exp([4.0, -4.0, 0.0]).sum()
    np.testing.assert_allclose(found, [[1 / 3] * 3, exact, exact], rtol=1e-14)


def test_layers_that_do_not_fit_and_states_of_other_days_are_refused(states):
    with pytest.raises(BadInputError, match=r"layers of \[\(137, 8\)\] found; they must lead from a state of 137 to 3 scores"):
        PlainPolicy(SYMBOLS, (layer(np.random.default_rng(0), SIZE, 8),))
    with pytest.raises(BadInputError, match=r"states of \(200, 137\) found for 199 days"):
        policy_weights(policy(), states, DAY[1:])


@pytest.mark.parametrize("memory", [False, True])
def test_a_file_gives_the_policy_back_and_no_other_bytes_do(memory, states):
    data = policy_bytes(policy(memory), PolicyParameters(gamma=0.9), {"seed": 7})
    assert data == policy_bytes(policy(memory), PolicyParameters(gamma=0.9), {"seed": 7})
    read = policy_of_bytes(data, content_hash.of_bytes(data), "p")
    assert read.symbols == SYMBOLS
    assert policy_weights(read, states, DAY).tobytes() == policy_weights(policy(memory), states, DAY).tobytes()
    about = about_policy(data)
    assert (about["parameters"]["gamma"], about["trained"]) == (0.9, {"seed": 7})
    with pytest.raises(CorruptArtifactError, match="its bytes were changed"):
        policy_of_bytes(data[:-1] + b"!", content_hash.of_bytes(data), "p")
    with pytest.raises(CorruptArtifactError, match="is not a whole fxgpt-policy-1 policy"):
        policy_of_bytes(data[:-4], content_hash.of_bytes(data[:-4]), "p")


def test_weights_need_no_more_than_their_bounded_past():
    rng = np.random.default_rng(8)
    days = PAST_CALENDAR_DAYS + 130
    close = np.exp(np.cumsum(rng.normal(0.0, 0.005, (days, 2)), axis=0))
    whole = Universe(SYMBOLS, np.arange(17_000, 17_000 + days, dtype=np.int32), close)
    context = DailyContext(20.0 + rng.random(days), *(rng.random((days, 2)) for _ in range(3)))
    rows = slice(days - PAST_CALENDAR_DAYS, days)
    part = Universe(SYMBOLS, whole.day[rows], close[rows])
    known = DailyContext(context.vix[rows], context.crowd_long[rows], context.crowd_confidence[rows], context.news[rows])
    for memory in (False, True):
        weights = policy_weights(policy(memory), states_of(whole, context), whole.day)
        alone = policy_weights(policy(memory), states_of(part, known), part.day)
        assert alone[-1].tobytes() == weights[-1].tobytes()


POLICY, ALLOCATION = np.array([[0.5, 0.1], [0.8, 0.2]]), np.array([[0.1, 0.3], [np.nan, np.nan]])


def test_a_hybrid_is_the_weighted_mean_and_the_other_modes_are_one_of_the_two():
    mixed = blended(POLICY, ALLOCATION, 0.25, PolicyMode.HYBRID)
    np.testing.assert_allclose(mixed, [[0.2, 0.25], [0.8, 0.2]])
    assert blended(POLICY, ALLOCATION, 0.25, PolicyMode.RL_ONLY).tolist() == POLICY.tolist()
    advised = blended(POLICY, ALLOCATION, 0.25, PolicyMode.ADVISORY)
    assert advised[0].tolist() == ALLOCATION[0].tolist()
    assert np.isnan(advised[1]).all()
    assert blended(POLICY, ALLOCATION, 1.0, PolicyMode.HYBRID)[0].tolist() == POLICY[0].tolist()


def test_a_symbol_without_an_allocation_yet_has_the_policys_part_only():
    partly = np.array([[np.nan, 0.4], [np.nan, np.nan]])
    np.testing.assert_allclose(blended(POLICY, partly, 0.25, PolicyMode.HYBRID), [[0.125, 0.325], [0.8, 0.2]])
    advised = blended(POLICY, np.array([[np.nan, 0.9], [0.7, 0.7]]), 0.25, PolicyMode.ADVISORY)
    assert np.isnan(advised[0, 0])
    np.testing.assert_allclose(advised[:, 1], [0.9, 0.5])


def test_bounds_hold_and_what_exceeds_one_is_taken_from_above_the_least_weight():
    found = blended(np.array([[0.9, 0.9, 0.0]]), np.zeros((1, 3)), 1.0, PolicyMode.RL_ONLY, WeightBounds(0.1, 0.7))
    # Cut to 0.7, 0.7 and 0.1, 1.5 in all; of the 1.2 above the least, 0.7 remain: 0.1 + 0.6 · 0.7 / 1.2 = 0.45.
    np.testing.assert_allclose(found, [[0.45, 0.45, 0.1]])


@given(
    st.lists(st.floats(0.0, 1.0), min_size=8, max_size=8),
    st.floats(0.0, 1.0),
    st.floats(0.0, 0.25),
    st.floats(0.25, 1.0),
)
def test_blended_weights_are_within_bounds_and_add_up_to_one_at_most(values, alpha, least, most):
    policy_w, allocation_w = np.array(values).reshape(2, 1, 4)
    found = blended(policy_w, allocation_w, alpha, PolicyMode.HYBRID, WeightBounds(least, most))
    assert found.min() >= least - 1e-12
    assert found.max() <= most + 1e-12
    assert found.sum() <= 1.0 + 1e-12


def test_what_cannot_be_blended_is_refused():
    with pytest.raises(BadInputError, match=r"alpha 1\.5 found"):
        blended(POLICY, ALLOCATION, 1.5, PolicyMode.HYBRID)
    with pytest.raises(BadInputError, match=r"weights of \(2, 2\) and \(1, 2\)"):
        blended(POLICY, ALLOCATION[:1], 0.5, PolicyMode.HYBRID)
    with pytest.raises(BadInputError, match="adds up to more than 1"):
        blended(POLICY, ALLOCATION, 0.5, PolicyMode.HYBRID, WeightBounds(0.6, 0.9))
    with pytest.raises(BadInputError, match="0 ≤ least ≤ most ≤ 1"):
        WeightBounds(0.5, 0.4)


@pytest.mark.parametrize(
    ("name", "value"),
    [("actor_lr", 1.0), ("gamma", 0.5), ("ppo_epochs", 2), ("mini_batch_size", 64.5), ("hybrid_alpha", float("nan"))],
)
def test_parameters_out_of_range_are_refused(name, value):
    with pytest.raises(BadInputError, match=f"{name} is {value}"):
        PolicyParameters(**{name: value})


def test_layers_are_one_of_those_specified():
    assert PolicyParameters(actor_hidden_layers="[256,256,128]").actor_widths == [256, 256, 128]
    with pytest.raises(BadInputError, match=r"critic_hidden_layers is '\[8\]'; allowed are \[256,128\]"):
        PolicyParameters(critic_hidden_layers="[8]")


@pytest.mark.parametrize("field", fields(PolicyParameters), ids=lambda field: field.name)
def test_defaults_and_ranges_are_those_of_the_strategys_parameter(field):
    known = definition(f"rl_{field.name}")
    assert field.default == known.default
    if known.low is None:
        return
    PolicyParameters(**{field.name: known.low})
    PolicyParameters(**{field.name: known.high})
    with pytest.raises(BadInputError, match=field.name):
        PolicyParameters(**{field.name: known.high * 1.01 + (1 if isinstance(known.high, int) else 0)})
