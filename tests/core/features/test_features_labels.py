"""Labels: by hand, with the future cut off, across holes, and free of any scale."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from forecast_examples import candles_of_returns, real_candles, without
from hypothesis import given, settings
from hypothesis import strategies as st

from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.features.labels import LabelParameters, labels
from fxgpt_core.forecasts.volatility import WARM_UP, Volatility, fit_volatility
from fxgpt_core.market.timeframes import HOUR_US, Timeframe

FLAT = Volatility(np.ones(168))
HORIZONS = (1, 4, 24)
QUIET = 1e-3
# Alternating returns of one size have this standard deviation (Volatility adds 1e-7), whatever the decay.
SIGMA = QUIET + 1e-7


def quiet(n: int) -> np.ndarray:
    return QUIET * (-1.0) ** np.arange(n)


def noisy(n: int = 400, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, QUIET, n)


def test_the_labels_of_one_candle_by_hand() -> None:
    returns = quiet(100)
    returns[61:65] = [0.003, -0.001, 0.0004, -0.0016]
    candles = candles_of_returns(returns)
    row = labels(candles, FLAT, LabelParameters(horizons=(1, 4))).row(60, named=True)
    assert row["label_return_1"] == pytest.approx(0.003 / SIGMA)
    assert row["label_return_4"] == pytest.approx(0.0008 / (2.0 * SIGMA))
    assert (row["label_direction_1"], row["label_direction_4"]) == (1, 0)
    squares = 0.003**2 + 0.001**2 + 0.0004**2 + 0.0016**2
    assert row["label_volatility_1"] == pytest.approx(0.003 / SIGMA)
    assert row["label_volatility_4"] == pytest.approx(math.sqrt(squares / 4.0) / SIGMA)
    known_at = [int(row[f"label_known_at_{h}"].timestamp() * 1e6) for h in (1, 4)]
    assert known_at == [int(candles.open_time_us[60 + h]) + HOUR_US for h in (1, 4)]


def test_the_standard_deviation_of_a_horizon_follows_the_season() -> None:
    season = np.linspace(0.5, 1.5, 168)
    candles = candles_of_returns(noisy())
    volatility = Volatility(season)
    plain = labels(candles, volatility)
    sigma = volatility.at_close(candles)
    # The epoch was a Thursday, and New York's winter is UTC-5.
    hours = (candles.open_time_us // HOUR_US + 3 * 24 - 5 + 7) % 168
    expected = sigma[200] * math.sqrt(float((season[hours[201:225]] ** 2).sum()))
    found = plain["label_return_24"][200]
    assert found == pytest.approx(math.log(candles.close[224] / candles.close[200]) / expected)


def test_a_threshold_separates_the_directions_and_a_larger_one_leaves_fewer() -> None:
    table = labels(candles_of_returns(noisy()), FLAT, LabelParameters(horizons=(4,), threshold=1.0)).drop_nulls()
    scaled, direction = table["label_return_4"].to_numpy(), table["label_direction_4"].to_numpy()
    assert (direction == np.where(scaled > 1.0, 1, np.where(scaled < -1.0, -1, 0))).all()
    moves = [
        int((labels(candles_of_returns(noisy()), FLAT, LabelParameters((4,), k))["label_direction_4"] != 0).sum())
        for k in (0.0, 0.5, 1.0, 2.0)
    ]
    assert moves == sorted(moves, reverse=True)
    assert moves[0] > moves[1] > moves[3] > 0


@settings(max_examples=25, deadline=None)
@given(st.integers(120, 399))
def test_cutting_the_future_off_takes_labels_away_and_changes_none(cut: int) -> None:
    candles = candles_of_returns(noisy())
    whole, part = labels(candles, FLAT), labels(candles.slice(0, cut), FLAT)
    last = pl.Series([int(candles.known_at_us[cut - 1])]).cast(pl.Datetime("us", "UTC"))[0]
    for horizon in HORIZONS:
        names = [f"label_{what}_{horizon}" for what in ("return", "direction", "volatility", "known_at")]
        known = pl.col(f"label_known_at_{horizon}") <= last
        expected = whole.head(cut).select(pl.when(known).then(pl.col(name)).alias(name) for name in names)
        assert part.select(names).equals(expected)
        assert part[names[0]].null_count() == WARM_UP + horizon


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-3, 1e4))
def test_labels_are_free_of_the_price_and_of_the_size_of_moves(seed: int, factor: float) -> None:
    returns = noisy(200, seed)
    candles = candles_of_returns(returns)
    plain = labels(candles, FLAT).drop_nulls()
    dearer = labels(replace(candles, close=candles.close * factor), FLAT).drop_nulls()
    wilder = labels(candles_of_returns(returns * 5.0), FLAT).drop_nulls()
    inverted = labels(replace(candles, close=1.0 / candles.close), FLAT).drop_nulls()
    for horizon in HORIZONS:
        own = plain[f"label_return_{horizon}"].to_numpy()
        np.testing.assert_allclose(dearer[f"label_return_{horizon}"].to_numpy(), own, atol=1e-6)
        np.testing.assert_allclose(wilder[f"label_return_{horizon}"].to_numpy(), own, rtol=1e-3)
        np.testing.assert_allclose(inverted[f"label_return_{horizon}"].to_numpy(), -own, atol=1e-6)
        np.testing.assert_allclose(
            inverted[f"label_volatility_{horizon}"].to_numpy(), plain[f"label_volatility_{horizon}"].to_numpy(), atol=1e-6
        )


def test_no_label_reaches_across_a_hole_and_volatility_is_known_anew_behind_it() -> None:
    holed = without(candles_of_returns(noisy()), 200, 200 + 60)
    table = labels(holed, FLAT)
    for horizon in HORIZONS:
        missing = np.flatnonzero(table[f"label_return_{horizon}"].is_null().to_numpy())
        n = len(holed)
        expected = [*range(WARM_UP), *range(200 - horizon, 200 + WARM_UP), *range(n - horizon, n)]
        assert missing.tolist() == expected
        for name in ("direction", "volatility", "known_at"):
            assert table[f"label_{name}_{horizon}"].null_count() == len(expected)


def test_a_holiday_is_no_hole() -> None:
    closed = without(candles_of_returns(noisy()), 200, 200 + 48)
    assert labels(closed, FLAT)["label_return_24"].null_count() == WARM_UP + 24


def test_no_class_is_rare_in_real_candles_and_the_size_is_as_expected() -> None:
    candles = real_candles()
    table = labels(candles, fit_volatility(candles)).drop_nulls()
    for horizon in HORIZONS:
        direction = table[f"label_direction_{horizon}"].to_numpy()
        assert min(float((direction == side).mean()) for side in (-1, 0, 1)) > 0.2
    assert float(np.median(table["label_volatility_24"])) == pytest.approx(1.0, abs=0.1)
    fixed = np.abs(np.diff(np.log(candles.close))) > 0.005
    assert fixed.mean() < 0.005


@pytest.mark.shared_data
@pytest.mark.parametrize("symbol", ["EURUSD", "GBPUSD", "USDJPY", "AUDUSD"])
def test_no_class_is_rare_in_any_symbol_or_year(shared_data: Path, symbol: str) -> None:
    frame = pl.read_parquet(shared_data / "fx" / "oanda_h1" / f"{symbol}_h1.parquet")
    candles = candle_arrays(frame.rename({"ts": "open_time"}), Timeframe.H1)
    table = labels(candles, fit_volatility(candles.slice(0, len(candles) // 2)))
    shares = [
        float((part[f"label_direction_{horizon}"].drop_nulls() == side).mean())
        for _, part in table.group_by(pl.col("open_time").dt.year())
        for horizon in HORIZONS
        for side in (-1, 0, 1)
    ]
    assert min(shares) > 0.2
    assert max(shares) < 0.55


@pytest.mark.parametrize("change", [{"horizons": ()}, {"horizons": (0,)}, {"horizons": (4, 25)}, {"threshold": -0.1}])
def test_horizons_that_are_not_forecast_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(BadInputError, match="horizons are 1 to 24 candles"):
        LabelParameters(**change)  # type: ignore[arg-type]


def test_a_span_too_short_for_a_volatility_is_refused() -> None:
    with pytest.raises(BadInputError, match="50 candles found, and no 51 of them without a hole"):
        labels(candles_of_returns(noisy(50)), FLAT)
    assert labels(candles_of_returns(noisy(51)), FLAT)["label_return_1"].null_count() == 51
