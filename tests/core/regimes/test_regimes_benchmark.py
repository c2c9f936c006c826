"""The benchmark of regimes runs as its page says, finds what was planted, nothing where nothing is, and names what is missing."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from regime_examples import candles_of, planted

from benchmarks.regimes import moments, scored, targets_of, weighted, weights_of
from fxgpt_core.candles.arrays import CandleArrays

ROOT = Path(__file__).resolve().parents[3]


def benchmark(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error::RuntimeWarning", "-m", "benchmarks.regimes", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def keep(folder: Path, symbol: str, candles: CandleArrays) -> None:
    prices = {name: getattr(candles, name) for name in ("open", "high", "low", "close", "volume")}
    times = pl.Series(candles.open_time_us).cast(pl.Datetime("us", "UTC"))
    pl.DataFrame({"ts": times, **prices}).write_parquet(folder / f"{symbol}_h1.parquet")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("regimes")
    keep(folder, "EURUSD", planted(seed=1, n_blocks=32)[0])
    keep(folder, "GBPUSD", candles_of(1e-3 * np.random.default_rng(2).standard_normal(6_000)))
    done = benchmark(folder, "--symbols", "EURUSD", "GBPUSD", "--folds", "2", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_planted_regimes_tell_more_than_terciles_of_volatility_and_than_one_regime(found):
    density = found["EURUSD"]["density"]
    assert density["regime"]["one"]["1"]["verdict"] == density["probability"]["one"]["1"]["verdict"] == "better"
    assert density["probability"]["terciles"]["1"]["verdict"] == "better"
    # Its dwell and its one cut of volatility cost the believed regime most of what it knows of drift.
    assert density["regime"]["terciles"]["1"]["mean"] > 0.0


def test_planted_trends_go_on_and_the_others_have_no_drift(found):
    drift = {name: row["next_day"] for name, row in found["EURUSD"]["drift"].items()}
    # Planted: 0.35 thousandths a candle, 84 basis points a day; less, since each trend ends within 300 candles.
    assert 0 < drift["trending_up"]["low"] < drift["trending_up"]["mean"] < 84
    assert -84 < drift["trending_down"]["mean"] < drift["trending_down"]["high"] < 0
    assert drift["ranging"]["low"] < 0 < drift["ranging"]["high"]


def test_a_random_walk_has_no_regimes_to_tell(found):
    walk = found["GBPUSD"]
    assert walk["density"]["regime"]["one"]["1"]["verdict"] != "better"
    assert walk["volatility"]["regime"] < 0.05
    assert abs(walk["density"]["regime"]["one"]["1"]["mean"]) < 10.0


def test_moments_of_classes_by_hand():
    mean, deviation = moments(np.array([1.0, 3.0, 10.0, np.nan]), weights_of(np.array([0, 0, 1, 1])))
    assert mean[:3] == pytest.approx([2.0, 14 / 3, 14 / 3])
    assert deviation[0] == 1.0


def test_a_mixture_weighs_each_class_by_its_probability():
    candles = planted(seed=5, n_blocks=4)[0]
    targets, n = targets_of(candles), len(candles)
    halves = np.tile([0.5, 0.5, 0.0, 0.0], (n, 1))
    mixed = scored(weighted(halves), targets, slice(0, 600), slice(600, 900))
    one = scored(weights_of(np.zeros(n, dtype=np.int64)), targets, slice(0, 600), slice(600, 900))
    # Both halves have the moments of all.
    assert mixed.losses[1] == pytest.approx(one.losses[1])
    assert mixed.squares == pytest.approx(one.squares)


def test_what_is_missing_is_named(tmp_path):
    missing = benchmark(tmp_path)
    assert missing.returncode == 4
    assert "EURUSD_h1.parquet is neither in" in missing.stderr
