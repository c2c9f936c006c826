"""What surrounds a training: the plan, whom it tells, where its snapshots go, who trains with it, and how it is stopped."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from fxgpt_core.training.plan import TrainPlan
from fxgpt_core.training.snapshots import Snapshots

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class TrainingProgress:
    """Where the loop is: `loss` is the mean since the last report; an untrained network has a loss near 1.

    `validation` is the loss of the averaged weights; `device_percent` and `celsius` are None where nothing tells.
    """

    step: int
    n_steps: int
    loss: float
    seconds: float
    seconds_left: float
    validation: float = float("nan")
    epoch: float = 0.0
    windows_per_s: float = 0.0
    device_percent: float | None = None
    celsius: float | None = None


def _silent(_: object) -> None:
    """Tells nobody."""


@dataclass(frozen=True)
class Surroundings:
    """`progress` is told each report, `tell` what is out of the ordinary. Without `snapshots` nothing is kept.

    Of `plan.world` processes this is number `rank`; number 0 tells and keeps.
    """

    plan: TrainPlan = TrainPlan()  # noqa: RUF009 -- frozen
    progress: Callable[[TrainingProgress], None] = _silent
    tell: Callable[[str], None] = _silent
    snapshots: Snapshots | None = None
    rank: int = 0

    @property
    def first(self) -> bool:
        """Whether this process tells and keeps."""
        return self.rank == 0


@contextmanager
def delayed_signals() -> Iterator[Callable[[], bool]]:
    """Whether SIGINT or SIGTERM has come; it is delivered when the block ends, so that a step is never cut in two.

    Only a process's main thread can do so; in another thread signals stay as they are.
    """
    arrived: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {number: signal.signal(number, lambda found, _: arrived.append(found)) for number in SIGNALS}
    try:
        yield lambda: bool(arrived)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if arrived:
            signal.raise_signal(arrived[0])
