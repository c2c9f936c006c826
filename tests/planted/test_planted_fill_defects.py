"""The comparison with backtesting.py notices a kernel that fills by other rules."""

import math

import numpy as np
import pytest

from fxgpt_core.backtest import account, kernel
from fxgpt_core.backtest.engine import (
    BacktestAccount,
    ExecutionParameters,
    backtest,
    rules_of,
    tape_of,
    terms_of,
    trades_of,
    wishes_of,
)
from fxgpt_core.backtest.reference import reference_backtest
from fxgpt_core.backtest.tape import TRADE, Log, Sums
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.market import fills
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.positions import STAYS, Left
from fxgpt_core.market.timeframes import HOUR_US, Timeframe
from fxgpt_core.strategy.decision import Decisions

COSTS = Costs(0.0002, 0.00002)
TRUE_EXIT = account._exit.py_func
EXECUTION = ExecutionParameters(
    fills.ExitPlan(0.004, 0.006, 0.004), max_candles=12, daily_loss_limit=0.03, max_margin_fraction=0.5
)


@pytest.fixture(scope="module")
def run():
    rng = np.random.default_rng(1)
    n = 400
    close = np.exp(np.cumsum(rng.normal(0, 0.003, n)))
    open_ = np.concatenate([[1.0], close[:-1]]) * (1 + rng.normal(0, 0.002, n))
    high = np.maximum(open_, close) * (1 + rng.uniform(0, 0.003, n))
    low = np.minimum(open_, close) * (1 - rng.uniform(0, 0.003, n))
    times = 1_515_369_600_000_000 + np.arange(n, dtype=np.int64) * HOUR_US
    candles = CandleArrays(times, open_, high, low, close, np.ones(n), Timeframe.H1)
    side = rng.choice([1, -1, 0], n).astype(np.int8)
    stop, target = (close * rng.uniform(0.001, 0.004, n) for _ in range(2))
    return candles, Decisions(candles.known_at_us, side, stop, target, np.full(n, 0.01), np.zeros(n, np.int8)), EXECUTION, COSTS


def interpreted(candles, decisions, execution, costs):
    """The kernel's loop, and what it calls, run by Python itself, so that a defect can be planted in what that calls."""
    log = Log(np.empty(len(Sums._fields)), np.empty(len(candles), TRADE), np.empty(len(candles)), np.empty(0))
    terms, tape = terms_of(costs, BacktestAccount()), tape_of(candles, costs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "played", account.played.py_func)
        for name in ("_enters", "_left_on_entry"):
            patch.setattr(account, name, getattr(account, name).py_func)
        kernel.play.py_func(tape, wishes_of(decisions), rules_of(execution), terms, (0, len(candles)), log)
    return trades_of(log.book[: int(log.sums[0])], candles), log.equity


def target_first(state, candle, terms):
    held = state.held
    touched = (candle.high >= held.target) if held.side > 0 else (candle.low <= held.target)
    if touched and not state.closing:
        price = max(candle.open, held.target) if held.side > 0 else min(candle.open, held.target)
        return Left(price, fills.REASON_TARGET, False, 0.0)
    return TRUE_EXIT(state, candle, terms)


def stop_filled_at_its_price_through_a_gap(state, candle, terms):
    end = TRUE_EXIT(state, candle, terms)
    return end if end.reason in {0, fills.REASON_TARGET, fills.REASON_TIME} else Left(state.held.stop, end.reason, end.both, 0.0)


def entry_candle_spared(candle, held, terms):
    return STAYS


def test_the_loop_itself_equals_the_compiled_kernel_and_backtesting_py(run):
    trades, equity = interpreted(*run)
    for other in (backtest(*run), reference_backtest(*run)):
        assert np.array_equal(equity, other.equity)
        assert np.array_equal(trades.exit_price, other.trades.exit_price)
    assert len(trades) > 50


@pytest.mark.parametrize(
    ("place", "defect"),
    [
        ("_exit", target_first),
        ("_exit", stop_filled_at_its_price_through_a_gap),
        ("left_on_entry", entry_candle_spared),
    ],
)
def test_a_defect_in_the_exit_rule_breaks_the_equality(run, monkeypatch, place, defect):
    expected = reference_backtest(*run)
    monkeypatch.setattr(account, place, defect)
    trades, equity = interpreted(*run)
    assert not np.array_equal(equity, expected.equity)
    assert not (len(trades) == len(expected.trades) and np.array_equal(trades.exit_price, expected.trades.exit_price))


def test_a_last_bit_in_the_spread_breaks_the_equality(run, monkeypatch):
    monkeypatch.setattr(account, "entered", _nudged(account.entered))
    _, equity = interpreted(*run)
    assert not np.array_equal(equity, reference_backtest(*run).equity)


def _nudged(original):
    def planted(*arguments):
        held = original(*arguments)
        return held._replace(entry=math.nextafter(held.entry, math.inf)) if held.units else held

    return planted
