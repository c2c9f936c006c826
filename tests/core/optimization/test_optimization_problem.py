"""Playing a parameter set on a window."""

from dataclasses import replace

import numpy as np
import pytest
from search_problem import problem, with_components

from fxgpt_core.backtest.engine import BacktestAccount
from fxgpt_core.market.costs import FxCosts
from fxgpt_core.optimization.outcome import walked_forward
from fxgpt_core.strategy.decision import decide
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.strategy.reasons import (
    ANOMALY,
    CROWD,
    ILLIQUID,
    LONG,
    PATTERN_AGAINST,
    PATTERN_LONG,
    SHORT,
)
from fxgpt_core.strategy.view import lookback_candles, market_view
from fxgpt_core.validation.folds import Window

SET = StrategyParameters.default().replace(sizing_method="volatility_adjusted", risk_atr_period=30)


def window(small: object, start: int, stop: int) -> Window:
    known_at = small.candles.known_at_us
    return Window(int(known_at[start]), int(known_at[stop]))


def test_decisions_of_a_window_equal_that_part_of_the_whole_series_to_the_bit() -> None:
    small = with_components(problem(24 * 70))
    whole = decide(market_view(small.candles, small.bands, SET, small.components), SET, small.costs)
    lookback = lookback_candles(small.candles.timeframe)
    for start, stop in ((0, 50), (lookback, 900), (lookback + 1, 1400), (450, 451), (700, 950), (1500, 1600)):
        part = small.decisions(SET, window(small, start, stop))
        for name in ("known_at_us", "side", "stop_distance", "target_distance", "risk_fraction", "reason"):
            ours, theirs = getattr(part, name), getattr(whole, name)[start:stop]
            assert ours.tobytes() == theirs.tobytes()
        for name, theirs in whole.numbers.items():
            assert part.numbers[name].tobytes() == theirs[start:stop].tobytes(), name
    assert set(np.unique(whole.reason)) >= {LONG, SHORT, PATTERN_LONG, PATTERN_AGAINST, ANOMALY, CROWD, ILLIQUID}


def test_what_happens_after_a_window_does_not_change_it() -> None:
    small = problem(24 * 40)
    cutoff = window(small, 100, 500)
    shorter = replace(small, candles=small.candles.slice(0, 500), bands=small.bands.select(slice(0, 500)))
    ours, theirs = small.evaluate(SET, cutoff), shorter.evaluate(SET, cutoff)
    assert np.array_equal(ours.result.equity, theirs.result.equity)
    assert len(ours.result.trades) > 0


def test_dearer_costs_keep_the_decisions_and_lower_the_profit() -> None:
    small = problem(24 * 40)
    once, twice = (small.evaluate(SET, window(small, 310, 900), cost_multiplier=m) for m in (1.0, 2.0))
    assert len(once.result.trades) == len(twice.result.trades) > 5
    assert twice.result.final_equity < once.result.final_equity
    assert twice.metrics.total_costs == pytest.approx(2 * once.metrics.total_costs, rel=0.05)


def test_a_walk_forward_is_one_account_through_all_windows() -> None:
    small = problem(24 * 40)
    other = SET.replace(sssd_forecast_horizon=8)
    first, second = window(small, 310, 600), window(small, 600, 900)
    walked = walked_forward(small, [(SET, first), (other, second)])
    before = small.evaluate(SET, first)
    after = small.evaluate(other, second, account=BacktestAccount(cash=before.result.final_equity))
    assert np.array_equal(walked.result.equity, np.concatenate([before.result.equity, after.result.equity]))
    assert np.array_equal(walked.candles.open_time_us, small.candles.open_time_us[310:900])
    trades = walked.result.trades
    assert len(trades) == len(before.result.trades) + len(after.result.trades)
    assert np.array_equal(walked.candles.open_time_us[trades.entry_index], trades.entry_time_us)
    assert np.array_equal(walked.candles.open_time_us[trades.exit_index], trades.exit_time_us)
    assert trades.profit.sum() == pytest.approx(walked.result.final_equity - 100_000.0, abs=1e-6)


def test_the_hash_names_everything_that_moves_the_result() -> None:
    small = problem(200)
    same = problem(200)
    assert small.sha256 == same.sha256
    candles = replace(small.candles, close=small.candles.close + 1e-9)
    bands = replace(small.bands, median=small.bands.median * 1.0000001)
    others = [
        replace(small, symbol="GBPUSD"),
        replace(small, candles=candles),
        replace(small, bands=bands),
        replace(small, costs=small.costs.times(1.1)),
        replace(small, account=BacktestAccount(cash=5.0)),
        replace(small, code_sha256="c"),
        replace(small, paid=small.costs.times(2.0)),
        replace(small, paid=FxCosts(np.array([0.0001]))),
        replace(small, paid=FxCosts(np.array([0.0001]), slippage=0.1)),
        replace(small, finer=small.candles),
    ]
    assert len({small.sha256, *(other.sha256 for other in others)}) == 11


def test_other_costs_are_paid_than_the_decisions_believe() -> None:
    small = problem(24 * 40)
    span = window(small, 310, 900)
    stressed, dear = small.evaluate(SET, span, cost_multiplier=2.0), replace(small, paid=small.costs.times(2.0))
    assert np.array_equal(dear.evaluate(SET, span).result.equity, stressed.result.equity)
    spread = np.linspace(0.0, 0.001, len(small.candles))
    trades = replace(small, paid=FxCosts(spread)).evaluate(SET, span).result.trades
    bought = np.where(trades.side > 0, trades.entry_index, trades.exit_index)
    assert len(trades) > 5
    assert trades.spread_cost == pytest.approx(trades.units * spread[310 + bought])
