"""Commitments of Traders: when a report was published, what it says, and which side of a symbol it is on."""

from datetime import date, timedelta

import polars as pl
import pytest
from context_examples import times, utc, written

from fxgpt_core.context.as_of import joined
from fxgpt_core.context.cot import FINANCIAL, LEGACY, cot_of_symbol, read_cot
from fxgpt_core.context.cot_release import released_at
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.symbols import symbol

# The dates on which the reports of 2024 were published by the CFTC's own schedule, where they were no Friday.
OFF_FRIDAY_2024 = {
    date(2024, 6, 18): date(2024, 6, 24),
    date(2024, 7, 2): date(2024, 7, 8),
    date(2024, 11, 26): date(2024, 12, 2),
    date(2024, 12, 24): date(2024, 12, 30),
}


def test_the_rule_gives_every_date_of_the_published_schedule_of_2024():
    tuesdays = [date(2024, 1, 2) + timedelta(weeks=week) for week in range(52)]
    expected = [OFF_FRIDAY_2024.get(tuesday, tuesday + timedelta(days=3)) for tuesday in tuesdays]
    assert [released_at(tuesday).date() for tuesday in tuesdays] == expected


@pytest.mark.parametrize(
    ("as_of", "published"),
    [
        # Summer and winter.
        ((2022, 6, 28), (2022, 7, 1, 19, 30)),
        ((2022, 1, 4), (2022, 1, 7, 20, 30)),
        # Good Friday is no federal holiday; Juneteenth of 2021 was made one on the day before.
        ((2022, 4, 12), (2022, 4, 15, 19, 30)),
        ((2021, 6, 15), (2021, 6, 21, 19, 30)),
        # Monday's positions, before a holiday on Tuesday or beside Christmas.
        ((2020, 12, 21), (2020, 12, 28, 20, 30)),
        ((2006, 7, 3), (2006, 7, 7, 19, 30)),
        # After and before the turn of a year.
        ((2019, 12, 31), (2020, 1, 6, 20, 30)),
        # The shutdown of 2018/19: first and last of the backlog, the week before and the first one in time again.
        ((2018, 12, 18), (2018, 12, 21, 20, 30)),
        ((2018, 12, 24), (2019, 2, 1, 20, 30)),
        ((2019, 2, 26), (2019, 3, 5, 20, 30)),
        ((2019, 3, 5), (2019, 3, 8, 20, 30)),
        # The shutdown of 2025, and a week of it whose Tuesday was a holiday.
        ((2025, 9, 30), (2025, 11, 19, 20, 30)),
        ((2025, 11, 10), (2025, 12, 12, 20, 30)),
        ((2026, 1, 20), (2026, 1, 23, 20, 30)),
        # Spells whose single dates are not established count from their end.
        ((2013, 10, 1), (2013, 11, 22, 20, 30)),
        ((2023, 1, 31), (2023, 3, 31, 19, 30)),
        ((2023, 1, 24), (2023, 1, 27, 20, 30)),
    ],
)
def test_published(as_of, published):
    assert released_at(date(*as_of)) == utc(*published)


def test_a_date_of_publication_taken_for_that_of_the_positions_is_refused():
    with pytest.raises(BadInputError, match="positions on Friday 2024-01-05 found"):
        released_at(date(2024, 1, 5))
    with pytest.raises(BadInputError, match="since 1993-01-01"):
        released_at(date(1992, 12, 29))


SHORT = "currency,as_of,open_interest,comm_long,comm_short,noncomm_long,noncomm_short"


def legacy(folder, *lines, header=SHORT):
    return read_cot(written(folder, "\n".join([header, *lines]) + "\n"), LEGACY)


def test_net_positions_are_a_share_of_open_interest(tmp_path):
    series = legacy(tmp_path, "EUR,2024-01-02,1000,100,300,500,250")
    assert series.frame.to_dicts() == [
        {"known_at": utc(2024, 1, 5, 20, 30), "refers_to": date(2024, 1, 2), "subject": "EUR",
         "noncommercial_net": 0.25, "commercial_net": -0.2},
    ]  # fmt: skip


def test_files_of_the_cftc_are_read_in_their_old_and_new_names_and_other_markets_left_out(tmp_path):
    old = legacy(
        tmp_path, '"EURO FX","2024-01-02",099741,1000,500,250,100,300', '"WHEAT","2024-01-02",001602,9,1,1,1,1',
        header='"Market","As of Date in Form YYYY-MM-DD","CFTC Contract Market Code","Open Interest (All)",'
        '"Noncommercial Positions-Long (All)","Noncommercial Positions-Short (All)","Commercial Positions-Long (All)",'
        '"Commercial Positions-Short (All)"',
    )  # fmt: skip
    new = legacy(
        tmp_path, "2024-01-02T00:00:00.000,099741,1000,500,250,100,300",
        header="report_date_as_yyyy_mm_dd,cftc_contract_market_code,open_interest_all,noncomm_positions_long_all,"
        "noncomm_positions_short_all,comm_positions_long_all,comm_positions_short_all",
    )  # fmt: skip
    assert old.frame.equals(new.frame)
    assert old.frame.equals(legacy(tmp_path, "EUR,2024-01-02,1000,100,300,500,250").frame)


