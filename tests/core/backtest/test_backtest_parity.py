"""The kernel equals backtesting.py 0.6.6: every trade and every point of the equity curve, under `==`."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from fxgpt_core.backtest.engine import BacktestAccount, ExecutionParameters, Trades, backtest
from fxgpt_core.backtest.reference import reference_backtest
from fxgpt_core.backtest.tape import REVERSE, SIGNAL_EXITS
from fxgpt_core.candles.arrays import CandleArrays, candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.fills import REASON_NAMES, ExitPlan
from fxgpt_core.market.timeframes import HOUR_US, Timeframe
from fxgpt_core.strategy.decision import Decisions

START_US = 1_500_000_000_000_000 // HOUR_US * HOUR_US


@pytest.fixture(scope="module")
def eurusd():
    return candle_arrays(SampleProvider().candles("EURUSD", Timeframe.H1), Timeframe.H1)


def random_decisions(candles, rng, density, distance, risk):
    """Sides and distances drawn from a seed; distances are multiples of `distance` × the close, and some entries wait for a
    price.
    """
    n = len(candles)
    side = np.where(rng.random(n) < density, rng.choice([1, -1], n), 0).astype(np.int8)
    stop, target = (distance * candles.close * rng.uniform(0.3, 2.0, n) for _ in range(2))
    risk_fraction = risk * rng.uniform(0.3, 2.0, n)
    waits = rng.random() < 0.5
    offset = np.where(rng.random(n) < 0.7, rng.uniform(-0.5, 0.5, n), 0.0) * distance * candles.close if waits else np.zeros(1)
    led = rng.choice([0.0, 1.0], n)
    numbers = {"entry_offset": offset, "atr": 0.5 * distance * candles.close, "pattern_led": led}
    return Decisions(candles.known_at_us, side, stop, target, risk_fraction, np.zeros(n, np.int8), numbers)


def random_execution(rng, scale):
    """Every switch on or off by chance; `scale` is the size of the levels as a fraction of the price."""
    on = rng.random(3) < 0.6
    return ExecutionParameters(
        plan=random_plan(rng, scale),
        max_candles=int(rng.integers(1, 40)) if on[0] else 0,
        daily_loss_limit=rng.uniform(0.002, 0.05) if on[1] else 1.0,
        max_margin_fraction=rng.choice([0.1, 0.5, 1.0]),
        signal_exit=int(rng.integers(0, len(SIGNAL_EXITS))),
        wait_candles=int(rng.integers(1, 5)),
        trailing_atr=rng.choice([0.0, 1.0]),
        pattern_plan=random_plan(rng, scale) if on[2] else None,
    )


def random_plan(rng, scale):
    on = rng.random(2) < 0.6
    return ExitPlan(
        breakeven_trigger=scale * rng.uniform(0.2, 1.5) if on[0] else math.inf,
        trailing_activation=scale * rng.uniform(0.2, 1.5) if on[1] else math.inf,
        trailing_distance=scale * rng.uniform(0.0, 1.5),
        trailing_step=scale * rng.choice([0.0, 0.3]),
    )


def assert_equal(kernel, reference):
    for field in dataclasses.fields(Trades):
        mine, theirs = getattr(kernel.trades, field.name), getattr(reference.trades, field.name)
        assert np.array_equal(mine, theirs), (field.name, mine, theirs)
    assert np.array_equal(kernel.equity, reference.equity)
    assert kernel.final_equity == reference.final_equity


@pytest.mark.parametrize("seed", range(40))
def test_the_kernel_equals_backtesting_py_on_eurusd_with_random_decisions(eurusd, seed):
    rng = np.random.default_rng(seed)
    start = int(rng.integers(0, 4000))
    candles = eurusd.slice(start, start + 1000)
    distance = rng.choice([0.0008, 0.002, 0.006])
    decisions = random_decisions(candles, rng, density=rng.choice([0.02, 0.3, 1.0]), distance=distance, risk=0.01)
    execution = random_execution(rng, distance)
    costs = Costs(spread=rng.choice([0.0, 0.00007, 0.0005]), commission=rng.choice([0.0, 0.00002]))
    account = BacktestAccount(cash=rng.choice([1_000.0, 100_000.0]), leverage=rng.choice([1.0, 30.0, 50.0]))
    kernel = backtest(candles, decisions, execution, costs, account)
    assert_equal(kernel, reference_backtest(candles, decisions, execution, costs, account))
    assert len(kernel.trades) > 0


def test_the_random_runs_meet_every_reason(eurusd):
    rng = np.random.default_rng(7)
    decisions = random_decisions(eurusd, rng, density=0.2, distance=0.004, risk=0.01)
    execution = ExecutionParameters(ExitPlan(0.001, 0.002, 0.002), 20, 0.03, max_margin_fraction=0.5, signal_exit=REVERSE)
    kernel = backtest(eurusd, decisions, execution, Costs(0.00007, 0.00002))
    assert_equal(kernel, reference_backtest(eurusd, decisions, execution, Costs(0.00007, 0.00002)))
    assert {REASON_NAMES[code] for code in kernel.trades.reason} >= set(REASON_NAMES[1:]) - {"end", "stop_out"}
    assert kernel.trades.ambiguous.any()


@st.composite
def coarse_candles(draw):
    """Few candles on a coarse price grid: gaps, equal prices, zero ranges and touches happen all the time."""
    n = draw(st.integers(1, 14))
    prices = draw(st.lists(st.tuples(*[st.integers(1, 12)] * 4), min_size=n, max_size=n))
    ohlc = np.array([(row[0], max(row), min(row), row[3]) for row in prices], dtype=np.float64) / 8.0
    times = START_US + np.arange(n, dtype=np.int64) * HOUR_US * draw(st.sampled_from([1, 9]))
    columns = (np.ascontiguousarray(ohlc[:, column]) for column in range(4))
    return CandleArrays(times, *columns, np.ones(n), Timeframe.H1)


@st.composite
def coarse_runs(draw):
    """Candles with decisions, switches and costs on the same coarse grid, so that prices meet levels exactly."""
    candles = draw(coarse_candles())
    n = len(candles)
    eighths = st.lists(st.integers(0, 8), min_size=n, max_size=n)
    side = np.array(draw(st.lists(st.sampled_from([1, 1, -1, 0]), min_size=n, max_size=n)), dtype=np.int8)
    stop, target = (np.array(draw(eighths), dtype=np.float64) / 8.0 for _ in range(2))
    risk = np.full(n, draw(st.sampled_from([0.01, 0.3, 3.0])))
    offset = np.array(draw(st.lists(st.sampled_from([-2, -1, 0, 0, 1, 2]), min_size=n, max_size=n)), dtype=np.float64) / 8.0
    numbers = {"entry_offset": offset, "atr": np.full(n, 0.125)} if draw(st.booleans()) else {}
    if draw(st.booleans()):
        numbers["pattern_led"] = np.array(draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=n, max_size=n)))
    level = st.sampled_from([0.0, 0.125, 0.25, math.inf])
    distances = st.sampled_from([0.0, 0.125, 0.5]), st.sampled_from([0.0, 0.125])
    plans = st.tuples(level, level, *distances).map(lambda numbers: ExitPlan(*numbers))
    execution = ExecutionParameters(
        plan=draw(plans),
        max_candles=draw(st.integers(0, 4)),
        daily_loss_limit=draw(st.sampled_from([0.02, 0.3, 1.0])),
        max_margin_fraction=draw(st.sampled_from([0.1, 1.0])),
        signal_exit=draw(st.integers(0, len(SIGNAL_EXITS) - 1)),
        wait_candles=draw(st.integers(1, 3)),
        trailing_atr=draw(st.sampled_from([0.0, 1.0])) if "atr" in numbers else 0.0,
        pattern_plan=draw(st.none() | plans),
    )
    costs = Costs(draw(st.sampled_from([0.0, 0.01])), draw(st.sampled_from([0.0, 0.02])))
    account = BacktestAccount(cash=draw(st.sampled_from([100.0, 10_000.0])), leverage=draw(st.sampled_from([1.0, 30.0])))
    decisions = Decisions(candles.known_at_us, side, stop, target, risk, np.zeros(n, np.int8), numbers)
    return candles, decisions, execution, costs, account


def equal_by_both(run):
    try:
        reference = reference_backtest(*run)
    except OverflowError:  # in its own annual volatility, of an account that grew beyond all bounds
        assume(False)
    assert_equal(backtest(*run), reference)


@settings(max_examples=400, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(coarse_runs())
def test_the_kernel_equals_backtesting_py_on_candles_with_gaps_and_equal_prices(run):
    equal_by_both(run)


@pytest.mark.slow
@settings(max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(coarse_runs())
def test_the_kernel_equals_backtesting_py_on_twenty_thousand_coarse_runs(run):
    equal_by_both(run)


def test_prices_above_the_cash_are_played_alike_and_without_a_warning(eurusd):
    scaled = CandleArrays(
        eurusd.open_time_us,
        *(getattr(eurusd, name) * 2000 for name in ("open", "high", "low", "close")),
        eurusd.volume,
        eurusd.timeframe,
    ).slice(0, 500)
    rng = np.random.default_rng(1)
    decisions = random_decisions(scaled, rng, density=0.3, distance=0.002, risk=0.2)
    execution = ExecutionParameters(ExitPlan(0.001, 0.002, 0.002), max_candles=20, daily_loss_limit=1.0, max_margin_fraction=1.0)
    account = BacktestAccount(cash=1_000.0, leverage=50.0)
    kernel = backtest(scaled, decisions, execution, Costs(0.00007, 0.00002), account)
    assert_equal(kernel, reference_backtest(scaled, decisions, execution, Costs(0.00007, 0.00002), account))
    assert len(kernel.trades) > 10
