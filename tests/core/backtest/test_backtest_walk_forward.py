"""Walking one strategy forward: warm before each window, flat after it, and no result where nothing was traded."""

import math
import statistics

import numpy as np
import pytest

from fxgpt_core.backtest.engine import BacktestAccount, ExecutionParameters
from fxgpt_core.backtest.sets import Replay
from fxgpt_core.backtest.walk_forward import measured, over_folds, walk_forward
from fxgpt_core.candles.arrays import CandleArrays, candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.errors import RefusedError
from fxgpt_core.market.costs import Costs, FxCosts
from fxgpt_core.market.fills import ExitPlan
from fxgpt_core.market.timeframes import DAY_US, HOUR_US, Timeframe
from fxgpt_core.strategy.decision import Decisions
from fxgpt_core.validation.folds import FoldParameters
from fxgpt_core.validation.folds import walk_forward as folds_of

FREE = Costs(0.0, 0.0)
EXECUTION = ExecutionParameters(ExitPlan(math.inf, math.inf, 0.0), 24, 1.0, 0.5)


@pytest.fixture(scope="module")
def eurusd():
    return candle_arrays(SampleProvider().candles("EURUSD", Timeframe.H1), Timeframe.H1)


@pytest.fixture(scope="module")
def folds(eurusd):
    return folds_of(eurusd.known_at_us, FoldParameters())


def decisions(candles, until=None, distance=0.005):
    side = np.zeros(len(candles), np.int8)
    side[:until:20] = 1
    distance = distance * candles.close
    return Decisions(candles.known_at_us, side, distance, distance, np.full(len(side), 0.01), np.zeros(len(side), np.int8))


@pytest.mark.parametrize("costs", [Costs(0.0001, 0.0), FxCosts(np.array([0.0001]))])
def test_each_window_is_played_on_its_own_candles_and_ends_flat(eurusd, folds, costs):
    runs = walk_forward(Replay(eurusd, costs), decisions(eurusd), EXECUTION, folds)
    assert len(runs) == len(folds) > 25
    for run in runs:
        inside = (run.candles.known_at_us >= run.fold.test.start_us) & (run.candles.known_at_us < run.fold.test.stop_us)
        assert inside.all()
        assert run.result.final_equity == pytest.approx(100_000.0 + run.result.trades.profit.sum())
    assert [one.total_trades for one in measured(runs)] == [len(run.result.trades) for run in runs]


def test_costs_of_each_candle_are_cut_to_the_window(eurusd, folds):
    spread = np.linspace(0.0001, 0.0010, len(eurusd))
    runs = walk_forward(Replay(eurusd, FxCosts(spread)), decisions(eurusd), EXECUTION, folds)
    for run in (runs[0], runs[-1]):
        rows = run.fold.test.slice(eurusd.known_at_us)
        paid = run.result.trades.spread_cost / run.result.trades.units
        assert paid == pytest.approx(spread[rows][run.result.trades.entry_index])


def halves(candles):
    """Two candles of half an hour in each: up to the high, and from there by the low to the close."""
    times = np.stack((candles.open_time_us, candles.open_time_us + HOUR_US // 2), axis=1).ravel()
    opened, high, low, close = candles.open, candles.high, candles.low, candles.close
    columns = [(opened, high), (high, high), (opened, low), (high, close), (candles.volume, candles.volume)]
    return CandleArrays(times, *(np.stack(pair, axis=1).ravel() for pair in columns), Timeframe.M30)


def test_account_and_finer_candles_are_those_of_every_window(eurusd, folds):
    near = decisions(eurusd, distance=0.0005)
    whole, told = (walk_forward(Replay(eurusd, FREE, finer=finer), near, EXECUTION, folds) for finer in (None, halves(eurusd)))
    ambiguous, left = (sum(run.result.trades.ambiguous.sum() for run in runs) for runs in (whole, told))
    assert ambiguous > 20 * left
    small = walk_forward(Replay(eurusd, FREE, BacktestAccount(cash=500.0)), near, EXECUTION, folds)
    assert {run.result.cash for run in small} == {500.0}


def test_a_fold_without_trades_is_an_error_and_no_zero(eurusd, folds):
    runs = walk_forward(Replay(eurusd, FREE), decisions(eurusd, until=3000), EXECUTION, folds)
    idle = [run for run in runs if run.metrics is None]
    assert 0 < len(idle) < len(runs)
    assert all(str(run.fold.test) in run.error for run in idle)
    assert not any(run.error for run in runs if run.metrics)
    with pytest.raises(RefusedError, match=rf"{len(idle)} of {len(runs)} folds have no result: no trade from 20"):
        measured(runs)
    with pytest.raises(RefusedError, match=rf"{len(idle)} of {len(runs)} folds have no result"):
        over_folds(runs)


def test_a_window_of_a_single_fx_day_has_trades_and_no_ratio(eurusd):
    days = folds_of(eurusd.known_at_us, FoldParameters(test_days=1.0, step_days=1.0, purge_candles=0))
    runs = walk_forward(Replay(eurusd, FREE), decisions(eurusd, distance=0.0005), EXECUTION, days)
    short = [run for run in runs if run.error and len(run.result.trades)]
    assert len(short) > 10
    for run in short:
        # The FX day begins at 17:00 New York, which is 22:00 UTC in winter and 21:00 in summer.
        assert 1 in {len(set((run.candles.open_time_us + hours * HOUR_US) // DAY_US)) for hours in (2, 3)}
        assert run.error.startswith(f"single FX day from {run.fold.test}: {len(run.candles)} candles")
    assert all(run.metrics.n_periods > 1 for run in runs if run.metrics)


def test_over_folds_every_fold_counts_the_same(eurusd, folds):
    runs = walk_forward(Replay(eurusd, FREE), decisions(eurusd), EXECUTION, folds)
    for name, spread in over_folds(runs, ("sharpe_ratio", "win_rate")).items():
        values = [getattr(run.metrics, name) for run in runs]
        assert spread.mean == pytest.approx(statistics.fmean(values))
        assert spread.deviation == pytest.approx(statistics.stdev(values))
        assert (spread.lowest, spread.highest) == (min(values), max(values))
    assert over_folds(runs[:1])["sharpe_ratio"].deviation is None
