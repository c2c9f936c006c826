"""What other markets tell about a symbol: its correlation with and beta to a stock index, and the strength of its currencies."""

import math
from collections.abc import Mapping
from datetime import timedelta

import numpy as np
import polars as pl
from numpy.lib.stride_tricks import sliding_window_view

from fxgpt_core.errors import BadInputError
from fxgpt_core.features.columns import FloatArray, change, logarithm, ratio
from fxgpt_core.features.rolling import rolling_sum
from fxgpt_core.market.symbols import Symbol, symbol
from fxgpt_core.market.timeframes import Timeframe

INDICES = ("spx", "spy", "qqq")
INDEX_CLOSES = 60
STRENGTH_SPAN, DEVIATION_SPAN = 20, 100
# Friday's last candle still counts at Sunday's first, a daily one's at the next.
WEEKEND = timedelta(days=3)
INTERMARKET = ("index_correlation_60", "index_beta_60", "strength_base", "strength_quote", "strength_difference")


def intermarket_features(
    candles: pl.DataFrame, timeframe: Timeframe, of: Symbol, *, others: Mapping[str, pl.DataFrame], context: pl.DataFrame
) -> pl.DataFrame:
    """open_time, known_at and the columns `INTERMARKET` (Float64) of a checked candle frame, row for row; null where unknown.

    `others`: checked candles of the same timeframe, by symbol; the symbol's own need not be among them. `context`: the frame of
    `context.kinds.context_of_symbol` for these candles, row for row. Each row uses what was known at its close only. Raises
    `BadInputError` for a context of other candles.
    """
    if not context["open_time"].equals(candles["open_time"]):
        raise BadInputError(
            f"{len(context)} rows of context do not belong to the {len(candles)} candles of {of.name}; each row's open_time must "
            "be its candle's; join the context to these candles"
        )
    strengths = currency_strengths(candles.select("open_time"), {**others, of.name: candles})
    base, quote = strengths[of.base], strengths[of.quote]
    times = candles.select("open_time", known_at=pl.col("open_time") + timeframe.duration)
    index = {name: pl.Series(values, nan_to_null=True) for name, values in _index_features(candles, context).items()}
    return times.with_columns(**index, strength_base=base, strength_quote=quote, strength_difference=base - quote)


def index_of(context: pl.DataFrame) -> str | None:
    """The stock index that a context frame has, the broadest first; None if it has none."""
    return next((name for name in INDICES if f"{name}_close" in context.columns), None)


def _index_features(candles: pl.DataFrame, context: pl.DataFrame) -> dict[str, FloatArray]:
    """Correlation and beta of log-returns from one close of the index to the next, over the last 60 that were known.

    Both are sampled at the first candle that knows a new close, so that they are of the same time.
    """
    correlation, beta = (np.full(len(candles), math.nan) for _ in range(2))
    name = index_of(context)
    if name is None:
        return dict(zip(INTERMARKET[:2], (correlation, beta), strict=True))
    close = context[f"{name}_close"]
    published_s = (context["known_at"].dt.epoch("s") - context[f"{name}_age_hours"] * 3600.0).round()
    rows = np.flatnonzero((close.is_not_null() & published_s.ne_missing(published_s.shift(1))).to_numpy())
    if len(rows) > INDEX_CLOSES:
        own, market = (sliding_window_view(change(logarithm(prices.to_numpy()[rows]), 1)[1:], INDEX_CLOSES)
                       for prices in (candles["close"], close))  # fmt: skip
        own, market = (windows - windows.mean(axis=1, keepdims=True) for windows in (own, market))
        together, of_own, of_market = ((a * b).sum(axis=1) for a, b in ((own, market), (own, own), (market, market)))
        # Each value holds until the next close is known.
        held = np.diff([*rows[INDEX_CLOSES:], len(candles)])
        correlation[rows[INDEX_CLOSES] :] = np.repeat(ratio(together, np.sqrt(of_own * of_market)), held)
        beta[rows[INDEX_CLOSES] :] = np.repeat(ratio(together, of_market), held)
    return dict(zip(INTERMARKET[:2], (np.clip(correlation, -1.0, 1.0), beta), strict=True))


def currency_strengths(times: pl.DataFrame, candles: Mapping[str, pl.DataFrame]) -> dict[str, pl.Series]:
    """By currency, how far it rose over 20 candles: the mean over its symbols, in standard deviations; null where unknown.

    A symbol counts for its base with its log-return of 20 candles over the root of 20 mean squared returns of 100, and for its
    quote with the opposite. `times`: open_time, ascending, of the rows wanted; what a symbol's last candle said counts while
    it is not older than a weekend.
    """
    moves: dict[str, list[pl.Series]] = {}
    for name, frame in candles.items():
        moved = times.join_asof(
            frame.select("open_time", moved=pl.Series(_scaled_move(frame), nan_to_null=True)),
            on="open_time", strategy="backward", tolerance=WEEKEND,
        )["moved"]  # fmt: skip
        moves.setdefault(symbol(name).base, []).append(moved)
        moves.setdefault(symbol(name).quote, []).append(-moved)
    return {
        currency: pl.DataFrame([move.alias(str(n)) for n, move in enumerate(of)]).mean_horizontal()
        for currency, of in moves.items()
    }


def _scaled_move(frame: pl.DataFrame) -> FloatArray:
    log_close = logarithm(frame["close"].to_numpy())
    squares = rolling_sum(change(log_close, 1) ** 2, DEVIATION_SPAN) / DEVIATION_SPAN
    return ratio(change(log_close, STRENGTH_SPAN), np.sqrt(squares * STRENGTH_SPAN))
