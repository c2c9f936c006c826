"""A curve cut into FX days (17:00 New York to 17:00 New York): what each day returned, and how many days make a year."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.performance.ratios import RATIO_LIMIT

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

WEEKDAYS_A_YEAR = 365.25 * 5.0 / 7.0


@dataclass(frozen=True, eq=False)
class Daily:
    """The P FX days that have a candle: `day` int32[P] since the epoch, `opening` and `closing` float64[P] of the curve."""

    day: npt.NDArray[np.int32]
    opening: FloatArray
    closing: FloatArray

    @cached_property
    def returns(self) -> FloatArray:
        """float64[P]: the return of each day as a fraction."""
        return returns_between(self.opening, self.closing)

    @cached_property
    def periods_a_year(self) -> float:
        """`fx_days_a_year` of these days."""
        return fx_days_a_year(self.day)

    @property
    def years(self) -> float:
        """The measured span in years: its weekdays over the weekdays of a year."""
        return len(self.day) / self.periods_a_year

    @property
    def growth(self) -> float:
        """Compound growth a year (CAGR) as a fraction: (last / first)^(1 / years) − 1; −1 if all was lost, 0 without a day.

        Held at `RATIO_LIMIT`: a good day, taken for a year, tells nothing.
        """
        if len(self.day) == 0:
            return 0.0
        grown = max(float(self.closing[-1] / self.opening[0]), 0.0)
        with np.errstate(over="ignore"):
            return min(float(np.float64(grown) ** (1.0 / self.years)) - 1.0, RATIO_LIMIT)


def daily(curve: FloatArray, before: float, candles: CandleArrays) -> Daily:
    """A curve float64[N] at each candle's close, by FX day; `before` (> 0) is its value before the first candle.

    Raises `BadInputError` as `check_equity` does.
    """
    check_equity(curve, candles)
    ends = last_rows(candles.fx_day)
    closing = curve[ends]
    return Daily(candles.fx_day[ends], np.concatenate([[before], closing])[:-1], closing)


def check_equity(curve: FloatArray, candles: CandleArrays) -> None:
    """Raises `BadInputError` when a curve has another length than the candles, or a value that is not finite."""
    if len(curve) != len(candles):
        raise BadInputError(f"the equity has {len(curve)} points for {len(candles)} candles; measure a run on its own candles")
    if not np.isfinite(curve).all():
        row = int(np.flatnonzero(~np.isfinite(curve))[0])
        raise BadInputError(f"the equity is {curve[row]} at candle {row}; it must be finite; look for the trade that made it so")


def fx_days_a_year(day: npt.NDArray[np.int32]) -> float:
    """FX days a year as measured on the days int32[P]: the share of weekdays among them × the weekdays of a year (about 261).

    Counting weekdays rather than hours makes a single week give the same number as a year. Without a day: all weekdays.
    """
    if len(day) == 0:
        return WEEKDAYS_A_YEAR
    first, last = day[[0, -1]].astype("datetime64[D]")
    return float(days_a_year(np.array(float(len(day))), np.busday_count(first, last + 1)))


def days_a_year(days: FloatArray, weekdays: npt.NDArray[np.integer]) -> FloatArray:
    """`fx_days_a_year` of as many FX days [...] among so many weekdays [...], from the first of these days to the last."""
    scale: FloatArray = days / np.maximum(weekdays, 1) * WEEKDAYS_A_YEAR
    return scale


def last_rows(number: npt.NDArray[np.integer]) -> IntArray:
    """int64[P]: the last row of each run of equal numbers (integer[N], ascending)."""
    changes = np.flatnonzero(number[1:] != number[:-1])
    return np.append(changes, len(number) - 1) if len(number) else changes


def returns_between(opening: FloatArray, closing: FloatArray) -> FloatArray:
    """float64[P]: what became of each opening value, as a fraction of it; 0 where there was nothing to begin with."""
    return np.divide(closing - opening, opening, out=np.zeros(len(closing)), where=opening > 0.0)
