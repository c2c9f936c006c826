"""A policy as one safetensors file: its arrays as tensors, everything else as JSON in its header. No pickle, no torch."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from safetensors import SafetensorError

from fxgpt_core import content_hash
from fxgpt_core.array_file import about_of, array_file, arrays_of
from fxgpt_core.errors import BadInputError, CorruptArtifactError
from fxgpt_core.portfolio.policy import Layer, Memory, PlainPolicy
from fxgpt_core.portfolio.policy_parameters import PolicyParameters
from fxgpt_core.portfolio.policy_state import NAMES

FORMAT: Final = "fxgpt-policy-1"
_MEMORY: Final = "memory."


def policy_bytes(policy: PlainPolicy, parameters: PolicyParameters, trained: Mapping[str, Any]) -> bytes:
    """The file of a policy; `trained` (JSON values: seed, days, …) is kept with it. The same policy gives the same bytes."""
    tensors = {
        f"layer.{place}.{name}": getattr(layer, name) for place, layer in enumerate(policy.layers) for name in Layer._fields
    }
    if policy.memory is not None:
        tensors |= {f"{_MEMORY}{name}": getattr(policy.memory, name) for name in Memory._fields}
    about = {
        "format": FORMAT,
        "symbols": list(policy.symbols),
        "state": content_hash.of_json(list(NAMES)),
        "parameters": asdict(parameters),
        "trained": dict(trained),
    }
    return array_file(tensors, about)


def policy_of_bytes(data: bytes, expected_sha256: str, source: str) -> PlainPolicy:
    """The policy of a file's bytes; `source` names it in errors.

    Raises `CorruptArtifactError` unless the bytes are the expected ones and hold a whole policy of this layout of the state.
    """
    found = content_hash.of_bytes(data)
    if found != expected_sha256:
        raise CorruptArtifactError(
            f"policy {source} has hash {found[:16]}, expected {expected_sha256[:16]}: its bytes were changed; "
            "restore the file or materialize rl_agent again"
        )
    try:
        return _policy(arrays_of(data), about_policy(data))
    except (SafetensorError, BadInputError, KeyError, TypeError, ValueError) as error:
        raise CorruptArtifactError(
            f"policy {source} is not a whole {FORMAT} policy ({type(error).__name__}: {error}); materialize rl_agent again"
        ) from error


def about_policy(data: bytes) -> dict[str, Any]:
    """What a file says of its policy, from its header alone: symbols, parameters, how it was trained. Raises `ValueError`."""
    about = about_of(data, FORMAT)
    if about["state"] != content_hash.of_json(list(NAMES)):
        raise ValueError("the layout of its state is another version's")
    return about


def _policy(tensors: Mapping[str, Any], about: Mapping[str, Any]) -> PlainPolicy:
    n_layers = sum(name.endswith(".weight") for name in tensors)
    layers = tuple(Layer(*(tensors[f"layer.{place}.{name}"] for name in Layer._fields)) for place in range(n_layers))
    has_memory = any(name.startswith(_MEMORY) for name in tensors)
    memory = Memory(*(tensors[f"{_MEMORY}{name}"] for name in Memory._fields)) if has_memory else None
    return PlainPolicy(tuple(about["symbols"]), layers, memory)
