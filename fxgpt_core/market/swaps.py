"""Swap: what a position pays, or earns, for each night it is held past 17:00 New York.

A currency pair settles two business days later, so the roll on Wednesday moves settlement from Friday to Monday and counts three
nights; USDCAD settles after one day, and has them on Thursday. Gold is rolled like a pair. A week has seven nights in all.
Holidays of currencies, for which brokers charge nights on another day, are not known here: the sum is right, the day may not be.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.sessions import fx_day, weekday
from fxgpt_core.market.symbols import Symbol

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MAX_RATE: Final = 0.5
DAYS_A_YEAR: Final = 365
SETTLED_NEXT_DAY: Final = frozenset({"USDCAD"})
# Nights since Monday's start that were paid when the FX day of each weekday begins.
_PAID: Final = np.array([0, 1, 2, 5, 6, 7, 7])
_PAID_NEXT_DAY: Final = np.array([0, 1, 2, 3, 6, 7, 7])


@dataclass(frozen=True)
class SwapRates:
    """What a `long` and a `short` position cost a year, as fractions of the notional; positive is paid, negative is earned.

    Raises `BadInputError` for a rate that is not in (−0.5, 0.5).
    """

    long: float
    short: float

    def __post_init__(self) -> None:
        for name, rate in (("long", self.long), ("short", self.short)):
            if not (math.isfinite(rate) and abs(rate) < MAX_RATE):
                raise BadInputError(
                    f"the swap rate of a {name} position is {rate}; it is a fraction of the notional a year between -{MAX_RATE} "
                    f"and {MAX_RATE}, positive where it is paid. Divide percent by 100."
                )


def swap_rates(base_rate: float, quote_rate: float, markup: float = 0.0) -> SwapRates:
    """The swap rates that follow from two policy rates (fractions a year) and what the broker adds to both sides.

    A long position lends the base currency and borrows the quote currency, so it costs `quote_rate` − `base_rate` + `markup`; a
    short one the reverse. Long EURUSD with 2 % in euros, 5 % in dollars and a markup of 1 % costs 4 % a year; short earns 2 %.
    Raises `BadInputError` for a negative markup, and for rates as `SwapRates` does.
    """
    if not markup >= 0.0:
        raise BadInputError(f"a markup of {markup} found; a broker's markup is at least 0; give it as a fraction a year")
    carry = quote_rate - base_rate
    return SwapRates(long=carry + markup, short=markup - carry)


def nights(open_time_us: IntArray, symbol: Symbol) -> IntArray:
    """int64[N]: nights charged at the open of each candle to what was held since the open before; 0 for the first.

    Open times are UTC µs. Each roll (17:00 New York) from Monday to Friday is one night, that of Wednesday three, for
    `SETTLED_NEXT_DAY` that of Thursday. A candle that opens at the roll is the first to be charged; nights in a hole are charged
    behind it. Raises `BadInputError` when the times do not ascend.
    """
    if (np.diff(open_time_us) <= 0).any():
        raise BadInputError("open times that do not ascend found; nights are charged in order; sort the candles and drop doubles")
    day = fx_day(open_time_us).astype(np.int64)
    since_monday = weekday(day)
    before = _PAID_NEXT_DAY if symbol.name in SETTLED_NEXT_DAY else _PAID
    # Weeks have as many nights as days, so that the number of a week's Monday counts those of all weeks before.
    paid = day - since_monday + before[since_monday]
    charged: IntArray = np.diff(paid, prepend=paid[:1])
    return charged


def swap_per_unit(open_time_us: IntArray, close: FloatArray, symbol: Symbol, rates: SwapRates) -> tuple[FloatArray, FloatArray]:
    """float64[N] twice: what one unit of base, held long and short since the candle before, is charged at each candle's open.

    In quote currency, positive where it is paid: rate × close of the candle before × nights / 365. Raises `BadInputError` for
    closes (float64[N]) of another number or that are no finite prices above 0, and for times as `nights` does.
    """
    prices = np.isfinite(close) & (close > 0.0)
    if len(close) != len(open_time_us) or not prices.all():
        raise BadInputError(
            f"{len(close)} closes found for {len(open_time_us)} candles of {symbol.name}, {int((~prices).sum())} of them no "
            "finite price above 0; one such price a candle is needed; check the candles"
        )
    notional = np.concatenate((close[:1], close[:-1])) * nights(open_time_us, symbol) / DAYS_A_YEAR
    return rates.long * notional, rates.short * notional
