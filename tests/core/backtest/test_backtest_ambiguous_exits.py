"""The benchmark behind what docs say of ambiguous exits, on candles whose exits are counted by hand."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.ambiguous_exits import measure
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.timeframes import MINUTE_US, Timeframe

ROOT = Path(__file__).resolve().parents[3]
N = 100
RANGE_KNOWN = 14
"""The first candle at whose close the range of 14 candles is known."""


def benchmark(*arguments):
    command = [sys.executable, "-m", "benchmarks.ambiguous_exits", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def candles_of(high, low, close):
    opened = np.concatenate(([100.0], close[:-1]))
    return CandleArrays(np.arange(N) * 5 * MINUTE_US, opened, high, low, close, np.ones(N), Timeframe.M5)


def still():
    """Every candle goes from 100 to 101, to 99 and back: an average range of 2."""
    return candles_of(np.full(N, 101.0), np.full(N, 99.0), np.full(N, 100.0))


def test_where_each_candle_reaches_both_every_exit_is_ambiguous():
    (row,) = measure(still(), [0.25], seed=1)
    # A wish at each close but the last; entered and left in the next candle, before whose close there is no other wish.
    entered = N - 1 - RANGE_KNOWN
    assert row == {"ranges": 0.25, "exits": entered, "ambiguous": entered, "in_entry_candle": entered}


def test_where_each_candle_goes_one_way_no_exit_is_ambiguous():
    close = 100.0 + np.arange(1.0, N + 1.0)
    (row,) = measure(candles_of(close, close - 1.0, close), [0.75], seed=1)
    assert row["ambiguous"] == 0 < row["in_entry_candle"] == row["exits"]
    (later,) = measure(candles_of(close, close - 1.0, close), [3.5], seed=1)
    assert later["in_entry_candle"] == 0 < later["exits"]


def test_without_an_exit_there_is_no_share():
    with pytest.raises(BadInputError, match="was reached in 100 candles; give more"):
        measure(still(), [1.0], seed=1)


def test_stops_further_away_are_less_often_ambiguous():
    done = benchmark("--length", "20000", "--ranges", "0.5", "1", "2", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    shares = [row["ambiguous"] / row["exits"] for row in found["rows"]]
    assert found["candles"] == 20_000
    assert shares[0] > 2.0 * shares[1] > 4.0 * shares[2] > 0.0


def test_candles_of_a_file_take_the_place_of_made_ones(tmp_path):
    path = tmp_path / "eurusd.csv"
    rows = [f"2018-01-08 {i // 12 % 24:02}:{5 * (i % 12):02}:00,100,101,99,100,1" for i in range(N)]
    path.write_text("\n".join(["timestamp,open,high,low,close,volume", *rows]))
    done = benchmark("--candles", str(path), "--ranges", "0.25")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].split() == ["0.25", "85", "100.00", "%", "100.0", "%"]


def test_what_cannot_be_measured_is_said(tmp_path):
    absent, nowhere = benchmark("--candles", str(tmp_path / "none.csv")), benchmark("--ranges", "0")
    assert (absent.returncode, nowhere.returncode) == (3, 3)
    assert "there is no file" in absent.stderr
    assert "give multiples above 0" in nowhere.stderr
