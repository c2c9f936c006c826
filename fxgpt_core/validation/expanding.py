"""Expanding folds: train on everything up to a moment, test on what follows, move on; counted in candles of one series."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError
from fxgpt_core.validation.folds import Fold, Window

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ExpandingParameters:
    """The first train window is `initial_share` of the series; what follows is tested in `n_folds` equal windows.

    `purge_candles` between a train and its test window: the longest horizon, so that no label of one reaches into the other.
    """

    n_folds: int = 5
    initial_share: float = 0.5
    purge_candles: int = 0

    def __post_init__(self) -> None:
        if self.n_folds < 1 or not 0.0 < self.initial_share < 1.0 or self.purge_candles < 0:
            raise BadInputError(
                f"{self} found; at least one fold, an initial share between 0 and 1 and a purge that is not negative are needed"
            )


def expanding_folds(known_at_us: IntArray, parameters: ExpandingParameters) -> list[Fold]:
    """The folds of an ascending series [N]: test windows meet without a gap, and every train window starts with the series.

    Raises `BadInputError` when a train or test window would be empty.
    """
    n, purge = len(known_at_us), parameters.purge_candles
    edges = np.linspace(int(n * parameters.initial_share), n, parameters.n_folds + 1).astype(np.int64)
    trained = int(edges[0]) - purge
    if trained < 1 or (np.diff(edges) < 1).any():
        raise BadInputError(
            f"{n} candles found: {max(0, trained)} to train on and {int(np.diff(edges).min())} to test in each of "
            f"{parameters.n_folds} folds, with {purge} between them; give more candles or fewer folds"
        )
    return [
        Fold(index, _window(known_at_us, 0, start - purge), _window(known_at_us, start, stop))
        for index, (start, stop) in enumerate(pairwise(edges.tolist()))
    ]


def _window(known_at_us: IntArray, start: int, stop: int) -> Window:
    return Window(int(known_at_us[start]), int(known_at_us[stop - 1]) + 1)
