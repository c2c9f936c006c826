"""The role of a calibration method, and the fold over outcomes that the adaptive ones share."""

from collections.abc import Callable, Mapping
from dataclasses import Field
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from fxgpt_core.conformal.nonconformity import Around, Scores

FloatArray = npt.NDArray[np.float64]

State = Mapping[str, FloatArray]
"""What a method learned on the calibration span, by name; `offsets` float64[S,C] is always there: its start, or all of it."""

Learn = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
"""From the offsets [S,C] of now, scores [S,C] that became known (NaN: none) and the offsets [S,C] their bands had: the next."""


class Method(Protocol):
    """How the offsets of bands follow from scores. A method is a frozen dataclass; its fields are its parameters.

    `name` as parameters name it; `around`: what its bands are laid around.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    name: ClassVar[str]
    around: ClassVar[Around]

    def fit(self, scores: Scores) -> State:
        """What the calibration span tells; an offset is +inf where too few scores are known."""
        ...

    def offsets(self, state: State, scores: Scores) -> FloatArray:
        """float64[N,S,C]: the offset of each band of later origins, in units of scale.

        Row i uses only scores whose outcome was known when origin i was.
        """
        ...


def fold(scores: Scores, start: FloatArray, learn: Learn) -> FloatArray:
    """float64[N,S,C]: offsets that begin as `start` float64[S,C] and learn, candle by candle, from what has become known.

    At each candle the scores of the origins h candles before it, for each step h, arrive together; a score that is not known
    (no forecast, a hole) teaches nothing. Elementwise and in the order of time: later rows change nothing in earlier ones.
    """
    first = int(scores.rows[0])
    n = int(scores.rows[-1]) - first + 1
    places = scores.rows - first
    arriving = np.full((n, *start.shape), np.nan)
    arriving[places] = scores.values
    used = np.empty_like(arriving)
    every_step = np.arange(len(scores.steps))
    now = start
    for candle in range(n):
        origins = candle - scores.steps
        began = (origins >= 0)[:, None]
        origins = np.maximum(origins, 0)
        now = learn(now, np.where(began, arriving[origins, every_step], np.nan), used[origins, every_step])
        used[candle] = now
    return used[places]
