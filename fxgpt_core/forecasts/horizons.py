"""How far a forecast reaches: one path of tokens, each a candle or several, to an hour, four hours, a day and a week.

A week of hourly candles would be 120 tokens; 24 of one candle and 4 of a day reach as far, and under a random walk all are
independent, each with the variance of its candles.
"""

from functools import cache
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core.market.timeframes import DAY_US, HOUR_US, Timeframe

IntArray = npt.NDArray[np.int64]

SINGLES: Final = 24
"""So many tokens of one candle begin every path: the steps that a strategy may ask for."""

HORIZONS: Final = {"1h": HOUR_US, "4h": 4 * HOUR_US, "1d": DAY_US, "1w": 5 * DAY_US}
"""The named horizons in microseconds of open market; an FX week has five days."""


@cache
def horizon_steps(timeframe: Timeframe) -> dict[str, int]:
    """The named horizons in candles, without those shorter than a candle: {"1h": 1, "4h": 4, "1d": 24, "1w": 120} for 1h."""
    return {name: length // timeframe.us for name, length in HORIZONS.items() if length >= timeframe.us}


@cache
def token_candles(timeframe: Timeframe) -> tuple[int, ...]:
    """Candles of each token of a path, T of them.

    Behind the single candles each further horizon is reached in equal tokens as long as what lies before them, or shorter.
    """
    tokens = [1] * SINGLES
    for boundary in horizon_steps(timeframe).values():
        reached = sum(tokens)
        if boundary > reached:
            count = -(-(boundary - reached) // reached)
            tokens += [(boundary - reached) // count] * count
    return tuple(tokens)


@cache
def steps_of(timeframe: Timeframe) -> npt.NDArray[np.int32]:
    """int32[T]: candles from the origin to the end of each token, the steps of a forecast; not to be written to."""
    steps = np.cumsum(token_candles(timeframe)).astype(np.int32)
    steps.setflags(write=False)
    return steps


class Part(NamedTuple):
    """A part of a path: which tokens, and how many candles from the origin to the end of the last."""

    tokens: slice
    step: int


@cache
def horizon_parts(timeframe: Timeframe) -> dict[str, Part]:
    """The tokens that end up to each named horizon, behind the one before; those behind the last belong to it as well."""
    steps = steps_of(timeframe)
    ends = np.searchsorted(steps, list(horizon_steps(timeframe).values()), side="right").tolist()
    ends[-1] = len(steps)
    edges = zip(horizon_steps(timeframe), pairwise([0, *ends]), strict=True)
    return {name: Part(slice(start, stop), int(steps[stop - 1])) for name, (start, stop) in edges}


def longest_step(timeframe: Timeframe) -> int:
    """Candles that the longest label of a forecast reaches ahead: what embargo and purge must keep apart."""
    return sum(token_candles(timeframe))
