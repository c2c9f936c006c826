"""The comparison with backtesting.py notices a kernel that fills by other rules."""

import math

import numpy as np
import pytest
from random_candles import random_candles

from fxgpt_core.backtest import account, carried, kernel
from fxgpt_core.backtest.engine import (
    BacktestAccount,
    ExecutionParameters,
    backtest,
    rules_rows,
    tape_of,
    terms_of,
    trades_of,
    wishes_of,
)
from fxgpt_core.backtest.reference import reference_backtest
from fxgpt_core.backtest.tape import TRADE, Log, Sums
from fxgpt_core.market import fills
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.positions import STAYS, Left
from fxgpt_core.strategy.decision import Decisions

COSTS = Costs(0.0002, 0.00002)
TRUE_EXIT = account._exit.py_func
EXECUTION = ExecutionParameters(
    fills.ExitPlan(0.004, 0.006, 0.004), max_candles=12, daily_loss_limit=0.03, max_margin_fraction=0.5
)


@pytest.fixture(scope="module")
def run():
    rng, n = np.random.default_rng(1), 400
    candles = random_candles(rng, n)
    side = rng.choice([1, -1, 0], n).astype(np.int8)
    stop, target = (candles.close * rng.uniform(0.001, 0.004, n) for _ in range(2))
    return candles, Decisions(candles.known_at_us, side, stop, target, np.full(n, 0.01), np.zeros(n, np.int8)), EXECUTION, COSTS


def interpreted(candles, decisions, execution, costs):
    """The kernel's loop, and what it calls, run by Python itself, so that a defect can be planted in what that calls."""
    log = Log(np.empty(len(Sums._fields)), np.empty(len(candles), TRADE), np.empty(len(candles)), np.empty(0))
    terms, tape = terms_of(costs, BacktestAccount()), tape_of(candles, costs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "played", account.played.py_func)
        patch.setattr(kernel, "carried", carried.carried.py_func)
        for name in ("_enters", "_left_on_entry"):
            patch.setattr(account, name, getattr(account, name).py_func)
        kernel.play.py_func(tape, wishes_of(decisions), rules_rows(execution), terms, (0, len(candles)), log)
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


@pytest.mark.parametrize("missed", ["stop", "target"])
def test_a_position_that_is_carried_past_its_stop_or_target_breaks_the_equality(run, monkeypatch, missed):
    true_touch, nowhere = carried.touches, {"stop": -math.inf, "target": math.inf}
    monkeypatch.setattr(
        carried, "touches", lambda candle, held: true_touch(candle, held._replace(**{missed: held.side * nowhere[missed]}))
    )
    _, equity = interpreted(*run)
    assert not np.array_equal(equity, reference_backtest(*run).equity)


def test_a_last_bit_in_the_spread_breaks_the_equality(run, monkeypatch):
    monkeypatch.setattr(account, "entered", _nudged(account.entered))
    _, equity = interpreted(*run)
    assert not np.array_equal(equity, reference_backtest(*run).equity)


def _nudged(original):
    def planted(*arguments):
        held = original(*arguments)
        return held._replace(entry=math.nextafter(held.entry, math.inf)) if held.units else held

    return planted
