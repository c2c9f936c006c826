"""Whether the stamps of a series are right: at which shift do its closes equal those of a second source?"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.timeframes import HOUR_US

OFFSETS_HOURS = tuple(half / 2 for half in range(-24, 25))
# An offset at which far fewer closes meet could win by chance.
LEAST_SHARE = 0.5


@dataclass(frozen=True)
class OffsetFit:
    """The shift at which two series agree best.

    `hours` are what must be added to the stamps of the first to meet the second: 0 says that they are right. `difference` is
    the median |log difference| of the closes there (0.0001 is 1 bp), `compared` the number of closes.
    """

    hours: float
    difference: float
    compared: int


def best_offset(minutes: pl.DataFrame, hourly: pl.DataFrame) -> OffsetFit:
    """The best of the shifts -12 h to +12 h by half hours, between candles and candles as long or longer of a second source.

    Both frames hold `open_time` (ascending) and `close`. A close is compared where both sources have one known at the same
    time, open time + the usual step of its frame; with hourly candles on both sides only whole hours can meet. Of equal
    differences the shift nearest to 0 is taken. Raises `BadInputError` below two candles and where nothing meets.
    """
    known, close = _known_closes(minutes)
    wanted, wanted_close = _known_closes(hourly)
    fits = [_fit(known + round(hours * HOUR_US), close, (wanted, wanted_close), hours) for hours in OFFSETS_HOURS]
    most = max(fit.compared for fit in fits)
    if most == 0:
        raise BadInputError(
            f"no close of {len(known)} candles meets one of the {len(wanted)} candles of the second source within 12 hours; "
            "both must cover the same days, and the second be as long or longer; give such candles"
        )
    return min((fit for fit in fits if fit.compared >= LEAST_SHARE * most), key=lambda fit: (fit.difference, abs(fit.hours)))


def _known_closes(frame: pl.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    if len(frame) < 2:
        raise BadInputError(f"{len(frame)} candles tell no time zone; at least two are needed; give a longer span")
    open_time = frame["open_time"].dt.cast_time_unit("us").to_physical()
    step = int(open_time.diff().quantile(0.5, "lower") or 0)
    return open_time.to_numpy() + step, np.log(frame["close"].cast(pl.Float64).to_numpy())


def _fit(
    known: NDArray[np.int64],
    log_close: NDArray[np.float64],
    reference: tuple[NDArray[np.int64], NDArray[np.float64]],
    hours: float,
) -> OffsetFit:
    wanted, wanted_log_close = reference
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    meets = known[at] == wanted
    compared = int(meets.sum())
    if not compared:
        return OffsetFit(hours, float("inf"), 0)
    return OffsetFit(hours, float(np.median(np.abs(log_close[at[meets]] - wanted_log_close[meets]))), compared)