def test_traders_in_financial_futures(tmp_path):
    path = written(
        tmp_path,
        "Report_Date_as_YYYY-MM-DD,CFTC_Contract_Market_Code,Open_Interest_All,Dealer_Positions_Long_All,Dealer_Positions_Short_All,"
        "Lev_Money_Positions_Long_All,Lev_Money_Positions_Short_All\n2024-01-02,097741,200,10,60,40,20\n",
    )
    assert read_cot(path, FINANCIAL).frame.select("subject", "leveraged_net", "dealer_net").rows() == [("JPY", 0.1, -0.25)]


def test_dates_of_publication_in_the_file_go_before_the_rule(tmp_path):
    series = legacy(tmp_path, "EUR,2024-01-02,1000,100,300,500,250,2024-01-09 20:30", header=f"{SHORT},published_at")
    assert series.frame["known_at"].to_list() == [utc(2024, 1, 9, 20, 30)]
    with pytest.raises(BadInputError, match="published before what they are about had ended"):
        legacy(tmp_path, "EUR,2024-01-02,1000,100,300,500,250,2024-01-02 15:00", header=f"{SHORT},published_at")


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("EUR,2024-01-02,1000,100,300,1500,250", "exceed the open interest .first: EUR of 2024-01-02"),
        ("EUR,2024-01-02,0,100,300,500,250", "1 of 1 reports have positions that are missing or exceed"),
        ("EUR,2024-01-02,1000,100,300,,250", "1 of 1 reports have positions that are missing"),
        ("SEK,2024-01-02,1000,100,300,500,250", "has no report on EUR, GBP, JPY"),
        ("EUR,2024-01-05,1000,100,300,500,250", "positions on Friday 2024-01-05 found"),
    ],
)
def test_what_is_no_report_is_refused_in_words(tmp_path, line, match):
    with pytest.raises(BadInputError, match=match):
        legacy(tmp_path, line)


def test_a_file_that_names_no_currency_is_refused(tmp_path):
    with pytest.raises(BadInputError, match="no column currency or cftc_contract_market_code"):
        legacy(tmp_path, "2024-01-02,1,1,1,1,1", header="as_of,open_interest,comm_long,comm_short,noncomm_long,noncomm_short")


EUR, JPY = "EUR,2024-01-02,100,0,0,30,10", "JPY,2024-01-02,100,0,0,10,60"


@pytest.mark.parametrize(
    ("name", "net"),
    [("EURUSD", [0.2]), ("USDJPY", [0.5]), ("EURJPY", [0.7]), ("EURGBP", []), ("GBPUSD", []), ("AUDCAD", []), ("XAUUSD", [])],
)
def test_a_symbol_has_its_base_less_its_quote(tmp_path, name, net):
    part = cot_of_symbol(legacy(tmp_path, EUR, JPY), symbol(name))
    assert part.frame["noncommercial_net"].to_list() == pytest.approx(net)
    assert part.frame["known_at"].to_list() == [utc(2024, 1, 5, 20, 30)] * len(net)
    assert joined(times(utc(2024, 1, 6)), [part])["cot_legacy_noncommercial_net"].to_list() == pytest.approx(net or [None])


def test_a_cross_is_known_when_both_its_reports_are_and_follows_the_revision_of_either(tmp_path):
    header = f"{SHORT},published_at"
    series = legacy(
        tmp_path, f"{EUR},2024-01-05 20:30", f"{JPY},2024-01-08 20:30", "EUR,2024-01-02,100,0,0,50,10,2024-01-09 20:30",
        header=header,
    )  # fmt: skip
    part = cot_of_symbol(series, symbol("EURJPY")).frame
    assert part["known_at"].to_list() == [utc(2024, 1, 8, 20, 30), utc(2024, 1, 9, 20, 30)]
    assert part["noncommercial_net"].to_list() == pytest.approx([0.7, 0.9])


def test_nothing_of_a_report_is_known_between_tuesday_and_friday(tmp_path):
    part = cot_of_symbol(legacy(tmp_path, EUR), symbol("EURUSD"))
    frame = joined(times(utc(2024, 1, 2, 23), utc(2024, 1, 5, 20), utc(2024, 1, 5, 21), utc(2024, 1, 17)), [part])
    assert frame["cot_legacy_noncommercial_net"].to_list() == [None, None, 0.2, None]
    assert frame.filter(pl.col("cot_legacy_noncommercial_net").is_null())["cot_legacy_age_hours"].to_list() == [None, None, 267.5]
