"""The clock of a venue, which a fault may set wrong or hold still."""

from collections.abc import Callable


class VenueClock:
    """Microseconds since the epoch in UTC: `now_us`, `offset_us` beside it, never backwards; held still until released."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._held_us: int | None = None
        self.offset_us = 0

    def __call__(self) -> int:
        """The time the venue tells."""
        return self._now_us() + self.offset_us if self._held_us is None else self._held_us

    def hold(self) -> None:
        """Tell the same time until `release`."""
        self._held_us = self()

    def release(self) -> None:
        """Go on."""
        self._held_us = None
