"""Named spans of the past in which currencies moved as they rarely do: what happened, who says so, and to which currencies."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.symbols import Symbol
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.validation.folds import Window

IntArray = npt.NDArray[np.int64]


class Concern(StrEnum):
    """Whether a crisis was about a currency of a symbol, or about others."""

    ITSELF = "itself"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True)
class Crisis:
    """A span of time in UTC, the currencies it was about, what happened in one sentence, and the official source of that."""

    name: str
    window: Window
    currencies: tuple[str, ...]
    happened: str
    source: str

    def concern(self, symbol: Symbol) -> Concern:
        """ITSELF if base or quote of the symbol is among the currencies; else ELSEWHERE: it may have moved all the same."""
        return Concern.ITSELF if {symbol.base, symbol.quote} & set(self.currencies) else Concern.ELSEWHERE

    def coverage(self, open_time_us: IntArray, timeframe: Timeframe) -> float:
        """Share of the candles expected in the window, by the FX week, that are there; holidays count as missing."""
        expected = expected_open_times(self.window.start_us - timeframe.us, self.window.stop_us - timeframe.us - 1, timeframe)
        return float(np.isin(expected, open_time_us).mean()) if len(expected) else 0.0


def _crisis(name: str, days: tuple[str, str], currencies: Sequence[str], happened: str, source: str) -> Crisis:
    """A crisis from the first day to the last, both whole days in UTC."""
    first, last = (int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) for day in days)
    return Crisis(name, Window(first * 1_000_000, (last + 86_400) * 1_000_000), tuple(currencies), happened, source)


CRISES: Final = (
    _crisis(
        "snb_floor",
        ("2015-01-14", "2015-01-23"),
        ("CHF",),
        "On 15 January 2015 the Swiss National Bank gave up the minimum of 1.20 francs for a euro, without warning.",
        "Swiss National Bank, press release of 15 January 2015: Swiss National Bank discontinues minimum exchange rate",
    ),
    _crisis(
        "brexit_night",
        ("2016-06-23", "2016-06-24"),
        ("GBP",),
        "The polls closed at 21:00 UTC, sterling rose on the first guesses and fell through the night as the votes were counted.",
        "Bank of England, statement of the Governor following the EU referendum result, 24 June 2016",
    ),
    _crisis(
        "sterling_flash",
        ("2016-10-06", "2016-10-07"),
        ("GBP",),
        "Shortly after 23:00 UTC on 6 October sterling fell by some 9 % within minutes and soon made up for much of it.",
        "BIS Markets Committee Papers 9 (2017): The sterling 'flash event' of 7 October 2016",
    ),
    _crisis(
        "yen_flash",
        ("2019-01-02", "2019-01-03"),
        ("JPY", "AUD"),
        "At 22:36 UTC on 2 January, with Japan on holiday, the yen rose sharply within minutes and the Australian dollar fell.",
        "Reserve Bank of Australia, Statement on Monetary Policy of February 2019, Box B",
    ),
    _crisis(
        "covid",
        ("2020-02-20", "2020-04-30"),
        ("USD", "EUR", "GBP", "JPY", "CHF", "AUD", "NZD", "CAD", "XAU"),
        "Countries closed, everybody wanted dollars, and central banks cut their rates and lent dollars to each other.",
        "Federal Reserve, press release of 20 March 2020: coordinated central bank action on U.S. dollar liquidity",
    ),
    _crisis(
        "fed_hikes",
        ("2022-03-16", "2022-12-31"),
        ("USD",),
        "The Federal Reserve raised its rate for the first time since 2018, and by the end of the year from 0.25 to 4.5 %.",
        "Federal Reserve, FOMC statements of 16 March to 14 December 2022",
    ),
    _crisis(
        "ecb_hikes",
        ("2022-07-21", "2022-12-31"),
        ("EUR",),
        "The European Central Bank raised its rates by half a point, the first time since 2011, and three more times that year.",
        "European Central Bank, monetary policy decisions of 21 July to 15 December 2022",
    ),
    _crisis(
        "mini_budget",
        ("2022-09-23", "2022-10-14"),
        ("GBP",),
        "Unfunded tax cuts sent gilts down and sterling to its lowest in dollars; the Bank of England then bought gilts.",
        "HM Treasury, The Growth Plan 2022; Bank of England, market notice of 29 September 2022 on gilt purchases",
    ),
)
"""The crises that a stress test looks for, in the order of their beginnings.

A window begins before its event, so that a position can be there when it comes; the two cycles of hikes begin with the first one
and end with the year, as the largest steps lie in it.
"""
