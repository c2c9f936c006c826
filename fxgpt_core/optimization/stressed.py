"""A problem's parameter sets as what a stress test plays: deciding anew on the candles it is given."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from fxgpt_core.backtest.conditions import Conditions, Play
from fxgpt_core.backtest.engine import BacktestAccount, BacktestResult, backtest, execution_parameters
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.market.costs import FxCosts
from fxgpt_core.optimization.problem import Evaluation, Problem, joined
from fxgpt_core.performance.measures import metrics
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.validation.folds import Window


def stress_play(problem: Problem, choices: Sequence[tuple[StrategyParameters, Window]]) -> Play:
    """Parameter sets on successive windows, one account through all of them, as `walked_forward` has it; at least one choice.

    Decisions believe the problem's own costs and are made anew from the given candles and the bands of those that are there.
    The bands are not: a forecast and its calibration stay what they were on the candles they were made from.
    """

    def play(conditions: Conditions) -> tuple[CandleArrays, BacktestResult]:
        known_at = problem.bands.known_at_us
        bands = problem.bands.select(np.isin(known_at, conditions.candles.known_at_us))
        met = dataclasses.replace(problem, candles=conditions.candles, bands=bands)
        parts: list[Evaluation] = []
        cash = problem.account.cash
        for parameters, window in choices:
            account = dataclasses.replace(problem.account, cash=cash)
            parts.append(_evaluation(met, conditions, parameters, window, account))
            cash = parts[-1].result.final_equity
            if cash <= 0.0:
                break
        whole = joined(parts, problem.account.cash)
        return whole.candles, whole.result

    return play


def _evaluation(
    met: Problem, conditions: Conditions, parameters: StrategyParameters, window: Window, account: BacktestAccount
) -> Evaluation:
    rows, costs = window.slice(conditions.candles.known_at_us), conditions.costs
    candles = conditions.candles.slice(rows.start, rows.stop)
    if isinstance(costs, FxCosts):
        costs = costs.slice(rows.start, rows.stop)
    execution = execution_parameters(parameters, candles.timeframe)
    result = backtest(candles, met.decisions(parameters, window), execution, costs, account)
    return Evaluation(candles, result, metrics(result, candles))
