"""How numbers are written in a report: the same text in every form, and none where there is no number."""

import math
from datetime import UTC, datetime

import numpy as np

from fxgpt_core.performance.ratios import RATIO_LIMIT

SECOND_US = 1_000_000
UNKNOWN = "-"


def money(value: float) -> str:
    """Two decimals and commas between thousands."""
    return _written(value, ",.2f")


def percent(fraction: float) -> str:
    """A fraction in percent, with two decimals."""
    return percent_points(100.0 * fraction)


def percent_points(value: float) -> str:
    """A number of percent, with two decimals."""
    return f"{_written(value, ',.2f')} %" if math.isfinite(value) else _written(value, "")


def ratio(value: float) -> str:
    """Two decimals."""
    return _written(value, ",.2f")


def held(value: float) -> str:
    """Two decimals of a ratio that is held within ± `RATIO_LIMIT`; at the limit, that there was hardly anything to divide by."""
    if value >= RATIO_LIMIT:
        return f"≥ {RATIO_LIMIT:.0f}"
    if value <= -RATIO_LIMIT:
        return f"≤ -{RATIO_LIMIT:.0f}"
    return ratio(value)


def short(value: float) -> str:
    """Four digits that count, for numbers of any size, and never as a power of ten; whole from 1,000 on."""
    if not math.isfinite(value) or abs(value) >= 1_000.0:
        return _written(value, ",.0f")
    return np.format_float_positional(value + 0.0, precision=4, fractional=False, trim="-")


def count(value: int) -> str:
    """Commas between thousands."""
    return f"{value:,}"


def moment(time_us: int) -> str:
    """A time in µs since the epoch, to the minute, in UTC."""
    return f"{datetime.fromtimestamp(time_us / SECOND_US, UTC):%Y-%m-%d %H:%M}"


def _written(value: float, form: str) -> str:
    if math.isnan(value):
        return UNKNOWN
    # z: what rounds to nothing is 0, not -0.
    return f"{value:z{form}}" if math.isfinite(value) else "∞" if value > 0.0 else "-∞"
