"""What the benchmark of the backtest plays: candles of any length, a strategy of crossings, and drawn parameter sets.

Five-minute candles are blocks of real moves: 120 candles of the source in a row, from a random place, up or down by chance, each
with its gap, its reach and its close, made smaller by the root of the time. They lie on the FX week.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import talib

from fxgpt_core.backtest.engine import BacktestAccount, ExecutionParameters
from fxgpt_core.backtest.sets import ParameterSet
from fxgpt_core.backtest.tape import OPPOSITE, SIGNAL_EXITS
from fxgpt_core.candles.arrays import CandleArrays, candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.fills import ExitPlan
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.strategy.decision import Decisions
from fxgpt_core.validation.folds import FoldParameters, walk_forward

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

BLOCK = 120
FIRST_US = 1_515_362_400_000_000  # 2018-01-07 22:00 UTC, the start of an FX week
COSTS = Costs(spread=1e-4, commission=2e-5)
ACCOUNT = BacktestAccount(cash=100_000.0, leverage=30.0)
RANGE_SPAN = 14


@dataclass(frozen=True)
class Crossing:
    """A crossing of two moving averages of closes, taken while the RSI has not gone `rsi_room` beyond 50 in its direction.

    Stop and target are `stop_ranges` and `target_ranges` × the average true range away; `risk` is a fraction of equity.
    """

    fast: int = 10
    slow: int = 30
    rsi_room: float = 8.0
    stop_ranges: float = 2.0
    target_ranges: float = 3.0
    risk: float = 0.001


def sample() -> CandleArrays:
    """The 5,000 hourly candles that every installation has."""
    return candle_arrays(SampleProvider().candles("EURUSD", Timeframe.H1), Timeframe.H1)


def resampled(source: CandleArrays, n: int, seed: int) -> CandleArrays:
    """n five-minute candles made of blocks of the moves of hourly ones."""
    rng = np.random.default_rng(seed)
    n_blocks = -(-n // BLOCK)
    starts, signs = rng.integers(1, len(source) - BLOCK + 1, n_blocks), rng.choice([1.0, -1.0], n_blocks)
    rows = (starts[:, None] + np.arange(BLOCK)).ravel()[:n]
    sign = np.repeat(signs, BLOCK)[:n]
    scale = sign * math.sqrt(Timeframe.M5.us / source.timeframe.us)
    gap = scale * np.log(source.open[rows] / source.close[rows - 1])
    over, under, moved = (scale * np.log(getattr(source, name)[rows] / source.open[rows]) for name in ("high", "low", "close"))
    close = 1.1 * np.exp(np.cumsum(gap + moved))
    opened = close * np.exp(-moved)
    # Turned upside down, a candle's low becomes its high; rounding must not leave its body outside.
    high, low = (opened * np.exp(reach) for reach in (np.maximum(over, under), np.minimum(over, under)))
    high, low = np.maximum(high, np.maximum(opened, close)), np.minimum(low, np.minimum(opened, close))
    times = expected_open_times(FIRST_US, FIRST_US + int(1.5 * n * Timeframe.M5.us) + 7 * 86_400_000_000, Timeframe.M5)[:n]
    return CandleArrays(times, opened, high, low, close, source.volume[rows], Timeframe.M5)


def crossings(candles: CandleArrays, rule: Crossing) -> Decisions:
    """What the rule decides at each candle's close; nothing until its slowest average is known."""
    fast, slow = talib.SMA(candles.close, rule.fast), talib.SMA(candles.close, rule.slow)
    above = np.sign(fast - slow)
    crossed = np.where(above * np.concatenate(([np.nan], above[:-1])) < 0.0, above, 0.0)
    room = crossed * (talib.RSI(candles.close, RANGE_SPAN) - 50.0) <= rule.rsi_room
    ranges = average_range(candles)
    side = np.where(room & (ranges > 0.0), crossed, 0.0).astype(np.int8)
    n = len(candles)
    return Decisions(
        known_at_us=candles.known_at_us,
        side=side,
        stop_distance=rule.stop_ranges * ranges,
        target_distance=rule.target_ranges * ranges,
        risk_fraction=np.full(n, rule.risk),
        reason=np.zeros(n, np.int8),
        numbers={"atr": ranges},
    )


def average_range(candles: CandleArrays) -> FloatArray:
    """float64[N]: Wilder's average true range of 14 candles, NaN before."""
    ranges: FloatArray = talib.ATR(candles.high, candles.low, candles.close, RANGE_SPAN)
    return ranges


def execution(candles: CandleArrays) -> ExecutionParameters:
    """Breakeven and trailing once a position has gained an average range, 60 candles at most, out by the opposite crossing."""
    usual = float(np.nanmedian(average_range(candles) / candles.close))
    plan = ExitPlan(breakeven_trigger=usual, trailing_activation=usual, trailing_distance=0.0)
    return ExecutionParameters(
        plan, max_candles=60, daily_loss_limit=1.0, max_margin_fraction=0.5, signal_exit=OPPOSITE, trailing_atr=1.5
    )


def drawn_rules(rng: np.random.Generator, n: int) -> list[Crossing]:
    """n rules drawn at random."""
    return [
        Crossing(
            fast=int(rng.integers(5, 20)),
            slow=int(rng.integers(25, 80)),
            rsi_room=rng.uniform(4.0, 12.0),
            stop_ranges=rng.uniform(1.0, 3.0),
            target_ranges=rng.uniform(1.5, 5.0),
        )
        for _ in range(n)
    ]


def drawn_execution(rng: np.random.Generator, usual: ExecutionParameters) -> ExecutionParameters:
    """Another way to run a position: each switch on or off by chance, levels around the usual ones."""
    on, level = rng.random(4) < 0.7, usual.plan.breakeven_trigger
    return ExecutionParameters(
        plan=ExitPlan(
            breakeven_trigger=level * rng.uniform(0.5, 2.0) if on[0] else math.inf,
            trailing_activation=level * rng.uniform(0.5, 2.0) if on[1] else math.inf,
            trailing_distance=level * rng.uniform(0.0, 1.0),
        ),
        max_candles=int(rng.integers(10, 100)) if on[2] else 0,
        daily_loss_limit=rng.uniform(0.01, 0.05) if on[3] else 1.0,
        max_margin_fraction=rng.uniform(0.2, 1.0),
        signal_exit=int(rng.integers(len(SIGNAL_EXITS) - 1)),
        trailing_atr=rng.uniform(1.0, 3.0),
    )


def drawn_sets(candles: CandleArrays, n_sets: int, n_rules: int, seed: int) -> tuple[list[Decisions], list[ParameterSet]]:
    """Decisions of drawn rules, and sets that each run one of them in a drawn way."""
    rng = np.random.default_rng(seed)
    decisions = [crossings(candles, rule) for rule in drawn_rules(rng, n_rules)]
    usual = execution(candles)
    return decisions, [ParameterSet(int(rng.integers(n_rules)), drawn_execution(rng, usual)) for _ in range(n_sets)]


def walk_forward_windows(candles: CandleArrays) -> IntArray:
    """int64[2F,2]: first row and last row + 1 of the train and test windows of 30, 7 and 7 days."""
    folds = walk_forward(candles.known_at_us, FoldParameters())
    windows = [window.slice(candles.known_at_us) for fold in folds for window in (fold.train, fold.test)]
    return np.array([[window.start, window.stop] for window in windows])
