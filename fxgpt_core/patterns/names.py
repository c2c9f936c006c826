"""The kinds of pattern, by name and by code."""

from typing import Final

CHART_SHAPES: Final = (
    "double_bottom",
    "double_top",
    "inverse_head_and_shoulders",
    "head_and_shoulders",
    "upward_breakout",
    "downward_breakout",
)
"""Shapes that end with a close beyond a level. A shape for the long side comes before its mirror image."""

CANDLESTICKS: Final = (
    "doji",
    "dragonfly_doji",
    "gravestone_doji",
    "hammer",
    "hanging_man",
    "inverted_hammer",
    "shooting_star",
    "marubozu",
    "engulfing",
    "harami",
    "piercing_line",
    "dark_cloud_cover",
    "morning_star",
    "evening_star",
    "three_white_soldiers",
    "three_black_crows",
    "three_inside",
    "three_outside",
)
"""Shapes of one to three candles, complete at the close of the last."""

PATTERN_NAMES: Final = (*CHART_SHAPES, *CANDLESTICKS)
"""A kind's code is its place here."""

NO_PATTERN: Final = -1

CONTINUATIONS: Final = ("upward_breakout", "downward_breakout", "marubozu", "three_white_soldiers", "three_black_crows")
"""Kinds that say a move goes on; all others say that it turns."""

FATES: Final = ("waiting", "confirmed", "false breakout", "expired")
"""What became of a shape: its break is not there or not judged yet; it held; the price came back; it never came, or too late."""

WAITING, CONFIRMED, FALSE_BREAKOUT, EXPIRED = range(len(FATES))
