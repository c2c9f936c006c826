"""The seven timeframes a candle can have."""

from datetime import timedelta
from enum import StrEnum

from fxgpt_core.errors import UnknownTimeframeError

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US


class Timeframe(StrEnum):
    """The length of a candle; the value is the text people write ("1h")."""

    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H4 = "4h"
    D1 = "1d"

    @property
    def us(self) -> int:
        """Length in microseconds; an FX day has 24 hours, since New York's clock changes only while the FX week is closed."""
        return _LENGTH_US[self]

    @property
    def duration(self) -> timedelta:
        """Length as a `timedelta`."""
        return timedelta(microseconds=self.us)


_LENGTH_US = {
    Timeframe.M1: MINUTE_US,
    Timeframe.M5: 5 * MINUTE_US,
    Timeframe.M15: 15 * MINUTE_US,
    Timeframe.M30: 30 * MINUTE_US,
    Timeframe.H1: HOUR_US,
    Timeframe.H4: 4 * HOUR_US,
    Timeframe.D1: DAY_US,
}


def timeframe(text: str) -> Timeframe:
    """The timeframe of a text such as "1h" or "1H"; raises `UnknownTimeframeError`."""
    try:
        return Timeframe(text.strip().lower())
    except ValueError:
        allowed = ", ".join(Timeframe)
        raise UnknownTimeframeError(f"timeframe {text!r} is unknown; known: {allowed}; write one of them") from None
