"""What a regime model is asked for: its windows, its hidden states, how it is fitted, and when a switch is believed."""

import math
from dataclasses import dataclass
from typing import Final

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.timeframes import DAY_US, Timeframe

FEWEST_STATES, MOST_STATES = 4, 8
TREND_DAYS: Final = 5
"""A trend is measured over a trading week of the span of volatility."""


@dataclass(frozen=True)
class RegimeParameters:
    """Spans in candles. The defaults are those of one hour: a day for volatility, a week for the trend.

    `n_states`: hidden states, 4 to 8; several may have one name. `min_dwell`: a switch is believed after as many candles in a
    row. `prior_weight`: what the anchors of the states (`naming.ANCHORS`) weigh, as a share of the candles a state has on
    average; 0 leaves all to the candles. `n_restarts`: fits from different starts, of which the likeliest is taken.
    """

    n_states: int = 4
    volatility_span: int = 24
    trend_span: int = 120
    min_dwell: int = 5
    prior_weight: float = 0.3
    n_restarts: int = 3

    def __post_init__(self) -> None:
        found = [
            problem
            for wrong, problem in (
                (not FEWEST_STATES <= self.n_states <= MOST_STATES, f"n_states from {FEWEST_STATES} to {MOST_STATES}"),
                (not 2 <= self.volatility_span < self.trend_span, "2 <= volatility_span < trend_span"),
                (self.min_dwell < 1, "min_dwell of at least 1"),
                (not 0.0 <= self.prior_weight < math.inf, "a finite prior_weight of at least 0"),
                (self.n_restarts < 1, "n_restarts of at least 1"),
            )
            if wrong
        ]
        if found:
            raise BadInputError(f"{self} found; it needs {', '.join(found)}; correct it")


def spans_for(timeframe: Timeframe) -> tuple[int, int]:
    """`volatility_span` and `trend_span` that suit a timeframe, in candles.

    Volatility needs a whole day, or its season in the day would pass for regimes, and 24 candles, or it would be a guess.
    """
    day = max(RegimeParameters.volatility_span, DAY_US // timeframe.us)
    return day, TREND_DAYS * day
