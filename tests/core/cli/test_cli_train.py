"""fxgpt train: the plan of this machine with minutes and memory, and trainings handed to the program that runs them."""

import json
import subprocess
import sys

import polars as pl
import pytest

PLACE = ("--symbol", "EURUSD", "--timeframe", "1h")


@pytest.fixture
def features(keep):
    """A lake that holds the rows of 1,000 candles; the preview counts them and reads none."""
    return keep("features", pl.DataFrame({"x": [0.0] * 1000}))


def test_the_plan_tells_every_row_with_minutes_and_memory(fxgpt, features):
    answer = fxgpt("train", "--plan", *PLACE, "--preset", "tiny", "--force", "optimizer=foreach", "--json")
    assert answer.code == 0
    rows = {row["name"]: row for row in answer.json["plan"]}
    assert (rows["optimizer"]["used"], rows["optimizer"]["why"]) == ("foreach", "forced")
    assert (rows["precision"]["used"], answer.json["micro_batch"]) == ("fp32", 64)
    assert (answer.json["candles"], answer.json["windows"]) == (500, 500 - 64 - 120)
    assert answer.json["minutes"] > 0.0
    assert answer.json["peak_bytes"] > 50e6


def test_for_people_it_is_a_table_and_three_lines(fxgpt, features, monkeypatch):
    row = {"name": "precision", "asked": "fp16", "used": "fp32", "why": "no GPU", "measured": "", "force": "--force precision=…"}
    found = {"plan": [row], "windows": 10, "weights": 20, "minutes": 1.25, "windows_per_s": 99.0, "micro_batch": 8}
    found |= {"peak_bytes": 5_000_000, "data_bytes": 1_000_000}
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: subprocess.CompletedProcess(a, 0, json.dumps(found), ""))
    told = fxgpt("train", "--plan", *PLACE).out
    assert "precision  fp16   fp32  no GPU" in told
    assert "about 1.2 min at 99 windows/s, 8 at a time" in told
    assert "peak memory 5 MB, of it data 1.0 MB" in told


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--force", "attention=efficient"), 3, "attention=efficient was forced, but the efficient kernel is for GPUs"),
        (("--force", "speed"), 3, "--force speed found; it is a name and a value"),
        (("--preset", "huge"), 3, "preset 'huge' is unknown; known: tiny, demo, base, large"),
    ],
)
def test_what_cannot_be_planned_is_refused_with_what_can(fxgpt, features, options, code, message):
    answer = fxgpt("train", "--plan", *PLACE, *options)
    assert answer.code == code
    assert message in answer.err


def test_without_features_it_says_what_to_make(fxgpt):
    assert fxgpt("setup").code == 0
    answer = fxgpt("train", "--plan", *PLACE)
    assert answer.code == 4
    assert "materialize features for EURUSD 1h first" in answer.err


def test_a_preview_that_breaks_is_told_and_not_taken_for_an_answer(fxgpt, features, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: subprocess.CompletedProcess(a, -9, "", "Killed"))
    answer = fxgpt("train", "--plan", *PLACE)
    assert answer.code == 1
    assert "the preview ended with code -9: Killed" in answer.err


def test_a_training_is_a_program_of_its_own_whose_code_is_the_answer(fxgpt, monkeypatch):
    orders = []

    def run(command, **how):
        orders.append((command[:3], json.loads(command[3])))
        return subprocess.CompletedProcess(command, 7)

    monkeypatch.setattr(subprocess, "run", run)
    assert fxgpt("train", *PLACE, "--preset", "tiny", "--force", "threads=2").code == 7
    order = {"symbol": "EURUSD", "timeframe": "1h", "preset": "tiny", "force": {"threads": "2"}, "json": False}
    assert orders == [([sys.executable, "-m", "fxgpt_pipelines.train"], order)]
