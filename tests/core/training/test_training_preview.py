"""What is told before a training: rows with what was measured, windows as there will be, minutes that hold, or an error."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from training_examples import QUICK

from fxgpt_core.errors import BadInputError
from fxgpt_core.forecasts.horizons import token_candles
from fxgpt_core.forecasts.relative_volatility import COLUMNS
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.training import preview
from fxgpt_core.training.hardware import HardwareProfile
from fxgpt_core.training.plan import ROWS, TrainPlan

SMALL = replace(QUICK, n_features=4, n_steps=10)
CPU = HardwareProfile(cores=2)


def test_minutes_are_those_of_the_steps_and_reports_and_every_row_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "timed", lambda plan, data, parameters: (0.5, 2.0))
    two = replace(SMALL, members=2)
    found = preview.preview(two, Timeframe.H1, 400, {"precision": "bf16"}, CPU)
    assert found["minutes"] == pytest.approx(2 * (10 * 0.5 + 10 * 2.0) / 60.0)
    assert found["windows_per_s"] == 16 / 0.5
    assert found["windows"] == 400 - 12 - 120
    assert found["peak_bytes"] > found["data_bytes"] > 0
    measured = {row["name"]: row["measured"] for row in found["plan"]}
    assert list(measured) == list(ROWS)
    assert measured["precision"] == "fp32 32, bf16 32, fp16 32 windows/s"
    assert measured["optimizer"] == "fused 32, foreach 32 windows/s"
    assert measured["cudnn_benchmark"] == "off 32 windows/s"
    assert measured["compile"] == "not tried"
    assert {row["name"]: row["used"] for row in found["plan"]}["precision"] == "bf16"


def test_a_step_and_a_report_are_really_timed() -> None:
    data = preview.made_up(SMALL, Timeframe.H1, 400)
    step_s, report_s = preview.timed(TrainPlan(micro_batch=16), data, SMALL)
    assert 0.0 < step_s < 5.0
    assert 0.0 < report_s < 5.0


@pytest.mark.parametrize("length", [Timeframe.H1, Timeframe.H4, Timeframe.D1])
def test_made_up_windows_have_the_shapes_of_real_ones(length: Timeframe) -> None:
    data = preview.made_up(SMALL, length, 600)
    contexts, targets = data.batch(16, torch.Generator())
    # The chosen features, and how volatilities relate to the one in use.
    assert contexts.shape == (16, 12, 4 + len(COLUMNS))
    assert targets.shape == (16, len(token_candles(length)))
    assert int(data.origins[-1]) < 600


def test_fewer_candles_than_a_batch_are_refused() -> None:
    with pytest.raises(BadInputError, match="140 candles give 8 windows, less than a batch of 16; give more"):
        preview.made_up(SMALL, Timeframe.H1, 140)


def test_errors_are_part_of_the_answer(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    order = {"preset": "huge", "timeframe": "1h", "candles": 900, "force": {}, "folder": str(tmp_path)}
    preview.main(order)
    assert json.loads(capsys.readouterr().out) == {
        "error": "preset 'huge' is unknown; known: tiny, demo, base, large",
        "exit_code": 3,
    }
    preview.main(order | {"preset": "tiny", "force": {"loader": "dali"}})
    answer = json.loads(capsys.readouterr().out)
    assert answer["error"].startswith("loader=dali was forced, but there is no file to decode")
