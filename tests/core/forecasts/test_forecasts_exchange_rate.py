"""The exchange-rate benchmark: its evaluator against the number that is published, and what it says without the data."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "benchmarks.exchange_rate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_without_the_data_it_says_what_is_missing(tmp_path: Path) -> None:
    done = run(str(tmp_path))
    assert done.returncode == 1
    assert f"exchange_rate.txt.gz is neither in {tmp_path} nor in its subfolder exchange_rate" in done.stderr


@pytest.mark.shared_data
def test_seasonal_naive_is_the_published_number_and_the_random_walk_is_far_better(shared_data: Path) -> None:
    done = run(str(shared_data), "--methods", "seasonal_naive", "garch_t", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["seasonal_naive"]["crps"] == pytest.approx(0.010749748, abs=1e-6)
    assert found["rw_ewma"]["crps"] <= 0.00705
    assert found["rw_ewma"]["crps_sum"] <= 0.0050
    assert found["garch_t"]["crps"] == pytest.approx(0.0070, abs=2e-4)
    assert found["seasonal_naive"]["against_rw"]["low"] > 0.0
    assert found["rw_ewma"]["against_rw"]["difference"] == 0.0


@pytest.mark.shared_data
@pytest.mark.slow
@pytest.mark.parametrize("denoiser", ["temporal_unet", "sssd"])
def test_denoisers_keep_up_with_the_best_that_is_published(shared_data: Path, denoiser: str) -> None:
    found = json.loads(run(str(shared_data), "--methods", denoiser, "--json").stdout)[denoiser]
    assert found["crps"] <= 0.0074
    assert found["crps_sum"] <= 0.0050
    assert found["against_rw"]["high"] <= 0.0003
    assert found["cpu_seconds"] <= 600.0
