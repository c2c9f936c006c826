"""The probability of each regime by what is known at a close: the forward recursion of a hidden Markov model, and a dwell.

Source: Rabiner, A Tutorial on Hidden Markov Models (1989), equations 18–20, scaled in each step. Smoothing and the Viterbi path
are not here: they read the candles that come after.
"""

import math
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.compiled import compiled
from fxgpt_core.market.sessions import OPEN_DAYS, open_market_us
from fxgpt_core.market.timeframes import DAY_US, Timeframe
from fxgpt_core.regimes.regime import REGIMES

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

BLOCK: Final = 512
"""Candles of open market; a filter that began a block ago has forgotten where, and so it begins anew one block back."""
WEEK_US: Final = 7 * DAY_US


def most_candles(timeframe: Timeframe, block: int = BLOCK) -> int:
    """How many candles, the latest included, the filter reads at most for one: two blocks, and the weekends in them.

    Where the market is closed at weekends there are fewer.
    """
    open_us = OPEN_DAYS * DAY_US
    weekends = 2 * block * timeframe.us // open_us + 1
    return 2 * block + weekends * ((WEEK_US - open_us) // timeframe.us)


def blocks(open_time_us: IntArray, timeframe: Timeframe, block: int = BLOCK) -> list[tuple[int, int, int]]:
    """(from, first, stop) rows: those from `first` to before `stop` are a block, filtered from the first row of the one before.

    Blocks are cut by the FX clock, so that a candle lies in the same one wherever the series begins, and depends on two at most.
    """
    if len(open_time_us) == 0:
        return []
    number = open_market_us(open_time_us) // (block * timeframe.us)
    edges = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(number)]
    return [(before, *rows) for before, rows in zip([0, *edges], pairwise(edges), strict=False)]


@compiled
def filtered(
    observed: FloatArray, start: FloatArray, transition: FloatArray, means: FloatArray, whitening: FloatArray, codes: IntArray
) -> FloatArray:
    """float64[N,4]: probability of each regime given the observations [N,D] up to its row; NaN where one is not known.

    `start` [K], `transition` [K,K] and `means` [K,D] are those of the hidden states, `whitening` [K,D,D] the inverse of the lower
    Cholesky factor of their covariance, `codes` [K] their regimes. Behind a row that is not known it begins with `start` again.
    """
    n, n_states, n_observed = len(observed), len(start), means.shape[1]
    found = np.full((n, len(REGIMES)), np.nan)
    belief, ahead, density = np.empty(n_states), start.copy(), np.empty(n_states)
    for row in range(n):
        if math.isnan(observed[row, 0]):
            ahead[:] = start
            continue
        best = -math.inf
        for state in range(n_states):
            log_density = 0.0
            for i in range(n_observed):
                white = 0.0
                for j in range(i + 1):
                    white += whitening[state, i, j] * (observed[row, j] - means[state, j])
                log_density += math.log(whitening[state, i, i]) - 0.5 * white * white
            density[state] = log_density
            best = max(best, log_density)
        total = 0.0
        for state in range(n_states):
            belief[state] = ahead[state] * math.exp(density[state] - best)
            total += belief[state]
        found[row] = 0.0
        for state in range(n_states):
            belief[state] /= total
            found[row, codes[state]] += belief[state]
        for state in range(n_states):
            ahead[state] = 0.0
            for before in range(n_states):
                ahead[state] += belief[before] * transition[before, state]
    return found


@compiled
def dwelt(probability: FloatArray, min_dwell: int) -> npt.NDArray[np.int8]:
    """int8[N]: the likeliest regime of probability [N,4] once it is so for `min_dwell` candles in a row; until then the last one.

    −1 before the first, and where nothing is known. Of equal probabilities the first regime counts.
    """
    n = len(probability)
    found = np.empty(n, dtype=np.int8)
    believed = candidate = -1
    in_a_row = 0
    for row in range(n):
        if math.isnan(probability[row, 0]):
            believed = candidate = -1
            in_a_row = 0
        else:
            likeliest = int(np.argmax(probability[row]))
            in_a_row = in_a_row + 1 if likeliest == candidate else 1
            candidate = likeliest
            if in_a_row >= min_dwell:
                believed = candidate
        found[row] = believed
    return found
