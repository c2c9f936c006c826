"""The training of a policy: rollout after rollout, on one thread, so that a seed gives the same policy to the last bit."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import numpy as np
import torch

from fxgpt_core import content_hash
from fxgpt_core.errors import BadInputError, NotReadyError
from fxgpt_core.portfolio.policy import PlainPolicy
from fxgpt_core.portfolio.policy_parameters import TRAINED_BY, PolicyParameters
from fxgpt_core.rl.environment import PolicyEnvironment
from fxgpt_core.rl.export import plain_policy
from fxgpt_core.rl.learner import learner
from fxgpt_core.rl.state import facts_of, restore, tensors_of
from fxgpt_core.training.snapshots import Snapshots
from fxgpt_core.training.surroundings import delayed_signals


@dataclass(frozen=True)
class LearningPoint:
    """A rollout: the days lived so far, and the mean reward of a day in it, in percent of log equity, while exploring."""

    days: int
    reward: float


@dataclass(frozen=True)
class LearningProgress:
    """Where a training is; `seconds_left` by the pace so far."""

    point: LearningPoint
    n_days: int
    seconds_left: float


@dataclass(frozen=True, eq=False)
class TrainedPolicy:
    """A policy, the days it has lived, and its learning curve."""

    policy: PlainPolicy
    days: int
    curve: tuple[LearningPoint, ...]


def _silent(_: object) -> None:
    """Tells nobody."""


@dataclass(frozen=True)
class Watched:
    """`progress` is told after each rollout, `tell` what is out of the ordinary. Without `snapshots` nothing is kept."""

    progress: Callable[[LearningProgress], None] = _silent
    tell: Callable[[str], None] = _silent
    snapshots: Snapshots | None = None


def train_policy(
    environment: PolicyEnvironment, parameters: PolicyParameters, n_days: int, *, seed: int, watched: Watched | None = None
) -> TrainedPolicy:
    """PPO over `n_days` steps of the environment, rounded up to whole rollouts.

    With snapshots it goes on from the latest: the policy is then, bit for bit, that of a training that was never interrupted.
    Raises `BadInputError` for less than a step or rewards that are no numbers, `NotReadyError` when it was asked to stop.
    """
    if n_days < 1:
        raise BadInputError(f"{n_days} days to train on asked for; at least 1 is needed; some thousands are usual")
    watched = watched or Watched()
    snapshots = watched.snapshots
    with _own_chance(), delayed_signals() as signalled:
        made, identity = learner(environment, parameters, seed), _identity(environment, parameters, seed)
        curve: list[LearningPoint] = []
        if snapshots and (found := snapshots.latest(identity, watched.tell)):
            restore(made, environment, found)
            curve = [LearningPoint(*point) for point in found.facts["curve"]]
            watched.tell(f"resumed behind day {made.num_timesteps} of {n_days}, from its snapshot")
        began, before = time.monotonic(), made.num_timesteps
        while made.num_timesteps < n_days:
            made.learn(made.n_steps, reset_num_timesteps=made.num_timesteps == 0)
            curve.append(LearningPoint(made.num_timesteps, float(made.rollout_buffer.rewards.mean())))
            _require_finite(curve[-1])
            pace = (time.monotonic() - began) / (made.num_timesteps - before)
            watched.progress(LearningProgress(curve[-1], n_days, pace * max(0, n_days - made.num_timesteps)))
            if snapshots:
                facts = facts_of(made, environment) | {"curve": [[point.days, point.reward] for point in curve]}
                snapshots.put(identity, made.num_timesteps, tensors_of(made, environment), facts)
            if signalled() or (snapshots and snapshots.stop_file.exists()):
                _stop(made.num_timesteps, snapshots)
        return TrainedPolicy(plain_policy(made, environment.accounts.universe.names), made.num_timesteps, tuple(curve))


def _identity(environment: PolicyEnvironment, parameters: PolicyParameters, seed: int) -> str:
    values = asdict(parameters)
    return content_hash.of_json([environment.sha256, {name: values[name] for name in TRAINED_BY}, seed])


@contextmanager
def _own_chance() -> Iterator[None]:
    """The global generators, which stable-baselines3 draws from, are afterwards as they were; one thread meanwhile."""
    threads, python, numpy = torch.get_num_threads(), random.getstate(), np.random.get_state()  # noqa: NPY002
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002 -- the state that was found
        torch.set_num_threads(threads)


def _require_finite(point: LearningPoint) -> None:
    if not np.isfinite(point.reward):
        raise BadInputError(
            f"the rewards up to day {point.days} are no numbers; candles, costs or decisions hold some that are not finite"
        )


def _stop(day: int, snapshots: Snapshots | None) -> None:
    where = "without a snapshot"
    if snapshots:
        snapshots.stop_file.unlink(missing_ok=True)
        where = f"with a snapshot in {snapshots.folder}"
    raise NotReadyError(f"training was asked to stop and ended behind day {day}, {where}; run it again to go on from there")
