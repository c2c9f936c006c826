"""Fear, the crowd and the news as arrays: by hand, causal, and on the real files."""

import math
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from context_examples import START, TIME_TYPE, utc

from fxgpt_core.context.cot import STALE_AFTER
from fxgpt_core.context.kinds import KINDS, context_of_symbol
from fxgpt_core.context.market_context import YEAR, MarketContext, market_context, unknown_context
from fxgpt_core.context.series import ContextSeries, checked_series
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.symbols import symbol
from fxgpt_core.strategy.filters import VixFilterParameters, vix_filter
from fxgpt_core.validation.lookahead import lookahead_differences

NAMES = ("vix", "crowd_long", "crowd_confidence", "news")


def rows(n: int, step: timedelta = timedelta(hours=1), **columns: list[float | None]) -> pl.DataFrame:
    """n rows with these columns, as `context_of_symbol` names them."""
    known = pl.Series([START + k * step for k in range(n)], dtype=TIME_TYPE)
    return pl.DataFrame({"known_at": known, **{name: pl.Series(values, dtype=pl.Float64) for name, values in columns.items()}})


def only(**columns: float | None) -> dict[str, float]:
    found = market_context(rows(1, **{name: [value] for name, value in columns.items()}))
    return {name: float(getattr(found, name)[0]) for name in NAMES}


def test_what_was_not_imported_is_missing_everywhere():
    found = market_context(rows(3))
    assert all(np.isnan(getattr(found, name)).all() for name in NAMES)
    assert len(found) == len(unknown_context(3)) == 3


def test_the_vix_is_the_close_as_it_was_known():
    assert market_context(rows(2, vix_close=[21.5, None])).vix.tolist() == [21.5, pytest.approx(math.nan, nan_ok=True)]


def test_retail_clients_are_the_crowd_and_their_confidence_falls_with_age():
    found = only(retail_share_long=0.8, retail_age_hours=9.0, cot_legacy_noncommercial_net=0.1, cot_legacy_age_hours=0.0)
    assert (found["crowd_long"], found["crowd_confidence"]) == (0.8, 0.75)


def weekly(nets: list[float | None], age_hours: float = 0.0, kind: str = "cot_legacy_noncommercial_net") -> MarketContext:
    """One row a week, at publication."""
    columns = {kind: nets, f"{kind.rpartition('_')[0].rpartition('_')[0]}_age_hours": [age_hours] * len(nets)}
    return market_context(rows(len(nets), timedelta(weeks=1), **columns))


@pytest.mark.parametrize("kind", ["cot_legacy_noncommercial_net", "cot_tff_leveraged_net"])
def test_speculators_stand_between_the_lowest_and_the_highest_of_their_year(kind):
    found = weekly([0.1, 0.3, 0.2, -0.1, 0.3], kind=kind)
    np.testing.assert_allclose(found.crowd_long, [math.nan, 1.0, 0.5, 0.0, 1.0])
    np.testing.assert_allclose(found.crowd_confidence[1:], np.array([2, 3, 4, 5]) / 52)


def test_a_year_of_reports_gives_full_confidence_and_older_ones_do_not_count():
    nets: list[float | None] = [1.0, *([0.0, 0.5] * 30)]
    found = weekly(nets)
    assert found.crowd_confidence[51] == found.crowd_confidence[60] == 1.0
    # The first week's 1 is the highest until 52 weeks have gone.
    assert (found.crowd_long[50], found.crowd_long[52]) == (0.5, 1.0)


def test_confidence_falls_with_the_age_of_a_report():
    nets: list[float | None] = [0.0, 1.0] * 30
    half = weekly(nets, age_hours=STALE_AFTER / timedelta(hours=1) / 2)
    assert half.crowd_confidence[-1] == pytest.approx(0.5)
    assert half.crowd_long.tobytes() == weekly(nets).crowd_long.tobytes()


def test_legacy_reports_go_before_those_of_financial_futures_row_by_row():
    both = market_context(
        rows(
            3,
            timedelta(weeks=1),
            cot_legacy_noncommercial_net=[0.0, 0.4, None],
            cot_legacy_age_hours=[0.0, 0.0, 0.0],
            cot_tff_leveraged_net=[0.9, 0.7, 0.8],
            cot_tff_age_hours=[0.0, 0.0, 0.0],
        )
    )
    np.testing.assert_allclose(both.crowd_long, [math.nan, 1.0, 0.5])


def test_news_are_the_mean_of_the_scores_there_are():
    found = market_context(rows(3, news_one=[0.5, None, None], news_other=[-0.1, 0.6, None], news_age_hours=[9.0] * 3))
    np.testing.assert_allclose(found.news, [0.2, 0.6, math.nan])


