"""What became of every signal is in the chain, and no signal counts as taken for an order that never left."""

from pathlib import Path

import pytest
from awaited import awaited
from live_stage import Stage, stage
from sqlalchemy import select, update

from fxgpt_core.live.shadow import live_decisions
from fxgpt_core.registry import lineage
from fxgpt_core.registry.live_records import decisions_of
from fxgpt_core.registry.live_tables import decisions, order_intents, signals


class ProcessEndedError(Exception):
    """The process ends here."""


def end(step: str) -> None:
    if step == "planned":
        raise ProcessEndedError(step)


def last_states(made: Stage) -> dict[str, str]:
    """The state of each signal by its last fact; one without a fact is new."""
    with made.ledger.reading() as connection:
        found = {entry.payload["signal_key"]: "new" for entry in lineage.entries(connection, "signal")}
        return found | {entry.payload["signal_key"]: entry.payload["to"] for entry in lineage.entries(connection, "signal_state")}


def stored_states(made: Stage) -> dict[str, str]:
    with made.ledger.reading() as connection:
        return {row.signal_key: row.state for row in connection.execute(select(signals))}


def test_signals_of_a_replay_are_where_their_last_fact_says(tmp_path: Path) -> None:
    made = stage(tmp_path)
    made.release(0, 60)
    made.play_all(made.gateway())
    assert stored_states(made) == last_states(made)
    assert {"taken", "denied"} <= set(stored_states(made).values())


def test_signals_intent_whose_candle_passed_while_the_process_was_gone_expires_with_its_signal(tmp_path: Path) -> None:
    made = stage(tmp_path)
    made.release(0, 20)
    with pytest.raises(ProcessEndedError, match="planned"):
        made.play_all(made.gateway(end))
    made.end_process()
    with made.ledger.begin() as connection:
        # The market went on elsewhere: the intent's signal is now of a candle long ago.
        connection.execute(update(decisions).where(decisions.c.side != 0).values(known_at_us=0))
    awaited(made.gateway().start())
    with made.ledger.reading() as connection:
        intent = connection.execute(select(order_intents)).one()
        signal = connection.execute(select(signals).where(signals.c.signal_key == intent.signal_key)).one()
    assert (intent.state, intent.attempts) == ("EXPIRED", 0)
    assert (signal.state, signal.reason) == ("expired", "planned before a restart; its candle has passed")
    assert stored_states(made) == last_states(made)


def test_signals_decisions_that_adherence_compares_are_those_on_record(tmp_path: Path) -> None:
    made = stage(tmp_path)
    made.release(0, 3)
    for i in range(3):
        made.decide(i)
    compared = [(item.known_at_us, item.decision) for item in live_decisions(made.ledger, made.deployment.id)]
    recorded = decisions_of(made.ledger, made.deployment.id)
    assert compared == [(item.known_at_us, item.payload["decision"]) for item in recorded] != []
