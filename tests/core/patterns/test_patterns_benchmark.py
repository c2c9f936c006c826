"""The benchmark of patterns plays what it says it plays, on candles that a test can make, and says what is missing."""

import json

import numpy as np
import polars as pl
import pytest
from pattern_examples import random_walk

from benchmarks.patterns import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    candles = random_walk(9000, seed=4)
    columns = {name: getattr(candles, name) for name in ("open", "high", "low", "close", "volume")}
    stamps = pl.Series(candles.open_time_us).cast(pl.Datetime("us", "UTC"))
    path = tmp_path_factory.mktemp("data")
    pl.DataFrame({"ts": stamps, **columns}).write_parquet(path / "EURUSD_h1.parquet")
    return path


def told(capsys, *arguments):
    assert main([str(argument) for argument in arguments]) == 0
    return json.loads(capsys.readouterr().out)["EURUSD"]


def test_random_entries_are_as_many_and_noise_has_no_edge(folder, capsys):
    found = told(capsys, folder, "--symbols", "EURUSD", "--runs", "40", "--sets", "2", "--json")
    assert found["quarters"] == 1
    for how in ("defaults", "searched"):
        row = found[how]
        assert row["trades"] > 10
        # Those that are wished for while another is open are not entered: about as many, not just as many.
        assert row["random_trades"] == pytest.approx(row["trades"], rel=0.25)
        assert row["random_sharpe_5"] < row["random_sharpe_50"] < row["random_sharpe_95"]
        assert 0.0 < row["p_value"] <= 1.0
    again = told(capsys, folder, "--symbols", "EURUSD", "--runs", "40", "--sets", "2", "--json")
    assert again == found


def test_the_study_is_that_of_the_first_half(folder, capsys):
    found = told(capsys, folder, "--symbols", "EURUSD", "--study")
    assert found["judged"] > 30
    assert found["p_holm_below_5_pct"] <= found["p_bh_below_5_pct"] <= found["p_value_below_5_pct"]
    assert np.isfinite(found["best"]["difference"])


def test_without_the_file_it_says_which(tmp_path, capsys):
    assert main([str(tmp_path)]) == 4
    assert "EURUSD_h1.parquet is neither in" in capsys.readouterr().err
