"""Fear, the crowd and the news at each candle, as arrays: what the market filters read of the joined context.

The crowd is where retail clients are, where that is known; else where speculators stand in the Commitments of Traders, within
their own last year. Its confidence falls with the age of what was published: positions are left after they are told.
"""

from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from fxgpt_core.context import cot, news_sentiment, retail_sentiment
from fxgpt_core.context.as_of import check_rows
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.rows import Rows

FloatArray = npt.NDArray[np.float64]

VIX: Final = "vix_close"
RETAIL: Final = f"{retail_sentiment.NAME}_share_long"
SPECULATORS: Final = {cot.LEGACY: "noncommercial_net", cot.FINANCIAL: "leveraged_net"}
"""Whose positions are the crowd's, by kind of report; the first that is known counts."""
YEAR: Final = timedelta(weeks=52)
"""How far back the place of the speculators' position is looked for; no row needs older ones."""
_HOUR: Final = timedelta(hours=1)
_WEEK: Final = timedelta(weeks=1)


@dataclass(frozen=True, eq=False)
class MarketContext:
    """Of N candles, float64[N] each, NaN where missing or stale.

    `vix` in points; `crowd_long` in [0, 1]: 1 is a crowd wholly long in the symbol; `crowd_confidence` in [0, 1]; `news` in
    [−1, 1]: 1 is the best of news for the symbol.
    """

    vix: FloatArray
    crowd_long: FloatArray
    crowd_confidence: FloatArray
    news: FloatArray

    def __post_init__(self) -> None:
        found = {item.name: getattr(self, item.name).shape for item in fields(self)}
        if len(set(found.values())) != 1:
            raise BadInputError(
                f"the context's arrays have the shapes {found}; one value a candle is needed; join them to the candles"
            )

    def __len__(self) -> int:
        return len(self.vix)

    def select(self, rows: Rows) -> "MarketContext":
        """Some of the rows."""
        return MarketContext(*(getattr(self, item.name)[rows] for item in fields(self)))


def unknown_context(n: int) -> MarketContext:
    """The context of `n` candles of which nothing is known."""
    return MarketContext(*(np.full(n, np.nan) for _ in fields(MarketContext)))


def market_context(frame: pl.DataFrame) -> MarketContext:
    """The context of each row of a frame of `kinds.context_of_symbol`; columns of kinds that were not imported are missing.

    A row depends on the rows of the year before it only. Raises `BadInputError` for rows without `known_at`, and for scores of
    news outside [−1, 1].
    """
    check_rows(frame)
    crowds = [_retail(frame), *(_speculators(frame, kind, value) for kind, value in SPECULATORS.items())]
    share, confidence = (np.full(len(frame), np.nan) for _ in range(2))
    for crowd_long, sure in reversed(crowds):
        known = ~np.isnan(crowd_long)
        share[known], confidence[known] = crowd_long[known], sure[known]
    return MarketContext(_column(frame, VIX), share, confidence, _news(frame))


def _retail(frame: pl.DataFrame) -> tuple[FloatArray, FloatArray]:
    """The share of clients that is long, and how fresh it is."""
    return _column(frame, RETAIL), _freshness(frame, retail_sentiment.NAME, retail_sentiment.STALE_AFTER)


def _speculators(frame: pl.DataFrame, kind: str, value: str) -> tuple[FloatArray, FloatArray]:
    """Where their net position lies between the lowest (0) and the highest (1) of a year: the COT index (Briese 2008).

    Confidence is how fresh the report is, times the share of the year's 52 reports since the first known one.
    """
    name = f"{kind}_{value}"
    net = _column(frame, name)
    if np.isnan(net).all():
        return net, net.copy()
    position = frame.select("known_at", net=pl.Series(net, nan_to_null=True)).with_columns(
        told=pl.when(pl.col("net").is_not_null()).then(pl.col("known_at").to_physical())
    )
    year = position.select(
        lowest=pl.col("net").rolling_min_by("known_at", YEAR),
        highest=pl.col("net").rolling_max_by("known_at", YEAR),
        since=pl.col("known_at").to_physical() - pl.col("told").rolling_min_by("known_at", YEAR),
    )
    lowest, highest, since = (_column(year, column) for column in ("lowest", "highest", "since"))
    reach = np.where(highest > lowest, highest - lowest, np.nan)
    told = np.minimum((since // _microseconds(_WEEK) + 1.0) / (YEAR / _WEEK), 1.0)
    return (net - lowest) / reach, _freshness(frame, kind, cot.STALE_AFTER) * told


def _freshness(frame: pl.DataFrame, kind: str, stale_after: timedelta) -> FloatArray:
    """1 when published, falling evenly to 0 at the age from which a value is missing."""
    return np.clip(1.0 - _column(frame, f"{kind}_age_hours") / (stale_after / _HOUR), 0.0, 1.0)


def _news(frame: pl.DataFrame) -> FloatArray:
    """The mean of the scores that a row has."""
    age = f"{news_sentiment.NAME}_age_hours"
    names = [name for name in frame.columns if name.startswith(f"{news_sentiment.NAME}_") and name != age]
    if not names:
        return np.full(len(frame), np.nan)
    for name in names:
        scores = _column(frame, name)
        if (np.abs(scores) > 1.0).any():
            raise BadInputError(
                f"the context column {name} has scores from {np.nanmin(scores)} to {np.nanmax(scores)}; scores of news are from "
                "−1 (bad for the symbol) to 1; divide them, and import the file again"
            )
    return _column(frame.select(mean=pl.mean_horizontal(*names)), "mean")


def _column(frame: pl.DataFrame, name: str) -> FloatArray:
    if name not in frame.columns:
        return np.full(len(frame), np.nan)
    return np.array(frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy(), dtype=np.float64)


def _microseconds(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1)
