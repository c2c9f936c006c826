"""fxgpt gateway runs until it is interrupted, holds its account, and frees it at its end."""

import os
import signal
import subprocess
import sys
import time

import pytest

SECONDS = 20.0


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_gateway_beats_refuses_a_second_one_and_ends_well_when_interrupted(fxgpt, data_root, stop):
    assert fxgpt("setup").code == 0
    command = [sys.executable, "-m", "fxgpt_core.cli.main", "gateway"]
    environment = os.environ | {"FXGPT_DATA_ROOT": str(data_root)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + SECONDS
        while not fxgpt("live", "status", "--json").json["processes"] and time.monotonic() < deadline:
            time.sleep(0.1)
        second = fxgpt("gateway")
        process.send_signal(stop)
        out, err = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
        process.wait()
    assert (second.code, "only one process may trade an account" in second.err) == (5, True)
    assert (process.returncode, err) == (0, "")
    assert "stopped" in out
    (beat,) = fxgpt("live", "status", "--json").json["processes"]
    assert beat["process"] == "gateway:paper"


@pytest.mark.parametrize("account", ["../../escape", "", "a b", "-x" * 20, "a/b"])
def test_an_account_that_is_no_name_opens_no_book(fxgpt, data_root, account):
    assert fxgpt("setup").code == 0
    refused = fxgpt("gateway", f"--account={account}")
    assert refused.code == 3
    assert "cannot name a book" in refused.err
    assert not (data_root / "paper").exists()
