"""The one decision function of backtest, paper and live: what would be done at each candle's close, and why.

It is elementwise and has no state: row i of the result depends on row i of the view only. See docs/decisions/0003.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.rows import Rows
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.strategy.view import MarketView

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

REASONS: Final = (
    "no forecast",
    "volatility not known yet",
    "band not calibrated",
    "move does not pay the cost",
    "too uncertain",
    "target does not pay the cost",
    "long: the median rises by more than the cost",
    "short: the median falls by more than the cost",
)
"""The text of each reason code of `Decisions.reason`."""

NO_FORECAST, NO_VOLATILITY, UNCALIBRATED, MOVE_TOO_SMALL, TOO_UNCERTAIN, TARGET_TOO_SMALL, LONG, SHORT = range(len(REASONS))

VOLATILITY_MULTIPLIER = (0.5, 1.5)
_WIDEST_LOG_RETURN = 1.0


@dataclass(frozen=True)
class Decision:
    """One row: `side` 1, 0 or -1; distances in quote currency and risk as a fraction of equity (None if side is 0)."""

    known_at_us: int
    side: int
    stop_distance: float | None
    target_distance: float | None
    risk_fraction: float | None
    reason: str
    numbers: Mapping[str, float | None]

    def to_json(self) -> dict[str, object]:
        """Every number of the decision, unknown ones as null."""
        return {
            "known_at_us": self.known_at_us,
            "side": self.side,
            "stop_distance": self.stop_distance,
            "target_distance": self.target_distance,
            "risk_fraction": self.risk_fraction,
            "reason": self.reason,
            "numbers": dict(self.numbers),
        }


@dataclass(frozen=True, eq=False)
class Decisions:
    """N decisions: `side` int8 (1, 0, -1), distances from the close in quote currency and `risk_fraction` of equity (NaN if 0).

    `reason` int8 codes of `REASONS`; `numbers` are the float64[N] columns that led to the decision, by name.
    """

    known_at_us: IntArray
    side: npt.NDArray[np.int8]
    stop_distance: FloatArray
    target_distance: FloatArray
    risk_fraction: FloatArray
    reason: npt.NDArray[np.int8]
    numbers: Mapping[str, FloatArray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.known_at_us)

    def slice(self, start: int, stop: int) -> "Decisions":
        """The decisions [start, stop)."""
        return self.select(slice(start, stop))

    def select(self, rows: Rows) -> "Decisions":
        """Some of the decisions."""
        return Decisions(
            known_at_us=self.known_at_us[rows],
            side=self.side[rows],
            stop_distance=self.stop_distance[rows],
            target_distance=self.target_distance[rows],
            risk_fraction=self.risk_fraction[rows],
            reason=self.reason[rows],
            numbers={name: column[rows] for name, column in self.numbers.items()},
        )

    def row(self, i: int) -> Decision:
        """Decision `i` (negative counts from the end) as a record. Raises `BadInputError` beyond the rows."""
        if not -len(self) <= i < len(self):
            raise BadInputError(f"decision {i} of {len(self)} does not exist; count from {-len(self)} to {len(self) - 1}")
        return Decision(
            known_at_us=int(self.known_at_us[i]),
            side=int(self.side[i]),
            stop_distance=_known(self.stop_distance[i]),
            target_distance=_known(self.target_distance[i]),
            risk_fraction=_known(self.risk_fraction[i]),
            reason=REASONS[int(self.reason[i])],
            numbers={name: _known(column[i]) for name, column in self.numbers.items()},
        )

    def reason_counts(self) -> dict[str, int]:
        """How often each reason was given."""
        return {text: int((self.reason == code).sum()) for code, text in enumerate(REASONS)}


def decide(view: MarketView, parameters: StrategyParameters, costs: Costs) -> Decisions:
    """The decision at every row of the view.

    Side: the sign of the median move, if the band is calibrated, that move pays a round trip and the band is not wider than a
    random walk's by more than the uncertainty threshold. Target: the far edge of the band. Stop: the near edge or the ATR,
    whichever is farther. Both are capped in percent of the price.
    """
    move, far, near = _moves(view)
    excess = _excess_uncertainty(view, parameters.sssd_quantile_confidence)
    target = np.minimum(far, parameters.risk_take_profit_pct / 100.0) * view.close
    wished_stop = np.maximum(near * view.close, parameters.risk_atr_multiplier * view.atr)
    stop = np.minimum(wished_stop, parameters.risk_stop_loss_pct / 100.0 * view.close)
    reason = np.where(move > 0.0, LONG, SHORT).astype(np.int8)
    # Later lines overrule earlier ones; a comparison with NaN is false, so each test says what must hold.
    reason[~(target > costs.round_trip * view.close)] = TARGET_TOO_SMALL
    reason[~(excess <= parameters.sssd_uncertainty_threshold)] = TOO_UNCERTAIN
    reason[~(np.abs(move) > costs.round_trip)] = MOVE_TOO_SMALL
    reason[view.uncalibrated] = UNCALIBRATED
    reason[~_volatility_known(view, parameters)] = NO_VOLATILITY
    reason[~((view.scale > 0.0) & ~np.isnan(excess) & ~np.isnan(move))] = NO_FORECAST
    side = np.where(reason == LONG, 1, np.where(reason == SHORT, -1, 0)).astype(np.int8)
    wanted = side != 0
    return Decisions(
        known_at_us=view.known_at_us,
        side=side,
        stop_distance=np.where(wanted, stop, np.nan),
        target_distance=np.where(wanted, target, np.nan),
        risk_fraction=np.where(wanted, _risk_fraction(view, excess, parameters), np.nan),
        reason=reason,
        numbers=_numbers(view, move, excess, costs),
    )


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
    if parameters.sizing_method == "volatility_adjusted":
        known &= view.slow_atr > 0.0
    return known


def _risk_fraction(view: MarketView, excess: FloatArray, parameters: StrategyParameters) -> FloatArray:
    risk = np.full(len(view), parameters.sizing_base_risk_pct / 100.0)
    if parameters.sizing_confidence_scaling:
        threshold = parameters.sssd_uncertainty_threshold
        certainty = np.clip((threshold - excess) / (2.0 * threshold), 0.0, 1.0)
        low, high = parameters.sizing_confidence_min_multiplier, parameters.sizing_confidence_max_multiplier
        risk = risk * (low + (high - low) * certainty)
    if parameters.sizing_method == "volatility_adjusted":
        usual = np.where(view.atr > 0.0, view.slow_atr, np.nan) / np.where(view.atr > 0.0, view.atr, np.nan)
        risk = risk * np.clip(usual, *VOLATILITY_MULTIPLIER)
    return risk


def _numbers(view: MarketView, move: FloatArray, excess: FloatArray, costs: Costs) -> dict[str, FloatArray]:
    return {
        "close": view.close,
        "atr": view.atr,
        "slow_atr": view.slow_atr,
        "median": view.median,
        "lower": view.lower,
        "upper": view.upper,
        "scale": view.scale,
        "median_move": move,
        "excess_uncertainty": excess,
        "round_trip_cost": np.full(len(view), costs.round_trip),
    }


def _known(value: np.float64) -> float | None:
    return float(value) if math.isfinite(value) else None
