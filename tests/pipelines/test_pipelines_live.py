"""From deployment to adherence: refused or overridden, decided once, the same numbers as the backtest path."""

import contextlib
import json
from dataclasses import replace
from types import SimpleNamespace

import dagster as dg
import polars as pl
import pytest
from sqlalchemy import delete, insert, select, update
from tiny_line import CONFIG, HELD_OUT

from fxgpt_core.errors import BadInputError, BrokenLineageError, MissingError, RefusedError
from fxgpt_core.live.candle_feed import received, release, undecided
from fxgpt_core.live.releasing import Pace
from fxgpt_core.registry.deployments import Deployments
from fxgpt_core.registry.live_records import decisions_of, signals_in
from fxgpt_core.registry.live_tables import alerts, decisions, signals
from fxgpt_core.registry.pauses import Pauses
from fxgpt_core.registry.tables import deployment_configs
from fxgpt_pipelines import live_decision, live_recording, live_replay, shadowing
from fxgpt_pipelines.attempts import Attempts, alert
from fxgpt_pipelines.live_decision import decisions_at
from fxgpt_pipelines.live_recording import decide_and_record, frame_of, ids_of
from fxgpt_pipelines.replay import Series, held_out, standing
from fxgpt_pipelines.resources import LakeResource, LedgerResource
from fxgpt_pipelines.sensors import closed_candle_sensor

SERIES = ("EURUSD", "1h")


@pytest.fixture(scope="module")
def deployed(line):
    """The line with its parameter set deployed on paper; the id of the deployment."""
    line.at.runner.materialize("deployment", CONFIG["deployment"])
    return line.at.lake.latest("deployment", *SERIES).json()["deployment_id"]


@pytest.fixture(scope="module")
def replayed(line, deployed):
    """All held-out candles released and decided, each as the live job would, one after the other."""
    candles = held_out(line.at.settings, line.at.ledger, Series(*SERIES, deployed))
    release(line.at.ledger, *SERIES, candles, "replay of a test")
    waiting = undecided(line.at.ledger)
    alert(line.at.ledger, waiting[0], Attempts(3, 0.0, False, "a failed run"))
    told = [decide_and_record(line.at.lake, item.deployment_id, item.known_at_us, "a run") for item in waiting]
    return waiting, told


def test_a_failed_gate_refuses_deployment_with_its_number_and_remedy_unless_overridden_with_a_reason(line):
    with pytest.raises(RefusedError, match=r"gates failed:\n.*must be"):
        line.at.runner.materialize("deployment", {"override_reason": ""})
    assert line.at.runner.materialize("deployment", CONFIG["deployment"]).reused is False


def test_an_override_is_never_accepted_for_a_broker_that_moves_money(line):
    with pytest.raises(RefusedError, match="cannot be overridden for the broker ctrader"):
        line.at.runner.materialize("deployment", {"override_reason": "a test", "broker": "ctrader"})


def test_an_approval_needs_the_name_of_a_person(line):
    with pytest.raises(BadInputError, match="give `deployed_by` beside `approval_reason`"):
        line.at.runner.materialize("deployment", {"approval_reason": "it passed"})


def test_the_same_deployment_again_changes_nothing(line, deployed):
    again = line.at.runner.materialize("deployment", CONFIG["deployment"])
    assert again.reused is True
    assert [item.id for item in Deployments(line.at.ledger).active(*SERIES)] == [deployed]
    assert Deployments(line.at.ledger).get(deployed).override_reason == "a test"


def test_every_released_candle_is_decided_once_and_a_second_run_of_it_changes_nothing(line, deployed, replayed):
    waiting, told = replayed
    assert len(waiting) == HELD_OUT
    assert undecided(line.at.ledger) == []
    before = decisions_of(line.at.ledger, deployed)
    again = decide_and_record(line.at.lake, deployed, waiting[0].known_at_us, "another run")
    assert again.text.startswith("decided before")
    assert decisions_of(line.at.ledger, deployed) == before
    assert len(told) == len(before)


def test_the_alert_about_an_undecided_candle_is_resolved_by_its_decision(line, replayed):
    with line.at.ledger.reading() as connection:
        (told,) = connection.execute(select(alerts).where(alerts.c.kind == "undecided")).all()
    assert told.resolved_at is not None


