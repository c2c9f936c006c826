"""What a forecast wishes, what a pattern wishes, and what becomes of both: a side, its stop and target, or the reason for none.

Distances are in quote currency from the close. Every number of a row depends on that row of the view only.
"""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core.compiled import compiled, inlined
from fxgpt_core.market.costs import Costs
from fxgpt_core.patterns.signals import PatternSignals
from fxgpt_core.portfolio.sizing import VOLATILITY_ADJUSTED
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.strategy.reasons import (
    LONG,
    MOVE_TOO_SMALL,
    NO_FORECAST,
    NO_VOLATILITY,
    PATTERN_AGAINST,
    PATTERN_LONG,
    PATTERN_SHORT,
    SHORT,
    SIDES,
    TARGET_TOO_SMALL,
    TOO_UNCERTAIN,
    UNCALIBRATED,
)
from fxgpt_core.strategy.view import MarketView

FloatArray = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int8]
Mask = npt.NDArray[np.bool_]

_WIDEST_LOG_RETURN = 1.0
_SIDES = np.array(SIDES, dtype=np.int8)


class Wishes(NamedTuple):
    """N wishes: `reason` int8 codes of `REASONS` tell the side; stop and target in quote currency, NaN where the
    forecast and its band leave nothing to wish; `certainty` in [0, 1].

    `led` bool[N]: a pattern set stop and target. `move` and `excess` are the forecast's median move as a fraction of the close,
    and the width of its band over that of a random walk, less 1.
    """

    reason: Codes
    stop: FloatArray
    target: FloatArray
    certainty: FloatArray
    led: Mask
    move: FloatArray
    excess: FloatArray

    @property
    def side(self) -> Codes:
        """int8[N]: 1, −1 or 0."""
        return side_of(self.reason)


def side_of(reason: Codes) -> Codes:
    """int8[N]: the side that reason codes trade: 1, −1, or 0 for none."""
    return _SIDES[reason]


def wishes(view: MarketView, parameters: StrategyParameters, costs: Costs) -> Wishes:
    """The forecast's wishes; a pattern's where the forecast has no side, and none where the two contradict.

    Forecast: its side is the sign of the median move, if the band is calibrated, that move pays a round trip and the band is not
    wider than a random walk's by more than the uncertainty threshold. Target: the far edge of the band. Stop: the near edge or
    the ATR, whichever is farther. Certainty: 0 at the uncertainty threshold, 1 as far below 0.

    Pattern: the target is that of its shape, its stop too, but at least the ATR, since a stop inside the range of a single
    candle would be hit by noise. Certainty: its confidence above the threshold, up to 1. Stops and targets of both are capped in
    percent of the price.
    """
    seen = Seen(view.close, view.atr, view.slow_atr, view.scale, view.uncalibrated)
    band = (view.median, view.lower, view.upper)
    return Wishes(*_each_wish(seen, band, shaped_of(view.pattern, len(view)), limits_of(parameters, costs)))


class Seen(NamedTuple):
    """The columns of a view that every wish is made of, besides its band."""

    close: FloatArray
    atr: FloatArray
    slow_atr: FloatArray
    scale: FloatArray
    uncalibrated: Mask


class Shaped(NamedTuple):
    """The columns of `PatternSignals` that a wish of a pattern is made of."""

    side: Codes
    confidence: FloatArray
    stop: FloatArray
    target: FloatArray


def shaped_of(pattern: PatternSignals | None, n: int) -> Shaped:
    """Those of n candles; without patterns none has a side."""
    if pattern is None:
        return Shaped(np.zeros(n, np.int8), *(np.full(n, np.nan) for _ in range(3)))
    return Shaped(pattern.side, pattern.confidence, pattern.stop_distance, pattern.target_distance)


class Limits(NamedTuple):
    """The numbers that wishes are held to, as fractions of the close but for `atr_multiplier` and thresholds.

    `walk_width`: the width of a Gaussian random walk's band, over the deviation.
    """

    stop: float
    target: float
    atr_multiplier: float
    uncertainty: float
    walk_width: float
    round_trip: float
    needs_slow_atr: bool
    confidence: float


class Wish(NamedTuple):
    """One of `Wishes`, without what it was told by."""

    reason: int
    stop: float
    target: float
    certainty: float
    led: bool


def limits_of(parameters: StrategyParameters, costs: Costs) -> Limits:
    """What a parameter set holds wishes to."""
    return Limits(
        stop=parameters.risk_stop_loss_pct / 100.0,
        target=parameters.risk_take_profit_pct / 100.0,
        atr_multiplier=parameters.risk_atr_multiplier,
        uncertainty=parameters.sssd_uncertainty_threshold,
        walk_width=2.0 * NormalDist().inv_cdf((1.0 + parameters.sssd_quantile_confidence) / 2.0),
        round_trip=costs.round_trip,
        needs_slow_atr=parameters.sizing_method == VOLATILITY_ADJUSTED,
        confidence=parameters.pattern_confidence_threshold,
    )


