"""A problem under stress: what it plays, and that it decides anew on the candles it meets."""

import math

import numpy as np
import pytest
from search_problem import problem

from fxgpt_core.backtest.conditions import Conditions
from fxgpt_core.backtest.shocks import jump, missing
from fxgpt_core.backtest.stress import stress
from fxgpt_core.backtest.stress_parameters import StressParameters
from fxgpt_core.market.costs import FxCosts
from fxgpt_core.market.symbols import symbol
from fxgpt_core.optimization.outcome import walked_forward
from fxgpt_core.optimization.stressed import stress_play
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.validation.folds import Window

SET = StrategyParameters.default().replace(sizing_method="volatility_adjusted", risk_atr_period=30)
SMALL = problem(24 * 60)
KNOWN_AT = SMALL.candles.known_at_us
CHOICES = [
    (SET, Window(int(KNOWN_AT[310]), int(KNOWN_AT[800]))),
    (SET.replace(sssd_forecast_horizon=8), Window(int(KNOWN_AT[800]), int(KNOWN_AT[1400]))),
]
PLAY = stress_play(SMALL, CHOICES)
USUAL = Conditions(SMALL.candles, SMALL.costs)


@pytest.mark.parametrize("multiplier", [1.0, 2.0])
def test_the_play_is_the_walk_forward_to_the_bit(multiplier):
    walked = walked_forward(SMALL, CHOICES, cost_multiplier=multiplier)
    candles, result = PLAY(USUAL.times(multiplier))
    assert np.array_equal(candles.open_time_us, walked.candles.open_time_us)
    assert np.array_equal(result.equity, walked.result.equity)
    assert len(result.trades) > 5


def bought(result):
    """Units bought for each unit of equity, by entry time."""
    trades = result.trades
    return dict(zip(trades.entry_time_us.tolist(), trades.units / result.equity[trades.entry_index - 1], strict=True))


def test_behind_a_jump_to_half_the_price_twice_as_much_is_bought():
    candles, usual = PLAY(USUAL)
    is_held = np.zeros(len(candles), dtype=bool)
    for entry, exit_ in zip(usual.trades.entry_index, usual.trades.exit_index, strict=True):
        is_held[entry : exit_ + 1] = True
    row = 310 + int(np.flatnonzero(~is_held & (np.arange(len(candles)) > 490))[0])
    _, shocked = PLAY(jump(USUAL, row, math.log(0.5)))
    # The slow range forgets the jump after 300 candles.
    later_us = int(SMALL.candles.open_time_us[row + 301])
    ours, theirs = bought(shocked), bought(usual)
    both = [time for time in ours if time > later_us and time in theirs]
    assert len(both) > 5
    assert [ours[time] / theirs[time] for time in both] == pytest.approx([2.0] * len(both), rel=0.001)


def test_bands_of_missing_candles_go_with_them():
    candles, result = PLAY(missing(USUAL, 900, 24))
    assert len(candles) == 1400 - 310 - 24
    assert len(result.equity) == len(candles)


def test_two_sided_quotes_are_played_where_they_belong():
    spread = np.zeros(len(KNOWN_AT))
    spread[:310] = 0.05
    free, dear = (PLAY(Conditions(SMALL.candles, FxCosts(values)))[1] for values in (np.zeros(1), spread))
    assert np.array_equal(free.equity, dear.equity)
    spread[900:] = 0.0002
    trades = PLAY(Conditions(SMALL.candles, FxCosts(spread)))[1].trades
    # Who buys pays the spread: a long as it enters, a short as it leaves.
    is_dear = np.where(trades.side > 0, trades.entry_index, trades.exit_index) >= 900 - 310
    assert (trades.spread_cost[~is_dear] == 0.0).all()
    assert trades.spread_cost[is_dear] == pytest.approx(trades.units[is_dear] * 0.0002)


def test_a_stress_of_the_walk_forward_judges_every_shock_it_can_make():
    rows = stress(PLAY, USUAL, symbol(SMALL.symbol), np.random.default_rng(1), StressParameters(places=2))
    shocks = [row for row in rows if row.kind == "shock"]
    assert {row.name for row in shocks if row.survived is None} == {"spread_x5"}
    assert len(shocks) == 15
    doubled = next(row for row in rows if row.name == "costs_x2")
    walked = walked_forward(SMALL, CHOICES, cost_multiplier=2.0)
    assert doubled.numbers.net_profit == walked.result.final_equity - 100_000.0
    assert {row.numbers for row in rows if row.kind == "crisis"} == {None}
