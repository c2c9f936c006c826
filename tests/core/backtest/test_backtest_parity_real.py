"""The kernel equals backtesting.py 0.6.6 on real candles: four symbols, by the hour and by five minutes, drawn parameters."""

import dataclasses
import math

import numpy as np
import pytest

from fxgpt_core.backtest.engine import BacktestAccount, ExecutionParameters, Trades, backtest
from fxgpt_core.backtest.reference import reference_backtest
from fxgpt_core.backtest.tape import SIGNAL_EXITS
from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.candles.providers.files import checked_candle_file
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.fills import ExitPlan
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.strategy.decision import Decisions

pytestmark = pytest.mark.shared_data

SYMBOLS = ("EURUSD", "GBPUSD", "USDJPY", "AUDUSD")
FILES = {
    Timeframe.H1: "fx/oanda_h1/{}_h1.parquet",
    Timeframe.M5: "fx/mt4_m5_2019_2020/{}_m5.parquet",
}
SEEDS = range(20)
LENGTH = 3_000
EACH = [pytest.param(symbol, timeframe, id=f"{symbol}-{timeframe}") for symbol in SYMBOLS for timeframe in FILES]


@pytest.fixture(scope="module")
def real_candles(shared_data):
    kept = {}

    def read(symbol, timeframe):
        if (symbol, timeframe) not in kept:
            frame = checked_candle_file(shared_data / FILES[timeframe].format(symbol), timeframe)
            kept[symbol, timeframe] = candle_arrays(frame, timeframe)
        return kept[symbol, timeframe]

    return read


def average_range(candles, span=20):
    """float64[N]: mean high − low of the last candles, the first one's before there are as many; known at the close."""
    total = np.cumsum(np.concatenate(([0.0], candles.high - candles.low)))
    n = np.arange(1, len(candles) + 1)
    before = np.maximum(n - span, 0)
    return (total[n] - total[before]) / (n - before)


def drawn_decisions(candles, rng):
    """Entries at random candles, some of which wait for a price; stops and targets a half to four average ranges away."""
    n, ranges = len(candles), average_range(candles)
    side = np.where(rng.random(n) < rng.choice([0.02, 0.1, 0.5]), rng.choice([1, -1], n), 0).astype(np.int8)
    stop, target = (ranges * rng.uniform(0.5, 4.0, n) for _ in range(2))
    waits = rng.random() < 0.5
    offset = np.where(rng.random(n) < 0.5, rng.uniform(-1.0, 1.0, n), 0.0) * ranges if waits else np.zeros(1)
    risk = rng.choice([0.001, 0.01, 0.05]) * rng.uniform(0.3, 2.0, n)
    numbers = {"entry_offset": offset, "atr": ranges, "pattern_led": rng.choice([0.0, 1.0], n)}
    return Decisions(candles.known_at_us, side, stop, target, risk, np.zeros(n, np.int8), numbers)


def drawn_execution(candles, rng):
    """Every switch on or off by chance; levels around the usual range of a candle."""
    on, level = rng.random(3) < 0.6, float(np.median(average_range(candles) / candles.close))
    return ExecutionParameters(
        plan=drawn_plan(float(candles.close[0]), level, rng),
        max_candles=int(rng.integers(1, 80)) if on[0] else 0,
        daily_loss_limit=rng.uniform(0.002, 0.05) if on[1] else 1.0,
        max_margin_fraction=rng.choice([0.1, 0.5, 1.0]),
        signal_exit=int(rng.integers(len(SIGNAL_EXITS))),
        wait_candles=int(rng.integers(1, 6)),
        trailing_atr=rng.choice([0.0, 1.0, 2.0]),
        pattern_plan=drawn_plan(float(candles.close[0]), level, rng) if on[2] else None,
    )


def drawn_plan(price, level, rng):
    on = rng.random(2) < 0.6
    return ExitPlan(
        breakeven_trigger=level * rng.uniform(0.5, 3.0) if on[0] else math.inf,
        trailing_activation=level * rng.uniform(0.5, 3.0) if on[1] else math.inf,
        trailing_distance=level * rng.uniform(0.0, 3.0),
        trailing_step=level * rng.choice([0.0, 0.3]),
        trailing_gap=price * level * rng.choice([0.0, 0.5]),
    )


def drawn_account(rng):
    costs = Costs(spread=rng.choice([0.0, 0.00005, 0.0002]), commission=rng.choice([0.0, 0.00002]))
    return costs, BacktestAccount(cash=rng.choice([1_000_000.0, 10_000_000.0]), leverage=rng.choice([1.0, 30.0, 200.0]))


def require_equal_runs(candles, rng):
    """Plays one drawn set by both engines; the number of trades, all of them equal, and so is the equity."""
    run = candles, drawn_decisions(candles, rng), drawn_execution(candles, rng), *drawn_account(rng)
    kernel, reference = backtest(*run), reference_backtest(*run)
    for field in dataclasses.fields(Trades):
        assert np.array_equal(getattr(kernel.trades, field.name), getattr(reference.trades, field.name)), field.name
    assert np.array_equal(kernel.equity, reference.equity)
    return len(kernel.trades)


@pytest.mark.parametrize(("symbol", "timeframe"), EACH)
def test_twenty_drawn_sets_make_equal_trades_and_equity(real_candles, symbol, timeframe):
    candles = real_candles(symbol, timeframe)
    trades = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        start = int(rng.integers(len(candles) - LENGTH))
        trades.append(require_equal_runs(candles.slice(start, start + LENGTH), rng))
    assert min(trades) > 0
    assert sum(trades) > 2_000


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("symbol", "timeframe"), EACH)
def test_twenty_drawn_sets_make_equal_trades_and_equity_over_all_years(real_candles, symbol, timeframe):
    candles = real_candles(symbol, timeframe)
    assert sum(require_equal_runs(candles, np.random.default_rng(seed)) for seed in SEEDS) > 20_000
