"""fxgpt live adopt and fxgpt live write-off at a simulated cTrader house, as a person runs them."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from open_house import now_us, open_house
from sqlalchemy import insert

from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import positions
from tests.simulator_client import PlainClient, Rehearsal


@pytest.fixture
def house(tmp_path: Path, data_root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rehearsal]:
    with open_house(tmp_path, monkeypatch) as at:
        yield at


@pytest.fixture
def ledger(fxgpt: Callable[..., Any], data_root: Path) -> Ledger:
    fxgpt("setup")
    return Ledger(f"sqlite:///{data_root / 'ledger.db'}")


def by_hand(house: Rehearsal, *steps: Callable[[PlainClient], Any]) -> None:
    """What a person does in the terminal."""

    async def done() -> None:
        client = await house.authorised()
        for step in steps:
            await step(client)
            await client.until(_is_filled)
        client.close()
        house.clients.remove(client)

    asyncio.run(done())


def _is_filled(envelope: Any) -> bool:
    return bool(envelope.name == "ProtoOAExecutionEvent" and envelope.message.HasField("deal"))


def opened(house: Rehearsal) -> str:
    """A person buys 10,000 EURUSD with a stop; the id of the position."""
    by_hand(house, lambda client: house.order(client, relativeStopLoss=1000))
    (truth,) = house.venue.snapshot().values()
    (position,) = truth["positions"]
    return str(position)


def booked(ledger: Ledger, house: Rehearsal, position: str) -> None:
    """An open position of the ledger, entered a minute ago."""
    row = {
        "position_id": position, "client_order_id": "fx1-a", "account": str(house.account_id), "symbol": "EURUSD", "side": 1,
        "units": 10_000, "entry_price": 1.1, "entry_time_us": now_us() - 60_000_000, "state": "open",
    }  # fmt: skip
    with ledger.begin() as connection:
        connection.execute(insert(positions), row)


def at(house: Rehearsal, *words: str) -> tuple[str, ...]:
    return ("live", *words, "--account", str(house.account_id), "--broker", "ctrader", "--reason", "looked at it")


def test_what_a_person_opened_in_the_terminal_is_adopted_as_it_stands(
    house: Rehearsal, fxgpt: Callable[..., Any], ledger: Ledger
) -> None:
    position = opened(house)
    assert fxgpt(*at(house, "adopt", "1")).code == 4
    done = fxgpt(*at(house, "adopt", position), "--json")
    assert done.code == 0, done.err
    (row,) = fxgpt("live", "status", "--json").json["open_positions"]
    assert (row["position_id"], row["account"], row["symbol"]) == (position, str(house.account_id), "EURUSD")
    assert (row["side"], row["units"], row["stop_price"]) == (1, 10_000, pytest.approx(row["entry_price"] - 0.01, abs=1e-9))
    assert fxgpt(*at(house, "adopt", position)).code == 5


def test_what_the_house_never_had_is_written_off_and_what_it_knows_is_not(
    house: Rehearsal, fxgpt: Callable[..., Any], ledger: Ledger
) -> None:
    position = opened(house)
    booked(ledger, house, position)
    booked(ledger, house, "77")
    held = fxgpt(*at(house, "write-off", position))
    assert (held.code, "the broker still has position" in held.err) == (5, True)
    closing = {"ctidTraderAccountId": house.account_id, "positionId": int(position), "volume": 1_000_000}

    async def close(client: PlainClient) -> None:
        client.send("ProtoOAClosePositionReq", **closing)

    by_hand(house, close)
    ended = fxgpt(*at(house, "write-off", position))
    assert (ended.code, f"knows how position {position} ended" in ended.err) == (5, True)
    gone = fxgpt(*at(house, "write-off", "77"), "--json")
    assert gone.code == 0, gone.err
    assert [row["position_id"] for row in fxgpt("live", "status", "--json").json["open_positions"]] == [position]
