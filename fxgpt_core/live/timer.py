"""Things that are due again and again, by the clock of the event loop."""

import asyncio


class Timer:
    """Due at once, and then every so many seconds."""

    def __init__(self, every_s: float) -> None:
        self.every_s, self._last = every_s, float("-inf")

    def due(self) -> bool:
        """Whether the time is over; it begins anew then."""
        now = asyncio.get_running_loop().time()
        if now - self._last < self.every_s:
            return False
        self._last = now
        return True
