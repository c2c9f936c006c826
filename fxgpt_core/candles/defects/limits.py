"""What counts as a defect, and how much of it a month may have."""

from dataclasses import dataclass

import polars as pl

from fxgpt_core.market.timeframes import HOUR_US, MINUTE_US, Timeframe


@dataclass(frozen=True)
class QualityLimits:
    """The limits of the detectors and of the grades.

    Grades. A month is RED with one finding of a kind in `findings.FATAL` (of `shifted_weeks`, so many), when more than
    `red_share` of its candles and at least `red_count` have one other defect, and when more than `gap_red` of the expected
    candles are missing, at least `red_count`; YELLOW with less of them, or more than `gap_yellow` missing. A month with fewer
    candles than a week has is judged as a week.

    Detectors. `spike`: so many times the scale of `prices.spikes` is an excursion no market move: the flash crash of sterling
    on 2016-10-06 23:00 reaches 9, that of the yen on 2019-01-02 22:00 3, and of 1.7 million EURUSD minutes none 10.
    `stale_candles`, `stale_minutes`: at least so many equal candles, over so long. `flat_share`: from this share of a month's
    liquid candles on, those without range are a defect. `repeated_candles`: the shortest block that
    is looked for everywhere, in candles; it lasts an hour at least. `other_steps`: so many equal steps of another timeframe are
    a stretch of it. `scale_jump`: natural logarithm of the smallest price jump that can be a change of scale or an inverted
    quote; `scale_tolerance`: how near to it. `volume_share`: the share of candles with volume from which on a feed has volume.
    """

    red_share: float = 0.01
    red_count: int = 3
    shifted_weeks: int = 2
    gap_yellow: float = 0.01
    gap_red: float = 0.05
    spike: float = 12.0
    stale_candles: int = 3
    stale_minutes: int = 10
    flat_share: float = 0.2
    repeated_candles: int = 4
    other_steps: int = 4
    scale_jump: float = 0.05
    scale_tolerance: float = 0.02
    volume_share: float = 0.5

    def has_volume(self, volume: pl.Series) -> bool:
        """Does the feed tell volume at all?"""
        return int((volume > 0.0).sum()) >= self.volume_share * max(1, len(volume))

    def stale_rows(self, timeframe: Timeframe) -> int:
        """How many equal candles in a row are a stale run."""
        return max(self.stale_candles, self.stale_minutes * MINUTE_US // timeframe.us)

    def repeated_rows(self, timeframe: Timeframe) -> int:
        """How many candles are a block that cannot occur twice by chance."""
        return max(self.repeated_candles, HOUR_US // timeframe.us)
