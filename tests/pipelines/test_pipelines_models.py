"""The model of a partition: which columns it was trained on and why, and forecasts that never read across a hole."""

from types import SimpleNamespace

import polars as pl
import pytest

from fxgpt_core.errors import BadInputError
from fxgpt_core.features import matrix
from fxgpt_core.market.timeframes import HOUR_US, Timeframe
from fxgpt_core.training.checkpoints import description_of
from fxgpt_core.training.diffusion_training import CANDIDATES
from fxgpt_pipelines import training
from fxgpt_pipelines.forecasting import forecast_span

WEEK = 120


def test_the_model_keeps_why_each_column_was_chosen_or_left_out(line):
    model = line.at.lake.latest("diffusion_model", "EURUSD", "1h")
    findings = model.summary["selection"]
    kept = [found["feature"] for found in findings if not found["why"]]
    assert [found["feature"] for found in findings] == list(CANDIDATES)
    assert kept == description_of(model.bytes())["columns"]
    assert model.summary["n_features"] == len(kept) <= model.summary["parameters"]["n_features"]
    # Live candles have no spread: what was learned of it could not be used.
    assert {"spread", "spread_ratio"}.isdisjoint(CANDIDATES)


def test_the_choice_is_a_table_of_the_asset_with_the_best_first(line):
    records = [record.data for record in line.made["diffusion_model"].metadata["features"].records]
    ranks = [row["median rank"] for row in records if row["median rank"] != ""]
    assert ranks == sorted(ranks)
    assert len(records) == len(CANDIDATES)
    assert {row["kept"] for row in records if row["why not"]} == {"no"}
    ranked = next(row for row in records if row["median rank"] != "")
    assert len(ranked["millinats by block"].split()) == 5
    assert training.numbers(line.at.lake.latest("diffusion_model", "EURUSD", "1h").summary)["n_features"] > 0


def forecast_across(line, is_kept):
    """Origins of the forecasts (known_at in µs) and lines told, when only some of the line's candles are there."""
    lake = line.at.lake
    frame = lake.latest("candles", "EURUSD", "1h").frame().filter(is_kept)
    table = matrix.features(frame, Timeframe.H1)
    candles = SimpleNamespace(symbol="EURUSD", timeframe="1h", frame=lambda: frame)
    making = SimpleNamespace(write_frame=lambda written, summary: (written, summary))
    told = []
    config = {"n_paths": 4, "n_steps": 1, "seed": 0}
    inputs = (candles, SimpleNamespace(frame=lambda: table), lake.latest("diffusion_model", "EURUSD", "1h"))
    written, summary = forecast_span(making, inputs, config, told.append)
    known_at = sorted(set(written["known_at"].to_physical().to_list()))
    return frame["open_time"].to_physical().to_numpy() + HOUR_US, known_at, summary, told


def test_candles_behind_a_hole_have_no_forecast_until_warm_up_and_context_are_whole(line):
    start_us = line.at.lake.latest("diffusion_model", "EURUSD", "1h").summary["spans"]["calibration"][0]
    context = line.at.lake.latest("diffusion_model", "EURUSD", "1h").summary["parameters"]["context"]
    n_candles = len(line.at.lake.latest("candles", "EURUSD", "1h").frame())
    first = n_candles - 500
    _, _, whole, silent = forecast_across(line, pl.lit(True))
    closes, known_at, holed, told = forecast_across(line, ~pl.int_range(pl.len()).is_between(first, first + WEEK - 1))
    behind = closes[closes >= start_us].tolist()
    resumed = closes[first + matrix.WARM_UP + context - 1]
    assert known_at == [close for close in behind if close < closes[first] or close >= resumed]
    assert (whole["left_out"], holed["left_out"]) == (0, matrix.WARM_UP + context - 1)
    assert f"{holed['left_out']} candles have no forecast: a hole or a missing feature lies in their context" in told
    assert not any("no forecast" in said for said in silent)


def test_a_span_in_which_no_forecast_can_be_made_is_refused(line):
    start_us = line.at.lake.latest("diffusion_model", "EURUSD", "1h").summary["spans"]["calibration"][0]
    opened = pl.col("open_time").to_physical()
    hole = opened.is_between(start_us - 2 * WEEK * HOUR_US, start_us)
    early = opened < start_us + 200 * HOUR_US
    with pytest.raises(BadInputError, match="no origin found"):
        forecast_across(line, early & ~hole)
