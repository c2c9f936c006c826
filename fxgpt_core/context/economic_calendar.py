"""Economic calendar: when figures are released, how much they matter, and what they were.

Known when: the actual (and previous) value at the release itself. A consensus exists before, but a file holds the last one
without saying since when, so it too counts from the release. Rows with a date and no time count from the end of that day in UTC.
That there will be a release is known ahead: agencies publish their calendars weeks before (BLS, "Schedule of Releases"; Federal
Reserve, "FOMC calendars"); `release_hours` uses it for `AHEAD` and no longer. Meetings called in an emergency were not known
ahead: rows that say so (`UNSCHEDULED`), and those of the same currency up to `CONFERENCE` later, are never waited for. Limits: an
emergency that a file does not mark as one, and a release that was moved within its last week, look as if they had been known.
"""

from datetime import timedelta
from pathlib import Path

import polars as pl

from fxgpt_core.candles.stamps import utc_stamps
from fxgpt_core.context.as_of import check_rows
from fxgpt_core.context.series import TIME_TYPE, ContextSeries, checked_series
from fxgpt_core.context.table import column, optional_column, read_table, texts
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.symbols import Symbol
from fxgpt_core.market.timeframes import HOUR_US

NAME = "calendar"
TIME_NAMES = ("datetime_utc", "released_at")
AMOUNTS = ("actual", "previous", "consensus")
AHEAD = timedelta(days=7)
STALE_AFTER = timedelta(days=7)
UNSCHEDULED = r"(?i)unscheduled|emergency|special mpc meeting|ad hoc|внепланов|экстренн"
CURRENCIES = {
    "united states": "USD", "us": "USD", "usa": "USD", "united kingdom": "GBP", "uk": "GBP", "gb": "GBP", "japan": "JPY",
    "jp": "JPY", "switzerland": "CHF", "ch": "CHF", "canada": "CAD", "ca": "CAD", "australia": "AUD", "au": "AUD",
    "new zealand": "NZD", "nz": "NZD", "china": "CNY", "cn": "CNY", "euro area": "EUR", "eurozone": "EUR",
    "european union": "EUR", "ea": "EUR", "eu": "EUR", "germany": "EUR", "france": "EUR", "italy": "EUR", "spain": "EUR",
}  # fmt: skip
# The press conference on an emergency was not known ahead either, whatever its row says.
CONFERENCE = timedelta(hours=2)
IMPACTS = ("low", "medium", "high")
# C$-1.09B, $ -43B, 4.5%, 1,200K: a sign of money before, a unit behind.
AMOUNT = r"^[A-Za-z]{0,3}[$€£¥]?\s*(-?[\d,]+(?:\.\d+)?)\s*([KMBT%]?)$"
MULTIPLIERS = {"": 1.0, "%": 1.0, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


def read_calendar(path: Path) -> ContextSeries:
    """The releases of a file with datetime_utc (or date alone), event, country or currency, and impact and amounts where given.

    Subject is the event with its country. Values: currency ("" for countries of other ones), impact (low, medium, high or null),
    `scheduled` (its time was known ahead), actual, previous, consensus: K, M, B, T multiplied out, a percentage in percent.
    Raises `BadInputError` for what cannot be used.
    """
    table = read_table(path)
    events = texts(column(table, ("event",), path), path)
    place = texts(column(table, ("country", "currency"), path), path)
    known, timed = _known_at(table, path)
    frame = pl.DataFrame(
        {
            "known_at": known,
            # The last instant of a day belongs to it: rows without a time are known at the midnight after.
            "refers_to": (known if timed else known - timedelta(days=1)).dt.date(),
            "subject": place + ": " + events,
            "currency": place.str.to_lowercase().replace_strict(CURRENCIES, default=_of_code(place), return_dtype=pl.String),
            "impact": _impact(table, path),
            "unscheduled": _says_unscheduled(table, events),
            **{name: _amounts(optional_column(table, (name,)), len(table), path) for name in AMOUNTS},
        }
    )
    scheduled = pl.lit(timed) & ~_soon_after("unscheduled")
    return checked_series(
        NAME, frame.sort("known_at").with_columns(scheduled=scheduled).drop("unscheduled"), STALE_AFTER, timedelta(0)
    )


def release_hours(rows: pl.DataFrame, series: ContextSeries, symbol: Symbol) -> pl.DataFrame:
    """The rows with the hours since the last and until the next high-impact release of the base and of the quote currency.

    `calendar_base_hours_since`, `calendar_base_hours_until`, `calendar_quote_…`: null when there was none within `STALE_AFTER`,
    and when none is scheduled within `AHEAD`. A release at the very instant of a row is known: 0 hours since. `rows` as in
    `as_of.joined`.
    """
    check_rows(rows)
    lazy = rows.lazy()
    for side, currency in (("base", symbol.base), ("quote", symbol.quote)):
        since, until = f"calendar_{side}_hours_since", f"calendar_{side}_hours_until"
        high = series.frame.lazy().filter(pl.col("currency") == currency, pl.col("impact") == "high")
        past, next_one = (_moments(high), since), (_moments(high.filter("scheduled")), until)
        lazy = lazy.join_asof(past[0].rename({"at": since}), left_on="known_at", right_on=since, coalesce=False)
        lazy = lazy.join_asof(
            next_one[0].rename({"at": until}), left_on="known_at", right_on=until, strategy="forward",
            allow_exact_matches=False, coalesce=False,
        )  # fmt: skip
        lazy = lazy.with_columns(
            _hours(pl.col("known_at") - pl.col(since), STALE_AFTER).alias(since),
            _hours(pl.col(until) - pl.col("known_at"), AHEAD).alias(until),
        )
    return lazy.collect()


def notes(series: ContextSeries) -> tuple[str, ...]:
    """What a person should know about an imported calendar, in words."""
    if (series.frame["impact"] == "high").any():
        return ()
    return ("no release is marked as of high impact, so the hours since and until releases will be missing",)


def _moments(releases: pl.LazyFrame) -> pl.LazyFrame:
    return releases.select(at="known_at").unique("at", maintain_order=True).set_sorted("at")


def _hours(distance: pl.Expr, at_most: timedelta) -> pl.Expr:
    return pl.when(distance <= at_most).then(distance.dt.total_microseconds() / HOUR_US)


def _known_at(table: pl.DataFrame, path: Path) -> tuple[pl.Series, bool]:
    """The moments at which releases are known, and whether the file has their times."""
    stamped = optional_column(table, TIME_NAMES)
    if stamped is not None:
        return utc_stamps(stamped, f"{path}: {stamped.name}"), True
    if "time" in table.columns:
        raise BadInputError(
            f"{path} has a column time, whose zone is not known; a column datetime_utc of date and time in UTC is needed; "
            "convert it"
        )
    days = utc_stamps(column(table, ("date", *TIME_NAMES), path), f"{path}: date").dt.truncate("1d")
    return (days + timedelta(days=1)).cast(TIME_TYPE), False


def _of_code(place: pl.Series) -> pl.Series:
    """A currency given by its code; "" for anything else."""
    code = place.str.to_uppercase()
    return pl.select(pl.when(code.is_in(list(set(CURRENCIES.values())))).then(code).otherwise(pl.lit(""))).to_series()


def _impact(table: pl.DataFrame, path: Path) -> pl.Series:
    given = optional_column(table, ("impact", "importance"))
    if given is None:
        return pl.Series([None] * len(table), dtype=pl.String)
    impact = texts(given, path).str.to_lowercase()
    unknown = sorted(set(impact) - set(IMPACTS))
    if unknown:
        raise BadInputError(f"{path}: the impact {', '.join(unknown[:3])} found; {', '.join(IMPACTS)} are allowed; rewrite it")
    return impact


def _says_unscheduled(table: pl.DataFrame, events: pl.Series) -> pl.Series:
    notes = optional_column(table, ("notes",))
    said = events if notes is None else events + " " + notes.fill_null("")
    return said.str.contains(UNSCHEDULED)


def _soon_after(flag: str) -> pl.Expr:
    """Of rows sorted by known_at: is there a flagged row of the same currency at the same time or up to `CONFERENCE` before?"""
    moment = pl.when(flag).then("known_at")
    # The maximum over the moment lets a flagged row reach those beside it, whatever their order.
    latest = moment.max().over("currency", "known_at").forward_fill().over("currency")
    return (pl.col("known_at") - latest <= CONFERENCE).fill_null(False)


def _amounts(given: pl.Series | None, n_rows: int, path: Path) -> pl.Series:
    """Float64[N]; null where a file gives none. Raises `BadInputError` for text that is no amount."""
    if given is None:
        return pl.Series([None] * n_rows, dtype=pl.Float64)
    text = given.cast(pl.String).str.strip_chars().replace("", None)
    number = text.str.extract(AMOUNT, 1).str.replace_all(",", "").cast(pl.Float64, strict=False)
    amount = number * text.str.extract(AMOUNT, 2).replace_strict(MULTIPLIERS, default=None, return_dtype=pl.Float64)
    broken = (text.is_not_null() & amount.is_null()).arg_true()
    if len(broken):
        raise BadInputError(
            f"{path}: {len(broken)} values of {given.name} are no amounts (first: {text[int(broken[0])]!r} in data row "
            f"{int(broken[0]) + 1}); numbers such as 51.3, 4.5%, $-43.1B or 210K are; correct or empty them"
        )
    return amount
