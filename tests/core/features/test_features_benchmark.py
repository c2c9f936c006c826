"""The benchmark of the feature table runs as its page says, on equal tables, and names what is missing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def benchmark(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.features", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_benchmark_tells_both_times_their_ratio_and_the_memory():
    done = benchmark("--json", "--repeats", "1", "--rows", "20000")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["rows"] == 20000
    assert found["ratio"] == pytest.approx(found["pandas_s"] / found["ours_s"])
    assert list(found["seconds_by_rows"]) == ["5000", "10000", "20000"]
    assert found["one_day_more_share"] == pytest.approx(found["one_day_more_s"] / found["ours_s"])
    assert found["peak_mb"] > 0.0


def test_too_few_candles_are_refused():
    done = benchmark("--rows", "100")
    assert (done.returncode, done.stdout) == (3, "")
    assert "100 candles are too few to measure" in done.stderr
