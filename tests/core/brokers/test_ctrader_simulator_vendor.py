"""The vendor's own client, in its own environment, trades against the simulator; its messages are those of our table."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from simulator_client import rehearsal

from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader_simulator.venue import VenueSettings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SCRIPT = Path(__file__).parents[2] / "vendor_client.py"
# Without its pins: they ask for a protobuf of 2022 without a wheel for this Python.
PACKAGES = (
    ["--no-deps", "ctrader-open-api==0.9.2"],
    ["Twisted", "pyOpenSSL", "service_identity", "requests", "protobuf>=5.29,<8"],
)
NEWER = {
    "ProtoOAErrorRes": {"retryAfter"},
    "ProtoOAReconcileReq": {"returnProtectionOrders"},
    "ProtoOAGetTrendbarsRes": {"hasMore"},
    "ProtoOATradeData": {"closeTimestamp", "measurementUnits"},
    "ProtoOASymbol": {"measurementUnits"},
    "ProtoOALightSymbol": {"sortingNumber"},
    "ProtoOASymbolCategory": {"sortingNumber"},
    "ProtoOAAssetClass": {"sortingNumber"},
    "ProtoOATrader": {"fairStopOut", "stopOutStrategy"},
    "ProtoOACtidTraderAccount": {"brokerTitleShort"},
}
"""What release 91, that of our table, has beyond the vendor's package, whose messages are older."""
NEWER_MESSAGES = {
    "ProtoOAv1PnLChangeEvent", "ProtoOAv1PnLChangeSubscribeReq", "ProtoOAv1PnLChangeSubscribeRes",
    "ProtoOAv1PnLChangeUnSubscribeReq", "ProtoOAv1PnLChangeUnSubscribeRes",
}  # fmt: skip
WINDOWED = (
    "ProtoOADealListReq",
    "ProtoOAOrderListReq",
    "ProtoOAGetTrendbarsReq",
    "ProtoOAGetTickDataReq",
    "ProtoOADealListByPositionIdReq",
)
WINDOW_ENDS = {(name, f"{end}Timestamp") for name in WINDOWED for end in ("from", "to")}
OPTIONAL_NOW = WINDOW_ENDS | {("ProtoOAGetTrendbarsRes", "timestamp")}
"""Fields that the package still requires."""
CHANGED = {
    # The package cuts a profit off at 32 bits.
    ("ProtoOAPositionUnrealizedPnL", "netUnrealizedPnL"): [3, "required", "int32"],
    ("ProtoOADynamicLeverageTier", "leverage"): [2, "required", "int64"],
    ("ProtoOADealListByPositionIdRes", "hasMore"): [4, "optional", "int64"],
}
"""Fields that were another type in the package."""


@pytest.fixture(scope="module")
def vendor_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with the vendor's package; skipped where none can be made."""
    folder = tmp_path_factory.mktemp("vendor")
    steps = [[sys.executable, "-m", "venv", str(folder)]]
    steps += [[str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *packages] for packages in PACKAGES]
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"no environment of the vendor's client could be made: {done.stderr.strip().splitlines()[-1:]}")
    return folder / "bin" / "python"


def plain_environment() -> dict[str, str]:
    """The environment without what would let the vendor's Python find fxgpt."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def test_the_vendors_client_authenticates_trades_and_closes(vendor_python: Path, tmp_path: Path) -> None:
    async def rehearse() -> tuple[dict[str, Any], dict[str, Any]]:
        settings = VenueSettings(is_always_open=True)
        async with rehearsal(tmp_path, venue=settings, now_us=lambda: time.time_ns() // 1000) as rehearsed:
            keys = rehearsed.server.credentials
            environment = {
                **plain_environment(),
                "SIM_PORT": str(rehearsed.port),
                "SIM_CLIENT_ID": keys.client_id,
                "SIM_CLIENT_SECRET": keys.client_secret,
                "SIM_ACCESS_TOKEN": keys.access_token,
            }
            pipes = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}
            process = await asyncio.create_subprocess_exec(str(vendor_python), str(SCRIPT), "trade", env=environment, **pipes)
            said, complained = await asyncio.wait_for(process.communicate(), 120)
            assert process.returncode == 0, complained.decode()
            return json.loads(said), rehearsed.venue.snapshot()[str(rehearsed.account_id)]

    found, truth = asyncio.run(rehearse())
    assert (found["application"], found["account"]) == ("ProtoOAApplicationAuthRes", "ProtoOAAccountAuthRes")
    assert (found["symbols"], found["lot_size"]) == (29, 10_000_000)
    assert found["order"] == [2, "vendor-1", 100_000]
    assert found["held"] == [[100_000, True]]
    assert found["deals"] == [int(number) for number in truth["deals"]]
    assert (found["balance"], truth["positions"]) == (truth["balance"], {})
    assert [order["status"] for order in truth["orders"]["vendor-1"]] == ["FILLED"]


def test_the_vendors_messages_are_those_of_the_table(vendor_python: Path) -> None:
    said = subprocess.run(
        [str(vendor_python), str(SCRIPT), "schema"], capture_output=True, text=True, check=True, env=plain_environment()
    )
    vendors = json.loads(said.stdout)
    ours = {name: dict(map(_field, lines)) for name, lines in protocol.TABLE["messages"].items()}
    assert set(ours) - set(vendors["messages"]) == NEWER_MESSAGES
    assert set(vendors["messages"]) - set(ours) == set()
    for name, fields in vendors["messages"].items():
        assert set(ours[name]) - set(fields) == NEWER.get(name, set()), name
        for field, facts in fields.items():
            mine, key = ours[name][field], (name, field)
            then = [mine[0], "required", mine[2]] if key in OPTIONAL_NOW else CHANGED.get(key, mine)
            assert then == facts, f"{name}.{field}"
            assert (mine == facts) is (key not in OPTIONAL_NOW and key not in CHANGED), f"{name}.{field}"
    for name, numbers in vendors["enums"].items():
        assert numbers.items() <= protocol.TABLE["enums"][name].items(), name


def _field(line: str) -> tuple[str, list[Any]]:
    """A line of the table as the name of a field and its facts; a packed field is a repeated one."""
    number, label, kind, name = line.partition(" = ")[0].split()
    return name, [int(number), "repeated" if label == "packed" else label, kind]
