"""The table of returns by month and by year, as FX days count them: an FX day belongs to the month of its date."""

from typing import Literal

import numpy as np

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.performance.daily import daily, last_rows, returns_between
from fxgpt_core.performance.played import Played


def monthly_returns(result: Played, candles: CandleArrays) -> dict[str, float]:
    """The return of each month with a candle as a fraction, by "2018-01", in order; together they compound to the total.

    The first and last month are what the candles have of them. 0 for a month that began with no equity.
    Raises `BadInputError` when the equity curve and the candles differ in length, or the equity is not finite.
    """
    return _calendar_returns(result, candles, "M")


def yearly_returns(result: Played, candles: CandleArrays) -> dict[str, float]:
    """`monthly_returns` by year: "2018"."""
    return _calendar_returns(result, candles, "Y")


def _calendar_returns(result: Played, candles: CandleArrays, unit: Literal["M", "Y"]) -> dict[str, float]:
    days = daily(result.equity, result.cash, candles)
    period = days.day.astype("datetime64[D]").astype(f"datetime64[{unit}]")
    ends = last_rows(period.astype(np.int64))
    closing = days.closing[ends]
    returns = returns_between(np.concatenate([[result.cash], closing])[:-1], closing)
    return dict(zip(np.datetime_as_string(period[ends]).tolist(), returns.tolist(), strict=True))
