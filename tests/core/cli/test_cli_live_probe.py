"""fxgpt live probe and fxgpt candles sync at a simulated house, as a person runs them."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from open_house import open_house

from tests.simulator_client import Rehearsal


@pytest.fixture
def house(tmp_path: Path, data_root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rehearsal]:
    with open_house(tmp_path, monkeypatch) as at:
        yield at


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
