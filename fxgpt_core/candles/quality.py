"""How good a candle series is: counts a person and a check can judge, without repairing anything."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from fxgpt_core.candles.defects.stamps import may_lack
from fxgpt_core.market.sessions import expected_open_times, is_open, missing_candles
from fxgpt_core.market.timeframes import Timeframe

LISTED = 20
SPIKE = 10.0
_NO_BREAK = timedelta(0)


@dataclass(frozen=True)
class QualityReport:
    """Counts over one checked series; stamps are UTC, `completeness` is the fraction of expected candles that are there.

    `missing` lists the first missing open times, `n_missing` counts all, and `n_holiday` those of holidays, which are neither
    missing nor expected; `n_flat` candles have high = low; `n_repeated` have
    the same OHLC as the one before (a stale feed); `n_spikes` have a range above ten times the median range; `n_outside_week`
    lie between Friday and Sunday 17:00 New York.
    """

    timeframe: Timeframe
    rows: int
    first: datetime
    last: datetime
    n_missing: int
    n_holiday: int
    missing: tuple[datetime, ...]
    completeness: float
    n_flat: int
    n_repeated: int
    n_zero_volume: int
    n_spikes: int
    n_outside_week: int

    def to_dict(self) -> dict[str, str | int | float]:
        """Plain values for a table: names as here, stamps as ISO text, the missing list joined by commas."""
        return {
            "timeframe": str(self.timeframe),
            "rows": self.rows,
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "n_missing": self.n_missing,
            "n_holiday": self.n_holiday,
            "missing": ", ".join(stamp.isoformat() for stamp in self.missing),
            "completeness": self.completeness,
            "n_flat": self.n_flat,
            "n_repeated": self.n_repeated,
            "n_zero_volume": self.n_zero_volume,
            "n_spikes": self.n_spikes,
            "n_outside_week": self.n_outside_week,
        }


def quality(frame: pl.DataFrame, timeframe: Timeframe, daily_break: timedelta = _NO_BREAK) -> QualityReport:
    """The report of a checked candle frame; `daily_break` is the market's pause after 17:00 New York (one hour for gold)."""
    times = frame["open_time"].to_physical().to_numpy()
    absent = missing_candles(times, timeframe, daily_break)
    missing = absent[~may_lack(absent)]
    n_holiday = len(absent) - len(missing)
    expected = len(expected_open_times(int(times[0]), int(times[-1]), timeframe, daily_break)) - n_holiday
    stamps = pl.Series(missing[:LISTED]).cast(pl.Datetime("us", "UTC")).to_list()
    height = pl.col("high") - pl.col("low")
    repeated = pl.all_horizontal(pl.col("open", "high", "low", "close") == pl.col("open", "high", "low", "close").shift(1))
    counts = frame.select(
        flat=(height == 0.0).sum(),
        repeated=repeated.sum(),
        zero_volume=(pl.col("volume") == 0.0).sum(),
        spikes=(height > SPIKE * height.median()).sum(),
    ).row(0, named=True)
    return QualityReport(
        timeframe=timeframe,
        rows=len(frame),
        first=frame["open_time"][0],
        last=frame["open_time"][-1],
        n_missing=len(missing),
        n_holiday=n_holiday,
        missing=tuple(stamps),
        completeness=1.0 - len(missing) / expected if expected else 1.0,
        n_flat=int(counts["flat"]),
        n_repeated=int(counts["repeated"]),
        n_zero_volume=int(counts["zero_volume"]),
        n_spikes=int(counts["spikes"]),
        n_outside_week=int((~is_open(times)).sum()),
    )
