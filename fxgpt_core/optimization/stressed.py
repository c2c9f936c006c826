"""A problem's parameter sets as what a stress test plays: deciding anew on the candles it is given."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fxgpt_core.backtest.conditions import Conditions, Play
from fxgpt_core.backtest.engine import BacktestResult
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.optimization.outcome import walked_forward
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.strategy.regime_sets import Strategy
from fxgpt_core.validation.folds import Window


def stress_play(problem: Problem, choices: Sequence[tuple[Strategy, Window]]) -> Play:
    """Parameter sets on successive windows, one account through all of them, as `walked_forward` has it; at least one choice.

    Decisions believe the problem's own costs and are made anew from the given candles and the bands of those that are there.
    The bands are not: a forecast and its calibration stay what they were on the candles they were made from, and so do regimes,
    anomalies and context. Finer candles are left out: they know nothing of a shock.
    """

    def play(conditions: Conditions) -> tuple[CandleArrays, BacktestResult]:
        known_at = problem.bands.known_at_us
        bands = problem.bands.select(np.isin(known_at, conditions.candles.known_at_us))
        components = problem.components.select(np.isin(problem.candles.known_at_us, conditions.candles.known_at_us))
        met = replace(problem, bands=bands, components=components, finer=None)
        met = replace(met, candles=conditions.candles, paid=conditions.costs)
        whole = walked_forward(met, choices)
        return whole.candles, whole.result

    return play
