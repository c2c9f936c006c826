"""What must hold between candles, decisions and costs before they are played: else the answer would be to another question."""

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.costs import Costs, FxCosts
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.strategy.decision import Decisions
from fxgpt_core.strategy.view import average_true_range

FloatArray = npt.NDArray[np.float64]

COARSEST_AMBIGUOUS = Timeframe.M5
RANGE_CANDLES = 14


def check_same_times(candles: CandleArrays, decisions: Decisions) -> None:
    """Raises `BadInputError` unless there is exactly one decision for each candle, known when the candle closed."""
    mine, theirs = candles.known_at_us, decisions.known_at_us
    if mine is not theirs and not np.array_equal(mine, theirs):
        raise BadInputError(
            f"{len(decisions.known_at_us)} decisions do not match {len(candles)} candles by known_at; "
            "make the view from the same candles, or cut both to the same window"
        )


def check_resolution(candles: CandleArrays, decisions: Decisions, costs: Costs | FxCosts, finer: CandleArrays | None) -> None:
    """Raises `BadInputError` for stops and targets so near that short candles cannot tell which of them came first.

    At half an average true range one exit in thirteen is ambiguous in candles of five minutes, at a whole one one in a hundred
    (docs/backtest.md).
    Flat costs are played all the same: their mode is for comparison with backtesting.py.
    """
    if not judges_distances(candles, costs, finer) or not decisions.side.any():
        return
    at = np.flatnonzero(decisions.side != 0)
    ranges = decisions.numbers.get("atr")
    one_range = (average_true_range(candles, RANGE_CANDLES) if ranges is None else ranges)[at]
    near = np.minimum(decisions.stop_distance[at], decisions.target_distance[at]) < one_range
    if near.any():
        raise BadInputError(
            f"{int(near.sum())} of {len(at)} entries have a stop or target nearer than one average true range of their "
            f"{candles.timeframe} candles, the first at candle {int(at[near][0])}: which came first inside one cannot be told; "
            "give finer candles (fxgpt backtest --detail 1m), or keep stop and target further away"
        )


def judges_distances(candles: CandleArrays, costs: Costs | FxCosts, finer: CandleArrays | None) -> bool:
    """Whether `check_resolution` looks at how near stops and targets are."""
    return not isinstance(costs, Costs) and finer is None and candles.timeframe.us <= COARSEST_AMBIGUOUS.us


def check_sets(decisions: Decisions, n_sets: int) -> None:
    """Raises `BadInputError` where an entry is of none of so many parameter sets, or of several does not say of which."""
    if n_sets == 1 and "parameter_set" not in decisions.numbers:
        return
    at = np.flatnonzero(decisions.side != 0)
    told = decisions.numbers.get("parameter_set", np.full(len(decisions), np.nan))[at]
    astray = told[~np.isin(told, np.arange(n_sets))]
    if len(astray) or n_sets < 1:
        example = f", such as {astray[0]}" if len(astray) else ""
        raise BadInputError(
            f"numbers['parameter_set'] of {len(astray)} of {len(told)} entries is none of {n_sets} parameter sets{example}; "
            "say how the positions of each set are run, and count the sets from 0"
        )


def check_ranges(decisions: Decisions, trailing_atr: float) -> None:
    """Raises `BadInputError` where a trailing stop wants the range at an entry, and the decisions do not know it."""
    if trailing_atr > 0.0:
        at, ranges = np.flatnonzero(decisions.side != 0), decisions.numbers.get("atr", np.full(len(decisions), np.nan))
        unknown = int(np.isnan(ranges[at]).sum())
        if unknown:
            raise BadInputError(
                f"trailing_atr is {trailing_atr}, but {unknown} of {len(at)} entries know no average true range; "
                "decisions need it as numbers['atr'] at each of them: enter later, or trail by a fraction of the price"
            )


def check_led(told: FloatArray) -> None:
    """Raises `BadInputError` for an entry that is neither led by a pattern (1) nor not (0)."""
    neither = told[(told != 0.0) & (told != 1.0)]
    if len(neither):
        raise BadInputError(
            f"numbers['pattern_led'] of {len(neither)} of {len(told)} entries are neither 0 nor 1, such as {neither[0]}; "
            "1 says that a chart pattern led into the position, whose stop then follows the plan of patterns"
        )
