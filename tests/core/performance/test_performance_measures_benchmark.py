"""The benchmark of measuring runs as its page says, on equal numbers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def test_the_benchmark_tells_all_three_times():
    command = [sys.executable, "-m", "benchmarks.measures", "--candles", "3000", "--trades", "100", "--repeats", "1", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["candles"], found["trades"], found["repeats"]) == (3000, 100, 1)
    assert min(found[name] for name in ("columns_ms", "report_ms", "backtesting_py_ms")) > 0.0


def test_the_benchmark_refuses_numbers_that_differ():
    from benchmarks.measures import require_equal, seeded_run, tables

    run, candles = seeded_run(500, 20, 1)
    assert len(tables(run, candles)[0]) == 20
    with pytest.raises(AssertionError, match="SQN"):
        require_equal(run, candles, {"SQN": 1e9})
