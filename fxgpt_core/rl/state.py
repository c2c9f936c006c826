"""Everything a training of a policy goes on from, as tensors and JSON values: weights, optimizer, chance, and the episode it is in."""

from typing import Any

import numpy as np
import torch

from fxgpt_core.rl.environment import PolicyEnvironment
from fxgpt_core.rl.learner import Learner
from fxgpt_core.training.snapshots import Snapshot

_WEIGHTS, _OPTIMIZER, _MEMORY = "policy.", "optimizer.", "memory."


def tensors_of(made: Learner, environment: PolicyEnvironment) -> dict[str, torch.Tensor]:
    """The tensors of a training between two rollouts."""
    found = {f"{_WEIGHTS}{name}": tensor for name, tensor in made.policy.state_dict().items()}
    for place, of_weight in made.policy.optimizer.state_dict()["state"].items():
        found |= {f"{_OPTIMIZER}{place}.{name}": tensor for name, tensor in of_weight.items()}
    for place, tensor in enumerate(_memory(made)):
        found[f"{_MEMORY}{place}"] = tensor
    found["observation"] = torch.from_numpy(np.array(made._last_obs))
    found["lived"] = torch.from_numpy(environment.lived[1].copy())
    found["chance.torch"] = torch.get_rng_state()
    found["chance.numpy"] = torch.from_numpy(np.random.get_state()[1].astype(np.int64))  # noqa: NPY002 -- what SB3 draws from
    return found


def facts_of(made: Learner, environment: PolicyEnvironment) -> dict[str, Any]:
    """The JSON values of a training between two rollouts."""
    return {
        "days": made.num_timesteps,
        "began": environment.lived[0],
        "episode_begins": bool(made._last_episode_starts[0]),
        "environment": environment.np_random.bit_generator.state,
        "numpy_place": int(np.random.get_state()[2]),  # noqa: NPY002 -- what SB3 draws from
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
    memory = [tensors[f"{_MEMORY}{place}"] for place in range(len(_memory(made)))]
    if memory:
        kind = type(made._last_lstm_states)
        made._last_lstm_states = kind((memory[0], memory[1]), (memory[2], memory[3]))
    made.num_timesteps = int(facts["days"])
    made._last_obs = tensors["observation"].numpy()
    made._last_episode_starts = np.array([facts["episode_begins"]])
    # The episode first: a reset would draw from the environment's chance.
    made.env.reset()
    environment.begin(int(facts["began"]), tensors["lived"].numpy())
    environment.np_random.bit_generator.state = facts["environment"]
    torch.set_rng_state(tensors["chance.torch"])
    keys = tensors["chance.numpy"].numpy().astype(np.uint32)
    np.random.set_state(("MT19937", keys, int(facts["numpy_place"]), 0, 0.0))  # noqa: NPY002 -- what SB3 draws from


def _memory(made: Learner) -> tuple[torch.Tensor, ...]:
    """Outputs and cells of both LSTMs, none without."""
    kept = getattr(made, "_last_lstm_states", None)
    return () if kept is None else (*kept.pi, *kept.vf)


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
