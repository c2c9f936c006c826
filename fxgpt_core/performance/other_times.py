"""The same entries at other times, and other candles of the same moves: what a backtest is compared with to see what was luck.

Producers only: whoever has the backtest replays them, and ranks what was observed with `bootstrap.rank_p_value`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.performance.bootstrap import Resampling, stationary_indices

Column = npt.NDArray[Any]


def shifted_entries(columns: Mapping[str, Column], rng: np.random.Generator) -> dict[str, Column]:
    """Decision columns [N], such as sides and distances, all later by the same random number of rows, 1 to N − 1.

    What goes over the end comes in at the start: as many entries, the same sides, the same spacing, at times that the market had
    no part in. Columns are told by name and keep their type; times are no decision and stay outside. Distances in price units
    are as they were: give them as fractions of the close where prices drift. Raises `BadInputError` below two rows and for
    columns of unequal length.
    """
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) != 1 or min(lengths.values()) < 2:
        raise BadInputError(f"decision columns of lengths {lengths} found; they must have the same length, at least 2 rows")
    offset = int(rng.integers(1, min(lengths.values())))
    return {name: np.roll(column, offset) for name, column in columns.items()}


def delayed_entries(columns: Mapping[str, Column], most: int, rng: np.random.Generator) -> dict[str, Column]:
    """The same decision columns [N], each stretch of one side that is not 0 later by 0 to `most` rows, by a draw of its own.

    What a person, a broker or a queue does to entries: they come late, never early, which would be to know the future. A late
    stretch takes rows of the next one, and what goes over the end is lost; where none comes any more, the side is 0.
    Raises `BadInputError` for columns of unequal length, none named `side`, and `most` below 1.
    """
    lengths = {name: len(column) for name, column in columns.items()}
    if "side" not in columns or len(set(lengths.values())) != 1 or most < 1:
        raise BadInputError(
            f"decision columns of lengths {lengths} and a delay of at most {most} rows found; needed are columns of one length, "
            "`side` among them, and a delay of at least 1"
        )
    side = columns["side"]
    begins = np.flatnonzero(np.diff(side, prepend=side[:1] * 0 - 2))
    delay = np.repeat(rng.integers(0, most + 1, len(begins)), np.diff(begins, append=len(side)))
    rows = np.flatnonzero(side != 0)
    there = rows + delay[rows]
    rows, there = rows[there < len(side)], there[there < len(side)]
    source = np.full(len(side), -1)
    # Assigned from the last to the first, so that of two the earlier stretch stays.
    source[there[::-1]] = rows[::-1]
    moved = {name: column[np.maximum(source, 0)] for name, column in columns.items()}
    moved["side"] = np.where(source >= 0, moved["side"], 0).astype(side.dtype)
    return moved


def bootstrapped_candles(candles: CandleArrays, block: float, rng: np.random.Generator) -> CandleArrays:
    """As many candles at the same times, chained of drawn moves: gap from the close before, then high, low and close by the open.

    The first candle stays; the moves of all others are drawn in blocks of mean length `block` candles (stationary bootstrap),
    each with its volume. Trends and clusters of volatility live on within blocks, their hours and weekends do not: a gap of a
    weekend lands anywhere. Raises `BadInputError` below two candles, and for a block below 1.
    """
    n = len(candles)
    if n < 2:
        raise BadInputError(f"{n} candles hold no move to draw from; at least two are needed; give a longer span")
    drawn = 1 + stationary_indices(n - 1, Resampling(block, 1), rng)[0]
    row = np.concatenate(([0], drawn))
    gap = np.concatenate(([1.0], candles.open[drawn] / candles.close[drawn - 1]))
    rise = candles.close[row] / candles.open[row]
    close_before = np.concatenate(([candles.open[0]], candles.open[0] * np.cumprod(gap * rise)[:-1]))
    opens = close_before * gap
    # Of one open by ratios: rounding keeps their order, so low <= open, close <= high holds to the last bit.
    return CandleArrays(
        open_time_us=candles.open_time_us.copy(),
        open=opens,
        high=opens * (candles.high[row] / candles.open[row]),
        low=opens * (candles.low[row] / candles.open[row]),
        close=opens * rise,
        volume=candles.volume[row],
        timeframe=candles.timeframe,
    )
