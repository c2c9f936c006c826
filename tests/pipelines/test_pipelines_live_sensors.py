"""Sensors and the schedule of live trading: health as alerts and checks, each fill observed once, a review a day."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from named_deployment import deployed_by_name
from sqlalchemy import insert, select, update

from fxgpt_core.registry import lineage
from fxgpt_core.registry.live_tables import alerts, decisions, heartbeats, order_intents, positions, signals
from fxgpt_core.registry.tables import deployment_configs
from fxgpt_pipelines.definitions import build_definitions
from fxgpt_pipelines.live_schedule import review_live_daily
from fxgpt_pipelines.live_sensors import LIVE_ORDERS, fills_sensor, gateway_health, gateway_health_sensor
from fxgpt_pipelines.resources import LedgerResource


@pytest.fixture
def deployment(fresh):
    return deployed_by_name(fresh)


def look(sensor, root, cursor=None):
    with dg.instance_for_test() as instance:
        resources = {"ledger": LedgerResource(data_root=str(root))}
        return sensor(dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources))


def beat(fresh, seconds_ago):
    with fresh.ledger.begin() as connection:
        at = fresh.ledger.now() - timedelta(seconds=seconds_ago)
        connection.execute(insert(heartbeats), {"process": "gateway:paper", "at": at, "detail_json": "{}"})


def test_a_silent_gateway_fails_the_check_of_live_orders_raises_an_alert_and_both_end_when_it_lives(fresh, deployment):
    root = fresh.settings.data_root
    beat(fresh, 60.0)
    found = look(gateway_health_sensor, root)
    (told,) = found.asset_events
    assert (told.asset_key, told.check_name, told.passed) == (LIVE_ORDERS, "gateway_health", False)
    assert "is silent since" in str(told.metadata["ailments"].value)
    again = look(gateway_health_sensor, root, found.cursor)
    assert (again.asset_events, again.skip_reason.skip_message) == ([], "1 ailments, as before")
    with fresh.ledger.begin() as connection:
        connection.execute(update(heartbeats).values(at=fresh.ledger.now()))
    well = look(gateway_health_sensor, root, found.cursor)
    assert [event.passed for event in well.asset_events] == [True]
    with fresh.ledger.reading() as connection:
        (row,) = connection.execute(select(alerts)).all()
    assert (row.kind, row.resolved_at is None) == ("gateway_silent", False)


def test_the_check_of_gateways_can_be_asked_by_hand(fresh, deployment):
    ledger = LedgerResource(data_root=str(fresh.settings.data_root))
    assert gateway_health(ledger).passed
    beat(fresh, 60.0)
    assert not gateway_health(ledger).passed


def _filled(fresh, deployment, *, ours=True):
    """A position of an order of the deployment, and the facts of its entry and its exit."""
    place = {"account": "paper", "symbol": "EURUSD", "side": 1, "units": 1000}
    common = {**place, "client_order_id": "one", "position_id": "7"}
    with fresh.ledger.begin() as connection:
        if ours:
            row = {"deployment_id": deployment.id, "symbol": "EURUSD", "timeframe": "1h", "known_at_us": 1, "side": 1}
            row |= {"reason": "up", "payload_json": "{}", "sha256": "0", "dagster_run_id": "a run"}
            connection.execute(insert(decisions), {"id": 1, **row})
            wish = {"side": 1, "stop_distance": 1.0, "target_distance": 1.0, "risk_fraction": 0.01, "state": "taken"}
            connection.execute(insert(signals), {"signal_key": "k", "decision_id": 1, **wish})
            intent = {**place, "client_order_id": "one", "signal_key": "k", "deployment_id": deployment.id}
            connection.execute(insert(order_intents), {**intent, "broker": "paper", "state": "FILLED"})
            connection.execute(insert(positions), {**common, "entry_price": 1.1, "entry_time_us": 1, "state": "closed"})
        for reason, price in (("entry", 1.1), ("stop", 1.09)):
            fill = {**common, "fill_id": f"one:{reason}", "price": price, "commission": 0.1, "reason": reason}
            lineage.append(connection, "fill", fill | {"time_us": 1_709_553_600_000_000}, fresh.ledger.now())


def test_every_fill_is_an_observation_of_its_partition_once(fresh, deployment):
    root = fresh.settings.data_root
    assert look(fills_sensor, root).skip_reason.skip_message == "no fill was booked since the last look"
    _filled(fresh, deployment)
    found = look(fills_sensor, root)
    assert [event.metadata["reason"].value for event in found.asset_events] == ["entry", "stop"]
    assert {(event.asset_key, str(event.partition)) for event in found.asset_events} == {(LIVE_ORDERS, "EURUSD|1h")}
    assert found.asset_events[1].description == "stop: 1000 EURUSD at 1.09"
    assert look(fills_sensor, root, found.cursor).asset_events == []


def test_a_fill_that_no_order_of_ours_led_to_is_observed_without_a_partition(fresh, deployment):
    _filled(fresh, deployment, ours=False)
    assert {event.partition for event in look(fills_sensor, fresh.settings.data_root).asset_events} == {None}


def test_a_tick_takes_a_bounded_number_of_fills_and_the_next_goes_on(fresh, deployment, monkeypatch):
    monkeypatch.setattr("fxgpt_pipelines.live_sensors.MOST_FILLS", 1)
    _filled(fresh, deployment)
    first = look(fills_sensor, fresh.settings.data_root)
    second = look(fills_sensor, fresh.settings.data_root, first.cursor)
    reasons = [event.metadata["reason"].value for found in (first, second) for event in found.asset_events]
    assert reasons == ["entry", "stop"]


def test_the_sensors_skip_with_a_reason_when_there_is_no_ledger(tmp_path):
    for sensor in (gateway_health_sensor, fills_sensor):
        assert "fxgpt setup" in look(sensor, tmp_path / "nowhere").skip_reason.skip_message


def test_what_was_traded_is_reviewed_every_day_for_each_series_that_is_deployed(fresh, deployment):
    context = dg.build_schedule_context(
        scheduled_execution_time=datetime(2024, 3, 5, 22, 10, tzinfo=UTC),
        resources={"ledger": LedgerResource(data_root=str(fresh.settings.data_root))},
    )
    (request,) = review_live_daily(context)
    assert (request.run_key, str(request.partition_key)) == ("2024-03-05:EURUSD:1h", "EURUSD|1h")
    job = build_definitions().resolve_job_def("live_review")
    made = {key.path[-1] for key in job.asset_layer.executable_asset_keys}
    assert made == {"live_orders", "adherence", "shadow_comparison"}
    with fresh.ledger.begin() as connection:
        connection.execute(update(deployment_configs).values(is_active=False))
    assert review_live_daily(context).skip_message == "nothing is deployed"


def test_sensors_and_schedule_are_among_the_definitions_and_run_by_themselves():
    repository = build_definitions().get_repository_def()
    running = {sensor.name for sensor in repository.sensor_defs if sensor.default_status is dg.DefaultSensorStatus.RUNNING}
    assert running >= {"gateway_health_sensor", "fills_sensor", "closed_candle_sensor"}
    (schedule,) = [each for each in repository.schedule_defs if each.name == "review_live_daily"]
    assert (schedule.default_status, schedule.cron_schedule) == (dg.DefaultScheduleStatus.RUNNING, "10 22 * * *")
