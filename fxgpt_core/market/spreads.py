"""What a spread usually is at a moment of the FX week, for candles that know none.

A broker's spread hardly moves while London or New York trades. It widens before and after 17:00 New York, when the market pauses,
and most where the week opens and closes.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.sessions import OPEN_DAYS, fx_clock_us, weekday
from fxgpt_core.market.symbols import Symbol
from fxgpt_core.market.timeframes import DAY_US, HOUR_US

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# The spread over that of liquid hours, as each hour of the FX day begins (0 is 17:00 New York), and as the last one ends.
# Measured by `python -m benchmarks.spread_by_hour` on bid and ask of hourly candles of one retail market maker, January 2016 to
# June 2022, EURUSD, GBPUSD, USDJPY and AUDUSD: the median first quote of each hour over that of all hours from 10 to 22, within
# each symbol and year; of these 28 ratios the median. The last number, and that of Friday, is of the last hour's last quote.
DAY_MULTIPLIERS: Final = (
    4.00, 2.48, 1.19, 1.08, 1.08, 1.08, 1.08, 1.05, 1.07, 1.08, 1.00, 1.00,
    1.00, 1.00, 1.00, 1.00, 1.00, 1.08, 1.00, 1.00, 1.00, 1.00, 1.00, 1.07, 2.43,
)  # fmt: skip
WEEK_OPEN_MULTIPLIERS: Final = (6.20, 3.41, 1.24)
"""Of the first hours of the week, in the place of those of other days."""
WEEK_CLOSE_MULTIPLIER: Final = 6.20
LIQUID_HOURS: Final = range(10, 23)
"""Hours of the FX day from London's opening (03:00 New York) to an hour before the roll."""


def _multipliers_of_the_week() -> FloatArray:
    week = np.full((7, len(DAY_MULTIPLIERS)), WEEK_CLOSE_MULTIPLIER)
    week[:OPEN_DAYS] = DAY_MULTIPLIERS
    week[0, : len(WEEK_OPEN_MULTIPLIERS)] = WEEK_OPEN_MULTIPLIERS
    week[OPEN_DAYS - 1, -1] = WEEK_CLOSE_MULTIPLIER
    return week


WEEK_MULTIPLIERS: Final = _multipliers_of_the_week()
"""float64[7,25]: the same for each weekday of the FX clock from Monday; while the market is closed, as at the week's close."""


def session_spreads(symbol: Symbol, time_us: IntArray) -> FloatArray:
    """float64[N]: the usual spread of a symbol at UTC times int64[N] in µs, in price units: ask minus bid.

    Its typical spread times what was measured at that hour of the FX week, on a straight line between full hours. Fills at a
    candle's open want the spread at its open time. Measured on four dollar majors; crosses and gold are taken to widen alike.
    """
    day, in_day = np.divmod(fx_clock_us(time_us), DAY_US)
    hour, in_hour = np.divmod(in_day, HOUR_US)
    begins, ends = WEEK_MULTIPLIERS[weekday(day), hour], WEEK_MULTIPLIERS[weekday(day), hour + 1]
    spreads: FloatArray = symbol.typical_spread_pips * symbol.pip * (begins + (ends - begins) * (in_hour / HOUR_US))
    return spreads


def known_spreads(spread: FloatArray | None, fallback: FloatArray) -> FloatArray:
    """float64[N]: the spread of each candle where it is known, else its `fallback`; price units.

    `spread` is NaN where not known, None where candles have no such column. Candles know the spread of their close; for a fill at
    an open pass that of the candle before. Raises `BadInputError` for another length, and for a negative (crossed) or infinite
    spread.
    """
    if spread is None:
        return fallback
    bad = ~np.isnan(spread) & ~((spread >= 0.0) & np.isfinite(spread))
    if len(spread) != len(fallback) or bad.any():
        raise BadInputError(
            f"{len(spread)} spreads found for {len(fallback)} candles, {int(bad.sum())} of them negative or infinite; one finite "
            "spread of at least 0 a candle is needed, NaN where it is not known; check the spread column of the candles"
        )
    return np.where(np.isnan(spread), fallback, spread)