def test_a_decision_records_its_numbers_its_inputs_the_candles_it_saw_and_the_code(line, deployed, replayed):
    first, *_, last = decisions_of(line.at.ledger, deployed)
    assert set(last.payload["decision"]["numbers"]) >= {"close", "median", "lower", "upper", "scale", "atr"}
    for role, read in last.payload["inputs"].items():
        assert line.at.lake.get(read["id"]).asset == role
        assert line.at.lake.get(read["id"]).sha256 == read["sha256"]
    assert (first.payload["live_candles"]["n"], last.payload["live_candles"]["n"]) == (1, HELD_OUT)
    assert last.payload["live_candles"]["sha256"] == received(line.at.ledger, *SERIES, last.known_at_us).sha256
    assert last.payload["code"]["commit"] == "test"


def test_a_decision_with_a_side_is_a_signal_with_its_key_and_one_without_is_none(line, deployed, replayed):
    sided = {item.id: item for item in decisions_of(line.at.ledger, deployed) if item.side}
    signals = signals_in(line.at.ledger, "new")
    assert {signal.decision_id for signal in signals} == set(sided)
    for signal in signals:
        assert signal.signal_key == f"{deployed}:EURUSD:1h:{sided[signal.decision_id].known_at_us}:entry"


def test_a_wish_decided_while_its_series_is_paused_is_denied_as_it_is_made(line, deployed, replayed, monkeypatch):
    ledger, known_at_us = line.at.ledger, replayed[0][-1].known_at_us

    def forget():
        with ledger.begin() as connection:
            mine = decisions.c.known_at_us == known_at_us
            connection.execute(delete(signals).where(signals.c.decision_id.in_(select(decisions.c.id).where(mine))))
            connection.execute(delete(decisions).where(mine))

    def wish(*arguments, **options):
        decision = decisions_at(*arguments, **options).row(-1)
        wanted = replace(decision, side=1, stop_distance=0.002, target_distance=0.004, risk_fraction=0.01)
        return SimpleNamespace(row=lambda _: wanted)

    def decided_again():
        forget()
        decide_and_record(line.at.lake, deployed, known_at_us, "a run")
        with ledger.reading() as connection:
            key = signals.c.signal_key == f"{deployed}:EURUSD:1h:{known_at_us}:entry"
            return connection.execute(select(signals).where(key)).one()

    with monkeypatch.context() as patched:
        patched.setattr(live_recording, "decisions_at", wish)
        assert decided_again().state == "new"
        Pauses(ledger).pause(*SERIES, by="ann", reason="news")
        denied = decided_again()
        assert (denied.state, "paused since" in denied.reason, "by ann: news" in denied.reason) == ("denied", True, True)
        Pauses(ledger).resume(*SERIES, by="ann", reason="over")
    forget()
    decide_and_record(line.at.lake, deployed, known_at_us, "a run")


def test_a_candle_that_is_not_in_the_feed_cannot_be_decided(line, deployed, replayed):
    with pytest.raises(MissingError, match="release it first"):
        decide_and_record(line.at.lake, deployed, replayed[0][-1].known_at_us + 3_600_000_000, "a run")


@pytest.mark.parametrize(("days", "refused"), [(0, False), (63, True)])
def test_live_candles_that_do_not_follow_the_history_are_refused(line, deployed, replayed, days, refused):
    ready = live_decision.deployed(line.at.lake, ids_of(Deployments(line.at.ledger).get(deployed)))
    live = frame_of(received(line.at.ledger, *SERIES, replayed[0][-1].known_at_us), ready)
    live = live.with_columns(pl.col("open_time") + pl.duration(days=days))  # 9 weeks of 120 hours, and the hour of summer time
    expected = pytest.raises(RefusedError, match=r"1081 hours of open market are missing .* deploy on newer candles")
    with expected if refused else contextlib.nullcontext():
        assert live_decision.continued(ready, live).height == ready.history.height + HELD_OUT


