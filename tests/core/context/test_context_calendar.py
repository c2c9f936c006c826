"""The economic calendar: amounts as numbers, when they are known, and the hours to releases."""

from datetime import date, timedelta

import polars as pl
import pytest
from context_examples import hours, times, utc, written
from hypothesis import given, settings
from hypothesis import strategies as st

from fxgpt_core.context.economic_calendar import AHEAD, notes, read_calendar, release_hours
from fxgpt_core.context.series import ContextSeries
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.symbols import symbol
from fxgpt_core.validation.lookahead import lookahead_differences

EURUSD = symbol("EURUSD")
TIMED = "datetime_utc,event,country,impact,notes"
DATED = "date,country,event,actual,previous,consensus"


def calendar(folder, *lines, header=TIMED) -> ContextSeries:
    return read_calendar(written(folder, "\n".join([header, *lines]) + "\n"))


def test_a_release_is_known_at_its_time_in_utc(tmp_path):
    series = calendar(tmp_path, "2024-01-05 13:30:00+00:00,NFP,US,high,", "2024-01-05 10:00:00+00:00,HICP flash,EA,HIGH,")
    assert series.frame.select("known_at", "refers_to", "subject", "currency", "impact", "scheduled").rows() == [
        (utc(2024, 1, 5, 10), date(2024, 1, 5), "EA: HICP flash", "EUR", "high", True),
        (utc(2024, 1, 5, 13, 30), date(2024, 1, 5), "US: NFP", "USD", "high", True),
    ]


def test_a_release_without_a_time_is_known_when_its_day_has_ended_and_is_never_waited_for(tmp_path):
    series = calendar(tmp_path, "2024-01-05,united states,non farm payrolls,216K,173K,170K", header=DATED)
    assert series.frame.drop("impact").to_dicts() == [
        {"known_at": utc(2024, 1, 6), "refers_to": date(2024, 1, 5), "subject": "united states: non farm payrolls",
         "currency": "USD", "actual": 216e3, "previous": 173e3, "consensus": 170e3, "scheduled": False},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("written_as", "number"),
    [("51.5", 51.5), ("4.5%", 4.5), ("-0.25", -0.25), ("C$-1.09B", -1.09e9), ("$ -43B", -43e9), ("€18.3B", 18.3e9),
     ("A$4.075B", 4.075e9), ("¥-150B\t", -150e9), ("210K", 210e3), ("1.2M", 1.2e6), ('"1,234"', 1234.0), ("", None)],
)  # fmt: skip
def test_amounts_are_numbers(tmp_path, written_as, number):
    series = calendar(tmp_path, f"2024-01-05,japan,trade,{written_as},,", header=DATED)
    assert series.frame["actual"].to_list() == [None if number is None else pytest.approx(number)]


@pytest.mark.parametrize(
    ("header", "line", "match"),
    [
        (DATED, "2024-01-05,japan,trade,about 5,,", "1 values of actual are no amounts .first: 'about 5' in data row 1"),
        (TIMED, "2024-01-05 13:30,NFP,US,huge,", "the impact huge found; low, medium, high are allowed"),
        (TIMED, "2024-01-05 13:30,,US,high,", "1 of 1 values of event are empty"),
        ("date,time,event,country", "2024-01-05,1:30pm,NFP,US", "a column time, whose zone is not known"),
        ("event,country", "NFP,US", "has no column date or datetime_utc"),
    ],
)
def test_what_is_no_calendar_is_refused_in_words(tmp_path, header, line, match):
    with pytest.raises(BadInputError, match=match):
        calendar(tmp_path, line, header=header)


