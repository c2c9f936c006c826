"""How much of the time a strategy was in the market, and how much it traded for it."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.performance.daily import daily
from fxgpt_core.performance.played import ClosedTrades, Played

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Exposure:
    """`exposure` is the share of candles in a position, in [0, 1]; `turnover` how often the mean equity was traded in a year.

    Entries and exits both count as traded. Without trades both are 0.
    """

    exposure: float
    turnover: float

    def to_json(self) -> dict[str, float]:
        """The two numbers by name."""
        return dataclasses.asdict(self)


def exposure(result: Played, candles: CandleArrays, conversion: FloatArray | None = None) -> Exposure:
    """Time in the market and turnover of a backtest.

    `conversion` is what a unit of quote currency is worth in the account's currency, float64[N] at each candle or [1] for all;
    without it the account is kept in the quote currency. The mean equity is that at closes, the cash before them included and a
    debt counted as 0.
    Raises `BadInputError` when equity, conversion and candles differ in length, or trades count other candles.
    """
    years = daily(result.equity, result.cash, candles).years
    n = len(candles)
    rate = np.ones(1) if conversion is None else conversion
    if len(rate) not in {1, n} or not (np.isfinite(rate) & (rate > 0.0)).all():
        raise BadInputError(
            f"{len(rate)} conversion rates for {n} candles; one positive, finite rate is needed for each candle, or one for all"
        )
    in_position = candles_in_position(result.trades, n)
    if n == 0:
        return Exposure(0.0, 0.0)
    equity = float(np.maximum(np.append(result.equity, result.cash), 0.0).mean())
    return Exposure(float(in_position.mean()), _traded(result.trades, np.broadcast_to(rate, n)) / equity / years)


def candles_in_position(trades: ClosedTrades, n_candles: int) -> BoolArray:
    """bool[N]: was a position held at some moment of the candle? The candles of entry and of exit count.

    Raises `BadInputError` when a trade lies outside the candles.
    """
    entry, exit_ = trades.entry_index, trades.exit_index
    if len(entry) and not (entry.min() >= 0 and exit_.max() < n_candles):
        raise BadInputError(
            f"trades from candle {entry.min()} to {exit_.max()} of {n_candles} candles; measure a run on its own candles"
        )
    opened = np.bincount(entry, minlength=n_candles + 1)
    closed = np.bincount(exit_ + 1, minlength=n_candles + 1)
    return np.cumsum(opened - closed)[:n_candles] > 0


def _traded(trades: ClosedTrades, rate: FloatArray) -> float:
    """Notional of all entries and exits, in the account's currency."""
    return float(
        np.sum(trades.units * (trades.entry_price * rate[trades.entry_index] + trades.exit_price * rate[trades.exit_index]))
    )
