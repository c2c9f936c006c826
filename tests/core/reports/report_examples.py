"""Reports for the tests: one by hand, whose every number is known, and one of the sample's candles with everything in it."""

import dataclasses
from datetime import UTC, datetime

import numpy as np
from played_by_hand import result_of, weekdays

from fxgpt_core.backtest.engine import BacktestAccount, BacktestResult, ExecutionParameters, Trades, backtest
from fxgpt_core.backtest.stress import StressKind, StressResult
from fxgpt_core.backtest.stress_measures import StressNumbers
from fxgpt_core.candles.arrays import CandleArrays, candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.market.costs import Costs, FxCosts
from fxgpt_core.market.fills import ExitPlan
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.timeframes import DAY_US, Timeframe
from fxgpt_core.optimization.robustness import Told
from fxgpt_core.performance.luck import LuckTest
from fxgpt_core.registry.code_identity import CodeIdentity
from fxgpt_core.registry.gates import GateResult
from fxgpt_core.reports.contents import BacktestReport, FoldRow, Heading
from fxgpt_core.strategy.decision import Decisions
from fxgpt_core.validation.folds import Window

MADE_AT = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
HEADING = Heading("EURUSD", MADE_AT, "a72f" * 16)
RICH_HEADING = Heading(
    "EURUSD", MADE_AT, "a72f" * 16, "Drawn by chance.", {"candles": "ccad" * 16}, CodeIdentity("4b37" * 10, "d1f7" * 16, "l")
)
FREE = Costs(0.0, 0.0)
FX = FxCosts(np.array([0.0001]), np.array([0.00004]), np.array([-0.00002]), unit_commission=0.00002, slippage=0.1, impact=0.1)
PLAN = ExecutionParameters(ExitPlan(0.001, 0.002, 0.002), max_candles=48, daily_loss_limit=0.03, max_margin_fraction=0.5)
SPAN, UNTOLD, HELD = Window(0, 14 * DAY_US), (None, None), (True, False)
# Held through, so that no trade was closed in it.
LOST = StressNumbers(0, -4900.0, -49.0, 49.5, *UNTOLD, 51.0, *HELD)
ROWS = {
    "folds": (
        FoldRow(0, "2017-09-18 .. 2017-10-18", "2017-10-20 .. 2017-10-27", "abcdef0123456789", 14, 1.234, 0.517),
        FoldRow(1, "2017-09-25 .. 2017-10-25", "2017-10-27 .. 2017-11-03", "99cdef0123456789", 0, None, None, "idle"),
    ),
    "stress": (
        StressResult(StressKind.COST, "costs_x2", True, "", SPAN, StressNumbers(398, -987.0, -9.87, 14.9, *UNTOLD, 90.13, *HELD)),
        StressResult(StressKind.SHOCK, "jump_up", False, "kept 51 %", SPAN, LOST, place="worst of 5"),
        StressResult(StressKind.CRISIS, "covid", None, "candles end 2018-02-07", Window(20 * DAY_US, 21 * DAY_US)),
    ),
    "luck": (
        LuckTest("deflated Sharpe ratio", 0.0254, ">=", 0.95, "Is it above the best of as many worthless trials?"),
        LuckTest("probability of overfitting", 0.18, "<=", 0.2, "Does the best of a search stay good?"),
    ),
    "robustness": (Told("folds that earn", 0.625, "of 8 test windows"), Told("plateau", float("nan"), "not known")),
    "gates": (
        GateResult("cost_x2", 12345.678, 0.0, ">", True, "find a cheaper broker"),
        GateResult("minimum_trades", 12.0, 30.0, ">=", False, "too few trades: add candles"),
    ),
}


def by_hand(profits, equity, candles=None, **columns) -> BacktestReport:
    """A run with these profits and this equity, from 100, on days from 2018-01-09; `columns` replace columns of the trades."""
    hand = result_of(profits, equity, 100.0, **columns)
    trades = Trades(**vars(hand.trades), ambiguous=np.zeros(len(profits), dtype=bool))
    result = BacktestResult(trades, hand.equity, 100.0)
    return BacktestReport(HEADING, candles or weekdays(len(equity)), result, FREE, BacktestAccount(100.0))


def three_trades() -> BacktestReport:
    """Four days: +10 %, −5 %, back to the peak, +10 %; three trades that paid 0.5 of commission each."""
    candles = weekdays(4, close=[1.0, 1.1, 1.2, 1.3])
    return by_hand([10.0, -5.5, 16.5], [110.0, 104.5, 110.0, 121.0], candles, commission=0.5)


def idle() -> BacktestReport:
    """Four days without a trade."""
    return by_hand([], [100.0] * 4)


def sample(n: int = 1500, density: float = 0.1, costs: Costs | FxCosts = FX) -> BacktestReport:
    """Decisions by chance over the sample's first candles, with a row of every kind."""
    candles = candle_arrays(SampleProvider().candles("EURUSD", Timeframe.H1), Timeframe.H1).slice(0, n)
    return dataclasses.replace(played(candles, density, costs), heading=RICH_HEADING, **ROWS)


def large() -> BacktestReport:
    """150,000 candles of five minutes, and more than 4,000 trades."""
    rng = np.random.default_rng(5)
    n, start_us = 150_000, 1_262_304_000_000_000
    times = expected_open_times(start_us, start_us + int(1.5 * n) * Timeframe.M5.us, Timeframe.M5)[:n]
    close = 1.1 * np.exp(np.cumsum(rng.normal(0.0, 0.0006, n)))
    opened = np.concatenate([[1.1], close[:-1]])
    low, high = np.minimum(opened, close) * 0.9999, np.maximum(opened, close) * 1.0001
    return played(CandleArrays(times, opened, high, low, close, np.ones(n), Timeframe.M5), 0.2, FX)


def played(candles: CandleArrays, density: float, costs: Costs | FxCosts) -> BacktestReport:
    """Decisions by chance over candles."""
    rng = np.random.default_rng(7)
    n = len(candles)
    side = np.where(rng.random(n) < density, rng.choice([1, -1], n), 0).astype(np.int8)
    stop, target = (0.004 * candles.close * rng.uniform(0.3, 2.0, n) for _ in range(2))
    decisions = Decisions(candles.known_at_us, side, stop, target, np.full(n, 0.01), np.zeros(n, np.int8))
    account = BacktestAccount()
    return BacktestReport(HEADING, candles, backtest(candles, decisions, PLAN, costs, account), costs, account)
