"""How many units a decision is worth: the risk it may take by four methods and their multipliers, capped by risk and margin."""

import math
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from fxgpt_core.compiled import compiled, inlined
from fxgpt_core.errors import BadInputError
from fxgpt_core.portfolio.edge import Edge, kelly, optimal_f
from fxgpt_core.regimes.regime import RANGING, REGIMES, TRENDING_DOWN, TRENDING_UP, UNKNOWN, VOLATILE

FloatArray = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int8]
Mask = npt.NDArray[np.bool_]
Numbers = TypeVar("Numbers", float, npt.NDArray[np.float64])
Code = TypeVar("Code", int, npt.NDArray[np.int8])

FIXED_FRACTION: Final = "fixed_fraction"
KELLY: Final = "kelly"
OPTIMAL_F: Final = "optimal_f"
VOLATILITY_ADJUSTED: Final = "volatility_adjusted"
METHODS: Final = (FIXED_FRACTION, KELLY, OPTIMAL_F, VOLATILITY_ADJUSTED)

MAX_TRADE_RISK: Final = 0.03
"""No trade risks more of the equity than this, whatever the method and the multipliers. A jump of five mean ranges, which every
set must survive (docs/stress.md), costs five times the risk of a trade whose stop is one range away: 15 % of the equity."""

VOLATILITY_MULTIPLIER: Final = (0.5, 1.5)
"""The bounds of usual over present volatility as a multiplier."""


@dataclass(frozen=True)
class SizingParameters:
    """The ten of position sizing, as the specification names and bounds them; `_pct` in percent of the equity.

    `max_position_size_pct` is margin and acts in `position_units`, the rest acts in `risk_fraction`. Raises `BadInputError`.
    """

    method: str = FIXED_FRACTION
    base_risk_pct: float = 1.0
    kelly_fraction: float = 0.25
    max_position_size_pct: float = 20.0
    regime_trending_multiplier: float = 1.5
    regime_ranging_multiplier: float = 0.7
    regime_volatile_multiplier: float = 0.5
    confidence_scaling: bool = True
    confidence_min_multiplier: float = 0.5
    confidence_max_multiplier: float = 1.5

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise BadInputError(f"the sizing method is {self.method!r}; choose one of {', '.join(METHODS)}")

    @property
    def reads_edge(self) -> bool:
        """Whether the method looks at the odds of a trade."""
        return self.method in (KELLY, OPTIMAL_F)

    @property
    def regime_multipliers(self) -> FloatArray:
        """float64[5]: by the code of the regime; the last, which `UNKNOWN` finds too, is 1."""
        by_code = np.ones(len(REGIMES) + 1)
        by_code[[TRENDING_UP, TRENDING_DOWN]] = self.regime_trending_multiplier
        by_code[RANGING], by_code[VOLATILE] = self.regime_ranging_multiplier, self.regime_volatile_multiplier
        return by_code


@dataclass(frozen=True, eq=False)
class Conditions:
    """What a size answers to besides the edge, one value for each of N trades; None where a component is off: then it is 1.

    `certainty` float64 in [0, 1]; `usual_volatility` float64, the usual volatility over the present one; `regime` int8 codes of
    `REGIMES` or `UNKNOWN`; `vix`, `sentiment` and `allocation` are multipliers, float64 and 1 where they have nothing to say.
    """

    certainty: FloatArray | None = None
    usual_volatility: FloatArray | None = None
    regime: npt.NDArray[np.int8] | None = None
    vix: FloatArray | None = None
    sentiment: FloatArray | None = None
    allocation: FloatArray | None = None


def risk_fraction(edge: Edge, conditions: Conditions, parameters: SizingParameters) -> FloatArray:
    """float64[N]: the share of the equity that each trade's stop may lose, in [0, `MAX_TRADE_RISK`]; NaN where not known.

    The method's fraction, times the product of confidence × volatility (volatility_adjusted only) × regime × VIX × sentiment ×
    allocation, capped. Elementwise, and to the last bit the same alone and among others. Raises `BadInputError` for what the
    parameters need and the conditions lack, and for arrays of another length.
    """
    _refuse_misfits(conditions, len(edge))
    return np.clip(_by_method(edge, parameters) * _multiplier(len(edge), conditions, parameters), 0.0, MAX_TRADE_RISK)


def _multiplier(n: int, conditions: Conditions, parameters: SizingParameters) -> FloatArray:
    ones = np.ones(n)
    certainty, usual = ones, ones
    if parameters.confidence_scaling:
        certainty = _needed(conditions.certainty, "certainty", "confidence_scaling")
    if parameters.method == VOLATILITY_ADJUSTED:
        usual = _needed(conditions.usual_volatility, "usual_volatility", "the method")
    regime = np.full(n, UNKNOWN, np.int8) if conditions.regime is None else conditions.regime
    others = (ones if each is None else each for each in (conditions.vix, conditions.sentiment, conditions.allocation))
    return _each_multiplier(Condition(certainty, usual, regime, *others), scaling_of(parameters))


