"""The training of a policy: it learns a planted edge, each parameter counts, a seed is a policy, a kill costs nothing."""

import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from rl_examples import SYMBOLS, environment, real_environment

from fxgpt_core.errors import BadInputError, NotReadyError
from fxgpt_core.portfolio.policy import memory_begins, policy_weights, weights_of
from fxgpt_core.portfolio.policy_parameters import TRAINED_BY, PolicyParameters
from fxgpt_core.portfolio.policy_state import states
from fxgpt_core.rl.export import plain_policy
from fxgpt_core.rl.learner import learner, rollout_days
from fxgpt_core.rl.training import Watched, train_policy
from fxgpt_core.training.snapshots import Snapshots

DEFAULT = PolicyParameters()
WITH_LSTM = PolicyParameters(use_lstm=True, lstm_hidden_size=64, ppo_epochs=3)
MOVED = {
    "actor_lr": 1e-3,
    "critic_lr": 1e-3,
    "gamma": 0.99,
    "clip_epsilon": 0.1,
    "gae_lambda": 0.9,
    "entropy_coef": 0.1,
    "value_coef": 1.0,
    "max_grad_norm": 0.1,
    "ppo_epochs": 3,
    "mini_batch_size": 128,
    "actor_hidden_layers": "[512,256]",
    "critic_hidden_layers": "[512,256]",
    "use_lstm": True,
}


@pytest.fixture(scope="module")
def made():
    return environment()


def trained(made, parameters=DEFAULT, days=256, seed=1, **watched):
    return train_policy(made, parameters, days, seed=seed, watched=Watched(**watched))


def bits(policy):
    memory = () if policy.memory is None else tuple(each.tobytes() for each in policy.memory)
    return (*(part.tobytes() for layer in policy.layers for part in layer), *memory)


@pytest.fixture(scope="module")
def plain(made):
    """The policy that all others are compared with. After two rollouts the critic has had its say in the actor."""
    return trained(made, days=512)


def test_it_learns_which_symbol_is_worth_its_risk(made):
    found = trained(made, PolicyParameters(actor_lr=1e-3), days=2048)
    universe = made.accounts.universe
    weights = policy_weights(found.policy, states(universe), universe.day)[made.rows.first :]
    equal = made.accounts.day_equity(np.full((made.days, 2), 0.5), made.rows.first)[-1]
    learned = made.accounts.day_equity(weights[: made.days], made.rows.first)[-1]
    assert weights[:, 0].mean() > 0.6
    assert weights[:, 1].mean() < 0.3
    assert learned > equal
    assert np.mean([point.reward for point in found.curve[-2:]]) > np.mean([point.reward for point in found.curve[:2]])


def test_all_parameters_but_the_blends_are_moved_below():
    assert {*MOVED, "lstm_hidden_size"} == set(TRAINED_BY)


@pytest.fixture(scope="module")
def real():
    return real_environment()


@pytest.fixture(scope="module")
def plain_of_real(real):
    return trained(real, days=512)


@pytest.mark.parametrize("name", MOVED)
def test_each_parameter_moves_the_policy_of_real_candles(real, plain_of_real, name):
    moved = trained(real, replace(DEFAULT, **{name: MOVED[name]}), days=512)
    assert bits(moved.policy) != bits(plain_of_real.policy)


def test_the_size_of_the_memory_counts_where_there_is_one(made, plain):
    small = trained(made, WITH_LSTM)
    large = trained(made, replace(WITH_LSTM, lstm_hidden_size=96))
    assert (len(small.policy.memory.keep), len(large.policy.memory.keep)) == (64, 96)
    assert bits(trained(made, replace(DEFAULT, lstm_hidden_size=64), days=512).policy) == bits(plain.policy)


@pytest.mark.parametrize("parameters", [DEFAULT, WITH_LSTM], ids=["mlp", "lstm"])
def test_actor_and_critic_keep_the_rates_they_were_given(made, parameters):
    found = learner(made, replace(parameters, actor_lr=2e-5, critic_lr=9e-4), seed=1)
    found.learn(found.n_steps)
    actor, critic = found.policy.optimizer.param_groups
    assert (actor["lr"], critic["lr"]) == (2e-5, 9e-4)
    grouped = [id(weight) for group in (actor, critic) for weight in group["params"]]
    assert sorted(grouped) == sorted(id(weight) for weight in found.policy.parameters())
    of_actor = {id(weight) for weight in actor["params"]}
    names = {name for name, weight in found.policy.named_parameters() if id(weight) in of_actor}
    assert {name.split(".")[0] for name in names} <= {"log_std", "lstm_actor", "mlp_extractor", "action_net"}
    assert not any("value" in name for name in names)


