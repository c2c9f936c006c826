"""Candlesticks: shapes of one to three candles, by the rules and thresholds of TA-Lib 0.6 (ta-lib.org, its CDL functions).

Each rule reads arrays, so that row i depends on the `CANDLESTICK_REACH` candles before it and on itself alone. A body is long or
short against the mean body of the ten candles before, a shadow very short below a tenth of their mean range, near is a fifth and
far three fifths of the mean range of five. Means are of the values in the window alone; TA-Lib's are running sums.

One rule is not TA-Lib's as it stands: stars, inverted hammer, piercing line and dark cloud ask for a gap between two candles,
which a market that is open day and night hardly has. Here a gap may fall short of one by `gap_slack` × near; with 0 every rule is
TA-Lib's.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.patterns.names import CANDLESTICKS

FloatArray = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
SideArray = npt.NDArray[np.int8]

BODY_SPAN, NEAR_SPAN, TREND_SPAN = 10, 5, 10
FX_GAP_SLACK: Final = 1.0
CANDLESTICK_REACH: Final = BODY_SPAN + 3
"""Ten candles of means, and three before the last one of a shape."""


@dataclass(frozen=True, eq=False)
class Bodies:
    """What the rules read of each candle, [N] each; means are of the candles before, NaN where there are too few.

    `top` and `bottom` bound the body, `size` is its height; `rising`: the close is not below the open; `upper` and `lower` are
    the shadows. `usual` is the mean body, `tiny` a tenth of the mean range, `near` and `far` what their names say.
    """

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    top: FloatArray
    bottom: FloatArray
    size: FloatArray
    upper: FloatArray
    lower: FloatArray
    rising: Mask
    usual: FloatArray
    tiny: FloatArray
    near: FloatArray
    far: FloatArray

    def ago(self, candles: int) -> "Bodies":
        """The candles so many before each but the first three, as views: [N − 3] each."""
        stop = len(self.open) - candles
        return Bodies(*(getattr(self, item.name)[3 - candles : stop] for item in fields(self)))


def candlesticks(open_: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray, gap_slack: float) -> SideArray:
    """int8[N, 18]: 1 or -1 where a candlestick of `CANDLESTICKS` is complete, its side; 0 elsewhere."""
    marks = np.zeros((len(close), len(CANDLESTICKS)), dtype=np.int8)
    if len(close) <= CANDLESTICK_REACH:
        return marks
    bodies = _bodies(open_, high, low, close)
    candles = Candles(bodies.ago(0), bodies.ago(1), bodies.ago(2), bodies.ago(3), _against_trend(close)[3:], gap_slack)
    for column, name in enumerate(CANDLESTICKS):
        marks[3:, column] = RULES[name](candles)
    return marks


@dataclass(frozen=True, eq=False)
class Candles:
    """The last candle, the three before it, the side against the trend that led there, and what a gap may lack."""

    last: Bodies
    second: Bodies
    third: Bodies
    fourth: Bodies
    against_trend: SideArray
    gap_slack: float

    @property
    def gap_up(self) -> Mask:
        """The last body lies above the one before it."""
        return _gap_up(self.last, self.second, self.gap_slack)

    @property
    def gap_down(self) -> Mask:
        """The last body lies below the one before it."""
        return _gap_down(self.last, self.second, self.gap_slack)


def _bodies(open_: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray) -> Bodies:
    top, bottom, height = np.maximum(open_, close), np.minimum(open_, close), high - low
    size = np.abs(close - open_)
    range_of_five = mean_before(height, NEAR_SPAN)
    return Bodies(
        open_, high, low, close, top, bottom, size, high - top, bottom - low, close >= open_,
        usual=mean_before(size, BODY_SPAN), tiny=0.1 * mean_before(height, BODY_SPAN),
        near=0.2 * range_of_five, far=0.6 * range_of_five,
    )  # fmt: skip


def mean_before(values: FloatArray, span: int) -> FloatArray:
    """float64[N]: mean of the `span` values before each, the oldest added first; NaN where there are fewer."""
    means = np.full(len(values), np.nan)
    if len(values) > span:
        total = values[: len(values) - span].copy()
        for lag in range(1, span):
            total += values[lag : len(values) - span + lag]
        means[span:] = total / span
    return means


def _against_trend(close: FloatArray) -> SideArray:
    """int8[N]: the side against the move of the last ten candles; 0 where there was none."""
    side = np.zeros(len(close), dtype=np.int8)
    side[TREND_SPAN:] = -np.sign(close[TREND_SPAN:] - close[:-TREND_SPAN])
    return side


def _gap_up(late: Bodies, early: Bodies, slack: float) -> Mask:
    return late.bottom > early.top - slack * early.near


def _gap_down(late: Bodies, early: Bodies, slack: float) -> Mask:
    return late.top < early.bottom + slack * early.near


def _long(holds: Mask) -> SideArray:
    return holds.astype(np.int8)


def _short(holds: Mask) -> SideArray:
    return -holds.astype(np.int8)


def _sided(rising: Mask, holds: Mask) -> SideArray:
    """1 where `rising`, -1 elsewhere, where it holds."""
    return np.where(holds, np.where(rising, 1, -1), 0).astype(np.int8)


def _doji(c: Candles) -> SideArray:
    return np.where(c.last.size <= c.last.tiny, c.against_trend, 0).astype(np.int8)


def _dragonfly_doji(c: Candles) -> SideArray:
    return _long((c.last.size <= c.last.tiny) & (c.last.upper < c.last.tiny) & (c.last.lower > c.last.tiny))


def _gravestone_doji(c: Candles) -> SideArray:
    return _short((c.last.size <= c.last.tiny) & (c.last.lower < c.last.tiny) & (c.last.upper > c.last.tiny))


def _long_lower_shadow(c: Candles) -> Mask:
    return (c.last.size < c.last.usual) & (c.last.lower > c.last.size) & (c.last.upper < c.last.tiny)


def _long_upper_shadow(c: Candles) -> Mask:
    return (c.last.size < c.last.usual) & (c.last.upper > c.last.size) & (c.last.lower < c.last.tiny)


def _hammer(c: Candles) -> SideArray:
    return _long(_long_lower_shadow(c) & (c.last.bottom <= c.second.low + c.second.near))


def _hanging_man(c: Candles) -> SideArray:
    return _short(_long_lower_shadow(c) & (c.last.bottom >= c.second.high - c.second.near))


def _inverted_hammer(c: Candles) -> SideArray:
    return _long(_long_upper_shadow(c) & c.gap_down)


def _shooting_star(c: Candles) -> SideArray:
    return _short(_long_upper_shadow(c) & c.gap_up)


def _marubozu(c: Candles) -> SideArray:
    holds = (c.last.size > c.last.usual) & (c.last.upper < c.last.tiny) & (c.last.lower < c.last.tiny)
    return _sided(c.last.rising, holds)


def _engulfing(c: Candles) -> SideArray:
    last, second = c.last, c.second
    covers = (last.top >= second.top) & (last.bottom <= second.bottom) & ((last.top > second.top) | (last.bottom < second.bottom))
    return _sided(last.rising, covers & (last.rising != second.rising))


def _harami(c: Candles) -> SideArray:
    inside = (c.last.top <= c.second.top) & (c.last.bottom >= c.second.bottom)
    return _sided(~c.second.rising, inside & (c.second.size > c.second.usual) & (c.last.size <= c.last.usual))


def _piercing_line(c: Candles) -> SideArray:
    last, second = c.last, c.second
    large = (second.size > second.usual) & (last.size > last.usual) & ~second.rising & last.rising
    gap = last.open < second.low + c.gap_slack * second.near
    return _long(large & gap & (last.close < second.open) & (last.close > second.close + 0.5 * second.size))


def _dark_cloud_cover(c: Candles) -> SideArray:
    last, second = c.last, c.second
    large = (second.size > second.usual) & second.rising & ~last.rising
    gap = last.open > second.high - c.gap_slack * second.near
    return _short(large & gap & (last.close > second.open) & (last.close < second.close - 0.5 * second.size))


def _star(c: Candles) -> Mask:
    """A long body, a short one, and one that is not short."""
    return (c.third.size > c.third.usual) & (c.second.size <= c.second.usual) & (c.last.size > c.last.usual)


def _morning_star(c: Candles) -> SideArray:
    turned = ~c.third.rising & c.last.rising & (c.last.close > c.third.close + 0.3 * c.third.size)
    return _long(_star(c) & turned & _gap_down(c.second, c.third, c.gap_slack))


def _evening_star(c: Candles) -> SideArray:
    turned = c.third.rising & ~c.last.rising & (c.last.close < c.third.close - 0.3 * c.third.size)
    return _short(_star(c) & turned & _gap_up(c.second, c.third, c.gap_slack))


def _three_white_soldiers(c: Candles) -> SideArray:
    holds = c.last.size > c.last.usual
    for late, early in ((c.second, c.third), (c.last, c.second)):
        holds &= (late.close > early.close) & (late.open > early.open) & (late.open <= early.close + early.near)
        holds &= late.size > early.size - early.far
    for each in (c.third, c.second, c.last):
        holds &= each.rising & (each.upper < each.tiny)
    return _long(holds)


def _three_black_crows(c: Candles) -> SideArray:
    holds = c.fourth.rising & (c.fourth.high > c.third.close)
    for late, early in ((c.second, c.third), (c.last, c.second)):
        holds &= (late.open < early.open) & (late.open > early.close) & (late.close < early.close)
    for each in (c.third, c.second, c.last):
        holds &= ~each.rising & (each.lower < each.tiny)
    return _short(holds)


def _three_inside(c: Candles) -> SideArray:
    inside = (c.second.top < c.third.top) & (c.second.bottom > c.third.bottom)
    sizes = (c.third.size > c.third.usual) & (c.second.size <= c.second.usual)
    fell = c.third.rising & ~c.last.rising & (c.last.close < c.third.open)
    rose = ~c.third.rising & c.last.rising & (c.last.close > c.third.open)
    return _sided(rose, inside & sizes & (fell | rose))


def _three_outside(c: Candles) -> SideArray:
    covers = (c.second.top > c.third.top) & (c.second.bottom < c.third.bottom) & (c.second.rising != c.third.rising)
    goes_on = np.where(c.second.rising, c.last.close > c.second.close, c.last.close < c.second.close)
    return _sided(c.second.rising, covers & goes_on)


RULES: Final[dict[str, Callable[[Candles], SideArray]]] = {
    "doji": _doji,
    "dragonfly_doji": _dragonfly_doji,
    "gravestone_doji": _gravestone_doji,
    "hammer": _hammer,
    "hanging_man": _hanging_man,
    "inverted_hammer": _inverted_hammer,
    "shooting_star": _shooting_star,
    "marubozu": _marubozu,
    "engulfing": _engulfing,
    "harami": _harami,
    "piercing_line": _piercing_line,
    "dark_cloud_cover": _dark_cloud_cover,
    "morning_star": _morning_star,
    "evening_star": _evening_star,
    "three_white_soldiers": _three_white_soldiers,
    "three_black_crows": _three_black_crows,
    "three_inside": _three_inside,
    "three_outside": _three_outside,
}
CANDLES_OF: Final = dict.fromkeys(CANDLESTICKS, 2) | {
    **dict.fromkeys(("doji", "dragonfly_doji", "gravestone_doji", "marubozu"), 1),
    **dict.fromkeys(("morning_star", "evening_star"), 3),
    **dict.fromkeys(("three_white_soldiers", "three_black_crows", "three_inside", "three_outside"), 3),
}
"""How many candles each candlestick consists of."""