@compiled
def _each_wish(
    seen: Seen, band: tuple[FloatArray, FloatArray, FloatArray], shaped: Shaped, limits: Limits
) -> tuple[Codes, FloatArray, FloatArray, FloatArray, Mask, FloatArray, FloatArray]:
    """The fields of `Wishes`; the band is median, lower and upper edge."""
    n = len(seen.close)
    reason, led = np.empty(n, np.int8), np.empty(n, np.bool_)
    stop, target, certainty = np.empty(n), np.empty(n), np.empty(n)
    moves, widths = np.empty(n), np.empty(n)
    for i in range(n):
        moves[i] = fraction(band[0][i])
        widths[i] = excess(band[1][i], band[2][i], seen.scale[i], limits)
        wish = wish_at(seen, i, (moves[i], band[1][i], band[2][i]), shaped, i, limits)
        reason[i], stop[i], target[i], certainty[i], led[i] = wish
    return reason, stop, target, certainty, led, moves, widths


@inlined
def may_wish(move: float, side: int, confidence: float, limits: Limits) -> bool:
    """Whether there can be a side: the forecast's move pays, or a pattern is believed."""
    return abs(move) > limits.round_trip or believed(side, confidence, limits)


@inlined
def believed(side: int, confidence: float, limits: Limits) -> bool:
    """Whether there is a pattern with the confidence that is asked for."""
    return side != 0 and confidence >= limits.confidence


@inlined
def wish_at(seen: Seen, i: int, band: tuple[float, float, float], shaped: Shaped, place: int, limits: Limits) -> Wish:
    """The wish at row `i` of what is seen and `place` of the patterns; `band` is move, lower and upper edge."""
    forecast = _forecast_wish(seen, i, band, limits)
    if not believed(shaped.side[place], shaped.confidence[place], limits):
        return forecast
    return _with_pattern(shaped, place, seen.close[i], seen.atr[i], forecast, limits)


@inlined
def excess(lower: float, upper: float, scale: float, limits: Limits) -> float:
    """The width of a band over that of a random walk, less 1; NaN where it is not known."""
    return (upper - lower) / (limits.walk_width * (scale if scale > 0.0 else math.nan)) - 1.0


@inlined
def _forecast_wish(seen: Seen, i: int, band: tuple[float, float, float], limits: Limits) -> Wish:
    move, lower, upper = band
    wider = excess(lower, upper, seen.scale[i], limits)
    # A number that is not known makes every comparison false, and stays not known.
    certainty = _cut((limits.uncertainty - wider) / (2.0 * limits.uncertainty), 0.0, 1.0)
    reason, stop, target = _refusal(seen, limits, i, move, wider), math.nan, math.nan
    if reason == LONG:
        close = seen.close[i]
        far, near = fraction(upper), -fraction(lower)
        if move < 0.0:
            far, near, reason = -fraction(lower), fraction(upper), SHORT
        stop = _least(_most(near * close, limits.atr_multiplier * seen.atr[i]), limits.stop * close)
        target = _least(far, limits.target) * close
        if not target > limits.round_trip * close:
            reason = TARGET_TOO_SMALL
    return Wish(reason, stop, target, certainty, False)


@inlined
def _refusal(seen: Seen, limits: Limits, i: int, move: float, wider: float) -> int:
    """Why the forecast has no side at a row, `LONG` if it has one."""
    if not seen.scale[i] > 0.0 or math.isnan(wider) or math.isnan(move):
        return NO_FORECAST
    if not seen.atr[i] > 0.0 or (limits.needs_slow_atr and not seen.slow_atr[i] > 0.0):
        return NO_VOLATILITY
    if seen.uncalibrated[i]:
        return UNCALIBRATED
    if not abs(move) > limits.round_trip:
        return MOVE_TOO_SMALL
    if not wider <= limits.uncertainty:
        return TOO_UNCERTAIN
    return LONG


@inlined
def _with_pattern(shaped: Shaped, place: int, close: float, atr: float, forecast: Wish, limits: Limits) -> Wish:
    """The wish of the forecast with what a believed pattern makes of it."""
    side, reason = shaped.side[place], forecast.reason
    if (reason == LONG and side < 0) or (reason == SHORT and side > 0):
        return Wish(PATTERN_AGAINST, forecast.stop, forecast.target, forecast.certainty, False)
    target = _least(shaped.target[place], limits.target * close)
    undecided = reason in (MOVE_TOO_SMALL, TOO_UNCERTAIN, TARGET_TOO_SMALL)
    if not (undecided and target > limits.round_trip * close):
        return forecast
    over = (shaped.confidence[place] - limits.confidence) / (1.0 - limits.confidence)
    stop = _least(_most(shaped.stop[place], atr), limits.stop * close)
    return Wish(PATTERN_LONG if side > 0 else PATTERN_SHORT, stop, target, _cut(over, 0.0, 1.0), True)


@compiled
def fractions(log_returns: FloatArray) -> FloatArray:
    """`fraction` of each."""
    found = np.empty(len(log_returns))
    for i in range(len(log_returns)):
        found[i] = fraction(log_returns[i])
    return found


@inlined
def fraction(log_return: float) -> float:
    """exp(r) − 1; log-returns are cut at ±1."""
    return math.expm1(_cut(log_return, -_WIDEST_LOG_RETURN, _WIDEST_LOG_RETURN))


@inlined
def _least(one: float, other: float) -> float:
    """The smaller one; NaN if one of them is."""
    return one if one < other or math.isnan(one) else other


@inlined
def _most(one: float, other: float) -> float:
    """The larger one; NaN if one of them is."""
    return one if one > other or math.isnan(one) else other


@inlined
def _cut(value: float, low: float, high: float) -> float:
    """The value within its bounds; NaN if it is."""
    return _least(_most(value, low), high)
