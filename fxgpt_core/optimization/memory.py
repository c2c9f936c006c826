"""What was computed once and may be asked for again: the latest asked stay, within a number of bytes."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from threading import Lock
from typing import Any, TypeVar

import numpy as np

Output = TypeVar("Output")


@dataclass(frozen=True)
class Use:
    """How a memory was used: outputs that were there, outputs that were made by stage, and the bytes that it holds."""

    hits: int
    made: Mapping[str, int]
    nbytes: int


class Memory:
    """Outputs of stages by name and the values they depend on; safe to share among threads.

    Beyond `limit_bytes` the longest unasked go. An output larger than the limit is handed out and not kept. Two threads that ask
    for the same at the same time may both make it: outputs depend on their key alone.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = Lock()
        self._made: Counter[str] = Counter()
        self._hits = self._nbytes = 0

    def output(self, stage: str, values: Hashable, make: Callable[[], Output]) -> Output:
        """The output of a stage for the values of its parameters, made by `make` unless it is there."""
        key = (stage, values)
        with self._lock:
            if key in self._kept:
                self._hits += 1
                self._kept.move_to_end(key)
                found: Output = self._kept[key][0]
                return found
            self._made[stage] += 1
        made = make()
        with self._lock:
            self._keep(key, made, bytes_of(made))
        return made

    @property
    def use(self) -> Use:
        """How it was used so far."""
        with self._lock:
            return Use(self._hits, dict(self._made), self._nbytes)

    def _keep(self, key: Hashable, made: Any, nbytes: int) -> None:
        if key in self._kept or nbytes > self._limit:
            return
        self._kept[key] = (made, nbytes)
        self._nbytes += nbytes
        while self._nbytes > self._limit:
            self._nbytes -= self._kept.popitem(last=False)[1][1]


def bytes_of(output: Any) -> int:
    """The bytes of the arrays of an output: an array, a record of arrays, or a tuple of such."""
    if isinstance(output, np.ndarray):
        return output.nbytes
    if isinstance(output, tuple):
        return sum(map(bytes_of, output))
    return sum(bytes_of(getattr(output, item.name)) for item in fields(output)) if is_dataclass(output) else 0
