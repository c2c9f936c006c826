"""The hourly benchmark runs as its page says on candles of the asked form, and names what is missing."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.timeframes import DAY_US, Timeframe

ROOT = Path(__file__).resolve().parents[3]
FIRST_US = 1_590_969_600_000_000  # 2020-06-01 00:00 UTC
HORIZONS = ["1h", "4h", "1d", "1w"]


def benchmark(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.hourly_forecasts", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def keep(folder: Path, symbol: str, days: int = 760) -> None:
    """Hourly candles from 2020-06 whose returns have heavy tails, and are twice as large in the afternoon."""
    opens = expected_open_times(FIRST_US, FIRST_US + days * DAY_US, Timeframe.H1)
    rng = np.random.default_rng(3)
    size = np.where(opens // 3_600_000_000 % 24 < 12, 5e-4, 1e-3)
    close = 1.1 * np.exp(np.cumsum(size * rng.standard_t(4, len(opens)) / np.sqrt(2.0)))
    opened = np.concatenate(([1.1], close[:-1]))
    prices = {"open": opened, "high": np.maximum(opened, close), "low": np.minimum(opened, close), "close": close}
    frame = pl.DataFrame({"ts": pl.Series(opens).cast(pl.Datetime("us", "UTC")), **prices, "volume": np.full(len(opens), 9)})
    frame.write_parquet(folder / f"{symbol}_h1.parquet")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    kept = tmp_path_factory.mktemp("hourly")
    keep(kept, "EURUSD")
    keep(kept, "GBPUSD", days=300)
    return kept


def test_each_forecaster_has_scores_differences_and_coverage_at_every_horizon(folder: Path) -> None:
    done = benchmark(folder, "--symbols", "EURUSD", "--forecasters", "walk", "garch_t", "--every", "4", "--json")
    assert done.returncode == 0, done.stderr
    assert "EURUSD garch_t: fitting on" in done.stderr
    told = json.loads(done.stdout)
    found = told["symbols"]["EURUSD"]
    assert list(told["hindsight"]["EURUSD"]) == HORIZONS
    # Fitted on what it is scored on, so it cannot but know the season and the tails.
    bound = told["hindsight"]["EURUSD"]["1h"]
    assert bound["whole"] < bound["other_weeks"] < 0.0
    assert bound["whole"] < found["walk"]["difference"]["walk_without_season"]["1h"]["share"]
    assert list(found) == ["walk", "garch_t"]
    walk, garch = found["walk"], found["garch_t"]
    assert list(walk["horizons"]) == list(walk["difference"]["garch_t"]) == list(walk["calibrated"]["tracker"]) == HORIZONS
    assert list(garch["difference"]) == ["walk_without_season"]
    # The season is worth much here, and Student's t is better for heavy tails than the normal distribution.
    assert walk["difference"]["walk_without_season"]["1h"]["high"] < -0.01
    assert walk["difference"]["garch_t"]["1h"]["verdict"] == "worse"
    share = walk["horizons"]["1h"]["crps"] / garch["horizons"]["1h"]["crps"] - 1.0
    assert walk["difference"]["garch_t"]["1h"]["share"] == pytest.approx(share)
    assert garch["horizons"]["1h"]["raw_coverage"]["95"] == pytest.approx(0.95, abs=0.02)
    assert garch["calibrated"]["tracker"]["1h"]["verdict"] == "holds"
    assert garch["calibrated"]["cqr"]["1w"]["verdict"] == "insufficient evidence"


def test_the_tables_are_readable(folder: Path) -> None:
    done = benchmark(folder, "--symbols", "EURUSD", "--forecasters", "walk_without_season", "walk", "--every", "8")
    assert done.returncode == 0, done.stderr
    assert "EURUSD: scores on the test span" in done.stdout
    assert "EURUSD: coverage of calibrated 95 % bands on the test span" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 160


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    done = benchmark(tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    assert f"EURUSD_h1.parquet is neither in {tmp_path} nor in {tmp_path / 'fx' / 'oanda_h1'}" in done.stderr


def test_candles_that_do_not_reach_the_test_span_are_refused(folder: Path) -> None:
    done = benchmark(folder, "--symbols", "GBPUSD")
    assert (done.returncode, done.stdout) == (3, "")
    assert "0 to test on" in done.stderr


def test_a_share_of_no_candle_is_refused(folder: Path) -> None:
    done = benchmark(folder, "--every", "0")
    assert (done.returncode, done.stdout) == (3, "")
    assert "--every 0" in done.stderr