def test_hours_since_and_until_high_impact_releases_of_both_currencies(tmp_path):
    series = calendar(
        tmp_path, "2024-01-05 10:00,HICP,EA,high,", "2024-01-05 13:30,NFP,US,high,", "2024-01-05 13:00,Orders,US,medium,",
        "2024-01-11 13:30,CPI,US,high,", "2024-01-20 10:00,ECB,EA,high,",
    )  # fmt: skip
    rows = times(utc(2024, 1, 5, 9), utc(2024, 1, 5, 10), utc(2024, 1, 5, 14), utc(2024, 1, 12, 10), utc(2024, 1, 12, 10, 30))
    frame = release_hours(rows, series, EURUSD)
    assert frame["calendar_base_hours_since"].to_list() == [None, 0.0, 4.0, 168.0, None]
    assert frame["calendar_base_hours_until"].to_list() == [1.0, None, None, None, None]
    assert frame["calendar_quote_hours_since"].to_list() == [None, None, 0.5, 20.5, 21.0]
    assert frame["calendar_quote_hours_until"].to_list() == [4.5, 3.5, 143.5, None, None]


def test_an_emergency_is_never_waited_for_nor_is_its_press_conference(tmp_path):
    series = calendar(
        tmp_path, "2024-03-05 15:00,Statement,US,high,", "2024-03-05 15:00,Rate decision,US,high,Unscheduled/emergency meeting",
        "2024-03-05 16:00,Press conference,US,high,", "2024-03-05 16:00,Speech,EA,high,", "2024-03-06 15:00,ISM,US,high,",
        "2024-03-04 15:00,Orders,US,high,",
    )  # fmt: skip
    rows = times(utc(2024, 3, 4, 14), utc(2024, 3, 5, 14), utc(2024, 3, 5, 15), utc(2024, 3, 5, 17))
    frame = release_hours(rows, series, EURUSD)
    assert frame["calendar_quote_hours_until"].to_list() == [1.0, 25.0, 24.0, 22.0]
    assert frame["calendar_quote_hours_since"].to_list() == [None, 23.0, 0.0, 1.0]
    assert frame["calendar_base_hours_until"].to_list() == [26.0, 2.0, 1.0, None]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 500), st.sampled_from(["EUR", "USD", "JPY"]), st.booleans()), min_size=1, max_size=15))
def test_the_hours_equal_a_plain_loop_and_use_the_schedule_of_a_week_only(events):
    start = utc(2024, 1, 1)
    frame = pl.DataFrame({
        "known_at": pl.Series([start + timedelta(hours=at) for at, _, _ in events], dtype=pl.Datetime("us", "UTC")),
        "currency": [currency for _, currency, _ in events],
        "impact": ["high"] * len(events),
        "scheduled": [scheduled for _, _, scheduled in events],
    }).sort("known_at")  # fmt: skip
    series, rows = ContextSeries("calendar", frame, AHEAD), hours(300)
    found = release_hours(rows, series, EURUSD)
    for side, currency in (("base", "EUR"), ("quote", "USD")):
        for row in found.iter_rows(named=True):
            hour = (row["known_at"] - start) // timedelta(hours=1)
            past = [hour - at for at, of, _ in events if of == currency and 0 <= hour - at <= 168]
            ahead = [at - hour for at, of, scheduled in events if of == currency and scheduled and 0 < at - hour <= 168]
            assert row[f"calendar_{side}_hours_since"] == min(past, default=None)
            assert row[f"calendar_{side}_hours_until"] == min(ahead, default=None)

    def with_a_week_of_schedule(part: pl.DataFrame) -> pl.DataFrame:
        last = part["known_at"].max()
        known = pl.col("known_at") <= pl.when("scheduled").then(last + AHEAD).otherwise(last)
        return release_hours(part, ContextSeries("calendar", frame.filter(known), AHEAD), EURUSD)

    assert lookahead_differences(with_a_week_of_schedule, rows, time_column="known_at").clean


def test_a_calendar_without_impact_is_told_to_give_no_hours(tmp_path):
    assert "will be missing" in notes(calendar(tmp_path, "2024-01-05,japan,trade,1,,", header=DATED))[0]
    assert notes(calendar(tmp_path, "2024-01-05 13:30,NFP,US,high,")) == ()


def test_rows_without_known_at_are_refused(tmp_path):
    with pytest.raises(BadInputError, match="known_at of type none"):
        release_hours(pl.DataFrame({"x": [1]}), calendar(tmp_path, "2024-01-05 13:30,NFP,US,high,"), EURUSD)
