"""The benchmark of latency runs as its page says, names what it measured, and says when there is no device."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[3]


def benchmark(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.latency", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_benchmark_tells_each_figure_and_what_was_measured():
    done = benchmark("--calls", "3", "--seconds", "0.1", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    names = ["paths_32_p50_ms", "paths_32_p95_ms", "paths_32_p99_ms", "quantile_head_p50_ms", "ensemble_5_p50_ms"]
    assert all(found[name] > 0.0 for name in (*names, "sustained_forecasts_per_s", "live_forecast_p50_ms"))
    assert found["paths_32_p50_ms"] <= found["paths_32_p95_ms"] <= found["paths_32_p99_ms"]
    sizes = ["temporal_unet demo", "sssd demo", "temporal_unet base", "sssd base"]
    assert list(found["forecasts"]) == list(found["paths_alone"]) == sizes
    assert found["paths_32_p50_ms"] == found["forecasts"][found["usual"]]["p50_ms"]
    assert (found["sampling"]["n_paths"], found["sampling"]["n_steps"], found["sampling"]["sampler"]) == (32, 1, "euler")
    assert found["calls"] == 3


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_device_the_graph_is_skipped_with_a_word():
    done = benchmark("--calls", "1", "--seconds", "0.1")
    assert done.returncode == 0, done.stderr
    assert "256 paths in one CUDA graph: skipped, no CUDA device" in done.stdout


def test_no_calls_and_no_seconds_are_refused():
    for wrong in (("--calls", "0"), ("--seconds", "0")):
        done = benchmark(*wrong)
        assert (done.returncode, done.stdout) == (3, "")
        assert "give at least one call and more than 0 seconds" in done.stderr
