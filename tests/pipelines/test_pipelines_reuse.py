"""Nothing is computed twice: what is there is told again as it was told, though all that computes it would fail."""

from datetime import timedelta

import dagster as dg
import pytest
from tiny_line import SetUp, resources

from fxgpt_core.candles import quality, resample
from fxgpt_core.candles.defects import inspection
from fxgpt_core.candles.store import CandleStore
from fxgpt_core.context import kinds
from fxgpt_core.context.daily_index import read_daily_index
from fxgpt_core.context.store import FOLDER, ContextStore
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_pipelines import pictures, providing
from fxgpt_pipelines.running import Made, Runner

ASSETS = ("raw_candles", "candles", "context_series")


@pytest.fixture
def with_context(fresh, tmp_path) -> SetUp:
    """A set-up with a VIX beside its candles."""
    stored = CandleStore(fresh.settings.import_root).latest("EURUSD", Timeframe.H1)
    days = [stored.first.date() + timedelta(days=n) for n in range((stored.last - stored.first).days)]
    path = tmp_path / "vix.csv"
    path.write_text("date,close\n" + "".join(f"{day},{10 + day.day}\n" for day in days if day.weekday() < 5))
    ContextStore(fresh.settings.data_root / FOLDER).put(read_daily_index(path, "vix"), "a test")
    return fresh


def made(at: SetUp, instance: dg.DagsterInstance) -> list[Made]:
    """Everything of 4h, which is made of the imported 1h candles."""
    runner = Runner(instance, "EURUSD", "4h", at.lines.append, resources(at.settings.data_root))
    return [runner.materialize(asset) for asset in ASSETS]


def told(every: list[Made]) -> list[dict]:
    """The metadata of materializations, without the one word that says whether it was made now."""
    return [{name: value for name, value in one.metadata.items() if name != "made"} for one in every]


def evaluations(instance: dg.DagsterInstance, check: str) -> list[tuple]:
    """Of the last two evaluations of a check of candles: what was found."""
    key = dg.AssetCheckKey(dg.AssetKey("candles"), check)
    found = [record.event.dagster_event.event_specific_data for record in
             instance.event_log_storage.get_asset_check_execution_history(key, limit=2)]  # fmt: skip
    return [(one.passed, one.severity, dict(one.metadata)) for one in found]


def forbid(monkeypatch, *also: str) -> None:
    """Let everything that computes fail, and of the pictures those named."""

    def computed(*_: object, **__: object) -> None:
        raise AssertionError("computed again")

    for module, name in (
        (resample, "resample"), (providing, "resample"), (quality, "quality"), (inspection, "inspect"),
        (kinds, "context_of_symbol"), *((pictures, name) for name in also),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, computed)


def test_a_second_run_computes_nothing_and_tells_the_same(with_context, monkeypatch):
    at = with_context
    first = made(at, at.instance)
    forbid(monkeypatch, "graded_line", "bars")
    again = made(at, at.instance)
    assert [one.reused for one in (*first, *again)] == [False] * 3 + [True] * 3
    assert told(again) == told(first)
    for check in ("schema", "quality"):
        now, before = evaluations(at.instance, check)
        assert now == before
    assert "data:image/png" in again[1].metadata["close"]


def test_where_dagster_forgot_what_it_told_it_is_told_from_the_summary(with_context, monkeypatch):
    at = with_context
    first = made(at, at.instance)
    forbid(monkeypatch)
    with dg.DagsterInstance.ephemeral() as empty:
        again = made(at, empty)
    assert all(one.reused for one in again)
    assert told(again) == told(first)


@pytest.mark.parametrize("asset", ["candles", "context_series"])
def test_what_is_gone_is_computed_again(with_context, monkeypatch, asset):
    at = with_context
    made(at, at.instance)
    at.lake.latest(asset, "EURUSD", "4h").path.unlink()
    forbid(monkeypatch)
    with pytest.raises(AssertionError, match="computed again"):
        made(at, at.instance)
