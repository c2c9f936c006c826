"""The benchmark of the ledger runs as its page says, on both databases, and finds what it filled."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SMALL = ("--trials", "400", "--runs", "4", "--with-parameters", "20", "--repeats", "1")


def benchmark(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.ledger", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_benchmark_tells_the_times_of_both_databases_and_what_was_found():
    done = benchmark(*SMALL, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["size"] == {"trials": 400, "with_parameters": 20, "runs": 4, "seed": 7}
    for database in ("sqlite", "postgresql"):
        numbers = found[database]
        assert numbers["best_have_their_parameters"] is True
        assert (numbers["found"]["best_parameters_ms"], numbers["found"]["best_where_none_is_ms"]) == (10, 0)
        assert numbers["found"] == found["sqlite"]["found"]
        for name in found["limits"]:
            assert numbers[f"{name}_slowest"] >= numbers[name] > 0.0


def test_more_trials_with_parameters_than_the_last_run_has_are_refused():
    done = benchmark("--trials", "400", "--runs", "4", "--with-parameters", "101")
    assert (done.returncode, done.stdout) == (3, "")
    assert "cannot be" in done.stderr