def test_the_standing_counts_what_was_released_and_decided(line, deployed, replayed):
    now = standing(line.at.ledger, Series(*SERIES, deployed))
    assert (now.released, now.decided, now.played, now.filled) == (HELD_OUT, HELD_OUT, 0, 0)
    assert not now.complete
    assert held_out(line.at.settings, line.at.ledger, Series(*SERIES, deployed)) == []
    asked = {"symbol": SERIES[0], "timeframe": SERIES[1], "from": None, "to": None}
    assert live_replay.replay(line.at.settings, line.at.ledger, asked, Pace())["released"] == 0


def test_live_orders_is_a_table_of_the_ledger_and_the_shadow_finds_no_difference(line, deployed, replayed):
    orders = line.at.runner.materialize("live_orders")
    assert orders.metadata["decisions"] == HELD_OUT
    shadow = line.at.runner.materialize("shadow_comparison")
    assert shadow.checks == {"no_difference": True, "every_candle_decided": True, "every_difference_explained": True}
    assert (shadow.metadata["decisions"], shadow.metadata["undecided"]) == (HELD_OUT, 0)


def test_adherence_of_no_orders_has_nothing_beyond_a_threshold(line, deployed, replayed):
    adherence = line.at.runner.materialize("adherence")
    assert adherence.checks == dict.fromkeys(("slippage", "rejections", "costs", "limits"), True)
    assert (adherence.metadata["orders"], adherence.metadata["breaches"]) == (0, 0)


def test_the_shadow_warns_of_decisions_that_were_never_made_and_looks_at_every_deployment(line, deployed, replayed):
    last = decisions_of(line.at.ledger, deployed)[-1].id
    gone = ((signals, signals.c.decision_id), (decisions, decisions.c.id))  # a signal hangs on its decision
    kept = []
    with line.at.ledger.begin() as connection:
        for table, key in gone:
            kept.append([dict(row._mapping) for row in connection.execute(select(table).where(key == last))])
            connection.execute(delete(table).where(key == last))
    try:
        shadow = line.at.runner.materialize("shadow_comparison")
    finally:
        with line.at.ledger.begin() as connection:
            for (table, _), rows in zip(gone[::-1], kept[::-1], strict=True):
                if rows:
                    connection.execute(insert(table), rows)
    assert (shadow.checks["no_difference"], shadow.checks["every_candle_decided"]) == (True, False)
    assert (shadow.metadata["decisions"], shadow.metadata["undecided"]) == (HELD_OUT - 1, 1)


def test_the_shadow_of_a_deployment_that_trades_no_more_is_still_looked_at(line, deployed, replayed):
    configs = deployment_configs.c
    with line.at.ledger.begin() as connection:
        connection.execute(update(deployment_configs).where(configs.id == deployed).values(is_active=False))
    try:
        found = shadowing.compared(line.at.lake, *SERIES)
    finally:
        with line.at.ledger.begin() as connection:
            connection.execute(update(deployment_configs).where(configs.id == deployed).values(is_active=True))
    assert (list(found.deployment_ids), found.n_decisions, list(found.differences)) == ([deployed], HELD_OUT, [])


def test_a_live_decision_that_the_backtest_would_not_make_fails_the_blocking_check(line, deployed, replayed):
    at_last = (decisions.c.deployment_id == deployed, decisions.c.known_at_us == replayed[0][-1].known_at_us)
    with line.at.ledger.reading() as connection:
        honest = connection.execute(select(decisions.c.payload_json).where(*at_last)).scalar_one()
    planted = json.loads(honest)
    planted["decision"]["numbers"]["median"] += 1e-15
    try:
        with line.at.ledger.begin() as connection:
            connection.execute(update(decisions).where(*at_last).values(payload_json=json.dumps(planted)))
        with pytest.raises(BrokenLineageError, match="1 numbers of 6 live decisions differ"):
            line.at.runner.materialize("shadow_comparison")
    finally:
        with line.at.ledger.begin() as connection:
            connection.execute(update(decisions).where(*at_last).values(payload_json=honest))
    key = dg.AssetCheckKey(dg.AssetKey("shadow_comparison"), "no_difference")
    (latest,) = line.at.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    assert latest.event.dagster_event.event_specific_data.passed is False


def _tick(root, instance=None):
    with dg.instance_for_test() if instance is None else contextlib.nullcontext(instance) as asked:
        context = dg.build_sensor_context(instance=asked, resources={"ledger": LedgerResource(data_root=str(root))})
        return closed_candle_sensor(context)