class Scaling(NamedTuple):
    """What of `SizingParameters` multiplies a size, as compiled code takes it; `regimes` are its `regime_multipliers`."""

    confident: bool
    lowest: float
    highest: float
    volatile: bool
    regimes: FloatArray


class Condition(NamedTuple, Generic[Numbers, Code]):
    """`Conditions` of one trade, or of each: a multiplier is 1 and the regime `UNKNOWN` where a component is off."""

    certainty: Numbers
    usual_volatility: Numbers
    regime: Code
    vix: Numbers
    sentiment: Numbers
    allocation: Numbers


def scaling_of(parameters: SizingParameters) -> Scaling:
    """The parameters as numbers."""
    bounds = (parameters.confidence_min_multiplier, parameters.confidence_max_multiplier)
    return Scaling(
        parameters.confidence_scaling, *bounds, parameters.method == VOLATILITY_ADJUSTED, parameters.regime_multipliers
    )


@inlined
def multiplier_of(condition: Condition[float, int], scaling: Scaling) -> float:
    """The product that a method's fraction is multiplied by, of one trade."""
    product = 1.0
    if scaling.confident:
        product *= scaling.lowest + (scaling.highest - scaling.lowest) * condition.certainty
    if scaling.volatile:
        usual, bounds = condition.usual_volatility, VOLATILITY_MULTIPLIER
        product *= min(max(usual, bounds[0]), bounds[1]) if not math.isnan(usual) else math.nan
    product *= float(scaling.regimes[condition.regime])
    return product * condition.vix * condition.sentiment * condition.allocation


@compiled
def _each_multiplier(of: Condition[FloatArray, Codes], scaling: Scaling) -> FloatArray:
    found = np.empty(len(of.certainty))
    for i in range(len(found)):
        one = Condition(of.certainty[i], of.usual_volatility[i], of.regime[i], of.vix[i], of.sentiment[i], of.allocation[i])
        found[i] = multiplier_of(one, scaling)
    return found


@inlined
def risk_of(fraction: float, multiplier: float) -> float:
    """`risk_fraction` of one trade: the method's fraction, and the product of the multipliers."""
    risk = fraction * multiplier
    return min(max(risk, 0.0), MAX_TRADE_RISK) if not math.isnan(risk) else math.nan


def _by_method(edge: Edge, parameters: SizingParameters) -> FloatArray:
    if parameters.method == KELLY:
        return parameters.kelly_fraction * kelly(edge)
    if parameters.method == OPTIMAL_F:
        # Of two outcomes the optimal f is Kelly's; what makes a fraction of that one prudent, guessed probabilities, holds here.
        return parameters.kelly_fraction * optimal_f(edge)
    return np.full(len(edge), parameters.base_risk_pct / 100.0)


def _needed(values: FloatArray | None, name: str, by: str) -> FloatArray:
    if values is None:
        raise BadInputError(f"the conditions tell no {name}, which {by} needs; give it, or choose another")
    return values


def _refuse_misfits(conditions: Conditions, n: int) -> None:
    for name, values in vars(conditions).items():
        if values is not None and len(values) != n:
            raise BadInputError(f"{name} has {len(values)} values for {n} trades; give one for each")
    regime = conditions.regime
    if regime is not None and not ((regime >= UNKNOWN) & (regime < len(REGIMES))).all():
        raise BadInputError(
            f"regime has codes from {regime.min()} to {regime.max()}; {UNKNOWN} to {len(REGIMES) - 1} are allowed"
        )


@compiled
def position_units(
    equity: float, close: float, stop_distance: float, risk_fraction: float, max_margin_fraction: float, leverage: float
) -> int:
    """Whole units so that a stop at `stop_distance` loses `risk_fraction` of the equity, within the margin cap; 0 for none.

    `equity`, `close` and `stop_distance` are in quote currency, as is the account; `max_margin_fraction` is the largest
    part of the equity that may be bound as margin, so the notional stays within equity × max_margin_fraction × leverage.
    """
    if not (equity > 0.0 and stop_distance > 0.0 and close > 0.0):
        return 0
    by_risk = equity * risk_fraction / stop_distance
    by_margin = equity * max_margin_fraction * leverage / close
    units = min(by_risk, by_margin)
    if not (units >= 1.0 and math.isfinite(units)):
        return 0
    return math.floor(units)


@compiled
def daily_loss_reached(equity: float, day_start_equity: float, limit: float) -> bool:
    """Whether the equity has fallen by the fraction `limit` since the FX day began: then nothing new is entered that day."""
    return equity <= day_start_equity * (1.0 - limit)
