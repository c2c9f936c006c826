"""What may not be traded on makes no signal: a decision for nothing with its reason, an alert, and no second try."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from named_deployment import OPENED_US, SERIES, deciding, deployed_by_name, released, wish
from sqlalchemy import select, update

from fxgpt_core.errors import NotReadyError, RefusedError
from fxgpt_core.live.candle_feed import undecided
from fxgpt_core.live.freshness import FreshnessLimits
from fxgpt_core.live.shadow import live_decisions
from fxgpt_core.registry.artifact_tables import lineage_ledger
from fxgpt_core.registry.live_records import decisions_of, signals_in
from fxgpt_core.registry.live_tables import alerts, live_candles
from fxgpt_pipelines import live_recording
from fxgpt_pipelines.live_recording import decide_and_record

OLD_ENOUGH = FreshnessLimits(model=timedelta(days=40_000))


@pytest.fixture
def deployment(fresh):
    return deployed_by_name(fresh)


def came_in(fresh, known_at_us: int, seconds: float) -> None:
    """Let the candle have come in so long after its close."""
    at = datetime.fromtimestamp(known_at_us / 1e6, UTC) + timedelta(seconds=seconds)
    with fresh.ledger.begin() as connection:
        mine = live_candles.c.known_at_us == known_at_us
        connection.execute(update(live_candles).where(mine).values(received_at=at))


def open_alerts(fresh) -> list[str]:
    with fresh.ledger.reading() as connection:
        return list(
            connection.execute(select(alerts.c.kind).where(alerts.c.resolved_at.is_(None)).order_by(alerts.c.kind)).scalars()
        )


def test_a_candle_that_came_in_late_makes_no_signal_but_a_decision_with_its_reason(fresh, deployment, monkeypatch):
    known_at_us = released(fresh)
    came_in(fresh, known_at_us, 31.0)
    deciding(monkeypatch, fresh, deployment, wish)
    told = decide_and_record(fresh.lake, deployment.id, known_at_us, "a run")
    (record,) = decisions_of(fresh.ledger, deployment.id)
    assert told.refused
    assert (record.side, signals_in(fresh.ledger, "new")) == (0, [])
    assert "no signal: the EURUSD 1h candle that closed at 2024-03-04 13:00 UTC came in 31.0 s later" in record.reason
    assert record.payload["refusals"][0]["kind"] == "stale_candle"
    # What would have been decided is kept, so that the shadow compares it like any other.
    (kept,) = live_decisions(fresh.ledger, deployment.id)
    assert (kept.decision["side"], list(kept.refusals)) == (1, ["stale_candle"])
    assert (open_alerts(fresh), undecided(fresh.ledger)) == (["stale_candle"], [])


def test_the_next_candle_in_time_is_traded_on_and_resolves_the_alert(fresh, deployment, monkeypatch):
    deciding(monkeypatch, fresh, deployment, wish)
    for number, seconds in enumerate((31.0, 29.0)):
        known_at_us = released(fresh, number)
        came_in(fresh, known_at_us, seconds)
        decide_and_record(fresh.lake, deployment.id, known_at_us, "a run", OLD_ENOUGH)
    assert [signal.state for signal in signals_in(fresh.ledger, "new")] == ["new"]
    assert open_alerts(fresh) == []


def test_a_model_that_is_too_old_makes_no_signal_on_live_candles_and_the_limit_is_a_setting(fresh, deployment, monkeypatch):
    deciding(monkeypatch, fresh, deployment, wish)
    for number, limits in enumerate((FreshnessLimits(model=timedelta(microseconds=1)), FreshnessLimits())):
        known_at_us = released(fresh, number)
        came_in(fresh, known_at_us, 1.0)
        told = decide_and_record(fresh.lake, deployment.id, known_at_us, "a run", limits)
        assert (told.refused, open_alerts(fresh)) == ((True, ["stale_model"]) if number == 0 else (False, []))
    assert len(signals_in(fresh.ledger, "new")) == 1


def test_a_replayed_candle_is_never_stale(fresh, deployment, monkeypatch):
    known_at_us = released(fresh, source="replay of a year")
    deciding(monkeypatch, fresh, deployment, wish)
    assert not decide_and_record(fresh.lake, deployment.id, known_at_us, "a run").refused
    assert len(signals_in(fresh.ledger, "new")) == 1


def test_an_artifact_whose_bytes_changed_is_refused_once_with_its_name_and_the_candle_is_not_tried_again(fresh, deployment):
    known_at_us = released(fresh, source="replay")
    path = fresh.lake.get(deployment.parameter_set_id).path
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b" ")
    told = decide_and_record(fresh.lake, deployment.id, known_at_us, "a run")
    (record,) = decisions_of(fresh.ledger, deployment.id)
    assert told.refused
    assert (record.side, signals_in(fresh.ledger, "new"), undecided(fresh.ledger)) == (0, [], [])
    assert "CorruptArtifactError: optimized_parameters of EURUSD 1h" in record.reason
    assert open_alerts(fresh) == ["failed_check"]
    assert live_decisions(fresh.ledger, deployment.id) == []
    assert decide_and_record(fresh.lake, deployment.id, known_at_us, "a run").text.startswith("decided before: no signal")


@pytest.mark.parametrize(
    ("error", "tried_again"), [(RefusedError("a hole"), False), (NotReadyError("locked"), True), (ValueError("odd"), True)]
)
def test_what_is_refused_by_name_is_final_and_what_merely_failed_is_tried_again(
    fresh, deployment, monkeypatch, error, tried_again
):
    known_at_us = released(fresh)

    def fails(ready, frame, asked, **rest):
        raise error

    deciding(monkeypatch, fresh, deployment, wish)
    monkeypatch.setattr(live_recording, "decisions_at", fails)
    if tried_again:
        with pytest.raises(type(error), match=str(error)):
            decide_and_record(fresh.lake, deployment.id, known_at_us, "a run")
    else:
        decide_and_record(fresh.lake, deployment.id, known_at_us, "a run")
    assert (len(undecided(fresh.ledger)) == 1) == tried_again


def test_a_switch_of_the_regime_is_told_in_the_line_for_the_log_and_in_the_decisions_reason(fresh, deployment, monkeypatch):
    regimes = {0: {"regime": 2.0, "parameter_set": 0.0}, 2: {"regime": 3.0, "parameter_set": 4.0}}

    def decide(known_at_us):
        return wish(known_at_us, **regimes[(known_at_us - OPENED_US) // 3_600_000_000 - 1])

    deciding(monkeypatch, fresh, deployment, decide)
    lines = []
    for number in range(3):
        known_at_us = released(fresh, number, source="replay")
        if number == 1:  # a refused candle between the two has no regime
            monkeypatch.setattr(live_recording, "deployed", _refuse)
        else:
            deciding(monkeypatch, fresh, deployment, decide)
        lines.append(decide_and_record(fresh.lake, deployment.id, known_at_us, "a run").text)
    told = "the regime is volatile after ranging: the volatile set decides, the global set did before"
    assert (told in lines[0], told in lines[2]) == (False, True)
    assert told in decisions_of(fresh.ledger, deployment.id)[-1].reason
    with fresh.ledger.reading() as connection:
        switches = connection.execute(select(lineage_ledger).where(lineage_ledger.c.kind == "regime_switch")).all()
    assert len(switches) == 1


def _refuse(lake, ids):
    raise RefusedError("for a test")


def test_two_runs_of_one_candle_at_once_make_one_decision_and_one_signal(fresh, deployment, monkeypatch):
    known_at_us = released(fresh, source="replay")
    both = threading.Barrier(2, timeout=10)

    def decide(known_at_us):
        both.wait()
        return wish(known_at_us)

    deciding(monkeypatch, fresh, deployment, decide)
    told: list[str] = []

    def run(name):
        told.append(decide_and_record(fresh.lake, deployment.id, known_at_us, name).text)

    threads = [threading.Thread(target=run, args=(name,)) for name in ("one run", "another run")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(text.split(":")[0] for text in told) == ["decided meanwhile by another run", "the forecast is up (side 1)"]
    assert len(decisions_of(fresh.ledger, deployment.id)) == len(signals_in(fresh.ledger, "new")) == 1


def test_the_series_of_a_refused_candle_is_named_in_the_alert(fresh, deployment, monkeypatch):
    known_at_us = released(fresh)
    deciding(monkeypatch, fresh, deployment, wish)
    decide_and_record(fresh.lake, deployment.id, known_at_us, "a run")
    with fresh.ledger.reading() as connection:
        (row,) = connection.execute(select(alerts)).all()
    assert row.message.startswith(f"deployment {deployment.id} makes no signal on {' '.join(SERIES)}: ")
