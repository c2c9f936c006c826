"""The order book equals backtesting.py 0.6.6: every trade, every point of the equity curve, every refusal, under `==`."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from order_examples import candles_of, coarse_runs, differences, random_account, random_stream, random_terms

from fxgpt_core.backtest.engine import BacktestAccount
from fxgpt_core.backtest.instructions import Instruction, instructions
from fxgpt_core.backtest.order_account import EXIT_NAMES
from fxgpt_core.backtest.order_stream import ANY_TAG, BUY, CLOSE
from fxgpt_core.backtest.order_terms import REALISTIC, OrderTerms
from fxgpt_core.backtest.orders import play_orders
from fxgpt_core.backtest.reference_orders import reference_orders
from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.timeframes import Timeframe


@pytest.fixture(scope="module")
def eurusd():
    return candle_arrays(SampleProvider().candles("EURUSD", Timeframe.H1), Timeframe.H1)


@pytest.mark.parametrize("seed", range(20))
def test_the_order_book_equals_backtesting_py_on_eurusd_with_random_instructions(eurusd, seed):
    rng = np.random.default_rng(seed)
    start = int(rng.integers(0, 4400))
    candles = eurusd.slice(start, start + 600)
    asked = random_stream(candles, rng, int(rng.integers(20, 400)), float(rng.choice([0.0005, 0.002, 0.01])))
    terms, account = random_terms(rng), random_account(rng)
    assert differences(play_orders(candles, asked, terms, account), reference_orders(candles, asked, terms, account)) == []


def test_the_random_runs_meet_every_reason_refusals_and_the_margin(eurusd):
    candles = eurusd.slice(0, 1000)
    run = candles, random_stream(candles, np.random.default_rng(1), 600, 0.002), OrderTerms(Costs(0.00007, 0.00002))
    result = play_orders(*run, BacktestAccount(10_000.0, 30.0))
    assert differences(result, reference_orders(*run, BacktestAccount(10_000.0, 30.0))) == []
    assert {EXIT_NAMES[code] for code in result.trades.reason} == set(EXIT_NAMES[1:]) - {"stop_out"}
    assert len(result.refused) > 10
    assert result.without_margin > 5


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(coarse_runs())
def test_the_order_book_equals_backtesting_py_on_candles_with_gaps_and_equal_prices(run):
    assert differences(play_orders(*run), reference_orders(*run)) == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(coarse_runs())
def test_the_order_book_equals_backtesting_py_on_twenty_thousand_coarse_runs(run):
    assert differences(play_orders(*run), reference_orders(*run)) == []


def test_more_trades_and_orders_than_there_was_room_for_are_played_alike():
    n = 30
    asked = [Instruction(1 + k, BUY, k, size=50, stop_loss=0.5) for k in range(n)]
    asked += [Instruction(n + 1 + k, CLOSE, ANY_TAG, size=0.02) for k in range(n)]
    candles = candles_of(*[(1.0 + 0.001 * k, 1.1, 0.9, 1.0 + 0.001 * k) for k in range(2 * n + 3)])
    result = play_orders(candles, instructions(asked))
    assert len(result.trades) == n * (n + 1)
    assert differences(result, reference_orders(candles, instructions(asked))) == []


def test_the_reference_knows_no_better_rules():
    with pytest.raises(BadInputError, match="use PARITY and Costs"):
        reference_orders(candles_of((1, 1, 1, 1)), instructions([]), OrderTerms(rules=REALISTIC))
