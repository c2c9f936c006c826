"""Tensors and a JSON object in one safetensors file: models, quantile heads and snapshots are such files. No pickle."""

from collections.abc import Mapping
from typing import Any

import torch
from safetensors.torch import save

from fxgpt_core.array_file import KEY
from fxgpt_core.content_hash import canonical_json


def tensor_file(tensors: Mapping[str, torch.Tensor], about: Mapping[str, Any]) -> bytes:
    """The file of tensors and what is to be known about them; the same content gives the same bytes."""
    own = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
    return save(own, metadata={KEY: canonical_json(dict(about))})
