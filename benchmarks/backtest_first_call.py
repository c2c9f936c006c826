"""Seconds of the first backtest of a fresh process: compiled by it, and taken from the cache on disk."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import fxgpt_core

PACKAGE = Path(fxgpt_core.__file__).parent
FIRST_CALL = """
import json, sys, time
began = time.perf_counter()
import numpy as np
from fxgpt_core.backtest import engine
from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.fills import ExitPlan
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.strategy.decision import Decisions
imported = time.perf_counter()
candles = candle_arrays(SampleProvider().candles("EURUSD", Timeframe.H1), Timeframe.H1)
n = len(candles)
side = np.where(np.arange(n) % 20 == 10, 1, 0).astype(np.int8)
distance = np.full(n, 0.003)
decisions = Decisions(candles.known_at_us, side, distance, distance, np.full(n, 0.001), np.zeros(n, np.int8))
execution = engine.ExecutionParameters(ExitPlan(0.001, 0.001, 0.001), 60, 0.05, 0.5)
called = time.perf_counter()
result = engine.backtest(candles, decisions, execution, Costs(1e-4, 2e-5))
done = time.perf_counter()
assert engine.__file__.startswith(sys.argv[1]) and len(result.trades) > 100
print(json.dumps({"call": done - called, "imports": imported - began}))
"""


def first_calls() -> dict[str, float]:
    """Seconds of the first call of two processes on a copy of the package that was never compiled: the first one compiles."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(PACKAGE, Path(folder) / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
        compiling, cached = _first_call(Path(folder)), _first_call(Path(folder))
    return {
        "compile_seconds": compiling["call"],
        "first_call_seconds": cached["call"],
        "first_import_seconds": cached["imports"],
    }


def _first_call(folder: Path) -> dict[str, float]:
    command = [sys.executable, "-c", FIRST_CALL, str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found
