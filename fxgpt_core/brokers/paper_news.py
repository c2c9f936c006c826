"""What was done since somebody last asked, and the wait for it."""

import asyncio


class News:
    """One thing or more was told; who waits, also from one event loop after another, hears of it once."""

    def __init__(self) -> None:
        self._is_told = False
        self._bell: asyncio.Event | None = None

    def tell(self) -> None:
        """Something is new."""
        self._is_told = True
        if self._bell is not None:
            self._bell.set()

    async def wait(self, timeout_s: float) -> bool:
        """Until something is new, or the time is over; False then."""
        if not self._is_told:
            # A bell belongs to the event loop that waits for it.
            self._bell = asyncio.Event()
            try:
                await asyncio.wait_for(self._bell.wait(), timeout_s)
            except TimeoutError:
                return False
            finally:
                self._bell = None
        self._is_told = False
        return True
