"""A list of steps that a person can follow: live with rich on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.status import Status

TOLD_EVERY_S = 5.0
REUSED_S = 1.5


class Steps:
    """Numbered steps with what is happening, how long it took, and an estimate of what is left (from `typical_s` by name)."""

    def __init__(self, typical_s: dict[str, float], out: TextIO | None = None) -> None:
        self._typical_s = dict(typical_s)
        self._out = out or sys.stdout
        self._done = 0
        self._began = time.monotonic()
        self._last_told = 0.0
        self._last_line = ""
        self._all_reused = True
        self._status: Status | None = None
        self._name = ""

    @contextmanager
    def step(self, name: str) -> Iterator["Steps"]:
        """One step, announced when it begins; `made` says what came of it."""
        self._name, self._last_told = name, time.monotonic()
        if self._out.isatty():
            from rich.console import Console

            with Console(file=self._out, highlight=False).status(self._line("…")) as status:
                self._status = status
                try:
                    yield self
                finally:
                    self._status = None
        else:
            yield self

    def tell(self, line: str) -> None:
        """What the step is doing now: always shown on a terminal, every few seconds elsewhere."""
        if self._status is not None:
            self._status.update(self._line(line))
        elif line != self._last_line and time.monotonic() - self._last_told >= TOLD_EVERY_S:
            self._last_told, self._last_line = time.monotonic(), line
            self._write(f"        {line}")

    def made(self, what: str, seconds: float, *, reused: bool = False) -> None:
        """The step is finished: what it made, its seconds, and about how many are left in all.

        While every step so far was reused, the rest is expected to be reused as well.
        """
        self._done += 1
        self._all_reused &= reused
        self._typical_s.pop(self._name, None)
        left = sum(min(typical, REUSED_S) if self._all_reused else typical for typical in self._typical_s.values())
        total = self._done + len(self._typical_s)
        ahead = f"  about {left:.0f} s left" if left >= 1.0 else ""
        self._write(f"[{self._done:>2}/{total}] {self._name:<26} {seconds:6.1f} s  {what}{ahead}")

    def say(self, line: str = "") -> None:
        """A line outside the steps."""
        self._write(line)

    @property
    def seconds(self) -> float:
        """Seconds since the first step."""
        return time.monotonic() - self._began

    def _line(self, doing: str) -> str:
        from rich.markup import escape

        return f"[bold]{escape(self._name)}[/bold]  {escape(doing)}"

    def _write(self, line: str) -> None:
        if self._status is not None:
            # Through the console, which moves the line of what is happening out of the way.
            self._status.console.print(line, markup=False, soft_wrap=True)
            return
        self._out.write(line + "\n")
        self._out.flush()
