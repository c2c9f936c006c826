"""Tensors and a JSON object in one safetensors file: models, quantile heads and snapshots are such files. No pickle."""

import json
from collections.abc import Mapping
from typing import Any

import torch
from safetensors.torch import save

from fxgpt_core.content_hash import canonical_json

_KEY = "fxgpt"
_LENGTH_BYTES = 8


def tensor_file(tensors: Mapping[str, torch.Tensor], about: Mapping[str, Any]) -> bytes:
    """The file of tensors and what is to be known about them; the same content gives the same bytes."""
    own = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
    return save(own, metadata={_KEY: canonical_json(dict(about))})


def about_of(data: bytes, form: str) -> dict[str, Any]:
    """What a file says about its tensors, read from its header alone. Raises `ValueError` unless its "format" is `form`."""
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    header = json.loads(data[_LENGTH_BYTES : _LENGTH_BYTES + length])
    about: dict[str, Any] = json.loads(header["__metadata__"][_KEY])
    if about["format"] != form:
        raise ValueError(f"format {about['format']!r}, expected {form!r}")
    return about