FIRST_US, SECOND_US = 1_517_850_000_000_000, 1_517_853_600_000_000


@pytest.fixture
def two_waiting(monkeypatch):
    """Two candles without a decision, whatever the ledger has."""
    from fxgpt_core.live import candle_feed

    waiting = [candle_feed.Undecided(7, "EURUSD", "1h", known_at_us) for known_at_us in (FIRST_US, SECOND_US)]
    monkeypatch.setattr(candle_feed, "undecided", lambda ledger, limit: waiting)


def test_the_sensor_asks_for_one_run_for_each_waiting_candle_under_a_key_that_never_repeats(fresh, two_waiting):
    requests = _tick(fresh.settings.data_root)
    assert [request.run_key for request in requests] == [f"7:EURUSD:1h:{FIRST_US}", f"7:EURUSD:1h:{SECOND_US}"]
    assert requests[0].run_config == {"ops": {"decide_on_candle": {"config": {"deployment_id": 7, "known_at_us": FIRST_US}}}}
    assert requests[0].tags["fxgpt/lane"] == "live"


def _fails(fresh, instance, request):
    """The run of a request, which fails: the ledger has no such deployment."""
    from fxgpt_pipelines.jobs import live_trading_job

    lake = LakeResource(data_root=str(fresh.settings.data_root))
    done = live_trading_job.execute_in_process(
        run_config=request.run_config, tags=dict(request.tags), resources={"lake": lake}, instance=instance, raise_on_error=False
    )
    assert not done.success
    return done.run_id


def test_a_failed_decision_is_tried_again_under_a_new_key_after_a_pause_and_told_by_an_alert(fresh, two_waiting, monkeypatch):
    root = fresh.settings.data_root
    with dg.instance_for_test() as instance:
        first, second = _tick(root, instance)
        run_id = _fails(fresh, instance, first)
        assert [request.run_key for request in _tick(root, instance)] == [second.run_key]
        monkeypatch.setattr("fxgpt_pipelines.attempts.FIRST_PAUSE_S", 0.0)
        monkeypatch.setattr("fxgpt_pipelines.sensors.FAILURES_TO_ALERT", 1)
        again = _tick(root, instance)[0]
    assert again.run_key == f"7:EURUSD:1h:{FIRST_US}:attempt2"
    assert (again.run_config, again.tags) == (first.run_config, first.tags)
    with fresh.ledger.reading() as connection:
        (told,) = connection.execute(select(alerts)).all()
    assert f"1 runs failed to decide on the EURUSD 1h candle known at {FIRST_US}" in told.message
    assert run_id in told.remedy


def test_the_sensor_skips_with_a_reason_when_nothing_waits_and_when_there_is_no_ledger(fresh, tmp_path):
    assert "decided" in _tick(fresh.settings.data_root).skip_message
    assert "fxgpt setup" in _tick(tmp_path / "nowhere").skip_message


def test_the_live_job_decides_on_one_candle_through_dagster(line, deployed, replayed):
    from fxgpt_pipelines.jobs import live_trading_job

    config = {"deployment_id": deployed, "known_at_us": replayed[0][0].known_at_us}
    result = live_trading_job.execute_in_process(
        run_config={"ops": {"decide_on_candle": {"config": config}}},
        resources={"lake": LakeResource(data_root=str(line.at.settings.data_root))},
        instance=line.at.instance,
    )
    assert result.success
    assert line.at.instance.get_run_by_id(result.run_id).tags["fxgpt/pid"].isdigit()


def test_a_gateway_that_showed_itself_a_moment_ago_lives_and_one_of_yesterday_does_not(fresh):
    from datetime import timedelta

    from sqlalchemy import insert

    from fxgpt_core.registry.live_tables import heartbeats
    from fxgpt_pipelines.replay import gateway_lives

    assert not gateway_lives(fresh.ledger, "paper")
    with fresh.ledger.begin() as connection:
        for process, age in (("gateway:paper", timedelta(seconds=1)), ("gateway:old", timedelta(days=1))):
            connection.execute(insert(heartbeats), {"process": process, "at": fresh.ledger.now() - age, "detail_json": "{}"})
    assert gateway_lives(fresh.ledger, "paper")
    assert not gateway_lives(fresh.ledger, "old")
