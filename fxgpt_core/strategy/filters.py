"""The market filters: what fear, the crowd and volume say to a wish to trade.

Each is elementwise and has no state: row i of an answer depends on row i of what it is given only. A filter refuses, or
multiplies the size, or has nothing to say because its series is missing there, and says which of the three.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

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
    answer = _silent(len(vix))
    if parameters.enabled:
        answer.factor[vix > parameters.high_threshold] = 1.0 - parameters.high_reduction_pct
        answer.factor[vix > parameters.extreme_threshold] = 1.0 - parameters.extreme_reduction_pct
        answer.neutral[:] = np.isnan(vix)
    return answer


def sentiment_filter(side: Side, context: MarketContext, parameters: SentimentFilterParameters) -> FilterAnswer:
    """Against the crowd: refused on its side, larger on the other, where it is known with enough confidence.

    With `threshold` of the crowd or more on the other side the size is multiplied by 1 + strength · (share − threshold) /
    (1 − threshold), at most `MOST_FADE`. News, where heard, refuse a side they are against with a score of the confidence
    asked for or more. Neutral where neither is known.
    """
    answer = _silent(len(side))
    if not parameters.enabled:
        return answer
    threshold = parameters.contrarian_threshold
    heard = context.crowd_confidence >= parameters.confidence_threshold
    on_side = np.where(side > 0, context.crowd_long, 1.0 - context.crowd_long)
    beyond = ((1.0 - on_side) - threshold) / (1.0 - threshold)
    faded = (side != 0) & heard & (beyond >= 0.0)
    answer.factor[faded] = np.minimum(1.0 + parameters.fade_strength * beyond[faded], MOST_FADE)
    answer.neutral[:] = np.isnan(context.crowd_long) | np.isnan(context.crowd_confidence)
    if parameters.use_news:
        answer.refusal[side * context.news <= -parameters.confidence_threshold] = NEWS
        answer.neutral[:] &= np.isnan(context.news)
    answer.refusal[(side != 0) & heard & (on_side >= threshold)] = CROWD
    return answer


def volume_filter(side: Side, measures: VolumeMeasures, parameters: VolumeFilterParameters) -> FilterAnswer:
    """Refused: less than `min_liquidity_pct` of the usual volume; OBV and VWAP both against the side; a candle against it with
    more than `spike_threshold` of the usual volume. No size is changed. Neutral where not all measures are known.
    """
    answer = _silent(len(side))
    if parameters.enabled:
        # Later lines overrule earlier ones; a comparison with NaN is false.
        answer.refusal[(side * measures.direction < 0.0) & (measures.spike_ratio > parameters.spike_threshold)] = SPIKE_AGAINST
        answer.refusal[(side * measures.obv < 0.0) & (side * measures.vwap_distance < 0.0)] = VOLUME_AGAINST
        answer.refusal[(side != 0) & (measures.liquidity < parameters.min_liquidity_pct)] = ILLIQUID
        answer.neutral[:] = np.isnan(measures.obv + measures.vwap_distance + measures.spike_ratio + measures.liquidity)
    return answer


def _silent(n: int) -> FilterAnswer:
    return FilterAnswer(np.full(n, NOT_REFUSED, dtype=np.int8), np.ones(n), np.zeros(n, dtype=bool))
