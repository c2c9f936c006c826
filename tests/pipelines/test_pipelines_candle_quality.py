"""What the grades of the months do to the line: RED stops it, YELLOW is told, GREEN says nothing."""

import dagster as dg
import polars as pl
import pytest

from fxgpt_core.candles.schema import PRICES
from fxgpt_core.candles.store import CandleStore
from fxgpt_core.errors import MissingError, RefusedError
from fxgpt_core.market.timeframes import Timeframe

MONTH = "2017-12"


def imported(at, where, to):
    """Import the set-up's candles again, with the prices of some of December 2017 changed."""
    store = CandleStore(at.settings.import_root)
    frame = store.read(store.latest("EURUSD", Timeframe.H1))
    inside = pl.col("open_time").dt.strftime("%Y-%m") == MONTH
    changed = frame.with_columns(pl.when(inside & where).then(to).otherwise(pl.col(PRICES)).name.keep())
    store.put(changed, "EURUSD", Timeframe.H1, "planted")
    at.runner.materialize("raw_candles")


def verdict(at):
    key = dg.AssetCheckKey(dg.AssetKey("candles"), "quality")
    record = at.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)[0]
    evaluation = record.event.dagster_event.event_specific_data
    return evaluation, {name: value.value for name, value in evaluation.metadata.items()}


def test_a_red_month_stops_the_line_and_nothing_is_stored(fresh):
    imported(fresh, where=pl.col("open_time").dt.day() < 20, to=pl.col(PRICES) * 10.0)
    with pytest.raises(RefusedError, match=r"1 of 6 months of EURUSD\|1h are RED \(2017-12: price_scale: 3\d\d "):
        fresh.runner.materialize("candles")
    evaluation, told = verdict(fresh)
    assert (evaluation.passed, evaluation.severity, evaluation.blocking) == (False, dg.AssetCheckSeverity.ERROR, True)
    assert told["grade"] == "RED"
    assert "data:image/png;base64," in told["picture"]
    assert [(row.data["month"], row.data["grade"]) for row in told["months"].records[:2]] == [
        (MONTH, "RED"),
        ("2017-09", "GREEN"),
    ]
    with pytest.raises(MissingError, match="no candles"):
        fresh.lake.latest("candles", "EURUSD", "1h")


def test_a_yellow_month_is_a_warning_and_its_findings_are_counted_in_the_artifact(fresh):
    ten = pl.col("open_time").dt.strftime("%d %H") == "13 14"
    imported(fresh, where=ten, to=pl.col(PRICES).shift(1))
    made = fresh.runner.materialize("candles")
    assert made.checks == {"schema": True, "quality": False}
    evaluation, told = verdict(fresh)
    assert evaluation.severity is dg.AssetCheckSeverity.WARN
    assert told["grade"] == "YELLOW"
    stored = fresh.lake.latest("candles", "EURUSD", "1h")
    assert stored.summary["defects"] == {"repeated_block": 1}
    assert stored.summary["n_quarantined"] == 1
    # Nothing was repaired, and the column of the quarantine is not among the candles that features read.
    assert stored.frame().columns == ["open_time", *PRICES, "volume"]


def test_green_months_pass_and_the_picture_shows_the_close(line):
    made = line.made["candles"]
    assert made.checks == {"schema": True, "quality": True}
    assert "data:image/png;base64," in made.metadata["close"]
    assert line.at.lake.latest("candles", "EURUSD", "1h").summary["defects"] == {}
