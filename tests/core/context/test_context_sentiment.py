"""News scores of a day are known when it has ended; retail snapshots when they were taken."""

from datetime import date

import pytest
from context_examples import times, utc, written

from fxgpt_core.context.as_of import joined
from fxgpt_core.context.news_sentiment import read_news
from fxgpt_core.context.retail_sentiment import RecordedSnapshots, RetailSentiment
from fxgpt_core.errors import BadInputError

PERCENT = "pair_name,updated,time_frame,percent_bullish,percent_bearish"
WORDS = "pair,sentiment,longs_daily,scraping_time"


def news(folder, *lines, header="published_at,ticker,title,score,strength"):
    return read_news(written(folder, "\n".join([header, *lines]) + "\n"))


def retail(folder, *lines, header=PERCENT):
    provider: RetailSentiment = RecordedSnapshots(written(folder, "\n".join([header, *lines]) + "\n"))
    assert provider.name == "recorded"
    return provider.snapshots()


def test_scores_of_a_day_are_known_when_it_has_ended_in_utc(tmp_path):
    series = news(tmp_path, '2023-05-03,EURUSD,"Euro up, dollar down",1,0.5', "2023-05-03,eur/gbp,Quiet,-1,")
    assert series.values == ("score", "strength")
    assert series.frame.rows() == [
        (utc(2023, 5, 4), date(2023, 5, 3), "EURGBP", -1.0, None),
        (utc(2023, 5, 4), date(2023, 5, 3), "EURUSD", 1.0, 0.5),
    ]
    frame = joined(times(utc(2023, 5, 3, 23), utc(2023, 5, 4), utc(2023, 5, 7), utc(2023, 5, 7, 1)), [series.of("EURUSD")])
    assert frame["news_score"].to_list() == [None, 1.0, 1.0, None]


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        (["2023-05-03,EURUSD,Up,high,"], "has no column of numbers"),
        (["2023-05-03,EURUSX,Up,1,1"], "EURUSX"),
        (["2023-05-03 14:00,EURUSD,Up,1,1"], "have a time of day"),
        (["2023-05-03,EURUSD,Up,1,1", "2023-05-03,EUR_USD,Down,-1,1"], "2 of 2 rows for the same date"),
        (["2023-05-03,,Up,1,1"], "1 of 1 values of ticker are empty"),
    ],
)
def test_what_is_no_news_score_is_refused_in_words(tmp_path, lines, match):
    with pytest.raises(BadInputError, match=match):
        news(tmp_path, *lines)


def test_a_snapshot_is_known_when_it_was_taken(tmp_path):
    series = retail(
        tmp_path, "EUR_USD,2024-02-10 15:21:45.211824,3600,59%,41%", "", PERCENT, "GBP_USD,2024-02-10 15:21:46,3600,57%,43%",
        "EUR_USD,2024-02-10 16:00,3600,40%,60%",
    )  # fmt: skip
    assert series.of("EURUSD").frame.rows() == [
        (utc(2024, 2, 10, 15, 21, 45, 211_824), date(2024, 2, 10), "EURUSD", 0.59, None),
        (utc(2024, 2, 10, 16), date(2024, 2, 10), "EURUSD", 0.4, None),
    ]
    frame = joined(times(utc(2024, 2, 10, 15), utc(2024, 2, 10, 16), utc(2024, 2, 12, 5)), [series.of("EURUSD")])
    assert frame["retail_share_long"].to_list() == [None, 0.4, None]


def test_words_are_signs_and_what_is_no_symbol_keeps_its_name(tmp_path):
    series = retail(
        tmp_path, "EUR_USD,Bullish,-6,2024-02-10 16:21:44", "Gold,Bearish,3,2024-02-10 16:21:44",
        "US 500,Mixed,3,2024-02-10 16:21:44", header=WORDS,
    )  # fmt: skip
    assert series.frame.select("subject", "signal", "share_long").rows() == [
        ("EURUSD", 1.0, None), ("US 500", 0.0, None), ("XAUUSD", -1.0, None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("header", "line", "match"),
    [
        (PERCENT, "EUR_USD,2024-02-10 15:21,3600,59%,51%", "do not add up to 100 %"),
        (PERCENT, "EUR_USD,2024-02-10 15:21,3600,159%,-59%", "outside 0 to 100 %"),
        (PERCENT, "EUR_USD,2024-02-10 15:21,3600,most,41%", "1 of 1 values of percent_bullish are not numbers"),
        (PERCENT, "EUR_USD,,3600,59%,41%", "1 of 1 stamps cannot be read"),
        (WORDS, "EUR_USD,Hungry,1,2024-02-10 16:21:44", "the sentiment hungry found; bullish, mixed"),
        ("pair,updated", "EUR_USD,2024-02-10", "has neither percent_bullish"),
    ],
)
def test_what_is_no_snapshot_is_refused_in_words(tmp_path, header, line, match):
    with pytest.raises(BadInputError, match=match):
        retail(tmp_path, line, header=header)
