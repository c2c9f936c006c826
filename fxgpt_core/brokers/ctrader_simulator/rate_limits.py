"""How many requests a connection may send a second, and how many it sent at most."""

from collections import deque
from dataclasses import dataclass, field

WINDOW_S = 1.0


@dataclass
class SlidingWindow:
    """At most `limit` requests in any second; `peak` is the most that came in one, refused ones included."""

    limit: int
    peak: int = 0
    _times: deque[float] = field(default_factory=deque)

    def admits(self, now_s: float) -> bool:
        """Note a request, and whether it is within the limit."""
        while self._times and self._times[0] <= now_s - WINDOW_S:
            self._times.popleft()
        self._times.append(now_s)
        self.peak = max(self.peak, len(self._times))
        return len(self._times) <= self.limit
