"""The market filters: what fear, the crowd and volume say to a wish to trade.

Each is elementwise and has no state: row i of an answer depends on row i of what it is given only. A filter refuses, or
multiplies the size, or has nothing to say because its series is missing there, and says which of the three.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core.compiled import compiled, inlined
from fxgpt_core.context.market_context import MarketContext
from fxgpt_core.errors import ParameterError
from fxgpt_core.strategy.reasons import CROWD, ILLIQUID, NEWS, SPIKE_AGAINST, VOLUME_AGAINST
from fxgpt_core.strategy.volume_measures import VolumeFilterParameters, VolumeMeasures

FloatArray = npt.NDArray[np.float64]
Side = npt.NDArray[np.int8]
Mask = npt.NDArray[np.bool_]

NOT_REFUSED: Final = -1

MOST_FADE: Final = 1.5
"""Fading the crowd multiplies a size by no more: as much as the most confident band does."""


@dataclass(frozen=True)
class VixFilterParameters:
    """The filter's switch, two levels of the VIX in its points, and which share of the size each takes away.

    Raises `ParameterError` where more fear would mean a larger size.
    """

    enabled: bool = True
    high_threshold: float = 30.0
    extreme_threshold: float = 50.0
    high_reduction_pct: float = 0.5
    extreme_reduction_pct: float = 0.7

    def __post_init__(self) -> None:
        ordered = self.high_threshold < self.extreme_threshold
        if not ordered or not 0.0 <= self.high_reduction_pct <= self.extreme_reduction_pct <= 1.0:
            raise ParameterError(
                f"the VIX filter takes {self.high_reduction_pct} of the size above {self.high_threshold} and "
                f"{self.extreme_reduction_pct} above {self.extreme_threshold}; the second level must be higher and take at least "
                "as much, from 0 to 1; raise the extreme values or lower the others"
            )


@dataclass(frozen=True)
class SentimentFilterParameters:
    """The filter's switch, which share of the crowd on one side counts, from which confidence, how strongly it is faded, and
    whether news are heard. Raises `ParameterError` for a share of half or less, which both sides could have.
    """

    enabled: bool = True
    contrarian_threshold: float = 0.75
    confidence_threshold: float = 0.6
    fade_strength: float = 1.0
    use_news: bool = False

    def __post_init__(self) -> None:
        confident = 0.0 < self.confidence_threshold <= 1.0
        if not 0.5 < self.contrarian_threshold < 1.0 or not confident or not self.fade_strength >= 0.0:
            raise ParameterError(
                f"a crowd from {self.contrarian_threshold}, confidence from {self.confidence_threshold} and strength "
                f"{self.fade_strength} found; the crowd's share is between 0.5 and 1, confidence above 0 and at most 1, the "
                "strength not negative; choose such values"
            )


@dataclass(frozen=True)
class FilterParameters:
    """The parameters of the three filters."""

    vix: VixFilterParameters
    sentiment: SentimentFilterParameters
    volume: VolumeFilterParameters


@dataclass(frozen=True, eq=False)
class FilterAnswer:
    """What one filter says to N wishes: `refusal` int8, `NOT_REFUSED` or a code of `REASONS`; `factor` float64 on the size;
    `neutral` bool.

    Neutral is a row at which the filter is on and lacks its series; it neither refuses nor changes the size there.
    """

    refusal: npt.NDArray[np.int8]
    factor: FloatArray
    neutral: Mask

    @property
    def refused(self) -> Mask:
        """bool[N]: there is a refusal."""
        return np.not_equal(self.refusal, NOT_REFUSED)


@dataclass(frozen=True, eq=False)
class FilterAnswers:
    """The answers of the three filters to the same wishes."""

    vix: FilterAnswer
    sentiment: FilterAnswer
    volume: FilterAnswer

    @cached_property
    def refusal(self) -> npt.NDArray[np.int8]:
        """int8[N]: the code of a refusal, that of sentiment before that of volume."""
        return np.where(self.sentiment.refused, self.sentiment.refusal, self.volume.refusal)

    @cached_property
    def factor(self) -> FloatArray:
        """float64[N]: the product of the factors on the size."""
        return self.vix.factor * self.sentiment.factor * self.volume.factor


def filter_answers(side: Side, context: MarketContext, measures: VolumeMeasures, parameters: FilterParameters) -> FilterAnswers:
    """What the filters say to wishes of `side` int8[N] (1, 0, −1); a row without a wish is not refused."""
    return FilterAnswers(
        vix=vix_filter(context.vix, parameters.vix),
        sentiment=sentiment_filter(side, context, parameters.sentiment),
        volume=volume_filter(side, measures, parameters.volume),
    )


def vix_filter(vix: FloatArray, parameters: VixFilterParameters) -> FilterAnswer:
    """Smaller sizes in fear: above each level the share of it is taken away; `vix` in points. Nothing is refused."""
    factor = _each_fear(vix, fear_of(parameters))
    return FilterAnswer(np.full(len(vix), NOT_REFUSED, dtype=np.int8), factor, np.isnan(vix) & parameters.enabled)


def sentiment_filter(side: Side, context: MarketContext, parameters: SentimentFilterParameters) -> FilterAnswer:
    """Against the crowd: refused on its side, larger on the other, where it is known with enough confidence.

    With `threshold` of the crowd or more on the other side the size is multiplied by 1 + strength · (share − threshold) /
    (1 − threshold), at most `MOST_FADE`. News, where heard, refuse a side they are against with a score of the confidence
    asked for or more. Neutral where neither is known.
    """
    answers = _each_mood(side, context.crowd_long, context.crowd_confidence, context.news, mood_of(parameters))
    neutral = np.isnan(context.crowd_long) | np.isnan(context.crowd_confidence)
    if parameters.use_news:
        neutral &= np.isnan(context.news)
    return FilterAnswer(*answers, neutral & parameters.enabled)


def volume_filter(side: Side, measures: VolumeMeasures, parameters: VolumeFilterParameters) -> FilterAnswer:
    """Refused: less than `min_liquidity_pct` of the usual volume; OBV and VWAP both against the side; a candle against it with
    more than `spike_threshold` of the usual volume. No size is changed. Neutral where not all measures are known.
    """
    refusal = _each_volume(side, traded_of(measures), limits_of_volume(parameters))
    neutral = np.isnan(measures.obv + measures.vwap_distance + measures.spike_ratio + measures.liquidity)
    return FilterAnswer(refusal, np.ones(len(side)), neutral & parameters.enabled)


class Fear(NamedTuple):
    """Two levels of the VIX, and what is left of the size above each."""

    high: float
    extreme: float
    left_above_high: float
    left_above_extreme: float


class Mood(NamedTuple):
    """`SentimentFilterParameters` as compiled code takes them."""

    enabled: bool
    threshold: float
    confidence: float
    strength: float
    hears_news: bool


class Traded(NamedTuple):
    """The columns of `VolumeMeasures`."""

    obv: FloatArray
    vwap_distance: FloatArray
    spike_ratio: FloatArray
    liquidity: FloatArray
    direction: FloatArray


class VolumeLimits(NamedTuple):
    """What the volume filter holds measures to."""

    enabled: bool
    spike: float
    liquidity: float


def fear_of(parameters: VixFilterParameters) -> Fear:
    """The levels; no VIX is above those of a filter that is off."""
    levels = (parameters.high_threshold, parameters.extreme_threshold) if parameters.enabled else (math.inf, math.inf)
    return Fear(*levels, 1.0 - parameters.high_reduction_pct, 1.0 - parameters.extreme_reduction_pct)


def mood_of(parameters: SentimentFilterParameters) -> Mood:
    """The parameters as numbers."""
    share, confidence = parameters.contrarian_threshold, parameters.confidence_threshold
    return Mood(parameters.enabled, share, confidence, parameters.fade_strength, parameters.use_news)


def traded_of(measures: VolumeMeasures) -> Traded:
    """The columns of the measures."""
    return Traded(*(getattr(measures, name) for name in Traded._fields))


def limits_of_volume(parameters: VolumeFilterParameters) -> VolumeLimits:
    """The limits of the parameters."""
    return VolumeLimits(parameters.enabled, parameters.spike_threshold, parameters.min_liquidity_pct)


@inlined
def fear_factor(vix: float, fear: Fear) -> float:
    """What `vix_filter` multiplies a size by; a VIX that is not known changes nothing."""
    if vix > fear.extreme:
        return fear.left_above_extreme
    return fear.left_above_high if vix > fear.high else 1.0


@inlined
def mood_answer(side: int, crowd_long: float, crowd_confidence: float, news: float, mood: Mood) -> tuple[int, float]:
    """The refusal and the factor of `sentiment_filter`; a number that is not known makes every comparison false."""
    if not mood.enabled or side == 0:
        return NOT_REFUSED, 1.0
    refusal, factor = NOT_REFUSED, 1.0
    if mood.hears_news and side * news <= -mood.confidence:
        refusal = NEWS
    if crowd_confidence >= mood.confidence:
        on_side = crowd_long if side > 0 else 1.0 - crowd_long
        beyond = ((1.0 - on_side) - mood.threshold) / (1.0 - mood.threshold)
        if beyond >= 0.0:
            factor = min(1.0 + mood.strength * beyond, MOST_FADE)
        if on_side >= mood.threshold:
            refusal = CROWD
    return refusal, factor


@inlined
def volume_refusal(side: int, traded: Traded, i: int, limits: VolumeLimits) -> int:
    """The refusal of `volume_filter` at a row."""
    if not limits.enabled or side == 0:
        return NOT_REFUSED
    if traded.liquidity[i] < limits.liquidity:
        return ILLIQUID
    if side * traded.obv[i] < 0.0 and side * traded.vwap_distance[i] < 0.0:
        return VOLUME_AGAINST
    if side * traded.direction[i] < 0.0 and traded.spike_ratio[i] > limits.spike:
        return SPIKE_AGAINST
    return NOT_REFUSED


@compiled
def _each_fear(vix: FloatArray, fear: Fear) -> FloatArray:
    factor = np.empty(len(vix))
    for i in range(len(vix)):
        factor[i] = fear_factor(vix[i], fear)
    return factor


@compiled
def _each_mood(
    side: Side, crowd_long: FloatArray, crowd_confidence: FloatArray, news: FloatArray, mood: Mood
) -> tuple[Side, FloatArray]:
    refusal, factor = np.empty(len(side), np.int8), np.empty(len(side))
    for i in range(len(side)):
        refusal[i], factor[i] = mood_answer(side[i], crowd_long[i], crowd_confidence[i], news[i], mood)
    return refusal, factor


@compiled
def _each_volume(side: Side, traded: Traded, limits: VolumeLimits) -> Side:
    refusal = np.empty(len(side), np.int8)
    for i in range(len(side)):
        refusal[i] = volume_refusal(side[i], traded, i, limits)
    return refusal
