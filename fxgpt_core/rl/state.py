"""What a training of a policy goes on from, as tensors and JSON values: weights, optimizer, chance, and its episode."""

from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.vec_env import VecEnv

from fxgpt_core.rl.environment import PolicyEnvironment
from fxgpt_core.rl.learner import Learner, TwoRateRecurrentPpo
from fxgpt_core.training.snapshots import Snapshot

_WEIGHTS, _OPTIMIZER, _MEMORY = "policy.", "optimizer.", "memory."


def tensors_of(made: Learner, environment: PolicyEnvironment) -> dict[str, torch.Tensor]:
    """The tensors of a training between two rollouts."""
    found = {f"{_WEIGHTS}{name}": tensor for name, tensor in made.policy.state_dict().items()}
    for place, of_weight in made.policy.optimizer.state_dict()["state"].items():
        found |= {f"{_OPTIMIZER}{place}.{name}": tensor for name, tensor in of_weight.items()}
    for place, tensor in enumerate(_memory(made)):
        found[f"{_MEMORY}{place}"] = tensor
    keys, _ = _numpy_chance()
    found["observation"] = torch.from_numpy(np.array(made._last_obs))
    found["lived"] = torch.from_numpy(environment.lived[1].copy())
    found["chance.torch"] = torch.get_rng_state()
    found["chance.numpy"] = torch.from_numpy(keys.astype(np.int64))
    return found


def facts_of(made: Learner, environment: PolicyEnvironment) -> dict[str, Any]:
    """The JSON values of a training between two rollouts."""
    return {
        "days": made.num_timesteps,
        "began": environment.lived[0],
        "episode_begins": bool(np.asarray(made._last_episode_starts)[0]),
        "environment": environment.np_random.bit_generator.state,
        "numpy_place": _numpy_chance()[1],
    }


def restore(made: Learner, environment: PolicyEnvironment, found: Snapshot) -> None:
    """Puts an untrained learner and its environment where a snapshot was taken."""
    tensors, facts = found.tensors, found.facts
    made.policy.load_state_dict(_part(tensors, _WEIGHTS))
    optimizer = made.policy.optimizer.state_dict()
    of_weights: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in _part(tensors, _OPTIMIZER).items():
        place, _, kind = name.partition(".")
        of_weights.setdefault(int(place), {})[kind] = tensor
    made.policy.optimizer.load_state_dict({**optimizer, "state": of_weights})
    if isinstance(made, TwoRateRecurrentPpo):
        actor_output, actor_cell, critic_output, critic_cell = (tensors[f"{_MEMORY}{place}"] for place in range(4))
        memory = RNNStates((actor_output, actor_cell), (critic_output, critic_cell))
        made._last_lstm_states = memory  # type: ignore[assignment]
    made.num_timesteps = int(facts["days"])
    made._last_obs = tensors["observation"].numpy()
    made._last_episode_starts = np.array([facts["episode_begins"]])
    # The episode first: a reset would draw from the environment's chance.
    cast(VecEnv, made.env).reset()
    environment.begin(int(facts["began"]), tensors["lived"].numpy())
    environment.np_random.bit_generator.state = facts["environment"]
    torch.set_rng_state(tensors["chance.torch"])
    keys = tensors["chance.numpy"].numpy().astype(np.uint32)
    np.random.set_state(("MT19937", keys, int(facts["numpy_place"]), 0, 0.0))  # noqa: NPY002 -- theirs, not ours


def _memory(made: Learner) -> tuple[torch.Tensor, ...]:
    """Outputs and cells of both LSTMs, none without."""
    kept = made._last_lstm_states if isinstance(made, TwoRateRecurrentPpo) else None
    return () if kept is None else (*kept.pi, *kept.vf)


def _numpy_chance() -> tuple[npt.NDArray[np.uint32], int]:
    """State of numpy's global generator, from which stable-baselines3 draws its mini batches."""
    _, keys, place, _, _ = np.random.get_state(legacy=True)  # noqa: NPY002 -- theirs, not ours
    return np.asarray(keys, dtype=np.uint32), int(place)


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
