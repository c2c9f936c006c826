"""When a candle opened: points on the circles of the FX clock (New York + 7 h), sessions, and the day's roll."""

import math

import numpy as np
import numpy.typing as npt
import polars as pl

from fxgpt_core.features.columns import CandleColumns, Features
from fxgpt_core.market.sessions import SESSIONS, session_left, weekday
from fxgpt_core.market.timeframes import DAY_US, MINUTE_US

MINUTES, WEEKDAYS, MONTHS = 24 * 60, 7, 12
WEDNESDAY = 2


def clock_features(candles: CandleColumns) -> Features:
    """Hour, weekday and month of the open time, each as sine and cosine; hour 0 is 17:00 New York, weekday 0 is Monday."""
    day, in_day = np.divmod(candles.fx_clock_us, DAY_US)
    month = pl.Series(day.astype(np.int32)).cast(pl.Date).dt.month().to_numpy() - 1
    return {
        **_circle(in_day // MINUTE_US, MINUTES, "hour"),
        **_circle(weekday(day), WEEKDAYS, "weekday"),
        **_circle(month, MONTHS, "month"),
    }


def session_features(candles: CandleColumns) -> Features:
    """session_sydney … session_new_york: the share of the session still to come, 1 as it opens, 0 outside it."""
    return {f"session_{session.name}": session_left(candles.open_time_us, session) for session in SESSIONS}


def roll_features(candles: CandleColumns) -> Features:
    """to_roll in (0, 1]: the share of the FX day still to come before positions are rolled at 17:00 New York.

    roll_nights: nights of swap charged at that roll, over 3: 1 on Wednesday, whose roll pays for the weekend, else 1/3. It is a
    mark of the day, the same for each symbol; what USDCAD is charged, whose weekend is paid on Thursday, `market.swaps` knows.
    """
    day, in_day = np.divmod(candles.fx_clock_us, DAY_US)
    return {"to_roll": 1.0 - in_day / DAY_US, "roll_nights": np.where(weekday(day) == WEDNESDAY, 1.0, 1.0 / 3.0)}


def _circle(position: npt.NDArray[np.integer], period: int, name: str) -> Features:
    # Looked up: a sine takes longer than all the rest of a feature, and there are few positions.
    angles = np.arange(period) * (2.0 * math.pi / period)
    return {f"{name}_sin": np.sin(angles)[position], f"{name}_cos": np.cos(angles)[position]}
