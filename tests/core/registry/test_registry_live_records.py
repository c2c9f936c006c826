"""A decision and a signal are stored once whatever is retried, and what was sent for a signal is never taken back."""

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
from fxgpt_core.registry.live_tables import order_intents
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
        return move_signal(connection, key, state, reason, ledger.now())


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


def signal_facts(ledger):
    with ledger.reading() as connection:
        return [
            (fact["from"], fact["to"], fact["reason"])
            for fact in (e.payload for e in lineage.entries(connection, "signal_state"))
        ]


def plan(ledger, sent_at=None):
    """The intent that a taken signal became."""
    levels = {"side": 1, "units": 5, "account": "paper", "broker": "paper", "symbol": "EURUSD", "state": "PLANNED"}
    ids = {"client_order_id": "fx1-a", "signal_key": KEY, "deployment_id": 1}
    stamps = {"created_at": ledger.now(), "updated_at": ledger.now(), "sent_at": sent_at}
    with ledger.begin() as connection:
        connection.execute(insert(order_intents), {**levels, **ids, **stamps})


@pytest.mark.parametrize("state", ["taken", "denied", "expired"])
def test_a_signal_moves_on_once_with_one_fact_of_it(ledger, state):
    store(ledger)
    assert move(ledger, state)
    assert not move(ledger, state, "again")
    (moved,) = signals_in(ledger, state)
    assert (moved.state, moved.reason) == (state, "why")
    assert store(ledger)[1].state == state
    assert signal_facts(ledger) == [("new", state, "why")]
    assert signals_in(ledger, "new") == []


@pytest.mark.parametrize(
    ("before", "after"), [("denied", "taken"), ("expired", "taken"), ("denied", "expired"), ("expired", "denied")]
)
def test_a_signal_that_was_refused_stays_refused(ledger, before, after):
    store(ledger)
    move(ledger, before)
    with pytest.raises(RefusedError, match=f"is {before} already"):
        move(ledger, after)
    assert signal_facts(ledger) == [("new", before, "why")]


@pytest.mark.parametrize("state", ["denied", "expired"])
def test_a_taken_signal_is_refused_only_while_its_order_never_left(ledger, state):
    store(ledger)
    move(ledger, "taken")
    plan(ledger)
    assert move(ledger, state, "halted")
    assert signal_facts(ledger) == [("new", "taken", "why"), ("taken", state, "halted")]


@pytest.mark.parametrize("state", ["denied", "expired"])
def test_a_signal_whose_order_may_have_left_stays_taken(ledger, state):
    store(ledger)
    move(ledger, "taken")
    plan(ledger, sent_at=ledger.now())
    with pytest.raises(RefusedError, match="is not taken back"):
        move(ledger, state)


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
