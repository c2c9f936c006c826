"""Four real hourly symbols: an hour to a week ahead is covered as asked for after adaptation, where it is not before."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fxgpt_core.candles.arrays import CandleArrays, candle_arrays
from fxgpt_core.conformal.bands import bands_behind, raw_bands
from fxgpt_core.conformal.calibration import fit
from fxgpt_core.conformal.coverage import CoverageRow, coverage_table
from fxgpt_core.conformal.outcomes import outcomes_of
from fxgpt_core.forecasts.forecast import Forecasts
from fxgpt_core.forecasts.random_walk import RandomWalk
from fxgpt_core.forecasts.volatility import fit_volatility
from fxgpt_core.market.timeframes import Timeframe

pytestmark = pytest.mark.shared_data
SHOWN = (1, 4, 24, 120)


def moment(year: int, month: int) -> int:
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 1_000_000


TRAINED, CALIBRATED = moment(2021, 1), moment(2021, 7)


def forecasts_of(folder: Path, symbol: str) -> tuple[CandleArrays, Forecasts]:
    """The candles, and a random walk's forecasts of those behind the end of 2020."""
    frame = pl.read_parquet(folder / "fx" / "oanda_h1" / f"{symbol}_h1.parquet").rename({"ts": "open_time"})
    frame = frame.select("open_time", "open", "high", "low", "close", pl.col("volume").cast(pl.Float64))
    candles = candle_arrays(frame.with_columns(pl.col("open_time").cast(pl.Datetime("us", "UTC"))), Timeframe.H1)
    n = int(np.searchsorted(candles.known_at_us, TRAINED))
    walk = RandomWalk(symbol, fit_volatility(candles.slice(0, n)))
    return candles, walk.forecast(frame, candles, np.arange(n, len(candles)), seed=0)


def tables(folder: Path, symbol: str) -> tuple[list[CoverageRow], list[CoverageRow]]:
    """Coverage from July 2021 to June 2022 before and after calibration on the half year before."""
    candles, forecasts = forecasts_of(folder, symbol)
    outcomes = outcomes_of(candles.close, candles.known_at_us, forecasts)
    before, after = forecasts.known_at_us < CALIBRATED, forecasts.known_at_us >= CALIBRATED
    known = outcomes.select(before).until(CALIBRATED)
    calibration = fit(forecasts.select(before), known, model_sha256="m", sampling_sha256="s")
    bands = bands_behind(calibration, forecasts, candles)
    realised = outcomes.realised[after]
    found = raw_bands(forecasts.select(after)), bands.select(bands.known_at_us >= CALIBRATED)
    raw, tracked = ([row for row in coverage_table(each, realised) if row.step in SHOWN] for each in found)
    return raw, tracked


@pytest.mark.parametrize("symbol", ["EURUSD", "GBPUSD", "USDJPY", "AUDUSD"])
def test_every_horizon_is_covered_after_adaptation_and_none_is_flagged(shared_data: Path, symbol: str) -> None:
    raw, tracked = tables(shared_data, symbol)
    for label, rows in (("raw", raw), ("tracker", tracked)):
        cells = " ".join(
            f"{row.step}@{row.nominal:.0%} {row.observed:.3f}{'' if row.verdict == 'holds' else '!'}" for row in rows
        )
        print(f"{symbol} {label}: {cells}")
    assert {row.verdict for row in tracked} == {"holds"}
    assert {row.uncalibrated for row in tracked} == {0.0}
    assert max(abs(row.observed - row.nominal) for row in tracked) < 0.015
    assert sum(row.verdict == "does not hold" for row in raw) >= 4
