"""Arrays and a JSON object in one safetensors file, read and written without torch. No pickle."""

import json
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load, save

from fxgpt_core.content_hash import canonical_json

KEY: Final = "fxgpt"
_LENGTH_BYTES = 8


def array_file(arrays: Mapping[str, npt.NDArray[Any]], about: Mapping[str, Any]) -> bytes:
    """The file of arrays and what is to be known about them; the same content gives the same bytes."""
    own = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return bytes(save(own, metadata={KEY: canonical_json(dict(about))}))


def arrays_of(data: bytes) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a file by name. Raises `SafetensorError` when it is no whole file."""
    return dict(load(data))


def about_of(data: bytes, form: str) -> dict[str, Any]:
    """What a file says about its arrays, read from its header alone. Raises `ValueError` unless its "format" is `form`."""
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    header = json.loads(data[_LENGTH_BYTES : _LENGTH_BYTES + length])
    about: dict[str, Any] = json.loads(header["__metadata__"][KEY])
    if about["format"] != form:
        raise ValueError(f"format {about['format']!r}, expected {form!r}")
    return about
