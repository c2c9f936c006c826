"""How far a long piece of work is, in lines for a person."""

import sys
import time
from collections.abc import Callable

TOLD_EVERY_S = 5.0


class Countdown:
    """Tells how much of `what` is done, every few seconds and at its end, and by its pace about how long the rest takes."""

    def __init__(self, tell: Callable[[str], None], what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._tell, self._what, self._clock = tell, what, clock
        self._began = self._told = clock()

    def __call__(self, done: int, total: int) -> None:
        """Note that so much is done, and tell it if it is time."""
        now = self._clock()
        if done < total and now - self._told < TOLD_EVERY_S:
            return
        self._told = now
        left = (now - self._began) / done * (total - done)
        self._tell(f"{done} of {total} {self._what}" + (f", about {left:.0f} s left" if left >= 1.0 else ""))


def on_terminal(what: str) -> Countdown:
    """A countdown of `what` on stderr, for a person who waits there; a program reads what comes at the end."""

    def tell(line: str) -> None:
        if sys.stderr.isatty():
            print(line, file=sys.stderr)

    return Countdown(tell, what)
