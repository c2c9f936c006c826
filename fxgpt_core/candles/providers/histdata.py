"""HistData's generic ASCII minutes: the .zip as downloaded, or the .csv in it. Bid prices, no volume.

HistData says that its stamps are EST without summer time. They are not. What they are was found by comparing the closes of
EURUSD with a second source, week by week from 2016 to June 2022:

- 2016 to 2018: UTC-5, and UTC-4 on the dates of New York's summer time.
- from 2019: UTC-5, and UTC-4 on the dates of Europe's: the last Sunday of March up to, not including, the last of October.

Until 2018 the change falls into the weekend. From 2019 it comes at 19:00 of those Sundays, when the market is open: in March the
rows stamped 19:00 to 19:59 are lost, in October they are there twice.
"""

import re
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from fxgpt_core.candles.local_time import utc_of
from fxgpt_core.candles.providers.reading import FileCandles, ReadRequest, symbol_findings
from fxgpt_core.candles.providers.vendor_text import candle_frame, text_bytes, text_table, wall_clock
from fxgpt_core.candles.schema import PRICES
from fxgpt_core.errors import BadInputError

COLUMNS = ("time", *PRICES, "volume")
FIRST_KNOWN_YEAR, FIRST_EUROPEAN_YEAR, LAST_CHECKED = 2016, 2019, date(2022, 6, 30)
NEW_YORK, EUROPE = "America/New_York", "Europe/London"
WINTER_BEHIND, SUMMER_BEHIND = timedelta(hours=5), timedelta(hours=4)
CHANGE_HOUR = 19
REPORT = b"HistData.com"
FILE_NAME = re.compile(r"DAT_ASCII_([A-Z]{6})_M1", re.IGNORECASE)


def read_histdata(path: Path, request: ReadRequest) -> FileCandles:
    """The minutes of a file; the findings name the doubled and the lost hours of the vendor's clock.

    A zone in the request is taken instead of the rules above. Raises `BadInputError` for a status report, and for stamps before
    2016 without a zone; `CandleSchemaError` for another symbol in the file's name, and for rows and stamps that cannot be read.
    """
    named = FILE_NAME.search(path.name)
    findings = symbol_findings(named.group(1), request.symbol, str(path)) if named else ()
    if text_bytes(path, len(REPORT)) == REPORT:
        raise BadInputError(f"{path} is HistData's report on its gaps, not candles; import the .csv beside it, or the .zip")
    table = text_table(path, COLUMNS, ";")
    table = table.with_columns(local=wall_clock(table["time"], "%Y%m%d %H%M%S", "20220301 170000", path))
    once, doubled = _without_doubled_hours(table)
    local = once["local"]
    open_time = utc_of(local, request.zone, str(path)) if request.zone else _utc(local, path)
    told = (*findings, *doubled, *_lost_hours(local), *_beyond_the_checks(local, request.zone))
    return FileCandles(candle_frame(open_time, once, path), told)


def _utc(local: pl.Series, path: Path) -> pl.Series:
    first = local.dt.year().min()
    if isinstance(first, int) and first < FIRST_KNOWN_YEAR:
        raise BadInputError(
            f"{path} has stamps of {first}; the clock of HistData's files is known from {FIRST_KNOWN_YEAR} on (it is not the EST "
            "without summer time that HistData names); name the zone, --zone Etc/GMT+5 for that EST or --zone America/New_York, "
            "and compare the candles with a second source"
        )
    noon = local.dt.truncate("1d") + timedelta(hours=12)
    in_new_york, in_europe = (noon.dt.replace_time_zone(zone).dt.dst_offset() > timedelta() for zone in (NEW_YORK, EUROPE))
    summer = in_europe.zip_with(local.dt.year() >= FIRST_EUROPEAN_YEAR, in_new_york)
    behind = pl.select(pl.when(summer).then(pl.lit(SUMMER_BEHIND)).otherwise(pl.lit(WINTER_BEHIND))).to_series()
    return (local + behind).dt.replace_time_zone("UTC")


def _without_doubled_hours(table: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """The table without the second copy of the rows that the change in October wrote twice, if they are equal to the last digit.

    Any other repeated stamp stays, for the check of the candles to refuse.
    """
    findings = []
    for day in _changes(table["local"], month=10):
        again = _in_change_hour(day) & ~pl.struct(COLUMNS).is_first_distinct()
        n_again = len(table.filter(again))
        if n_again:
            table = table.filter(~again)
            findings.append(
                f"{n_again} rows of {day} {CHANGE_HOUR}:00 to {CHANGE_HOUR}:59 were in the file twice, equal to the last digit, "
                "as HistData writes the hour in which its clock goes back; each was taken once"
            )
    return table, findings


def _lost_hours(local: pl.Series) -> list[str]:
    """The hours that the change in March left out, where the file has rows before and after them on that day."""
    stamps = local.to_frame("local")
    findings = []
    for day in _changes(local, month=3):
        hours = stamps.filter(pl.col("local").dt.date() == day)["local"].dt.hour()
        if (hours < CHANGE_HOUR).any() and (hours > CHANGE_HOUR).any() and not (hours == CHANGE_HOUR).any():
            findings.append(
                f"the hour {day} 23:00 to 23:59 UTC is not in the file, as HistData loses it when its clock goes forward; "
                "it is a gap"
            )
    return findings


def _beyond_the_checks(local: pl.Series, zone: str | None) -> list[str]:
    if zone:
        return [f"the stamps were read on the clock of {zone}, as asked, not on the one that was found for HistData"]
    later = local.filter(local.dt.date() > LAST_CHECKED)
    if later.is_empty():
        return []
    return [
        f"{len(later)} candles are later than {LAST_CHECKED}, up to which HistData's clock was checked; "
        "compare them with a second source before you rely on them"
    ]


def _changes(local: pl.Series, month: int) -> list[date]:
    """The last Sundays of a month of 31 days in the years of the stamps, where the vendor's clock changes on them."""
    years = [int(year) for year in local.dt.year().unique().sort() if year >= FIRST_EUROPEAN_YEAR]
    ends = [date(year, month, 31) for year in years]
    return [end - timedelta(days=end.isoweekday() % 7) for end in ends]


def _in_change_hour(day: date) -> pl.Expr:
    return (pl.col("local").dt.date() == day) & (pl.col("local").dt.hour() == CHANGE_HOUR)
