"""An event loop without waiting: when nothing is ready, its clock jumps to the next timer. 24 hours take seconds."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
DEADLOCK_S = 20.0
THREAD_S = 0.005


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """`loop.time()` starts at 0 and moves by timers only.

    What arrives on sockets of this process is seen before the clock jumps; `settle_s` (real seconds) is how long to look out for
    other processes first. While a thread of `asyncio.to_thread` works, the clock stands.
    """

    def __init__(self, settle_s: float = 0.0) -> None:
        self.now = 0.0
        self.threads = 0
        super().__init__(_JumpingSelector(self, settle_s))

    def time(self) -> float:
        return self.now

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        future = super().run_in_executor(executor, func, *args)
        self.threads += 1
        future.add_done_callback(self._thread_is_done)
        return future

    def _thread_is_done(self, _: object) -> None:
        self.threads -= 1


class _JumpingSelector(selectors.DefaultSelector):  # type: ignore[misc]
    def __init__(self, loop: VirtualTimeLoop, settle_s: float) -> None:
        super().__init__()
        self._loop, self._settle_s = loop, settle_s

    def select(self, timeout: float | None = None) -> Any:
        if timeout is not None and timeout <= 0:
            return super().select(0)
        if timeout is None or self._loop.threads:
            wait = DEADLOCK_S if timeout is None else THREAD_S
            events = super().select(wait)
            if timeout is None and not events:
                raise RuntimeError(f"deadlock: no timer is set, and nothing happened for {DEADLOCK_S:g} s")
            return events
        events = super().select(self._settle_s)
        if not events:
            self._loop.now += timeout
        return events


def run_in_virtual_time(coroutine: Coroutine[Any, Any, T], settle_s: float = 0.0) -> T:
    """What a coroutine returns, on a loop of its own; a task it leaves behind is cancelled."""
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(settle_s)) as runner:
        return runner.run(coroutine)


def loop_clock_us(start_us: int = 0) -> Callable[[], int]:
    """Wall time in µs that moves with the running loop's clock and is `start_us` at its zero."""
    return lambda: start_us + round(asyncio.get_running_loop().time() * 1_000_000)
