"""The benchmark of the order book plays equal work, and tells both times and their ratio."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.order_book import stretched
from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.market.timeframes import Timeframe

ROOT = Path(__file__).resolve().parents[3]


def test_the_benchmark_tells_both_times_and_their_ratio_for_each_length():
    command = [sys.executable, "-m", "benchmarks.order_book", "--json", "--repeats", "1", "--lengths", "800", "6000"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert [row["candles"] for row in found] == [800, 6000]
    assert all(row["trades"] > 10 and row["order_book_fx_ms"] > 0.0 for row in found)
    assert [row["ratio"] for row in found] == pytest.approx([row["backtesting_py_ms"] / row["order_book_ms"] for row in found])


def test_stretches_are_joined_at_their_closes_and_keep_the_shape_of_their_candles():
    sample = candle_arrays(SampleProvider().candles("EURUSD", Timeframe.H1), Timeframe.H1)
    assert np.array_equal(stretched(sample, 100, 1).close, sample.close[:100])
    longer = stretched(sample, 7000, 1)
    assert len(longer) == 7000
    assert np.all((longer.low <= np.minimum(longer.open, longer.close)) & (longer.high >= np.maximum(longer.open, longer.close)))
    gaps, usual = (np.abs(np.log(candles.open[1:] / candles.close[:-1])).max() for candles in (longer, sample))
    assert gaps <= usual * (1 + 1e-9)
