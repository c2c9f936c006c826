"""fxgpt live probe and fxgpt candles sync at a simulated house, as a person runs them."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fxgpt_core.brokers.ctrader.endpoint import Endpoint
from fxgpt_core.brokers.ctrader.redaction import Secret
from fxgpt_core.brokers.ctrader.tokens import TokenPair
from fxgpt_core.brokers.ctrader_simulator.venue import VenueSettings
from fxgpt_core.settings import ctrader_access, read_settings
from tests.simulator_client import Rehearsal, rehearsal

KEY = "a-key-that-is-long-enough"


def now_us() -> int:
    return int(datetime.now(UTC).timestamp() * 1_000_000)


@pytest.fixture
def house(tmp_path: Path, data_root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rehearsal]:
    """A house that is open now, in a loop and thread of its own, and the environment of a person who has logged in."""
    ready, stop = threading.Event(), threading.Event()
    made: list[Rehearsal] = []

    async def run() -> None:
        async with rehearsal(tmp_path / "house", venue=VenueSettings(is_always_open=True), now_us=now_us) as at:
            made.append(at)
            ready.set()
            while not stop.is_set():
                await asyncio.sleep(0.01)

    (tmp_path / "house").mkdir()
    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert ready.wait(10)
    at = made[0]
    keys = at.server.credentials
    where = Endpoint("127.0.0.1", at.port, is_live=False)
    variables = {
        "FXGPT_CTRADER_HOST": str(where), "FXGPT_CTRADER_TOKEN_KEY": KEY,
        "FXGPT_CTRADER_CA": str(at.certificates.authority), "FXGPT_CTRADER_CLIENT_ID": keys.client_id,
        "FXGPT_CTRADER_CLIENT_SECRET": keys.client_secret,
    }  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    year_us = 365 * 86_400 * 1_000_000
    pair = TokenPair(Secret(keys.access_token), Secret(keys.refresh_token), now_us() + year_us)
    ctrader_access(read_settings()).store().write(pair)
    try:
        yield at
    finally:
        stop.set()
        thread.join()


def test_probe_looks_and_tries_and_leaves_nothing_behind(house: Rehearsal, fxgpt: Callable[..., Any]) -> None:
    result = fxgpt("live", "probe", "--account", house.account_id, "--trade", "--json")
    assert result.code == 0, result.err
    told = result.json
    assert (told["account"]["account type"], told["account"]["currency"], told["account"]["leverage"]) == ("HEDGED", "USD", 30.0)
    assert (told["symbol"]["name"], len(told["names"])) == ("EURUSD", 29)
    orders = told["orders"]
    for name in ("client order id comes back", "label comes back", "comment comes back", "filled", "stop on the position"):
        assert orders[name] is True, name
    assert orders["same id again"] == "taken: ids are not de-duplicated"
    assert orders["history lags seconds"] < 5
    (truth,) = house.venue.snapshot().values()
    assert truth["positions"] == {}
    # Two entries under one id, and their two exits.
    assert len(truth["deals"]) == 4


def test_probe_without_trade_changes_nothing_and_is_read_by_a_person(house: Rehearsal, fxgpt: Callable[..., Any]) -> None:
    result = fxgpt("live", "probe", "--account", house.account_id)
    assert result.code == 0, result.err
    assert "lot in units" in result.out
    assert "100000" in result.out.replace(",", "")
    (truth,) = house.venue.snapshot().values()
    assert truth["deals"] == {}


def test_probe_never_orders_on_an_account_of_real_money(fxgpt: Callable[..., Any]) -> None:
    result = fxgpt("live", "probe", "--account", 1, "--live", "--trade")
    assert result.code == 3
    assert "on a demo account only" in result.err


def test_candles_of_the_house_are_synced_like_any_others(house: Rehearsal, fxgpt: Callable[..., Any]) -> None:
    since = f"{datetime.now(UTC) - timedelta(days=10):%Y-%m-%d}"
    asked = ["candles", "sync", "--symbol", "EURUSD", "--timeframe", "1h", "--provider", "ctrader", "--since", since, "--json"]
    result = fxgpt(*asked)
    assert result.code == 0, result.err
    told = result.json
    assert told["provider"] == "ctrader"
    assert told["added"] > 200
    again = fxgpt(*asked)
    assert again.json["added"] <= 1
