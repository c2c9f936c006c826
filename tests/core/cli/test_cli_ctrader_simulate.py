"""fxgpt ctrader simulate: a process of its own that says where it is, hides its secrets, and writes the truth."""

import asyncio
import json
import shlex
import signal
import ssl
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from simulator_client import PlainClient

from fxgpt_core.brokers.ctrader_simulator.faults import FAULTS

SECONDS = 20.0


async def _trade(told: dict, keys: dict[str, str]) -> None:
    """Buy EURUSD by the variables of the file alone, trusting the authority it names."""
    context = ssl.create_default_context(cafile=keys["FXGPT_CTRADER_CA"])
    host, _, port = keys["FXGPT_CTRADER_HOST"].partition(":")
    client = PlainClient(*await asyncio.open_connection(host, int(port), ssl=context, server_hostname=host))
    application = {"clientId": keys["FXGPT_CTRADER_CLIENT_ID"], "clientSecret": keys["FXGPT_CTRADER_CLIENT_SECRET"]}
    await client.ask("ProtoOAApplicationAuthReq", **application)
    account = {"ctidTraderAccountId": told["accounts"][0]}
    await client.ask("ProtoOAAccountAuthReq", accessToken=keys["FXGPT_CTRADER_ACCESS_TOKEN"], **account)
    symbols = (await client.ask("ProtoOASymbolsListReq", **account)).symbol
    number = next(one.symbolId for one in symbols if one.symbolName == "EURUSD")
    wanted = {"symbolId": number, "orderType": 1, "tradeSide": 1, "volume": 100_000, "clientOrderId": "by-file"}
    client.send("ProtoOANewOrderReq", **wanted, **account)
    await client.until(lambda one: getattr(one.message, "executionType", 0) == 3)
    client.close()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_simulator_says_where_it_is_and_writes_the_truth(tmp_path, stop):
    state, folder = tmp_path / "truth.json", tmp_path / "simulator"
    options = ["--always-open", "--state", str(state), "--folder", str(folder), "--seed", "11", "--speed", "60", "--json"]
    command = [sys.executable, "-m", "fxgpt_core.cli.main", "ctrader", "simulate", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        told = json.loads(process.stdout.readline())
        file = Path(told["environment_file"])
        keys = dict(line.split("=", 1) for line in shlex.split(file.read_text()))
        asyncio.run(_trade(told, keys))
        deadline = time.monotonic() + SECONDS
        while "by-file" not in state.read_text() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(stop)
        out, err = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, out, err) == (0, "", "")
    truth = json.loads(state.read_text())["accounts"][str(told["accounts"][0])]
    assert [order["status"] for order in truth["orders"]["by-file"]] == ["FILLED"]
    for path in (file, folder / "server.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert all(
        keys[f"FXGPT_CTRADER_{name}"] not in json.dumps(told) for name in ("CLIENT_SECRET", "ACCESS_TOKEN", "REFRESH_TOKEN")
    )


def test_every_fault_is_told(fxgpt):
    told = fxgpt("ctrader", "simulate", "--list-faults", "--json").json["faults"]
    assert set(told) == set(FAULTS)
    assert "zombie" in fxgpt("ctrader", "simulate", "--list-faults").out


def test_what_cannot_be_simulated_is_said(fxgpt, tmp_path):
    two = tmp_path / "two.csv"
    two.write_text("time,open,high,low,close\n2024-01-01 00:00,1,1,1,1\n2024-01-01 00:07,1,1,1,1\n")
    for options, words in (
        (["--faults", "zomby"], "no fault is called zomby"),
        (["--speed", "0"], "both are above 0"),
        (["--candles", two], "420 s apart"),
        (["--symbol", "EURUSX", "--candles", two], "EURUSD"),
    ):
        refused = fxgpt("ctrader", "simulate", *options)
        assert (refused.code, words in refused.err) == (3, True), refused.err
