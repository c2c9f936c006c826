"""What is refused before a run, and what the messages say."""

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from order_examples import candles_of, flat

from fxgpt_core.backtest.engine import BacktestAccount
from fxgpt_core.backtest.instructions import Instruction, instructions
from fxgpt_core.backtest.order_stream import ANY_TAG, BUY, CANCEL, CLOSE, MOVE_STOP, SELL
from fxgpt_core.backtest.order_terms import REALISTIC, OrderTerms
from fxgpt_core.backtest.orders import play_orders
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.costs import FxCosts

CANDLES = candles_of(*[flat(100)] * 5)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (Instruction(0, BUY, size=1), r"instruction 0 \(buy\) has candle 0; allowed is 1 to 4, and not less"),
        (Instruction(5, BUY, size=1), r"has candle 5; allowed is 1 to 4"),
        (Instruction(1, 7, size=1), r"instruction 0 \(unknown action\) has action 7; allowed is 1 to 6"),
        (Instruction(1, BUY, size=0), r"has size 0\.0; allowed is a fraction in \(0, 1\), or whole units up to 10{12}$"),
        (Instruction(1, SELL, size=-1), r"\(sell\) has size -1\.0"),
        (Instruction(1, BUY, size=1.5), r"has size 1\.5"),
        (Instruction(1, BUY, size=2e12), r"has size 2000000000000\.0"),
        (Instruction(1, BUY), r"has size nan"),
        (Instruction(1, BUY, size=math.inf), r"has size inf"),
        (Instruction(1, BUY, ANY_TAG, size=1), r"has tag -1; allowed is 0 or more, or -1 to close, cancel or move"),
        (Instruction(1, CLOSE, -2, size=1), r"\(close\) has tag -2"),
        (Instruction(1, CLOSE, size=0), r"\(close\) has size 0\.0; allowed is a portion in \(0, 1\]"),
        (Instruction(1, CLOSE, size=2), r"\(close\) has size 2\.0"),
        (Instruction(1, CANCEL, size=1), r"\(cancel\) has size 1\.0; allowed is none \(NaN\)"),
        (Instruction(1, BUY, size=1, limit=0), r"has limit 0\.0; allowed is a positive price the action uses, or NaN"),
        (Instruction(1, BUY, size=1, stop=-3), r"has stop -3\.0"),
        (Instruction(1, BUY, size=1, take_profit=math.inf), r"has take_profit inf"),
        (Instruction(1, MOVE_STOP, take_profit=101), r"\(move stop\) has take_profit 101\.0"),
        (Instruction(1, CLOSE, size=1, limit=101), r"\(close\) has limit 101\.0"),
    ],
)
def test_an_instruction_that_nobody_could_carry_out_is_named_with_what_is_allowed(row, message):
    with pytest.raises(BadInputError, match=message):
        play_orders(CANDLES, instructions([row]))


def test_instructions_in_the_wrong_order_are_named():
    with pytest.raises(BadInputError, match=r"instruction 1 \(buy\) has candle 2; .* not less than that of the one before"):
        play_orders(CANDLES, instructions([Instruction(3, BUY, size=1), Instruction(2, BUY, size=1)]))


def test_columns_of_different_lengths_or_kinds_are_named():
    asked = instructions([Instruction(1, BUY, size=1)])
    with pytest.raises(BadInputError, match=r"shapes \[\(1,\), \(2,\)\]"):
        play_orders(CANDLES, replace(asked, size=np.array([1.0, 2.0])))
    with pytest.raises(BadInputError, match="candle, action, tag are not integers"):
        play_orders(CANDLES, replace(asked, candle=np.array([1.0])))


def test_prices_that_are_not_positive_are_named():
    with pytest.raises(BadInputError, match=r"the low prices run from 0\.0 to 1\.0; orders need positive finite prices"):
        play_orders(candles_of((1, 1, 1, 1), (1, 1, 0, 1)), instructions([]))
    with pytest.raises(BadInputError, match="the close prices run from nan"):
        play_orders(candles_of((1, 1, 1, math.nan)), instructions([]))


def test_costs_of_another_number_of_candles_are_named():
    with pytest.raises(BadInputError, match="costs of 4 candles were given for 5"):
        play_orders(CANDLES, instructions([]), OrderTerms(FxCosts(np.zeros(4))))


@pytest.mark.parametrize("more", [{"fixed_fee": 1.0}, {"trade_on_close": True}, {"rules": REALISTIC}])
def test_what_is_of_flat_costs_only_cannot_be_added_to_fx_costs(more):
    with pytest.raises(BadInputError, match="these are of flat costs only: leave them out, or give Costs"):
        OrderTerms(FxCosts(np.zeros(1)), **more)


def test_a_negative_fee_is_refused():
    with pytest.raises(BadInputError, match=r"the fixed fee is -1\.0"):
        OrderTerms(fixed_fee=-1.0)


def test_a_fraction_of_too_large_an_account_is_refused_rather_than_rounded():
    asked = instructions([Instruction(1, BUY, size=0.5)])
    account = BacktestAccount(cash=1e15, leverage=30.0)
    with pytest.raises(BadInputError, match=r"more than 10{12} units"):
        play_orders(CANDLES, asked, None, account)


def test_the_arrays_of_the_caller_are_left_alone_and_not_held():
    asked = instructions([Instruction(1, BUY, size=1, stop_loss=90), Instruction(2, CLOSE, ANY_TAG, size=1)])
    before = {name: column.copy() for name, column in vars(asked).items()}
    counts = [sys.getrefcount(column) for column in vars(asked).values()]
    first, second = play_orders(CANDLES, asked), play_orders(CANDLES, asked)
    assert all(np.array_equal(column, before[name], equal_nan=True) for name, column in vars(asked).items())
    assert [sys.getrefcount(column) for column in vars(asked).values()] == counts
    assert sys.getrefcount(first.equity) == sys.getrefcount(second.equity) == sys.getrefcount(np.empty(1)) + 1


def test_the_order_book_loads_neither_backtesting_py_nor_pandas_nor_torch():
    code = "import sys; import fxgpt_core.backtest.orders; print(sorted({'backtesting', 'pandas', 'torch'} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"
