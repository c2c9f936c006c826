"""fxgpt live: what a person sees, and the switch that never reports having stopped what it did not reach."""

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert

from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.brokers.paper_quotes import PlayedCandle
from fxgpt_core.live import state_of_trading
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.orders import OrderRequest, Side
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import heartbeats, positions


@pytest.fixture
def ledger(fxgpt, data_root):
    fxgpt("setup")
    return Ledger(f"sqlite:///{data_root / 'ledger.db'}")


@pytest.mark.parametrize("verb", ["halt", "reduce", "resume"])
def test_the_switch_of_an_account_that_is_not_there_is_refused_with_those_that_are(fxgpt, ledger, verb):
    with ledger.begin() as connection:
        row = {"process": "gateway:first", "at": ledger.now(), "detail_json": "{}"}
        connection.execute(insert(heartbeats), row)
    refused = fxgpt("live", verb, "--account", "frist", "--reason", "spread")
    assert (refused.code, refused.out) == (3, "")
    assert "there is no account frist; known are: first" in refused.err
    assert fxgpt("live", "status", "--json").json["trading_states"] == []
    assert fxgpt("live", verb, "--account", "first", "--reason", "spread").code == 0


def test_an_account_may_be_reduced_and_a_reduced_one_halted(fxgpt, ledger):
    assert fxgpt("live", "reduce", "--reason", "the weekend", "--json").json["state"] == "reducing"
    assert fxgpt("live", "halt", "--reason", "news").out == "account paper is halted\n"
    assert fxgpt("live", "reduce", "--reason", "let them out", "--json").json["state"] == "reducing"


def test_the_status_tells_each_open_alert_and_what_to_do_about_it(fxgpt, ledger):
    with ledger.begin() as connection:
        state_of_trading.alert(connection, ledger, "mismatch", "a", "books differ by 7 EURUSD", "look at the broker")
        state_of_trading.alert(connection, ledger, "mismatch", "b", "it is over", "nothing")
        state_of_trading.resolve_alerts(connection, ledger, "b")
    out = fxgpt("live", "status").out
    assert "mismatch: books differ by 7 EURUSD\n  what to do: look at the broker\n" in out
    assert "it is over" not in out


def test_the_status_names_a_series_that_waits_for_its_decision(fxgpt, ledger, monkeypatch):
    known_at, since = (datetime(2024, 3, 4, hour, tzinfo=UTC) for hour in (9, 10))
    row = {"symbol": "EURUSD", "timeframe": "1h", "deployment_id": 3, "known_at": known_at, "waiting_since": since}
    monkeypatch.setattr(state_of_trading, "waiting", lambda ledger: [row])
    assert fxgpt("live", "status", "--json").json["waiting_series"] == [
        {**row, "known_at": known_at.isoformat(), "waiting_since": since.isoformat()}
    ]
    assert (
        "EURUSD 1h waits since 2024-03-04 10:00 UTC for the decision of deployment 3 on the candle known at 2024-03-04 09:00 UTC"
    ) in fxgpt("live", "status").out


def test_a_position_that_only_the_ledger_has_is_written_off(fxgpt, ledger):
    row = {"position_id": "paper-fx1-a", "client_order_id": "fx1-a", "account": "paper", "symbol": "EURUSD", "side": 1}
    row |= {"units": 5, "entry_price": 1.1, "entry_time_us": 0, "state": "open"}
    with ledger.begin() as connection:
        connection.execute(insert(positions), row)
    assert fxgpt("live", "write-off", "paper-fx1-b", "--reason", "lost").code == 4
    assert fxgpt("live", "write-off", "paper-fx1-a", "--reason", " ").code == 5
    done = fxgpt("live", "write-off", "paper-fx1-a", "--reason", "lost", "--json")
    assert (done.code, done.json["state"]) == (0, "written_off")
    assert fxgpt("live", "status", "--json").json["open_positions"] == []


def test_a_write_off_without_a_ledger_says_what_to_start(fxgpt):
    answer = fxgpt("live", "write-off", "paper-fx1-a", "--reason", "lost")
    assert (answer.code, "fxgpt setup" in answer.err) == (7, True)


def test_a_position_that_only_the_broker_has_is_adopted_and_managed_by_nobody(fxgpt, ledger, data_root):
    """The ledger was lost, the paper book was not."""
    broker = PaperBroker(data_root / "paper" / "paper.db", {"EURUSD": Costs(0.0001, 0.00002)})
    asyncio.run(broker.connect())
    asyncio.run(broker.place(OrderRequest("a", "EURUSD", Side.LONG, 1000, 1.0, 1.3, 0)))
    broker.on_candle(PlayedCandle("EURUSD", 3_600_000_000, 7_200_000_000, 1.1, 1.2, 1.05, 1.15))
    (held,) = broker.positions()
    asyncio.run(broker.disconnect())
    assert fxgpt("live", "adopt", "paper-x", "--reason", "mine").code == 4
    assert fxgpt("live", "adopt", held.position_id, "--reason", " ").code == 5
    assert fxgpt("live", "adopt", held.position_id, "--reason", "mine", "--broker", "nobody").code == 3
    assert fxgpt("live", "adopt", held.position_id, "--reason", "mine", "--broker", "ctrader").code == 3
    done = fxgpt("live", "adopt", held.position_id, "--reason", "mine", "--json")
    assert (done.code, done.json["state"]) == (0, "open")
    (row,) = fxgpt("live", "status", "--json").json["open_positions"]
    assert (row["position_id"], row["units"], row["stop_price"]) == (held.position_id, 1000, 1.0)
    assert fxgpt("live", "adopt", held.position_id, "--reason", "mine").code == 5
