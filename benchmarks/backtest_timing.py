"""Seconds of calls that are compared: side by side, so that whatever else the machine does falls on all of them."""

import statistics
import time
from collections.abc import Callable

SHORTEST_S = 0.05
THREADS = 2


def seconds(call: Callable[[], object]) -> float:
    """Seconds of one call: the mean of as many as fill a twentieth of a second, at least one."""
    began, calls = time.perf_counter(), 0
    while calls == 0 or time.perf_counter() - began < SHORTEST_S:
        call()
        calls += 1
    return (time.perf_counter() - began) / calls


def side_by_side(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each call by its name, over rounds in which each has its turn; the first calls are not counted."""
    for call in calls.values():
        call()
    taken = [{name: seconds(call) for name, call in calls.items()} for _ in range(rounds)]
    return {name: statistics.median(each[name] for each in taken) for name in calls}
