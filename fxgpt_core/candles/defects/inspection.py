"""All detectors over one series, and a grade for each of its months."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fxgpt_core.candles.defects import prices, repetition, second_source, stamps, weekly_pattern
from fxgpt_core.candles.defects.findings import FATAL, WITHOUT_ROW, Defect, time_us
from fxgpt_core.candles.defects.limits import QualityLimits
from fxgpt_core.candles.schema import PRICES, TIME_TYPE
from fxgpt_core.errors import CandleSchemaError
from fxgpt_core.market.sessions import OPEN_DAYS, expected_open_times, missing_candles
from fxgpt_core.market.timeframes import DAY_US, Timeframe

MONTH = "%Y-%m"
_NO_BREAK = timedelta(0)
_LIMITS = QualityLimits()


class Grade(StrEnum):
    """How far a month can be trusted: all of it, with a look at the reasons, not at all."""

    GREEN = "GREEN"
    YELLOW = "YELLOW"
    RED = "RED"


@dataclass(frozen=True)
class MonthGrade:
    """The grade of a month ("2020-03", UTC): `counts` of findings by kind, `holiday` candles missing, and why it is not GREEN."""

    month: str
    grade: Grade
    candles: int
    holiday: int
    counts: Mapping[Defect, int]
    reasons: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Inspection:
    """`findings` (open_time, kind, value, limit) by time, and the `months` in order."""

    findings: pl.DataFrame
    months: tuple[MonthGrade, ...]

    @property
    def grade(self) -> Grade:
        """The worst month's."""
        grades = {month.grade for month in self.months}
        return next((grade for grade in (Grade.RED, Grade.YELLOW) if grade in grades), Grade.GREEN)

    def graded(self, grade: Grade) -> list[MonthGrade]:
        """The months of a grade."""
        return [month for month in self.months if month.grade is grade]

    @property
    def counts(self) -> dict[str, int]:
        """How many findings there are of each kind; kinds without one are left out."""
        return dict(self.findings.group_by("kind").len().sort("kind").iter_rows())

    def with_quarantine(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with a column `quarantined`: bool, whether a finding is about the row. No row is changed or left out."""
        about_rows = self.findings.filter(~pl.col("kind").is_in([kind.value for kind in WITHOUT_ROW]))
        stamp = pl.col("open_time").cast(TIME_TYPE)
        return frame.with_columns(quarantined=stamp.is_in(about_rows["open_time"].unique().implode()))


def inspect(
    frame: pl.DataFrame,
    timeframe: Timeframe,
    limits: QualityLimits = _LIMITS,
    daily_break: timedelta = _NO_BREAK,
    second: pl.DataFrame | None = None,
) -> Inspection:
    """Run every detector over a series, checked or raw; `daily_break` is the market's pause after 17:00 New York.

    `second` are candles of the same symbol from another source, as long or longer: with them the time zone is compared.

    The frame has open_time (with a time zone), OHLC, and optionally volume and bid_…/ask_… prices. Detectors that compare candles
    see each stamp once, and those of prices only candles with all four. Raises `CandleSchemaError` without these columns.
    """
    raw = _ready(frame)
    once = raw.unique("open_time", keep="first", maintain_order=True)
    priced = once.filter(prices.usable(once))
    tables = [
        stamps.duplicated_stamps(raw),
        prices.broken_ohlc(raw),
        prices.crossed_quotes(raw),
        stamps.gaps(once, timeframe, limits, daily_break),
        stamps.off_grid(once, timeframe, limits),
        stamps.mixed_granularity(once, timeframe, limits),
        stamps.weekend_flats(priced, limits),
        prices.price_scale(priced, limits),
        prices.spikes(priced, limits),
        repetition.stale_runs(priced, timeframe, limits),
        repetition.flat_candles(priced, timeframe, limits),
        repetition.repeated_blocks(priced, timeframe, limits),
        repetition.zero_volume(once, limits),
        weekly_pattern.shifted_weeks(priced, timeframe),
    ]
    if second is not None:
        tables.append(second_source.wrong_time_zone(priced, _ready(second)))
    found = pl.concat(tables).sort("open_time", "kind")
    return Inspection(found, _months(once, found, timeframe, limits, daily_break))


def _ready(frame: pl.DataFrame) -> pl.DataFrame:
    lacking = [name for name in ("open_time", *PRICES) if name not in frame.columns]
    time_type = frame.schema.get("open_time")
    if lacking or frame.is_empty() or not isinstance(time_type, pl.Datetime) or time_type.time_zone is None:
        raise CandleSchemaError(
            f"{len(frame)} rows with the columns {', '.join(frame.columns) or 'none'} (open_time: {time_type}) cannot be "
            "inspected; needed are rows with open_time (with a time zone), open, high, low and close; name the columns so"
        )
    numbers = [name for name in frame.columns if frame.schema[name].is_numeric()]
    volume = [] if "volume" in frame.columns else [pl.lit(0.0).alias("volume")]
    stamp = pl.col("open_time").dt.convert_time_zone("UTC").dt.cast_time_unit("us")
    return frame.with_columns(stamp, pl.col(numbers).cast(pl.Float64), *volume).sort("open_time", maintain_order=True)


def _months(
    once: pl.DataFrame, found: pl.DataFrame, timeframe: Timeframe, limits: QualityLimits, daily_break: timedelta
) -> tuple[MonthGrade, ...]:
    times = time_us(once)
    missing = missing_candles(times, timeframe, daily_break)
    holiday = _by_month(missing[stamps.may_lack(missing)])
    expected = _by_month(expected_open_times(int(times[0]), int(times[-1]), timeframe, daily_break))
    candles = _by_month(times)
    counted = found.group_by(pl.col("open_time").dt.strftime(MONTH).alias("month"), "kind").len()
    counts: dict[str, dict[Defect, int]] = {month: {} for month in {*candles, *expected}}
    for month, kind, number in counted.sort("month", "kind").iter_rows():
        counts[month][Defect(kind)] = number
    week = OPEN_DAYS * DAY_US // timeframe.us
    months = []
    for month in sorted(counts):
        grade, reasons = _grade(counts[month], max(week, candles.get(month, 0)), max(week, expected.get(month, 0)), limits)
        months.append(MonthGrade(month, grade, candles.get(month, 0), holiday.get(month, 0), counts[month], reasons))
    return tuple(months)


def _by_month(times: NDArray[np.int64]) -> dict[str, int]:
    month = pl.Series("month", times).cast(TIME_TYPE).dt.strftime(MONTH)
    return dict(month.to_frame().group_by("month").len().iter_rows())


def _grade(counts: Mapping[Defect, int], candles: int, expected: int, limits: QualityLimits) -> tuple[Grade, tuple[str, ...]]:
    red, yellow = [], []
    for kind, number in counts.items():
        share = number / (expected if kind is Defect.GAP else candles)
        reason = f"{kind}: {number} ({share:.2%})"
        many = number >= limits.red_count
        if kind is Defect.GAP:
            if many and share > limits.gap_red:
                red.append(f"{reason}, at most {limits.gap_red:.0%}")
            elif share > limits.gap_yellow:
                yellow.append(f"{reason}, {limits.gap_yellow:.0%} is usual")
        elif kind in FATAL and (kind is not Defect.SHIFTED_WEEK or number >= limits.shifted_weeks):
            red.append(f"{reason}, none is allowed")
        elif many and share > limits.red_share:
            red.append(f"{reason}, at most {limits.red_share:.0%}")
        else:
            yellow.append(reason)
    grade = Grade.RED if red else Grade.YELLOW if yellow else Grade.GREEN
    return grade, (*red, *yellow)
