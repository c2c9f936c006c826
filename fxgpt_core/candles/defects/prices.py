"""Defects of single candles: broken OHLC, crossed quotes, spikes, prices of another scale."""

import math
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fxgpt_core.candles.defects.findings import Defect, flagged, time_us
from fxgpt_core.candles.defects.limits import QualityLimits
from fxgpt_core.candles.schema import PRICES, SPREAD
from fxgpt_core.market.sessions import hour_of_week

# The three candles before and the second and third after; the next one is looked at more closely.
NEIGHBOURS = (3, 2, 1, -2, -3)
# A tenth of the last digit of any quote.
SMALLEST_SCALE = 1e-6
LARGEST_SPIKE = math.log(2.0)
DECIMALS = 4
INVERTED = -1.0


def usable(frame: pl.DataFrame) -> pl.Series:
    """bool[N]: are all four prices there, finite and above zero?"""
    return frame.select(pl.all_horizontal(pl.col(*PRICES).is_finite() & (pl.col(*PRICES) > 0.0)).fill_null(False)).to_series()


def broken_ohlc(frame: pl.DataFrame) -> pl.DataFrame:
    """A finding for each candle with open or close outside low..high (value: by how much) or a price that is none (infinity)."""
    outside = pl.max_horizontal(
        pl.col("low") - pl.min_horizontal("open", "close"), pl.max_horizontal("open", "close") - pl.col("high"), 0.0
    )
    value = frame.select(pl.when(pl.lit(usable(frame))).then(outside).otherwise(math.inf)).to_series()
    return flagged(Defect.BROKEN_OHLC, frame, value > 0.0, value, 0.0)


def crossed_quotes(frame: pl.DataFrame) -> pl.DataFrame:
    """A finding for each candle with a bid above its ask, by bid_… and ask_…, or by the spread; value: by how much at most."""
    both = [name for name in PRICES if {f"bid_{name}", f"ask_{name}"} <= set(frame.columns)]
    over = [pl.col(f"bid_{name}") - pl.col(f"ask_{name}") for name in both]
    over += [-pl.col(SPREAD)] if SPREAD in frame.columns else []
    value = frame.select(pl.max_horizontal(0.0, *over)).to_series() if over else pl.zeros(len(frame), eager=True)
    return flagged(Defect.CROSSED_QUOTES, frame, value > 0.0, value, 0.0)


def spikes(frame: pl.DataFrame, limits: QualityLimits) -> pl.DataFrame:
    """A finding for each candle that leaves the closes before and after it by far, and is back at once.

    Value: the excursion over its scale, the largest range around the candle or the usual range of that hour of the week, where
    larger. News moves the closes, or the ranges around it, and is none. An excursion to twice the price is one of scale.
    """
    before, after = pl.col("close").shift(1), pl.col("close").shift(-1)
    up = (pl.col("high") / pl.max_horizontal(before, after)).log()
    down = (pl.min_horizontal(before, after) / pl.col("low")).log()
    height = (pl.col("high") / pl.col("low")).log()
    hour = pl.Series("hour", hour_of_week(time_us(frame)))
    # Without a candle after it nobody knows whether it reverts.
    known = before.is_not_null() & after.is_not_null()
    measured = frame.select(
        excursion=pl.when(known).then(pl.max_horizontal(up, down)),
        following=height.shift(-1),
        following_body=(pl.col("open") / pl.col("close")).log().abs().shift(-1),
        around=pl.max_horizontal(*(height.shift(step) for step in NEIGHBOURS), height.median().over(hour), height.median()),
        # In a feed of flat candles, only this says how far the market moves.
        usual_move=(pl.col("close") / before).log().abs().median(),
    )
    # Where a feed opens at the last close, the spike is the next candle's too, and no sign of a restless market.
    restless = pl.when(pl.col("following_body") <= pl.col("excursion") / 2).then("following")
    ratio = measured.select(
        pl.when(pl.col("excursion") < LARGEST_SPIKE).then(
            pl.col("excursion") / pl.max_horizontal("around", "usual_move", restless, SMALLEST_SCALE)
        )
    ).to_series()
    return flagged(Defect.SPIKE, frame, ratio > limits.spike, ratio, limits.spike)


def price_scale(frame: pl.DataFrame, limits: QualityLimits) -> pl.DataFrame:
    """A finding for each candle of a stretch whose prices are ten, a hundred … times those of the others, or inverted.

    Value: the factor against the larger part of the series; -1 for an inverted quote (1 / price); high / low for a candle that
    holds prices of two scales. A pair within 2.5 % of 1.0 cannot be told from its inverse.
    """
    close = frame["close"].log().to_numpy()
    exponent, inverted = _states(close, limits)
    state = exponent * 2 + inverted
    kinds, counts = np.unique(state, return_counts=True)
    usual = kinds[np.argmax(counts)] if len(kinds) else 0
    factor = np.where(inverted != usual % 2, INVERTED, 10.0 ** (exponent - usual // 2))
    within = frame.select((pl.col("high") / pl.col("low")).fill_nan(1.0)).to_series().to_numpy()
    torn = within > math.exp(LARGEST_SPIKE)
    wrong = pl.Series((state != usual) | torn)
    return flagged(Defect.PRICE_SCALE, frame, wrong, pl.Series(np.where(state != usual, factor, within)), 1.0)


def _states(close: NDArray[np.float64], limits: QualityLimits) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """int64[N] each: the power of ten and whether the quote is inverted, against the first candle."""
    exponent, inverted = np.zeros(len(close), dtype=np.int64), np.zeros(len(close), dtype=np.int64)
    jumps = np.flatnonzero(np.abs(np.diff(close)) > limits.scale_jump) + 1
    for row, following in pairwise([*jumps.tolist(), len(close)]):
        exponent[row:following], inverted[row:following] = exponent[row - 1], inverted[row - 1]
        jump = close[row] - close[row - 1]
        decimals = round(jump / math.log(10.0))
        if abs(jump - decimals * math.log(10.0)) < limits.scale_tolerance and 0 < abs(decimals) <= DECIMALS:
            exponent[row:following] += decimals
        elif abs(close[row] + close[row - 1]) < limits.scale_tolerance:
            inverted[row:following] = 1 - inverted[row - 1]
    return exponent, inverted
