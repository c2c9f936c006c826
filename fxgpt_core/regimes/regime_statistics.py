"""What each regime was like: how often, how long, and what the candle after it did."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.regimes.regime import REGIMES, UNKNOWN
from fxgpt_core.regimes.regime_series import RegimeSeries

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RegimeStatistics:
    """One regime over a span of candles.

    `share` of the candles whose regime is known. `visits`: runs of it, of `mean_candles` each. `drift` and `volatility`: mean and
    standard deviation of the log-return of the candle after, which may be earned, as fractions; None of fewer than two.
    """

    regime: str
    n_candles: int
    share: float
    visits: int
    mean_candles: float | None
    drift: float | None
    volatility: float | None


def regime_statistics(series: RegimeSeries, candles: CandleArrays, rows: slice = slice(None)) -> list[RegimeStatistics]:
    """One row for each of the four regimes, over some rows of the series of these candles.

    The return after the last of the rows is not used. Raises `BadInputError` where the series is of other candles.
    """
    if not np.array_equal(series.known_at_us, candles.known_at_us):
        raise BadInputError(
            f"regimes of {len(series)} candles and {len(candles)} other candles found; they must be of the same; compute the "
            "series of these candles"
        )
    regime = series.regime[rows].astype(np.int64)
    return list(_each(regime, np.diff(np.log(candles.close[rows]))))


def transition_shares(series: RegimeSeries, rows: slice = slice(None)) -> FloatArray:
    """float64[4,4]: of the times a regime (row) was left for another known one (column), how often for that; NaN for none."""
    regime = series.regime[rows].astype(np.int64)
    left = regime[:-1], regime[1:]
    changed = (left[0] != left[1]) & (left[0] != UNKNOWN) & (left[1] != UNKNOWN)
    counts = np.zeros((len(REGIMES), len(REGIMES)))
    np.add.at(counts, (left[0][changed], left[1][changed]), 1.0)
    totals = counts.sum(axis=1, keepdims=True)
    shares: FloatArray = np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0.0)
    return shares


def _each(regime: npt.NDArray[np.int64], next_return: FloatArray) -> Iterator[RegimeStatistics]:
    n_known = int(np.sum(regime != UNKNOWN))
    begins = np.diff(regime, prepend=UNKNOWN - 1) != 0
    for code, name in enumerate(REGIMES):
        of_it = regime == code
        n, visits = int(of_it.sum()), int(np.sum(of_it & begins))
        after = next_return[of_it[:-1]]
        told = len(after) > 1
        yield RegimeStatistics(
            regime=name,
            n_candles=n,
            share=n / n_known if n_known else 0.0,
            visits=visits,
            mean_candles=n / visits if visits else None,
            drift=float(after.mean()) if told else None,
            volatility=float(after.std()) if told else None,
        )
