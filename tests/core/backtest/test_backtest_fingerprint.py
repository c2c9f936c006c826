"""Ten backtests of the sample candles, known by the hash of every byte they answer: nothing changes them unnoticed.

The hashes are those of IEEE doubles in little-endian order. The kernel is compiled without fastmath, which keeps the order of
operations and fuses none, and what is played here is made by +, −, ×, ÷ and roots only: no feature of a processor matters.
"""

import hashlib
import math
from dataclasses import fields

import numpy as np
import pytest
from backtest_examples import Played
from slow_backtest import assert_slow_backtest_answers

from fxgpt_core.backtest.engine import BacktestAccount, ExecutionParameters
from fxgpt_core.candles.arrays import candle_arrays
from fxgpt_core.candles.providers.sample import SYMBOL, TIMEFRAME, SampleProvider
from fxgpt_core.candles.resample import resample
from fxgpt_core.market.costs import Costs, FxCosts
from fxgpt_core.market.fills import ExitPlan
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.strategy.decision import Decisions

PIP = 0.0001
PLAIN = ExitPlan(math.inf, math.inf, 0.0)
TIGHTENED = ExitPlan(0.002, 0.003, 0.002, trailing_step=0.0002, trailing_gap=PIP)
FLAT = Costs(0.0001, 0.00002)
NEVER, OPPOSITE, REVERSE, GONE = range(4)


@pytest.fixture(scope="module")
def sample():
    """The sample by hours and by four hours."""
    hours = SampleProvider().candles(SYMBOL, TIMEFRAME)
    return {
        "1h": candle_arrays(hours, Timeframe.H1),
        "4h": candle_arrays(resample(hours, Timeframe.H1, Timeframe.H4), Timeframe.H4),
    }


def wishes(candles, offset_pips=(0,)):
    """Wishes by the number of the candle: either side or none, distances of 8 to 60 pips, entries `offset_pips` away in turn."""
    i = np.arange(len(candles), dtype=np.int64)
    mixed = (i * i * 31 + i * 17) % 101
    return Decisions(
        candles.known_at_us,
        np.where(mixed < 20, 1, np.where(mixed < 40, -1, 0)).astype(np.int8),
        PIP * (8 + mixed % 23),
        PIP * (10 + mixed % 51),
        np.full(len(candles), 0.01),
        np.zeros(len(candles), np.int8),
        {"entry_offset": PIP * np.array(offset_pips, dtype=np.float64)[i % len(offset_pips)], "atr": candles.high - candles.low},
    )


def quotes(candles, **more):
    """A spread of 0.5 to 2 pips, swaps that differ by side and night, and an account in pounds at a rate that moves."""
    i = np.arange(len(candles))
    return FxCosts(
        spread=PIP * (0.5 + 0.25 * (i % 7)),
        swap_long=PIP * (0.6 + 0.1 * (i % 3)),
        swap_short=-PIP * 0.2 * (i % 4),
        conversion=0.8 + 0.01 * (i % 5),
        **({"unit_commission": 0.00003, "slippage": 0.3, "impact": 0.1} | more),
    )


def rules(plan=PLAIN, **more):
    usual = {"max_candles": 0, "daily_loss_limit": 1.0, "max_margin_fraction": 0.5}
    return ExecutionParameters(plan, **(usual | more))


BOTH_WAYS = (0, 4, -3)
BACKTESTS = {
    "1h parity, plain": ("1h", (0,), FLAT, rules(), False),
    "1h parity, tightened stops, time exit, daily loss": (
        "1h", (0,), FLAT, rules(TIGHTENED, max_candles=12, daily_loss_limit=0.02), False,
    ),
    "1h parity, waiting orders, turned by signals": (
        "1h", BOTH_WAYS, FLAT, rules(wait_candles=3, signal_exit=REVERSE), False,
    ),
    "4h parity, trailing by range, closed by signals": (
        "4h", BOTH_WAYS, FLAT, rules(TIGHTENED, trailing_atr=0.5, signal_exit=OPPOSITE), False,
    ),
    "4h parity, finer candles": ("4h", BOTH_WAYS, FLAT, rules(TIGHTENED, wait_candles=2), True),
    "1h fx, plain": ("1h", (0,), {}, rules(), False),
    "1h fx, tightened stops, time exit, daily loss": (
        "1h", (0,), {"commission": 0.00002}, rules(TIGHTENED, max_candles=12, daily_loss_limit=0.02), False,
    ),
    "1h fx, waiting orders, turned by signals": ("1h", BOTH_WAYS, {}, rules(wait_candles=3, signal_exit=REVERSE), False),
    "4h fx, trailing by range, only while wished": (
        "4h", BOTH_WAYS, {"stop_out": 1.0}, rules(TIGHTENED, trailing_atr=0.5, signal_exit=GONE), False,
    ),
    "4h fx, finer candles": ("4h", BOTH_WAYS, {"impact": 0.5}, rules(TIGHTENED, wait_candles=2, max_candles=30), True),
}  # fmt: skip

