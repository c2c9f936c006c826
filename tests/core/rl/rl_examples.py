"""Two symbols of random candles, one that rises and one that falls, and decisions that always buy: one is worth its risk."""

import math

import numpy as np

from fxgpt_core.backtest.engine import ExecutionParameters
from fxgpt_core.candles.arrays import CandleArrays, candle_arrays
from fxgpt_core.candles.providers.sample import SYMBOL, TIMEFRAME, SampleProvider
from fxgpt_core.market.costs import Costs, FxCosts
from fxgpt_core.market.fills import ExitPlan
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.timeframes import DAY_US, Timeframe
from fxgpt_core.portfolio.policy_state import states
from fxgpt_core.portfolio.universe import universe_of
from fxgpt_core.rl.accounts import Accounts, Traded
from fxgpt_core.rl.environment import EpisodeRows, PolicyEnvironment
from fxgpt_core.strategy.decision import Decisions

SYMBOLS = ("EURUSD", "GBPUSD")
BEGIN_US = 1_515_535_200_000_000
ROWS = EpisodeRows(5, 60)
EXECUTION = ExecutionParameters(ExitPlan(math.inf, math.inf, 0.01), 3, 0.05, 0.5)
FLAT = Costs(0.00005, 0.00002)
QUOTED = FxCosts(np.full(1, 0.00008), slippage=0.2, commission=0.00002)


def traded(seed, drift, costs=FLAT, timeframe=Timeframe.H4, days=130):
    rng = np.random.default_rng(seed)
    times = expected_open_times(BEGIN_US, BEGIN_US + days * DAY_US, timeframe)
    close = 1.1 * np.exp(np.cumsum(rng.normal(drift, 0.001, len(times))))
    opened = np.concatenate(([1.1], close[:-1]))
    high, low = np.maximum(opened, close) * 1.0003, np.minimum(opened, close) * 0.9997
    candles = CandleArrays(times, opened, high, low, close, np.ones(len(times)), timeframe)
    return bought(candles, rng.random(len(times)) < 0.5, costs)


def bought(candles, buys, costs=FLAT):
    """The candles with a decision to buy at some of them, bool[N]."""
    close = candles.close
    distances = (np.where(buys, share * close, np.nan) for share in (0.01, 0.02))
    risk = np.where(buys, 0.01, np.nan)
    decisions = Decisions(candles.known_at_us, buys.astype(np.int8), *distances, risk, np.zeros(len(close), np.int8))
    return Traded(candles, decisions, costs, EXECUTION)


def accounts(costs=FLAT, timeframe=Timeframe.H4):
    series = (traded(1, 0.0006, costs, timeframe), traded(2, -0.0006, costs, timeframe))
    return Accounts(universe_of(dict(zip(SYMBOLS, (each.candles for each in series), strict=True))), series)


def real_environment():
    """The sample's candles, bought where they closed above a day before."""
    candles = candle_arrays(SampleProvider().candles(SYMBOL, TIMEFRAME), TIMEFRAME)
    buys = np.concatenate((np.zeros(24, dtype=bool), candles.close[24:] > candles.close[:-24]))
    return environment(Accounts(universe_of({SYMBOL: candles}), (bought(candles, buys),)))


def environment(of=None):
    of = of or accounts()
    return PolicyEnvironment(of, states(of.universe), ROWS)
