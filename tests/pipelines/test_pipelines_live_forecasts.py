"""Forecasts of live candles are computed once, a band has learned from what earlier ones became, and an order is replayed."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sqlalchemy import delete, insert, select, update
from tiny_line import CONFIG, LINE, set_up

from fxgpt_core.diffusion.forecaster import DiffusionForecaster
from fxgpt_core.errors import CorruptArtifactError
from fxgpt_core.live.candle_feed import received, release, undecided
from fxgpt_core.live.shadow import differences, live_decisions
from fxgpt_core.market.timeframes import HOUR_US
from fxgpt_core.regimes.regime import RANGING
from fxgpt_core.registry.deployments import Deployments
from fxgpt_core.registry.live_tables import decisions, live_candles, order_intents, signals
from fxgpt_core.registry.tracking import upgrade_store
from fxgpt_core.strategy.regime_sets import RegimeSets
from fxgpt_pipelines import live_decision, live_recording, replay_order
from fxgpt_pipelines.live_components import live_components
from fxgpt_pipelines.live_decision import Deployed, decisions_at, deployed
from fxgpt_pipelines.live_forecasts import FOLDER
from fxgpt_pipelines.live_recording import decide_and_record, frame_of, ids_of
from fxgpt_pipelines.replay import Series, held_out
from fxgpt_pipelines.replay_order import replay

SERIES = ("EURUSD", "1h")


@pytest.fixture(scope="module")
def at(tmp_path_factory):
    """A line of its own, deployed, and all held-out candles decided as the live job would, one after the other."""
    with set_up(tmp_path_factory.mktemp("live")) as made:
        upgrade_store(made.settings.mlflow_url)
        for asset in (*LINE, "deployment"):
            made.runner.materialize(asset, CONFIG.get(asset))
        (active,) = Deployments(made.ledger).active(*SERIES)
        release(made.ledger, *SERIES, held_out(made.settings, made.ledger, Series(*SERIES, active.id)), "replay of a test")
        for item in undecided(made.ledger):
            decide_and_record(made.lake, item.deployment_id, item.known_at_us, "a run")
        yield made


@pytest.fixture(scope="module")
def ready(at) -> Deployed:
    (active,) = Deployments(at.ledger).active(*SERIES)
    return deployed(at.lake, ids_of(active))


@pytest.fixture(scope="module")
def candles(at, ready) -> pl.DataFrame:
    """The live candles."""
    return frame_of(received(at.ledger, *SERIES, np.iinfo(np.int64).max), ready)


@pytest.fixture(scope="module")
def closes(candles) -> np.ndarray:
    return candles["open_time"].to_physical().to_numpy() + HOUR_US


@pytest.fixture
def folder(at):
    """Where forecasts are kept; as it was again after a test that changes it."""
    (file,) = (at.lake.root / FOLDER).rglob("*.parquet")
    before = file.read_bytes()
    yield at.lake.root / FOLDER
    file.write_bytes(before)


@pytest.fixture
def counted(monkeypatch):
    """How many origins each call of the forecaster was asked for."""
    asked, forecast = [], DiffusionForecaster.forecast

    def counting(self, features, candles, origins, **rest):
        asked.append(len(origins))
        return forecast(self, features, candles, origins, **rest)

    monkeypatch.setattr(DiffusionForecaster, "forecast", counting)
    return asked


def test_decisions_made_one_by_one_from_kept_forecasts_are_those_of_all_at_once_without(at, ready, candles, closes, counted):
    (active,) = Deployments(at.ledger).active(*SERIES)
    recorded = live_decisions(at.ledger, active.id)
    assert len(recorded) == len(closes)
    assert differences(recorded, decisions_at(ready, candles, closes)) == []
    assert counted == [len(closes)]


def test_a_kept_forecast_is_not_computed_again_and_decides_alike(ready, candles, closes, folder, counted):
    kept = decisions_at(ready, candles, closes[-1:], cache=folder)
    assert counted == []
    again = decisions_at(ready, candles, closes[-1:])
    assert counted == [len(candles)]
    assert kept.row(-1) == again.row(-1)


def test_a_band_has_learned_from_what_earlier_live_candles_became(ready, candles, closes, monkeypatch):
    found = replace(ready, parameters=ready.parameters.replace(sssd_forecast_horizon=1, sssd_quantile_confidence=0.95))
    learned = decisions_at(found, candles, closes[-1:]).row(-1).numbers

    def only_asked(deployed, features, candles, asked, cache):
        return deployed.forecaster.forecast(features, candles, asked, seed=deployed.seed)

    monkeypatch.setattr("fxgpt_pipelines.live_decision.live_forecasts", only_asked)
    without = decisions_at(found, candles, closes[-1:]).row(-1).numbers
    assert learned["median"] == without["median"]
    assert learned["upper"] != without["upper"]


def test_live_candles_with_another_number_take_no_kept_forecast_from_there_on(ready, candles, closes, folder, counted):
    changed = candles.with_columns(volume=pl.col("volume") + (pl.int_range(pl.len()) == 2))
    decisions_at(ready, changed, closes[-1:], cache=folder)
    assert counted == [len(candles) - 2]


def test_another_seed_shares_no_kept_forecast(at, ready, candles, closes, counted):
    files = set((at.lake.root / FOLDER).rglob("*.parquet"))
    decisions_at(replace(ready, seed=ready.seed + 1), candles, closes[-1:], cache=at.lake.root / FOLDER)
    (new,) = set((at.lake.root / FOLDER).rglob("*.parquet")) - files
    new.unlink()
    assert counted == [len(candles)]


def test_kept_forecasts_whose_bytes_were_changed_are_refused(ready, candles, closes, folder):
    (file,) = folder.rglob("*.parquet")
    data = file.read_bytes()
    file.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    with pytest.raises(CorruptArtifactError, match="is not what was written"):
        decisions_at(ready, candles, closes[-1:], cache=folder)


def test_the_set_of_each_regime_decides_live_one_by_one_as_all_at_once(ready, candles, closes, folder, monkeypatch):
    """The regime here is told by the hour; what no candle knows it to be is decided by the global set."""
    plain, own = ready.parameters, ready.parameters.replace(sssd_forecast_horizon=1, sssd_quantile_confidence=0.95)
    sets = RegimeSets(plain, {"ranging": own}, dict.fromkeys(("trending_up", "trending_down", "volatile"), "not better"))

    def by_the_hour(deployed, series, others):
        regime = (series.open_time_us // HOUR_US % 5 - 1).astype(np.int8)
        return replace(live_components(deployed, series, others), regime=regime)

    monkeypatch.setattr("fxgpt_pipelines.live_components.live_components", by_the_hour)
    found = decisions_at(replace(ready, parameters=sets), candles, closes, cache=folder)
    of = {number: decisions_at(replace(ready, parameters=each), candles, closes) for number, each in enumerate((plain, own))}
    told = set()
    for close in closes[-12:]:
        row = int(np.flatnonzero(found.known_at_us == close)[0])
        alone = decisions_at(replace(ready, parameters=sets), candles, np.array([close]), cache=folder)
        assert alone.row(int(np.flatnonzero(alone.known_at_us == close)[0])) == found.row(row)
        number = found.numbers["parameter_set"][row]
        assert (number == 3.0) == (found.numbers["regime"][row] == RANGING)
        told.add(number)
        numbers = {name: value for name, value in found.row(row).numbers.items() if name != "parameter_set"}
        assert numbers == of[int(number == 3.0)].row(row).numbers
    assert told == {0.0, 3.0}


ORDER = "fx1-replayed"


def _wishing(decide):
    """What decides, with a wish to trade at the last close asked for: the tiny model has none."""

    def decided(*arguments, **options):
        found = decide(*arguments, **options)
        columns = {"side": 1, "stop_distance": 0.002, "target_distance": 0.004, "risk_fraction": 0.01}
        changed = {name: getattr(found, name).copy() for name in columns}
        for name, value in columns.items():
            changed[name][-1] = value
        return replace(found, **changed)

    return decided


@pytest.fixture
def ordered(at, monkeypatch):
    """The last candle decided again with a wish, and an order of it; as it was before after the test."""
    (active,) = Deployments(at.ledger).active(*SERIES)
    known_at_us = live_decisions(at.ledger, active.id)[-1].known_at_us
    mine = decisions.c.known_at_us == known_at_us
    _forget(at, mine)
    for room in (live_decision, live_recording):
        monkeypatch.setattr(room, "decisions_at", _wishing(decisions_at))
    decide_and_record(at.lake, active.id, known_at_us, "a run")
    with at.ledger.begin() as connection:
        (signal,) = connection.execute(select(signals).where(signals.c.signal_key.contains(str(known_at_us)))).all()
        place = {"account": "paper", "broker": "paper", "symbol": "EURUSD", "side": 1, "units": 1000, "state": "FILLED"}
        row = {"client_order_id": ORDER, "order_id": "77", "signal_key": signal.signal_key, "deployment_id": active.id, **place}
        connection.execute(insert(order_intents), row)
    yield signal
    monkeypatch.undo()
    with at.ledger.begin() as connection:
        connection.execute(delete(order_intents).where(order_intents.c.client_order_id == ORDER))
    _forget(at, mine)
    decide_and_record(at.lake, active.id, known_at_us, "a run")


def _forget(at, mine):
    with at.ledger.begin() as connection:
        connection.execute(delete(signals).where(signals.c.decision_id.in_(select(decisions.c.id).where(mine))))
        connection.execute(delete(decisions).where(mine))


def test_the_decision_of_an_order_is_made_again_to_the_bit_without_kept_forecasts(at, ordered, candles, counted):
    found = replay(at.lake, ORDER)
    assert (found.ok, found.is_same_code, found.different) == (True, True, [])
    assert found.n_fields > 20
    assert counted == [len(candles)]
    assert replay(at.lake, "77").order == ORDER
    assert found.as_text() == f"order {ORDER}: all {found.n_fields} fields of its decision are made again to the bit"


def test_a_number_of_the_decision_that_was_changed_is_the_field_that_differs(at, ordered):
    mine = decisions.c.id == ordered.decision_id
    with at.ledger.begin() as connection:
        payload = json.loads(connection.execute(select(decisions.c.payload_json).where(mine)).scalar_one())
        payload["decision"]["numbers"]["median"] += 1e-15
        connection.execute(update(decisions).where(mine).values(payload_json=json.dumps(payload)))
    found = replay(at.lake, ORDER)
    assert [field.field for field in found.different] == ["median", "payload_sha256"]
    assert found.different[0].stored - found.different[0].recomputed == pytest.approx(1e-15, rel=0.5)


def test_a_signal_or_an_order_that_is_not_its_decisions_is_told(at, ordered):
    with at.ledger.begin() as connection:
        connection.execute(update(signals).where(signals.c.signal_key == ordered.signal_key).values(stop_distance=0.003))
        connection.execute(update(order_intents).where(order_intents.c.client_order_id == ORDER).values(side=-1))
    found = replay(at.lake, ORDER)
    assert [(field.field, field.stored, field.recomputed) for field in found.different] == [
        ("signal_stop_distance", 0.003, 0.002), ("order_side", -1, 1),
    ]  # fmt: skip


def test_a_candle_that_was_changed_since_is_told(at, ordered):
    with at.ledger.begin() as connection:
        first = select(live_candles.c.id).order_by(live_candles.c.open_time_us).limit(1).scalar_subquery()
        changed = update(live_candles).where(live_candles.c.id == first)
        connection.execute(changed.values(volume=live_candles.c.volume + 1.0))
    try:
        found = replay(at.lake, ORDER)
    finally:
        with at.ledger.begin() as connection:
            connection.execute(changed.values(volume=live_candles.c.volume - 1.0))
    assert "live_candles" in [field.field for field in found.different]


def test_the_program_tells_an_order_that_differs_with_the_code_of_a_broken_lineage(at, ordered, monkeypatch, capsys):
    """Here nobody wishes: the side on record is what differs."""
    monkeypatch.undo()
    monkeypatch.setenv("FXGPT_DATA_ROOT", str(at.settings.data_root))
    assert replay_order.main({"order": ORDER, "json": True}) == 6
    told = json.loads(capsys.readouterr().out)
    assert (told["ok"], {"side", "stop_distance"} <= {field["field"] for field in told["different"]}) == (False, True)
    assert replay_order.main({"order": ORDER, "json": False}) == 6
    assert "  side: on record 1, made again" in capsys.readouterr().out


def test_an_order_that_nobody_knows_is_told_by_the_command_line_with_its_code(at):
    asked = [sys.executable, "-m", "fxgpt_core.cli.main", "replay", "fx1-none", "--json"]
    environment = {**os.environ, "FXGPT_DATA_ROOT": str(at.settings.data_root)}
    done = subprocess.run(asked, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 4
    assert "the ledger knows no order fx1-none" in done.stdout
