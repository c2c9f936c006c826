"""Real indices, reports, calendars and sentiment, joined to two and a half years of real hours."""

from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from context_examples import utc, written

from fxgpt_core.context.as_of import joined
from fxgpt_core.context.cot import cot_of_symbol
from fxgpt_core.context.kinds import KINDS, context_of_symbol
from fxgpt_core.context.series import ContextSeries
from fxgpt_core.market.symbols import symbol
from fxgpt_core.validation.lookahead import lookahead_differences

pytestmark = pytest.mark.shared_data
NEW_YORK = ZoneInfo("America/New_York")
EURUSD = symbol("EURUSD")
FILES = {
    "vix": "macro/VIX_d1.parquet", "spx": "macro/SPX_d1.parquet", "spy": "macro/SPY_d1.parquet", "qqq": "macro/QQQ_d1.parquet",
    "cot_legacy": "macro/COT_legacy_weekly.csv", "calendar": "macro/econ_calendar_US_EU_UK_CH.csv",
    "news": "macro/fx_news_headlines_sentiment_2023.csv", "retail": "fixtures/retail_sentiment/investing_data.csv",
}  # fmt: skip
ROWS = {"vix": 8187, "spx": 8188, "spy": 5849, "qqq": 3964, "cot_legacy": 174, "calendar": 2124, "news": 293, "retail": 256}


@pytest.fixture(scope="module")
def imported(shared_data: Path) -> dict[str, ContextSeries]:
    return {kind: KINDS[kind].read(shared_data / file) for kind, file in FILES.items()}


@pytest.fixture(scope="module")
def hours(shared_data: Path) -> pl.DataFrame:
    candles = pl.read_parquet(shared_data / "fx" / "oanda_h1" / "EURUSD_h1.parquet")
    known = candles.select(known_at=pl.col("ts") + timedelta(hours=1))
    return known.filter(pl.col("known_at") >= utc(2020, 1, 1))


def test_every_row_of_every_file_is_read(imported):
    assert {kind: len(series.frame) for kind, series in imported.items()} == ROWS


def test_every_close_is_known_at_a_quarter_past_four_in_new_york(imported):
    for kind in ("vix", "spx", "spy", "qqq"):
        for known, day in imported[kind].frame.select("known_at", "refers_to").rows():
            assert known.astimezone(NEW_YORK).replace(tzinfo=None) == datetime(day.year, day.month, day.day, 16, 15)  # noqa: DTZ001


def test_the_vix_of_the_crash_is_seen_the_hour_after_its_close(imported, hours):
    frame = joined(hours, [imported["vix"]])
    at = dict(frame.select("known_at", "vix_close").rows())
    assert (at[utc(2020, 3, 16, 20)], at[utc(2020, 3, 16, 21)]) == (57.83, 82.69)


def test_positions_of_a_tuesday_are_known_on_friday_or_after_a_holiday_on_monday(imported):
    known = dict(imported["cot_legacy"].frame.select("refers_to", "known_at").unique().rows())
    late = {day for day, moment in known.items() if moment.astimezone(NEW_YORK).date() - day != timedelta(days=3)}
    # Juneteenth observed on Friday, Veterans Day on Thursday, Thanksgiving, Christmas and New Year observed on Friday.
    assert late == {date(2021, 6, 15), date(2021, 11, 9), date(2021, 11, 23), date(2021, 12, 21), date(2021, 12, 28)}
    assert {moment.astimezone(NEW_YORK).strftime("%H:%M") for moment in known.values()} == {"15:30"}


def test_positions_in_the_pound_against_the_yen_are_those_of_the_file(imported, shared_data):
    raw = pl.read_csv(shared_data / FILES["cot_legacy"])
    share = {(row["currency"], row["as_of"]): row["noncomm_net"] / row["open_interest"] for row in raw.iter_rows(named=True)}
    part = cot_of_symbol(imported["cot_legacy"], symbol("GBPJPY")).frame
    assert len(part) == 58
    for day, value in part.select("refers_to", "noncommercial_net").rows():
        assert value == pytest.approx(share["GBP", str(day)] - share["JPY", str(day)])


def test_traders_in_financial_futures_are_read_once_the_file_names_the_currency(shared_data, tmp_path):
    lines = (shared_data / "macro" / "COT_TFF_EUR_weekly.csv").read_text().splitlines()
    named = [f"{lines[0]},currency", *(f"{line},EUR" for line in lines[1:])]
    series = KINDS["cot_tff"].read(written(tmp_path, "\n".join(named)))
    assert len(series.frame) == 130
    assert series.frame["leveraged_net"][0] == pytest.approx((42151 - 159703) / 555940)


def test_emergencies_of_2020_are_not_waited_for(imported):
    surprises = imported["calendar"].frame.filter(~pl.col("scheduled"), pl.col("impact") == "high")["known_at"].to_list()
    assert surprises == [
        utc(2020, 3, 3, 15), utc(2020, 3, 3, 16), utc(2020, 3, 15, 21), utc(2020, 3, 15, 22), utc(2022, 6, 15, 9),
    ]  # fmt: skip


def test_a_calendar_of_amounts_is_read_to_the_last_cell(shared_data):
    path = shared_data / "macro" / "econ_calendar_tradingeconomics.csv"
    raw = pl.read_csv(path, infer_schema=False)
    frame = KINDS["calendar"].read(path).frame
    for name in ("actual", "previous", "consensus"):
        assert frame[name].null_count() == raw[name].null_count()


def test_both_recorded_forms_of_retail_sentiment_are_read(shared_data, imported):
    words = KINDS["retail"].read(shared_data / "fixtures" / "retail_sentiment" / "dailyfx_sentiment.csv").of("EURUSD").frame
    assert len(words) == 9
    assert words["signal"].null_count() == 0
    assert imported["retail"].of("EURUSD").frame["share_long"].is_between(0.55, 0.62).all()


def test_nothing_imported_sees_the_future_of_real_hours(imported, hours):
    def compute(rows: pl.DataFrame) -> pl.DataFrame:
        last = rows["known_at"].max()
        ahead = {"calendar": timedelta(days=7)}
        known = [
            ContextSeries(
                kind, series.frame.filter(pl.col("known_at") <= last + ahead.get(kind, timedelta(0))), series.stale_after
            )
            for kind, series in imported.items()
        ]
        return context_of_symbol(rows, known, EURUSD)

    report = lookahead_differences(compute, hours, range(100, len(hours), 771), time_column="known_at")
    assert report.clean
    assert len(report.columns_compared) == 23
