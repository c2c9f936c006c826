"""The benchmark of the tests of luck runs as its page says, and holds the rates that page states."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def benchmark(*arguments: str) -> dict:
    command = [sys.executable, "-m", "benchmarks.gate_calibration", "--json", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_the_benchmark_tells_the_share_that_passes_each_test_and_all_of_them():
    found = benchmark("--searches", "2", "--table-searches", "0")
    assert list(found) == ["noise", "planted", "seconds"]
    assert [row["kind"] for row in found["noise"]] == ["normal", "clusters", "persistent"]
    tests = ("deflated_sharpe", "overfitting", "superior_ability", "track_record", "sharpe_at_5")
    for row in found["noise"] + found["planted"]:
        assert 0.0 <= row["passed"] <= min(row[test] for test in tests)
        assert row["passed"] <= row["undeflated"] <= min(row[test] for test in tests[1:])
    # An annual Sharpe ratio of 2.75 deviations of four years' luck, at least.
    assert found["noise"][0]["lucky"] == pytest.approx(1.37, abs=0.05)


def test_a_number_of_searches_that_cannot_be_is_refused():
    with pytest.raises(subprocess.CalledProcessError, match="exit status 2"):
        benchmark("--searches", "0")


@pytest.mark.slow
def test_of_worthless_searches_a_twentieth_passes_at_most_and_of_those_with_an_edge_four_fifths():
    found = benchmark("--searches", "100", "--table-searches", "0")
    assert [row["passed"] for row in found["noise"] if row["passed"] > 0.05] == []
    assert [row["passed"] for row in found["planted"] if row["passed"] < 0.80] == []
