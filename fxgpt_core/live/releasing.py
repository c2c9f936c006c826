"""Recorded candles released into the feed as if they closed now, at a speed: the one way in which a replay comes in.

A candle that is in the feed stays there, so that a replay that was cut off goes on where it stopped.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fxgpt_core.errors import BadInputError
from fxgpt_core.live.candle_feed import ClosedCandle, release
from fxgpt_core.market.timeframes import timeframe as timeframe_of
from fxgpt_core.registry.ledger import Ledger

SOURCE = "replay of recorded candles"
"""Its first word tells everybody who looks at a candle that it closed long ago (`live.freshness`)."""

Progress = Callable[[int, int], None]
"""Told how many candles of how many are released."""


@dataclass(frozen=True)
class Pace:
    """How fast candles follow each other: at `speed` 60 an hour of the market takes a minute; 0: all at once.

    All at once, a paper account still plays each candle only when the one before is decided on. A weekend takes no longer than a
    candle. `clock` and `wait` in seconds. Raises `BadInputError` for a speed below 0.
    """

    speed: float = 0.0
    clock: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        if not 0.0 <= self.speed < math.inf:
            raise BadInputError(f"speed {self.speed} found; 60 is a minute a second, 0 is all at once; give 0 or more")

    def seconds_of(self, n_candles: int, timeframe: str) -> float:
        """How long it takes to release so many candles: the first comes at once."""
        if self.speed == 0.0 or n_candles < 2:
            return 0.0
        return (n_candles - 1) * timeframe_of(timeframe).us / 1_000_000 / self.speed


def release_paced(
    ledger: Ledger,
    series: tuple[str, str],
    candles: Sequence[ClosedCandle],
    pace: Pace,
    told: Progress = lambda done, total: None,
) -> int:
    """Release the candles of a symbol and timeframe at a pace; returns how many were new. Raises as `release` does.

    What falls behind, because the machine slept, catches up at once.
    """
    if pace.speed == 0.0:
        n_new = release(ledger, *series, candles, SOURCE)
        if candles:
            told(len(candles), len(candles))
        return n_new
    began, n_new = pace.clock(), 0
    for done, candle in enumerate(candles, start=1):
        ahead = began + pace.seconds_of(done, series[1]) - pace.clock()
        if ahead > 0.0:
            pace.wait(ahead)
        n_new += release(ledger, *series, [candle], SOURCE)
        told(done, len(candles))
    return n_new