def test_scores_of_another_scale_and_rows_without_a_time_are_refused():
    with pytest.raises(BadInputError, match=r"news_score has scores from 0.2 to 55.0; .* from −1"):
        market_context(rows(2, news_score=[0.2, 55.0]))
    with pytest.raises(BadInputError, match="known_at"):
        market_context(pl.DataFrame({"vix_close": [1.0]}))
    with pytest.raises(BadInputError, match="one value a candle"):
        MarketContext(*(np.zeros(n) for n in (3, 3, 3, 2)))


def test_a_part_of_the_rows_is_cut_out_of_every_array():
    found = market_context(rows(4, vix_close=[1.0, 2.0, 3.0, 4.0], news_score=[0.1, 0.2, 0.3, 0.4])).select(slice(1, 3))
    assert (found.vix.tolist(), found.news.tolist(), len(found)) == ([2.0, 3.0], [0.2, 0.3], 2)


def random_reports(n_days: int = 900) -> pl.DataFrame:
    """Daily rows with a report a week that grows old, and weeks without."""
    rng = np.random.default_rng(11)
    net = np.repeat(rng.normal(0, 0.2, n_days // 7 + 1), 7)[:n_days]
    net[np.repeat(rng.random(n_days // 7 + 1) < 0.2, 7)[:n_days]] = math.nan
    age = np.arange(n_days) % 7 * 24.0
    columns = {"cot_legacy_noncommercial_net": net, "cot_legacy_age_hours": age, "vix_close": rng.uniform(10, 60, n_days)}
    return rows(
        n_days, timedelta(days=1), **{name: pl.Series(values, nan_to_null=True).to_list() for name, values in columns.items()}
    )


def computed(frame: pl.DataFrame) -> pl.DataFrame:
    found = market_context(frame)
    return frame.select("known_at").with_columns(pl.Series(name, getattr(found, name)) for name in NAMES)


def test_no_row_sees_the_future_and_none_needs_more_than_a_year():
    frame = random_reports()
    assert lookahead_differences(computed, frame, time_column="known_at").clean
    whole, days = market_context(frame), YEAR // timedelta(days=1)
    for row in (400, 655, 899):
        part = market_context(frame.slice(row - days, days + 1))
        for name in NAMES:
            assert getattr(part, name)[-1:].tobytes() == getattr(whole, name)[row : row + 1].tobytes()


def test_a_place_in_the_range_of_the_whole_series_would_be_caught():
    def leaking(frame: pl.DataFrame) -> pl.DataFrame:
        net = pl.col("cot_legacy_noncommercial_net")
        return frame.select("known_at", place=(net - net.min()) / (net.max() - net.min()))

    assert not lookahead_differences(leaking, random_reports(), time_column="known_at").clean


def series(name: str, values: dict[str, float]) -> ContextSeries:
    frame = pl.DataFrame({
        "known_at": pl.Series([START], dtype=TIME_TYPE), "refers_to": [date(2023, 12, 20)], "subject": ["EURUSD"],
        **{key: [value] for key, value in values.items()},
    })  # fmt: skip
    return checked_series(name, frame, timedelta(days=3), timedelta(0))


def test_the_names_of_the_joined_columns_are_those_that_are_read():
    joined = context_of_symbol(rows(1), [series("retail", {"share_long": 0.9}), series("news", {"tone": 0.4})], symbol("EURUSD"))
    found = market_context(joined)
    assert (found.crowd_long[0], found.crowd_confidence[0], found.news[0]) == (0.9, 1.0, 0.4)


@pytest.mark.shared_data
def test_real_fear_cuts_sizes_in_the_crash_and_real_reports_place_speculators(shared_data):
    files = {"vix": "macro/VIX_d1.parquet", "cot_legacy": "macro/COT_legacy_weekly.csv"}
    imported = [KINDS[kind].read(shared_data / file) for kind, file in files.items()]
    candles = pl.read_parquet(shared_data / "fx" / "oanda_h1" / "EURUSD_h1.parquet")
    known = candles.select(known_at=pl.col("ts") + timedelta(hours=1))
    found = market_context(context_of_symbol(known, imported, symbol("EURUSD")))
    at = dict(zip(known["known_at"], vix_filter(found.vix, VixFilterParameters()).factor.tolist(), strict=True))
    assert at[utc(2020, 3, 16, 21)] == pytest.approx(0.3)
    assert at[utc(2019, 7, 1, 12)] == 1.0
    crowd = found.crowd_long[~np.isnan(found.crowd_long)]
    assert len(crowd) > 6000
    assert ((crowd >= 0.0) & (crowd <= 1.0)).all()
    before = np.array(known["known_at"].to_list()) < utc(2021, 5, 28, 19)
    assert np.isnan(found.crowd_long[before]).all()
