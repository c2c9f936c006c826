"""What a forecast wishes, what a pattern wishes, and what becomes of both: a side, its stop and target, or the reason for none.

Distances are in quote currency from the close. Every number of a row depends on that row of the view only.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

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
_UNDECIDED = np.isin(np.arange(len(SIDES)), (MOVE_TOO_SMALL, TOO_UNCERTAIN, TARGET_TOO_SMALL))
"""By reason code: whether the forecast is known and has no side, so that a pattern may lead."""


@dataclass(frozen=True, eq=False)
class Wishes:
    """N wishes: `reason` int8 codes of `REASONS` tell the side; stop and target in quote currency; `certainty` in [0, 1].

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

    @cached_property
    def side(self) -> Codes:
        """int8[N]: 1, −1 or 0."""
        return side_of(self.reason)


def side_of(reason: Codes) -> Codes:
    """int8[N]: the side that reason codes trade: 1, −1, or 0 for none."""
    return _SIDES[reason]


def wishes(view: MarketView, parameters: StrategyParameters, costs: Costs) -> Wishes:
    """The forecast's wishes; a pattern's where the forecast has no side, and none where the two contradict."""
    forecast = forecast_wishes(view, parameters, costs)
    pattern = view.pattern
    if pattern is None:
        return forecast
    target = np.minimum(pattern.target_distance, parameters.risk_take_profit_pct / 100.0 * view.close)
    # A stop inside the range of a single candle would be hit by noise.
    stop = np.minimum(np.maximum(pattern.stop_distance, view.atr), parameters.risk_stop_loss_pct / 100.0 * view.close)
    believed = pattern.confidence >= parameters.pattern_confidence_threshold
    side = np.where(believed, pattern.side, 0)
    led = (side != 0) & _UNDECIDED[forecast.reason] & (target > costs.round_trip * view.close)
    reason = np.where(led, np.where(side > 0, PATTERN_LONG, PATTERN_SHORT), forecast.reason).astype(np.int8)
    reason[(forecast.side != 0) & (side == -forecast.side)] = PATTERN_AGAINST
    over = (pattern.confidence - parameters.pattern_confidence_threshold) / (1.0 - parameters.pattern_confidence_threshold)
    return Wishes(
        reason=reason,
        stop=np.where(led, stop, forecast.stop),
        target=np.where(led, target, forecast.target),
        certainty=np.where(led, np.clip(over, 0.0, 1.0), forecast.certainty),
        led=led,
        move=forecast.move,
        excess=forecast.excess,
    )


def forecast_wishes(view: MarketView, parameters: StrategyParameters, costs: Costs) -> Wishes:
    """Side: the sign of the median move, if the band is calibrated, that move pays a round trip and the band is not wider than a
    random walk's by more than the uncertainty threshold. Target: the far edge of the band. Stop: the near edge or the ATR,
    whichever is farther. Both are capped in percent of the price. Certainty: 0 at the uncertainty threshold, 1 as far below 0.
    """
    move, far, near = _moves(view)
    excess = _excess_uncertainty(view, parameters.sssd_quantile_confidence)
    target = np.minimum(far, parameters.risk_take_profit_pct / 100.0) * view.close
    wished_stop = np.maximum(near * view.close, parameters.risk_atr_multiplier * view.atr)
    stop = np.minimum(wished_stop, parameters.risk_stop_loss_pct / 100.0 * view.close)
    threshold = parameters.sssd_uncertainty_threshold
    reason = np.where(move > 0.0, LONG, SHORT).astype(np.int8)
    # Later lines overrule earlier ones; a comparison with NaN is false, so each test says what must hold.
    reason[~(target > costs.round_trip * view.close)] = TARGET_TOO_SMALL
    reason[~(excess <= threshold)] = TOO_UNCERTAIN
    reason[~(np.abs(move) > costs.round_trip)] = MOVE_TOO_SMALL
    reason[view.uncalibrated] = UNCALIBRATED
    reason[~_volatility_known(view, parameters)] = NO_VOLATILITY
    reason[~((view.scale > 0.0) & ~np.isnan(excess) & ~np.isnan(move))] = NO_FORECAST
    certainty = np.clip((threshold - excess) / (2.0 * threshold), 0.0, 1.0)
    return Wishes(reason, stop, target, certainty, np.zeros(len(view), dtype=bool), move, excess)


def _moves(view: MarketView) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Median move, and the distances of the far and near edge in its direction, all as fractions of the close."""
    move, lower, upper = _fraction(view.median), _fraction(view.lower), _fraction(view.upper)
    rises = move > 0.0
    return move, np.where(rises, upper, -lower), np.where(rises, -lower, upper)


def _fraction(log_return: FloatArray) -> FloatArray:
    """exp(r) − 1, value by value: numpy's vectorised exponential may round by its position in the array."""
    bounded = np.clip(log_return, -_WIDEST_LOG_RETURN, _WIDEST_LOG_RETURN)
    return np.fromiter(map(math.expm1, bounded.tolist()), dtype=np.float64, count=len(bounded))


def _excess_uncertainty(view: MarketView, confidence: float) -> FloatArray:
    """Width of the calibrated band over that of a Gaussian random walk at the same confidence, minus 1."""
    random_walk_width = 2.0 * NormalDist().inv_cdf((1.0 + confidence) / 2.0) * np.where(view.scale > 0.0, view.scale, np.nan)
    return (view.upper - view.lower) / random_walk_width - 1.0


def _volatility_known(view: MarketView, parameters: StrategyParameters) -> Mask:
    known: Mask = view.atr > 0.0
    if parameters.sizing_method == VOLATILITY_ADJUSTED:
        known &= view.slow_atr > 0.0
    return known
