"""The benchmark behind the speed claim runs as its page says, on equal work, and names what is missing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def benchmark(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.backtest_kernel", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_benchmark_tells_both_times_and_their_ratio():
    done = benchmark("--json", "--repeats", "1")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["candles"], found["repeats"]) == (5000, 1)
    assert found["trades"] > 100
    assert found["ratio"] == pytest.approx(found["backtesting_py_ms"] / found["kernel_ms"])


def test_the_benchmark_without_its_candles_says_so(tmp_path):
    done = benchmark("--candles", str(tmp_path / "none.csv"))
    assert (done.returncode, done.stdout) == (3, "")
    assert "there is no file" in done.stderr
    assert "Traceback" not in done.stderr
