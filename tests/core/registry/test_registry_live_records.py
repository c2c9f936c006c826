"""A decision and a signal are stored once whatever is retried, and a signal never goes back."""

import hashlib
from dataclasses import replace

import pytest
from sqlalchemy import insert

from fxgpt_core.errors import BadInputError, MissingError, RefusedError
from fxgpt_core.registry import lineage
from fxgpt_core.registry.live_records import (
    DecisionRecord,
    SignalRecord,
    decision_at,
    decisions_of,
    insert_decision,
    insert_signal,
    move_signal,
    signal_key,
    signals_in,
)
from fxgpt_core.registry.tables import deployment_configs

KEY = signal_key(1, "EURUSD", "1h", 3_600_000_000)
DECISION = DecisionRecord(1, "EURUSD", "1h", 3_600_000_000, 1, "long", {"median": 0.001, "b": None}, "run")


@pytest.fixture
def ledger(migrated_ledger):
    row = {"symbol": "EURUSD", "timeframe": "1h", "deployment_mode": "global", "is_active": True}
    with migrated_ledger.begin() as connection:
        connection.execute(insert(deployment_configs), {"id": 1, **row})
    return migrated_ledger


def store(ledger, decision=DECISION):
    with ledger.begin() as connection:
        stored = insert_decision(connection, decision, ledger.now())
        signal = insert_signal(connection, SignalRecord(KEY, stored.id, 1, 0.002, 0.004, 0.01), ledger.now())
    return stored, signal


def move(ledger, state, reason="why", key=KEY):
    with ledger.begin() as connection:
        return move_signal(connection, key, state, reason)


def test_the_key_of_a_signal_names_deployment_candle_and_purpose():
    assert KEY == "1:EURUSD:1h:3600000000:entry"


def test_a_decision_is_read_back_as_it_was_made_with_the_hash_of_its_payload(ledger):
    stored, _ = store(ledger)
    assert replace(stored, id=None, created_at=None) == DECISION
    assert decision_at(ledger, 1, "EURUSD", "1h", 3_600_000_000) == stored
    assert stored.sha256 == hashlib.sha256(b'{"b":null,"median":0.001}').hexdigest()
    assert decision_at(ledger, 1, "EURUSD", "1h", 0) is None


def test_storing_again_returns_the_first_and_adds_nothing(ledger):
    first = store(ledger)
    assert store(ledger, replace(DECISION, dagster_run_id="retry", payload={"median": 0.002})) == first
    assert decisions_of(ledger, 1) == [first[0]]
    assert signals_in(ledger, "new") == [first[1]]
    with ledger.reading() as connection:
        assert [entry.kind for entry in lineage.entries(connection)] == ["decision", "signal"]


def test_decisions_are_listed_in_the_order_of_their_candles(ledger):
    with ledger.begin() as connection:
        for hour in (3, 1, 2):
            insert_decision(connection, replace(DECISION, known_at_us=hour), ledger.now())
    assert [decision.known_at_us for decision in decisions_of(ledger, 1)] == [1, 2, 3]


@pytest.mark.parametrize("state", ["taken", "denied", "expired"])
def test_a_signal_moves_forward_once_and_stays(ledger, state):
    store(ledger)
    moved = move(ledger, state)
    assert (moved.state, moved.reason) == (state, "why")
    assert move(ledger, state, "again") == moved
    assert store(ledger)[1].state == state
    for other in {"taken", "denied", "expired"} - {state}:
        with pytest.raises(RefusedError, match=f"is {state} already"):
            move(ledger, other)
    assert (signals_in(ledger, "new"), signals_in(ledger, state)) == ([], [moved])


def test_a_signal_cannot_become_new_again_nor_anything_unheard_of(ledger):
    store(ledger)
    for state in ("new", "lost"):
        with pytest.raises(BadInputError, match="cannot become"):
            move(ledger, state)
    with pytest.raises(MissingError, match="no signal"):
        move(ledger, "taken", key="unknown")


@pytest.mark.parametrize("side", [0, 2])
def test_a_signal_needs_a_side(ledger, side):
    with ledger.begin() as connection, pytest.raises(BadInputError, match="side is 1 or -1"):
        insert_signal(connection, SignalRecord(KEY, 1, side, 0.1, 0.1, 0.01), ledger.now())
