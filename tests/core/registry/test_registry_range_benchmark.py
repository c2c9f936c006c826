"""The benchmark of range queries runs as its page says, on equal answers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def benchmark(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.range_query", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_benchmark_tells_the_times_and_their_ratios_to_the_query():
    done = benchmark("--json", "--repeats", "1", "--rows", "20000", "--symbols", "2")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["symbols"], found["rows_of_each"]) == (2, 20000)
    assert 1000 < found["rows_found"] <= 1440
    for name in ("cold", "polars_scan", "one_file", "all_files"):
        assert found[f"{name}_ratio"] == pytest.approx(found[f"{name}_s"] / found["query_s"])


def test_the_candles_of_a_file_take_the_place_of_generated_ones(tmp_path):
    lines = [f"2024-01-{10 + i // 1440:02d} {i // 60 % 24:02d}:{i % 60:02d},1.1,1.2,1.0,1.1,1" for i in range(4320)]
    (tmp_path / "minutes.csv").write_text("\n".join(["time,open,high,low,close,volume", *lines]))
    done = benchmark("--repeats", "1", "--symbols", "1", "--candles", str(tmp_path / "minutes.csv"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1 symbols of 4320 minutes, ")
    assert "a day of one: 1440 rows, equal in all" in done.stdout


def test_a_number_of_symbols_that_cannot_be_is_refused():
    done = benchmark("--symbols", "0")
    assert (done.returncode, done.stdout) == (3, "")
    assert "0 symbols cannot be; 1 to 29 can" in done.stderr