FINGERPRINTS = {
    "1h parity, plain": "082c33c4da15cfc0ab7189e74aa1636aacd7fcfef6cec110699d3b6c3543e1a4",
    "1h parity, tightened stops, time exit, daily loss": "8d5c5b1478f2efa2b94e20a86ebc248ee7c43bd51e29a2f5f575e68644ed9bb5",
    "1h parity, waiting orders, turned by signals": "2c6b529ee3e2de8a3ca8c63910367ee4dd361e3e3dfc7c4742c1ab93b6551bb8",
    "4h parity, trailing by range, closed by signals": "0d66ccbd95b7cb27939786b5230963fd61fa7aa06ad4b31582f06b6fb79c9f6d",
    "4h parity, finer candles": "84f2889cbd68e65492c12322f781b6d19c2773d13d60088f8c2b91719ffe58f5",
    "1h fx, plain": "924e9d05d6b347ac6121703b77800874b0d058c7613ec11ede4c408ed3ab89bd",
    "1h fx, tightened stops, time exit, daily loss": "1f064f89d5e2cba93ee5a7312250bc7c5b49263ea21c16e73269cde2ebfc59f8",
    "1h fx, waiting orders, turned by signals": "d1b6bb2300d9a1ec8abb06f03b9ecf207d2aef6f9f7f44b904389d529e8d14f5",
    "4h fx, trailing by range, only while wished": "cd583195b5aaeef1e9a44dc3d16c0b677934d647811abd48dc2e5530b0d88dc1",
    "4h fx, finer candles": "7b93d723632f6ba6ac9dfc78b375c73ca27874a80fb8b834022ab870b761311f",
}


def known(sample, name):
    timeframe, offsets, costs, execution, has_finer = BACKTESTS[name]
    candles = sample[timeframe]
    costs = quotes(candles, **costs) if isinstance(costs, dict) else costs
    finer = sample["1h"] if has_finer else None
    return Played(candles, wishes(candles, offsets), execution, costs, BacktestAccount(10_000.0, 30.0), finer)


def fingerprint(result):
    """sha256 of the equity and of every column of the trades, by name, each value in little-endian bytes."""
    columns = {field.name: getattr(result.trades, field.name) for field in fields(result.trades)} | {"equity": result.equity}
    digest = hashlib.sha256()
    for name in sorted(columns):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(columns[name]).astype(columns[name].dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize("name", BACKTESTS)
def test_a_known_backtest_still_answers_the_same_bytes(sample, name):
    result = known(sample, name).result()
    assert len(result.trades) > 100
    found = fingerprint(result)
    assert found == FINGERPRINTS[name], (
        f"the backtest {name!r} has changed: {len(result.trades)} trades end with {result.final_equity!r} and the hash {found}. "
        "If that is wanted, say in CHANGELOG.md what has become different, and write the new hash into FINGERPRINTS"
    )


@pytest.mark.parametrize("name", BACKTESTS)
def test_a_known_backtest_is_what_the_slow_one_answers(sample, name):
    assert_slow_backtest_answers(known(sample, name))


def test_the_last_bit_of_one_number_changes_the_hash(sample):
    result = known(sample, "1h fx, plain").result()
    before = fingerprint(result)
    result.trades.swap[-1] = math.nextafter(result.trades.swap[-1], math.inf)
    assert fingerprint(result) != before
