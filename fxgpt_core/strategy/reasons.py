"""Why a decision trades or does not, as codes and as text: the one list that backtest, ledger and people read."""

from typing import Final

REASONS: Final = (
    "no forecast",
    "volatility not known yet",
    "band not calibrated",
    "move does not pay the cost",
    "too uncertain",
    "target does not pay the cost",
    "long: the median rises by more than the cost",
    "short: the median falls by more than the cost",
    "long: a pattern leads",
    "short: a pattern leads",
    "a pattern speaks against it",
    "the market is unlike any that was learned",
    "the crowd is on this side",
    "confident news is against this side",
    "too little volume trades",
    "on-balance volume and VWAP are against this side",
    "a volume spike is against this side",
    "no edge by the sizing method",
    "no capital is allocated to the symbol",
    "another regime than the one searched for",
)
"""The text of each reason code of `Decisions.reason`."""

NO_FORECAST, NO_VOLATILITY, UNCALIBRATED, MOVE_TOO_SMALL, TOO_UNCERTAIN, TARGET_TOO_SMALL = range(6)
LONG, SHORT, PATTERN_LONG, PATTERN_SHORT = range(6, 10)
PATTERN_AGAINST, ANOMALY, CROWD, NEWS, ILLIQUID, VOLUME_AGAINST, SPIKE_AGAINST, NO_EDGE, NO_CAPITAL = range(10, 19)
OTHER_REGIME: Final = 19

SIDES: Final = tuple(
    1 if code in (LONG, PATTERN_LONG) else -1 if code in (SHORT, PATTERN_SHORT) else 0 for code in range(len(REASONS))
)
"""By reason code: the side that is traded, 0 for none."""
