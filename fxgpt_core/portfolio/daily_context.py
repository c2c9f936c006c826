"""What is known besides prices at the end of each FX day of a universe: fear, the crowd and the news."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.context.market_context import MarketContext
from fxgpt_core.errors import BadInputError
from fxgpt_core.portfolio.universe import Universe

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DailyContext:
    """What is known besides prices at the end of each of D days of K symbols; NaN is missing, and becomes the neutral 0.

    `vix` float64[D], a level; `crowd_long` float64[D,K], the share of clients that are long, 0 to 1; `crowd_confidence`
    float64[D,K], 0 to 1; `news` float64[D,K], scores from −1 (bad for the base currency) to 1.
    """

    vix: FloatArray
    crowd_long: FloatArray
    crowd_confidence: FloatArray
    news: FloatArray

    @classmethod
    def nothing(cls, days: int, symbols: int) -> "DailyContext":
        """Nothing is known on any of the days."""
        return cls(np.full(days, np.nan), *(np.full((days, symbols), np.nan) for _ in range(3)))


def daily_context(universe: Universe, known: Mapping[str, tuple[CandleArrays, MarketContext]]) -> DailyContext:
    """The context at the last candle of each day, of the symbols that have one; a day without a candle knows nothing.

    The VIX, which is the same for all, is that of the first symbol that knows it. Raises `BadInputError` for a symbol that the
    universe lacks, or a context of other candles.
    """
    found = DailyContext.nothing(*universe.close.shape)
    for name, (candles, context) in known.items():
        if len(candles) != len(context):
            raise BadInputError(f"{name} has {len(candles)} candles and context for {len(context)}; join it to the same candles")
        column = universe.column(name)
        last = np.searchsorted(candles.fx_day, universe.day, side="right") - 1
        here = (last >= 0) & (candles.fx_day[np.maximum(last, 0)] == universe.day)
        rows = last[here]
        found.crowd_long[here, column] = context.crowd_long[rows]
        found.crowd_confidence[here, column] = context.crowd_confidence[rows]
        found.news[here, column] = context.news[rows]
        found.vix[here] = np.where(np.isnan(found.vix[here]), context.vix[rows], found.vix[here])
    return found
