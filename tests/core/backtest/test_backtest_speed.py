"""The benchmark behind the claims about speed runs as its page says, on equal work, and names what is missing."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.backtest_material import (
    ACCOUNT,
    BLOCK,
    COSTS,
    Crossing,
    crossings,
    execution,
    resampled,
    sample,
    walk_forward_windows,
)
from benchmarks.backtest_speed import require_equal, usual_case
from benchmarks.backtest_timing import side_by_side
from fxgpt_core.backtest.engine import backtest
from fxgpt_core.market.sessions import is_open

ROOT = Path(__file__).resolve().parents[3]
SMALL = ("--json", "--rounds", "1", "--lengths", "10000", "--sets", "8", "--columns", "3")


def benchmark(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.backtest_speed", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def found():
    done = benchmark(*SMALL, "--parts", "one_set", "batch", "vectorbt", "walk_forward")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_benchmark_tells_the_times_of_a_set_and_their_ratio(found):
    assert [row["candles"] for row in found["one_set"]] == [5_000, 10_000]
    assert found["identical_trades"] == sum(row["trades"] for row in found["one_set"]) > 200
    row = found["one_set"][1]
    assert found["ratio_backtesting_py"] == pytest.approx(row["backtesting_py_s"] / row["ours_s"])
    assert 0.0 < found["loop_ns_per_candle"]["10000"] == row["loop_ns_per_candle"]
    assert found["bars_per_second"] == pytest.approx(1e9 / found["ns_per_candle"]["10000"])


def test_the_benchmark_tells_the_times_of_many_sets(found):
    assert found["sets_per_second"] == pytest.approx(1e3 / found["set_ms"])
    assert found["ratio_batch_vectorbt_3"] == pytest.approx(
        min(found["vectorbt_many_s"][engine] for engine in found["vectorbt_engines"]) / found["ours_many_s"]["2 threads"]
    )
    assert found["windows"] >= 2
    assert found["walk_forward_8_sets_seconds"] > 0.0


def test_the_benchmark_tells_what_vectorbt_plays_otherwise(found):
    assert 0.9 < found["vectorbt_identical"] < 1.0
    assert found["trades_left_in_entry_candle"] > 0.0


def test_the_benchmark_without_its_candles_says_so(tmp_path):
    done = benchmark("--candles", str(tmp_path / "none.csv"))
    assert (done.returncode, done.stdout) == (3, "")
    assert "there is no file" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_trade_or_a_point_of_the_equity_that_differs_is_not_timed():
    case = usual_case(sample())
    ours = case.ours()
    require_equal(ours, case.ours())
    moved = ours.equity.copy()
    moved[4_000] = np.nextafter(moved[4_000], np.inf)
    later = dataclasses.replace(ours.trades, exit_index=ours.trades.exit_index + 1)
    for planted in (dataclasses.replace(ours, equity=moved), dataclasses.replace(ours, trades=later)):
        with pytest.raises(AssertionError, match="differs"):
            require_equal(ours, planted)


def test_made_candles_are_blocks_of_the_moves_of_real_ones():
    source, made = sample(), resampled(sample(), 1_000, seed=3)
    assert is_open(made.open_time_us).all()
    assert (made.high >= np.maximum(made.open, made.close)).all()
    assert (made.low <= np.minimum(made.open, made.close)).all()
    real = np.log(source.close / source.open) / np.sqrt(12.0)
    for start in range(0, 1_000, BLOCK):
        block = np.log(made.close / made.open)[start : start + BLOCK]
        runs = np.lib.stride_tricks.sliding_window_view(real, len(block))
        # A block is a run of the source, as it was or upside down.
        assert min(np.abs(sign * block - runs).max(axis=1).min() for sign in (1.0, -1.0)) < 1e-12


def test_the_strategy_is_in_position_for_a_fifth_of_the_time():
    made = resampled(sample(), 50_000, seed=7)
    for candles in (sample(), made):
        trades = backtest(candles, crossings(candles, Crossing()), execution(candles), COSTS, ACCOUNT).trades
        assert 0.15 < (trades.exit_index - trades.entry_index + 1).sum() / len(candles) < 0.25


def test_two_years_of_five_minutes_make_ninety_nine_folds():
    assert len(walk_forward_windows(resampled(sample(), 150_000, seed=7))) == 2 * 99


def test_calls_take_turns_after_one_that_does_not_count():
    called = []
    side_by_side({"a": lambda: called.append("a"), "b": lambda: called.append("b")}, rounds=1)
    assert called[:2] == ["a", "b"]
    assert called.index("b", 2) > called.index("a", 2)


def test_a_time_is_the_median_over_the_rounds(monkeypatch):
    taken = iter([3.0, 1.0, 2.0])
    monkeypatch.setattr("benchmarks.backtest_timing.seconds", lambda _: next(taken))
    assert side_by_side({"a": lambda: None}, rounds=3) == {"a": 2.0}
