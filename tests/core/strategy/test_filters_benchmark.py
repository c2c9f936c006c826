"""The benchmark of the filters finds fear that was planted, and nothing where there is nothing."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from benchmarks.filters import ALL, SYMBOLS, main, measured
from fxgpt_core.errors import MissingError
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.timeframes import DAY_US, Timeframe

FIRST = date(2020, 1, 6)
DAYS = 500


def afraid(day: date) -> bool:
    return (day - FIRST).days // 28 % 2 == 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Candles that move 2.5 times as far in every second stretch of four weeks, when the VIX is at 40, and else are chance."""
    root, rng = tmp_path_factory.mktemp("filters"), np.random.default_rng(3)
    (root / "fx" / "oanda_h1").mkdir(parents=True)
    (root / "macro").mkdir()
    start = int(datetime(2020, 1, 6, tzinfo=UTC).timestamp()) * 1_000_000
    times = expected_open_times(start, start + DAYS * DAY_US, Timeframe.H1)
    days = (times - start) // DAY_US
    deviation = np.where([afraid(FIRST + timedelta(days=int(day))) for day in days], 0.0025, 0.001)
    for name in SYMBOLS:
        close = np.exp(np.cumsum(rng.normal(0.0, deviation)))
        opened = np.concatenate([[1.0], close[:-1]])
        candles = {"open": opened, "high": np.maximum(opened, close), "low": np.minimum(opened, close), "close": close}
        stamps = pl.Series("ts", times).cast(pl.Datetime("us", "UTC"))
        frame = pl.DataFrame([stamps]).with_columns(**candles, volume=np.round(rng.lognormal(7.0, 0.4, len(times))))
        frame.write_parquet(root / "fx" / "oanda_h1" / f"{name}_h1.parquet")
    weekdays = [day for day in (FIRST + timedelta(days=k) for k in range(DAYS)) if day.weekday() < 5]
    vix = pl.DataFrame({"date": weekdays, "close": [40.0 if afraid(day) else 15.0 for day in weekdays]})
    vix.write_parquet(root / "macro" / "VIX_d1.parquet")
    tuesdays = [FIRST + timedelta(days=1 + 7 * k) for k in range(DAYS // 7)]
    reports = [(currency, day, 1000, *rng.integers(0, 500, 2).tolist()) for currency in ("EUR", "GBP", "JPY") for day in tuesdays]
    legacy = pl.DataFrame(reports, schema=["currency", "as_of", "open_interest", "noncomm_long", "noncomm_short"], orient="row")
    legacy.write_csv(root / "macro" / "COT_legacy_weekly.csv")
    euro = legacy.filter(pl.col("currency") == "EUR").drop("currency")
    euro.rename({"noncomm_long": "lev_long", "noncomm_short": "lev_short"}).write_csv(root / "macro" / "COT_TFF_EUR_weekly.csv")
    return root


def test_planted_fear_is_found_in_the_volatility_and_chance_in_no_mean(folder):
    rows = {(row.rule, row.signal): row for row in measured(folder, seed=1) if row.symbol == ALL}
    fear = rows["VIX high: smaller", "trend"]
    assert fear.share == pytest.approx(0.5, abs=0.06)
    assert 1.8 < fear.volatility[0] < fear.volatility_ratio < fear.volatility[1] < 2.8
    means = [row for row in rows.values() if row.difference is not None]
    assert len(means) >= 8
    assert sum(row.difference[0] <= 0.0 <= row.difference[1] for row in means) >= len(means) - 2
    assert rows["OBV and VWAP against: refused", "reversal"].share > 3 * rows["OBV and VWAP against: refused", "trend"].share


def test_a_folder_without_the_data_is_named_with_what_it_lacks(tmp_path, capsys):
    with pytest.raises(MissingError, match=r"VIX_d1\.parquet is not there"):
        measured(tmp_path, seed=1)
    assert main([str(tmp_path)]) == 4
    assert "name another folder" in capsys.readouterr().err
