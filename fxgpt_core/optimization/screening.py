"""A cheap look at a parameter set: what it would have done if it decided once a day."""

from dataclasses import replace

import numpy as np

from fxgpt_core.optimization.problem import Problem
from fxgpt_core.performance.daily import last_rows


def day_ends(problem: Problem) -> Problem:
    """The problem with forecasts at the last candle of each FX day alone and without patterns; fills are still exact."""
    ends = problem.candles.known_at_us[last_rows(problem.candles.fx_day)]
    rows = np.flatnonzero(np.isin(problem.bands.known_at_us, ends))
    return replace(problem, bands=problem.bands.select(rows), components=replace(problem.components, patterns=False))
