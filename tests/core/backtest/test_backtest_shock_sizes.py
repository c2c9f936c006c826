"""The benchmark behind the sizes of the shocks: candles with a shock of a known size are measured to have one of that size."""

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.shock_sizes import falls, main, measured
from fxgpt_core.backtest.conditions import Conditions
from fxgpt_core.backtest.shocks import flash_crash, jump, wide_spread, wilder
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.costs import FxCosts
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.timeframes import DAY_US, Timeframe

SUNDAY_US = 1_543_183_200_000_000  # 2018-11-25 22:00 UTC, the start of an FX week
RANGE = 0.002
ROW = 25 * 24
"""The first candle of the 26th FX day."""


def calm():
    """Eight weeks of hourly candles that open and close at 100; each reaches half a daily range up and down."""
    times = expected_open_times(SUNDAY_US, SUNDAY_US + 56 * DAY_US, Timeframe.H1)
    price = np.full(len(times), 100.0)
    high, low = price * np.exp(RANGE / 2), price * np.exp(-RANGE / 2)
    candles = CandleArrays(times, price, high, low, price, np.ones(len(times)), Timeframe.H1)
    return Conditions(candles, FxCosts(np.full(len(times), 0.01)))


def test_calm_candles_have_no_jump_and_reach_half_a_range_within_hours():
    sizes = {kind: size for kind, (size, _) in measured(calm().candles).items()}
    expected = {"jump": 0.0, "fall_2h": 0.5, "rise_2h": 0.5, "fall_12h": 0.5, "rise_12h": 0.5, "volatility": 1.0}
    assert sizes == pytest.approx(expected)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_jump_of_five_ranges_is_found_where_it_is(sign):
    size, at = measured(jump(calm(), ROW, sign * 5.0 * RANGE).candles)["jump"]
    assert size == pytest.approx(5.0)
    assert at == calm().candles.open_time_us[ROW]


def test_a_flash_crash_of_ten_ranges_is_found_with_the_reach_of_its_candles():
    down = measured(flash_crash(calm(), ROW, -10.0 * RANGE, 2).candles)
    assert down["fall_2h"][0] == pytest.approx(10.5)
    up = measured(flash_crash(calm(), ROW, 10.0 * RANGE, 2).candles)
    assert up["rise_2h"][0] == pytest.approx(10.5)
    slow = measured(flash_crash(calm(), ROW, -10.0 * RANGE, 20).candles)
    assert slow["fall_2h"][0] == pytest.approx(2.5)
    assert slow["fall_12h"][0] == pytest.approx(10.5)


def test_five_days_four_times_as_wild_are_found_as_such():
    assert measured(wilder(calm(), ROW, 4.0, 5 * 24).candles)["volatility"] == (
        pytest.approx(4.0),
        calm().candles.open_time_us[ROW],
    )


def test_a_day_of_spreads_five_times_as_wide_is_found_where_candles_know_them():
    shocked = wide_spread(calm(), ROW, 5.0, 24)
    told = replace(shocked.candles, spread=shocked.costs.spread)
    assert measured(told)["spread"] == (pytest.approx(5.0), told.open_time_us[ROW])
    assert "spread" not in measured(replace(told, spread=np.full(len(told), np.nan)))


def test_the_largest_fall_of_a_crisis_is_of_its_window_and_tells_what_is_missing():
    candles = calm().candles
    row = int(np.searchsorted(candles.open_time_us, 1_546_470_000_000_000))  # 2019-01-02 23:00 UTC
    found = falls(jump(calm(), row, np.log(0.95)).candles)
    assert list(found) == ["yen_flash"]
    assert found["yen_flash"] == {"fall_pct": pytest.approx(100.0 * (1.0 - 0.95 * np.exp(-RANGE))), "coverage": 1.0}
    half = falls(candles.select(slice(0, row)))
    assert half["yen_flash"]["coverage"] == 0.5
    assert half["yen_flash"]["fall_pct"] < 1.0


def test_too_few_days_are_refused():
    with pytest.raises(BadInputError, match="25 FX days found, more than 25 are needed"):
        measured(calm().candles.slice(0, ROW))


def test_a_folder_is_told_by_symbol(tmp_path, capsys):
    assert main([str(tmp_path)]) == 3
    assert "no CSV or Parquet file" in capsys.readouterr().err
    candles = jump(calm(), ROW, 3.0 * RANGE).candles
    stamps = candles.open_time_us.astype("datetime64[us]").astype(str).tolist()
    rows = zip(stamps, candles.open, candles.high, candles.low, candles.close, strict=True)
    lines = ["timestamp,open,high,low,close,volume", *(",".join(map(str, (*row, 1))) for row in rows)]
    (tmp_path / "EURUSD_h1.csv").write_text("\n".join(lines))
    assert main([str(tmp_path), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["symbol"], row["first"]) == ("EURUSD", "2018-11-25 22:00")
    assert row["largest"]["jump"]["size"] == pytest.approx(3.0)
    assert main([str(tmp_path)]) == 0
    assert f"jump          3.00  {row['largest']['jump']['at']}" in capsys.readouterr().out
