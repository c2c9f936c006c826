"""What followed each kind of pattern, against entries at random at the same hours: is it worth anything, and is that luck?

A return is the log-return from the close that confirmed a pattern to the close so many candles later, in the pattern's direction,
over what a random walk with the volatility known then would make (its deviation × √horizon). Of patterns of one kind whose
returns overlap the first counts, so that they are as good as independent. Random entries take their place: as many, with the same
sides, at rows of the same hours of the FX day.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.sessions import hour_of_week, stretch_starts
from fxgpt_core.patterns.names import PATTERN_NAMES
from fxgpt_core.patterns.prices import FloatArray, IntArray, sums
from fxgpt_core.performance.bootstrap import rank_p_value
from fxgpt_core.validation.folds import Window

HORIZONS: Final = (1, 4, 24)
VOLATILITY_SPAN: Final = 100
_NUMBERS_AT_ONCE: Final = 1 << 20


@dataclass(frozen=True)
class StudyParameters:
    """Horizons in candles, how many sets of random entries are drawn, and the fewest patterns that are judged."""

    horizons: tuple[int, ...] = HORIZONS
    draws: int = 2_000
    least_patterns: int = 20

    def __post_init__(self) -> None:
        if not self.horizons or min(*self.horizons, self.draws, self.least_patterns, 1) < 1:
            raise BadInputError(f"{self} found; horizons, draws and patterns are whole numbers of at least 1; give such")


def event_study(
    candles: CandleArrays, events: pl.DataFrame, window: Window, parameters: StudyParameters, seed: int
) -> pl.DataFrame:
    """One row for each kind and horizon with enough patterns in the window, their returns ending in it.

    `events` has columns `kind`, `side` and `confirmed_row`, rows of these candles. `patterns`: how many counted; `mean` and
    `random`: mean return of them and of random entries, `difference` of both; `p_value`: the share of random entries that did as
    well, one-sided in the pattern's direction; `p_holm` and `p_bh`: corrected for all rows of the table (Holm 1979, for
    any one false find; Benjamini and Hochberg 1995, for the share of false ones among the finds).
    """
    rows = np.arange(*window.slice(candles.known_at_us).indices(len(candles))[:2])
    hour = hour_of_week(candles.open_time_us) % 24
    confirmed = events.drop_nulls("confirmed_row").sort("confirmed_row")
    found: list[dict[str, object]] = []
    for horizon in parameters.horizons:
        known = _forward(candles, rows, horizon)
        pools = _pools(known, hour)
        for kind in PATTERN_NAMES:
            of_kind = confirmed.filter(pl.col("kind") == kind)
            at, side = of_kind["confirmed_row"].to_numpy(), of_kind["side"].to_numpy()
            counted = _apart(at, np.isfinite(known[at]), horizon)
            if len(counted) < parameters.least_patterns:
                continue
            at, side = at[counted], side[counted]
            rng = np.random.default_rng([seed, horizon, PATTERN_NAMES.index(kind)])
            means = _random_means(pools, hour[at], side, parameters.draws, rng)
            mean, by_chance = float(np.mean(side * known[at])), float(means.mean())
            numbers = {"mean": mean, "random": by_chance, "difference": mean - by_chance, "p_value": rank_p_value(mean, means)}
            found.append({"kind": kind, "horizon": horizon, "patterns": len(at), **numbers})
    return _corrected(found)


def _forward(candles: CandleArrays, rows: IntArray, horizon: int) -> FloatArray:
    """float64[N]: return over the horizon in units of volatility; NaN out of the rows, across holes, or where unknown."""
    found = np.full(len(candles), np.nan)
    logs = np.log(candles.close)
    squares = np.concatenate(([np.nan], np.diff(logs) ** 2))
    deviation = np.sqrt(sums(squares, VOLATILITY_SPAN) / VOLATILITY_SPAN)
    begins = stretch_starts(candles.open_time_us, candles.timeframe)
    at = rows[: max(0, len(rows) - horizon)]
    at = at[(begins[at] == begins[at + horizon]) & (at - begins[at] >= VOLATILITY_SPAN) & (deviation[at] > 0.0)]
    found[at] = (logs[at + horizon] - logs[at]) / (deviation[at] * np.sqrt(horizon))
    return found


def _apart(at: IntArray, known: npt.NDArray[np.bool_], horizon: int) -> IntArray:
    """Which of ascending rows count: those with a return, each at least a horizon behind the last that counted."""
    counted, free_from = [], 0
    for place, row in enumerate(at.tolist()):
        if known[place] and row >= free_from:
            counted.append(place)
            free_from = row + horizon
    return np.array(counted, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Pools:
    """All known returns, sorted by hour: those of hour h are [first[h], first[h] + size[h])."""

    returns: FloatArray
    first: IntArray
    size: IntArray


def _pools(known: FloatArray, hour: npt.NDArray[np.int16]) -> Pools:
    at = np.flatnonzero(np.isfinite(known))
    size = np.bincount(hour[at], minlength=24)
    return Pools(known[at[np.argsort(hour[at], kind="stable")]], np.cumsum(size) - size, size)


def _random_means(
    pools: Pools, hour: npt.NDArray[np.int16], side: npt.NDArray[np.int8], draws: int, rng: np.random.Generator
) -> FloatArray:
    """float64[draws]: mean return of entries at random rows of these hours, with these sides."""
    means = np.empty(draws)
    at_once = max(1, _NUMBERS_AT_ONCE // len(hour))
    for start in range(0, draws, at_once):
        part = means[start : start + at_once]
        drawn = rng.random((len(part), len(hour))) * pools.size[hour]
        part[:] = pools.returns[pools.first[hour] + drawn.astype(np.int64)] @ side / len(hour)
    return means


def _corrected(found: list[dict[str, object]]) -> pl.DataFrame:
    from statsmodels.stats.multitest import multipletests  # a second of import

    schema = {"kind": pl.String, "horizon": pl.Int64, "patterns": pl.Int64}
    table = pl.DataFrame(found, schema=schema | dict.fromkeys(("mean", "random", "difference", "p_value"), pl.Float64))
    p_values = table["p_value"].to_numpy()
    # Nothing was judged, and there is nothing to correct.
    corrected = {
        name: pl.Series(multipletests(p_values, method=method)[1] if len(p_values) else p_values)
        for name, method in (("p_holm", "holm"), ("p_bh", "fdr_bh"))
    }
    return table.with_columns(**corrected)
