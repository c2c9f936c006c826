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

    A pattern's target is that of its shape, its stop too, but at least the ATR, since a stop inside the range of a single candle
    would be hit by noise; both are capped in percent of the price. Certainty: its confidence above the threshold, up to 1.
    """
    forecast = forecast_wishes(view, parameters, costs)
    pattern = view.pattern
    if pattern is None:
        return forecast
    limits = _limits(parameters, costs)
    shaped = _Shaped(pattern.side, pattern.confidence, pattern.stop_distance, pattern.target_distance)
    _let_patterns_lead(shaped, view.close, view.atr, limits, forecast)
    return forecast


def forecast_wishes(view: MarketView, parameters: StrategyParameters, costs: Costs) -> Wishes:
    """Side: the sign of the median move, if the band is calibrated, that move pays a round trip and the band is not wider than a
    random walk's by more than the uncertainty threshold. Target: the far edge of the band. Stop: the near edge or the ATR,
    whichever is farther. Both are capped in percent of the price. Certainty: 0 at the uncertainty threshold, 1 as far below 0.
    """
    seen = _Seen(
        *(view.close, view.atr, view.slow_atr, view.median, view.lower, view.upper, view.scale, view.uncalibrated),
    )
    return Wishes(*_forecast_wishes(seen, _limits(parameters, costs)))


class _Seen(NamedTuple):
    """The columns of a view that a wish of the forecast is made of."""

    close: FloatArray
    atr: FloatArray
    slow_atr: FloatArray
    median: FloatArray
    lower: FloatArray
    upper: FloatArray
    scale: FloatArray
    uncalibrated: Mask


class _Shaped(NamedTuple):
    """The columns of `PatternSignals` that a wish of a pattern is made of."""

    side: Codes
    confidence: FloatArray
    stop: FloatArray
    target: FloatArray


class _Limits(NamedTuple):
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


def _limits(parameters: StrategyParameters, costs: Costs) -> _Limits:
    return _Limits(
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
def _forecast_wishes(
    seen: _Seen, limits: _Limits
) -> tuple[Codes, FloatArray, FloatArray, FloatArray, Mask, FloatArray, FloatArray]:
    """The fields of `Wishes`, in one pass: in arrays for each step most of the time would go into memory."""
    n = len(seen.close)
    reason, led = np.empty(n, np.int8), np.zeros(n, np.bool_)
    stop, target, certainty = np.full(n, np.nan), np.full(n, np.nan), np.empty(n)
    moves, widths = np.empty(n), np.empty(n)
    for i in range(n):
        scale = seen.scale[i] if seen.scale[i] > 0.0 else math.nan
        excess = (seen.upper[i] - seen.lower[i]) / (limits.walk_width * scale) - 1.0
        move = _fraction(seen.median[i])
        moves[i], widths[i] = move, excess
        # A number that is not known makes every comparison false, and stays not known.
        certainty[i] = _cut((limits.uncertainty - excess) / (2.0 * limits.uncertainty), 0.0, 1.0)
        reason[i] = _refusal(seen, limits, i, move, excess)
        if reason[i] == LONG:
            far, near = _fraction(seen.upper[i]), -_fraction(seen.lower[i])
            if move < 0.0:
                far, near = -_fraction(seen.lower[i]), _fraction(seen.upper[i])
                reason[i] = SHORT
            stop[i] = _least(_most(near * seen.close[i], limits.atr_multiplier * seen.atr[i]), limits.stop * seen.close[i])
            target[i] = _least(far, limits.target) * seen.close[i]
            if not target[i] > limits.round_trip * seen.close[i]:
                reason[i] = TARGET_TOO_SMALL
    return reason, stop, target, certainty, led, moves, widths


@inlined
def _refusal(seen: _Seen, limits: _Limits, i: int, move: float, excess: float) -> int:
    """Why the forecast has no side at a row, `LONG` if it has one."""
    if not seen.scale[i] > 0.0 or math.isnan(excess) or math.isnan(move):
        return NO_FORECAST
    if not seen.atr[i] > 0.0 or (limits.needs_slow_atr and not seen.slow_atr[i] > 0.0):
        return NO_VOLATILITY
    if seen.uncalibrated[i]:
        return UNCALIBRATED
    if not abs(move) > limits.round_trip:
        return MOVE_TOO_SMALL
    if not excess <= limits.uncertainty:
        return TOO_UNCERTAIN
    return LONG


@compiled
def _let_patterns_lead(shaped: _Shaped, close: FloatArray, atr: FloatArray, limits: _Limits, wished: Wishes) -> None:
    """Changes the wishes of the forecast at the rows where a pattern is believed."""
    for i in range(len(close)):
        if shaped.side[i] == 0 or not shaped.confidence[i] >= limits.confidence:
            continue
        side, forecast = shaped.side[i], wished.reason[i]
        if (forecast == LONG and side < 0) or (forecast == SHORT and side > 0):
            wished.reason[i] = PATTERN_AGAINST
            continue
        target = _least(shaped.target[i], limits.target * close[i])
        undecided = forecast in (MOVE_TOO_SMALL, TOO_UNCERTAIN, TARGET_TOO_SMALL)
        if undecided and target > limits.round_trip * close[i]:
            over = (shaped.confidence[i] - limits.confidence) / (1.0 - limits.confidence)
            wished.reason[i], wished.led[i] = PATTERN_LONG if side > 0 else PATTERN_SHORT, True
            wished.stop[i] = _least(_most(shaped.stop[i], atr[i]), limits.stop * close[i])
            wished.target[i], wished.certainty[i] = target, _cut(over, 0.0, 1.0)


@inlined
def _fraction(log_return: float) -> float:
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
