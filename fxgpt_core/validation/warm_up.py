"""Does a computation forget where its series began? Begin it later, compute again, and see how soon both agree."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from fxgpt_core.errors import BadInputError

LADDER = (25, 50, 100, 200, 400, 800)
DEFAULT_STARTS = 5
# In standard deviations of a column: what the start of a series may still move behind a declared warm-up. The features of seven
# years of four real symbols, in 1h, 4h and 1d, move by less than 0.005.
MOST_DRIFT = 0.01
# Rows compared behind each rung, so that one lucky row does not pass for agreement.
COMPARED = 24


@dataclass(frozen=True)
class WarmUpDrift:
    """Behind so many candles of warm-up, `drift` is the largest difference in standard deviations of its column, `column`.

    Infinite where one of both is missing or not a number; `column` is empty where nothing differs.
    """

    candles: int
    drift: float
    column: str


def warm_up_drift(
    compute: Callable[[pl.DataFrame], pl.DataFrame],
    candles: pl.DataFrame,
    ladder: Sequence[int] = LADDER,
    *,
    starts: int = DEFAULT_STARTS,
) -> tuple[WarmUpDrift, ...]:
    """The drift of every column of `compute` (row for row with its candles) at each rung of the ladder, over several starts.

    `compute` must not blank its own warm-up. Raises `BadInputError` when the series is shorter than the ladder.
    """
    longest = max(ladder, default=0) + COMPARED
    if not ladder or len(candles) <= longest:
        raise BadInputError(
            f"{len(candles)} candles are too few for a warm-up of {max(ladder, default=0)}; more than {longest} are needed; "
            "import a longer series, or give a shorter ladder"
        )
    whole = compute(candles)
    names = [name for name, kind in whole.schema.items() if kind.is_numeric()]
    spread = {name: whole[name].drop_nulls().drop_nans().std() for name in names}
    last = len(candles) - longest
    found = dict.fromkeys(ladder, (0.0, ""))
    for start in sorted({1 + (last - 1) * index // max(1, starts - 1) for index in range(starts)}):
        late = compute(candles.slice(start))
        for rung in ladder:
            there = whole.slice(start + rung, COMPARED), late.slice(rung, COMPARED)
            worst = max((_drift(there[0][name], there[1][name], spread[name]), name) for name in names)
            found[rung] = max(found[rung], worst if worst[0] > 0.0 else (0.0, ""))
    return tuple(WarmUpDrift(rung, *found[rung]) for rung in ladder)


def _drift(whole: pl.Series, late: pl.Series, spread: object) -> float:
    """The largest difference over the spread; 0 where equal, infinite where it cannot be told."""
    pairs = zip(whole.to_list(), late.to_list(), strict=True)
    gaps = [0.0 if a == b else abs(a - b) if None not in (a, b) else math.inf for a, b in pairs]
    gap = max((math.inf if math.isnan(gap) else gap for gap in gaps), default=0.0)
    if gap == 0.0:
        return 0.0
    return gap / spread if isinstance(spread, float) and spread > 0.0 else math.inf