def test_a_rate_of_nothing_leaves_its_side_as_it_was(made):
    found = learner(made, DEFAULT, seed=1)
    before = {name: weight.clone() for name, weight in found.policy.named_parameters()}
    _, critic = found.policy.optimizer.param_groups
    critic["lr"] = 0.0
    found.learn(found.n_steps)
    moved = {name for name, weight in found.policy.named_parameters() if not torch.equal(weight, before[name])}
    assert moved == {name for name in before if "value_net" not in name}


def test_a_seed_is_a_policy_and_another_seed_another(made, plain):
    assert bits(trained(made, days=512).policy) == bits(plain.policy)
    assert bits(trained(made, days=512, seed=2).policy) != bits(plain.policy)


def test_the_generators_of_others_are_left_as_they_were(made):
    before = (random.getstate(), np.random.get_state()[1].tobytes(), torch.get_rng_state(), torch.get_num_threads())  # noqa: NPY002
    trained(made)
    assert (before[0], before[1]) == (random.getstate(), np.random.get_state()[1].tobytes())  # noqa: NPY002
    assert torch.equal(before[2], torch.get_rng_state())
    assert before[3] == torch.get_num_threads()


@pytest.mark.parametrize(("batch", "days"), [(32, 256), (64, 256), (100, 300), (255, 510), (256, 256)])
def test_a_rollout_is_whole_mini_batches(batch, days):
    assert rollout_days(PolicyParameters(mini_batch_size=batch)) == days


@pytest.mark.parametrize("parameters", [DEFAULT, WITH_LSTM], ids=["mlp", "lstm"])
def test_the_plain_policy_is_the_actors_mean(made, parameters):
    universe = made.accounts.universe
    found, seen = learner(made, parameters, seed=4), states(universe)
    found.learn(found.n_steps)
    begins, memory, scores = memory_begins(universe.day), None, []
    for row, begin in zip(seen.astype(np.float32), begins, strict=True):
        score, memory = found.predict(row, state=memory, episode_start=np.array([begin]), deterministic=True)
        scores.append(score)
    weights = policy_weights(plain_policy(found, SYMBOLS), seen, universe.day)
    np.testing.assert_allclose(weights, weights_of(np.array(scores, dtype=np.float64)), atol=1e-5)


@pytest.mark.parametrize("parameters", [DEFAULT, WITH_LSTM], ids=["mlp", "lstm"])
def test_a_training_that_was_stopped_goes_on_as_if_it_had_not_been(made, parameters, tmp_path):
    snapshots, told = Snapshots(tmp_path / "policy"), []
    snapshots.folder.mkdir()
    snapshots.stop_file.touch()
    with pytest.raises(NotReadyError, match=r"asked to stop and ended behind day 256, with a snapshot in .*; run it again"):
        trained(made, parameters, days=768, snapshots=snapshots)
    resumed = trained(environment(), parameters, days=768, snapshots=snapshots, tell=told.append)
    whole = trained(made, parameters, days=768)
    assert told == ["resumed behind day 256 of 768, from its snapshot"]
    assert bits(resumed.policy) == bits(whole.policy)
    assert resumed.curve == whole.curve
    with pytest.raises(BadInputError, match="is of another training"):
        trained(made, parameters, days=768, seed=2, snapshots=snapshots)


def test_progress_is_told_after_each_rollout_with_the_time_that_is_left(made):
    told = []
    found = trained(made, days=400, progress=told.append)
    assert [progress.point for progress in told] == list(found.curve)
    assert [(progress.point.days, progress.n_days) for progress in told] == [(256, 400), (512, 400)]
    assert told[0].seconds_left > told[1].seconds_left == 0.0
    assert found.days == 512


def test_no_day_to_train_on_is_refused(made):
    with pytest.raises(BadInputError, match="0 days to train on asked for"):
        trained(made, days=0)
