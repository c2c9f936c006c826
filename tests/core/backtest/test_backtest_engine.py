"""The engine by hand numbers: one small story per rule."""

import math
import subprocess
import sys

import numpy as np
import pytest

from fxgpt_core.backtest.engine import BacktestAccount, ExecutionParameters, backtest, execution_parameters
from fxgpt_core.backtest.ledger import trade_dicts, trade_frame
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.fills import REASON_NAMES, ExitPlan
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.strategy.decision import Decisions
from fxgpt_core.strategy.parameters import StrategyParameters

MONDAY_US = 1_515_369_600_000_000  # 2018-01-08 00:00 UTC
FREE = Costs(0.0, 0.0)
OFF = ExecutionParameters(ExitPlan(math.inf, math.inf, 0.01), max_candles=0, daily_loss_limit=1.0, max_margin_fraction=1.0)


def candles_of(*rows, timeframe=Timeframe.H1):
    """Candles from (open, high, low, close)."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    times = MONDAY_US + np.arange(len(table), dtype=np.int64) * timeframe.us
    return CandleArrays(times, *(np.ascontiguousarray(table[:, i]) for i in range(4)), np.ones(len(table)), timeframe)


def wish(candles, at, side, stop=5.0, target=5.0, risk=0.01):
    """Decisions with one wish, or one at each of several candles."""
    n = len(candles)
    sides = np.zeros(n, np.int8)
    sides[at] = side
    return Decisions(candles.known_at_us, sides, np.full(n, stop), np.full(n, target), np.full(n, risk), np.zeros(n, np.int8))


def flat(n):
    return [(100.0, 101.0, 99.0, 100.0)] * n


def play(rows, at=1, side=1, execution=OFF, costs=FREE, **wished):
    candles = candles_of(*rows)
    return backtest(candles, wish(candles, at, side, **wished), execution, costs)


def told(result):
    trades = result.trades
    return [
        (int(entry), int(exit_), float(price), REASON_NAMES[reason])
        for entry, exit_, price, reason in zip(
            trades.entry_index, trades.exit_index, trades.exit_price, trades.reason, strict=True
        )
    ]


def test_a_wish_enters_at_the_next_open_with_the_size_its_stop_allows():
    result = play([*flat(2), (102.0, 103.0, 101.0, 102.0), (102.0, 106.0, 101.0, 105.0), *flat(1)])
    assert told(result) == [(2, 3, 105.0, "target")]
    assert result.trades.units.tolist() == [200]  # 1 % of 100,000 over a stop of 5
    assert result.equity.tolist() == [100_000.0, 100_000.0, 100_000.0, 100_600.0, 100_600.0]


def test_a_short_gains_when_the_price_falls_and_pays_the_spread_at_entry():
    result = play([*flat(2), (100.0, 101.0, 94.0, 96.0), *flat(2)], side=-1, costs=Costs(0.01, 0.0))
    assert told(result) == [(2, 2, 95.0, "target")]
    assert result.trades.entry_price.tolist() == [99.0]
    assert result.trades.profit.tolist() == [200 * 4.0]
    assert result.trades.spread_cost.tolist() == [200 * 1.0]


def test_commission_is_paid_on_both_sides():
    result = play([*flat(2), (100.0, 106.0, 99.0, 105.0), *flat(2)], costs=Costs(0.0, 0.001))
    assert result.trades.commission.tolist() == [pytest.approx(200 * (100.0 + 105.0) * 0.001)]
    assert result.final_equity == pytest.approx(100_000 + 200 * 5.0 - 41.0)


def test_a_candle_that_touches_both_levels_stops_out_even_on_entry():
    assert told(play([*flat(2), (100.0, 106.0, 94.0, 100.0), *flat(2)])) == [(2, 2, 95.0, "stop")]


def test_a_gap_through_the_stop_fills_at_the_open():
    assert told(play([*flat(3), (90.0, 91.0, 89.0, 90.0), *flat(2)])) == [(2, 3, 90.0, "stop")]


def test_nothing_is_decided_on_the_first_and_the_last_candle():
    assert told(play(flat(5), at=0)) == []
    assert told(play(flat(5), at=4)) == []


def test_what_is_still_open_ends_at_the_open_of_the_last_candle():
    result = play([*flat(4), (101.0, 103.0, 100.0, 102.0)])
    assert told(result) == [(2, 4, 101.0, "end")]
    assert result.equity.tolist()[-1] == 100_000 + 200 * 1.0


def test_a_position_is_closed_after_the_allowed_number_of_candles():
    execution = ExecutionParameters(OFF.plan, max_candles=3, daily_loss_limit=1.0, max_margin_fraction=1.0)
    assert told(play(flat(9), execution=execution)) == [(2, 5, 100.0, "time")]


def test_breakeven_moves_the_stop_to_the_entry_from_the_next_candle_on():
    execution = ExecutionParameters(ExitPlan(0.02, math.inf, 0.01), 0, 1.0, 1.0)
    rows = [*flat(2), (100.0, 103.0, 99.0, 102.0), (102.0, 103.0, 99.5, 101.0), *flat(2)]
    assert told(play(rows, execution=execution)) == [(2, 3, 100.0, "breakeven")]


def test_trailing_follows_the_close_and_never_loosens():
    execution = ExecutionParameters(ExitPlan(math.inf, 0.02, 0.01), 0, 1.0, 1.0)
    rows = [*flat(2), (100.0, 104.0, 99.5, 104.0), (104.0, 104.5, 103.0, 103.2), (103.0, 103.5, 102.0, 103.0), *flat(2)]
    assert told(play(rows, execution=execution)) == [(2, 4, 104.0 * 0.99, "trailing")]


def test_one_position_at_a_time_and_the_next_only_when_flat():
    candles = candles_of(*flat(3), (100.0, 106.0, 99.0, 100.0), *flat(4))
    result = backtest(candles, wish(candles, [1, 2, 3, 4], [1, -1, -1, 1]), OFF, FREE)
    assert [(entry, reason) for entry, _, _, reason in told(result)] == [(2, "target"), (4, "end")]
    assert result.trades.side.tolist() == [1, -1]


def test_after_the_daily_loss_nothing_is_entered_until_seventeen_new_york():
    rows = [*flat(2), (100.0, 101.0, 94.0, 95.0), *flat(25)]
    execution = ExecutionParameters(OFF.plan, 0, daily_loss_limit=0.01, max_margin_fraction=1.0)
    result = play(rows, at=slice(1, None), execution=execution, stop=5.0)
    # The FX day ends at 22:00 UTC in winter; the decision of the candle that opens then enters at 23:00.
    assert [entry for entry, *_ in told(result)] == [2, 23]


def test_a_wish_whose_bracket_the_spread_has_eaten_is_not_ordered():
    assert told(play(flat(5), target=0.5, costs=Costs(0.006, 0.0))) == []
    assert told(play(flat(5), stop=120.0)) == []
    assert told(play(flat(5), stop=math.nan)) == []
    assert told(play(flat(5), target=math.inf)) == []


def test_an_order_beyond_the_margin_is_dropped():
    candles = candles_of(*flat(2), (150.0, 151.0, 149.0, 150.0), *flat(2))
    result = backtest(
        candles, wish(candles, 1, 1, target=60.0, risk=1.0), OFF, FREE, BacktestAccount(cash=10_000.0, leverage=1.0)
    )
    assert told(result) == []


def test_a_bust_account_ends_the_run_at_nothing():
    result = play([*flat(3), (50.0, 51.0, 49.0, 50.0), *flat(2)], risk=1.0)
    assert told(result) == [(2, 3, 50.0, "stop")]
    assert result.equity.tolist() == [100_000.0] * 3 + [0.0] * 3


@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_series_too_short_to_trade_keeps_its_cash(n):
    result = play(flat(n), at=slice(None))
    assert len(result.trades) == 0
    assert result.equity.tolist() == [100_000.0] * n
    assert result.final_equity == 100_000.0


def test_decisions_of_other_candles_are_refused():
    candles = candles_of(*flat(5))
    with pytest.raises(BadInputError, match="4 decisions do not match 5 candles"):
        backtest(candles, wish(candles.slice(0, 4), 1, 1), OFF, FREE)


@pytest.mark.parametrize("account", [(0.0, 30.0), (math.nan, 30.0), (1000.0, 0.5)])
def test_an_account_that_cannot_trade_is_refused(account):
    with pytest.raises(BadInputError, match="cash must be positive and leverage at least 1"):
        BacktestAccount(*account)


@pytest.mark.parametrize(("timeframe", "candles"), [("5m", 288), ("1h", 24), ("4h", 6), ("1d", 1)])
def test_holding_hours_become_candles_of_the_timeframe(timeframe, candles):
    assert execution_parameters(StrategyParameters(), Timeframe(timeframe)).max_candles == candles


def test_execution_parameters_are_fractions_and_switches_off_are_infinite():
    found = execution_parameters(StrategyParameters(), Timeframe.H1)
    pattern_plan = ExitPlan(0.01, 0.01, 0.01 / 1.01, trailing_step=0.002)
    assert found == ExecutionParameters(ExitPlan(0.01, 0.01, 0.01), 24, 0.03, 0.2, pattern_plan=pattern_plan)
    off = StrategyParameters().replace(
        risk_use_time_based_exit=False, risk_use_trailing_stop=False, risk_use_breakeven_stop=False
    )
    never = ExitPlan(math.inf, math.inf, 0.01)
    assert execution_parameters(off, Timeframe.H1) == ExecutionParameters(
        never, 0, 0.03, 0.2, pattern_plan=never._replace(trailing_distance=0.01 / 1.01, trailing_step=0.002)
    )
    assert execution_parameters(StrategyParameters().replace(risk_max_holding_hours=7), Timeframe.H4).max_candles == 2


def test_later_candles_do_not_change_earlier_trades():
    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, 300)))
    open_ = np.concatenate([[100.0], close[:-1]])
    candles = candles_of(*zip(open_, np.maximum(open_, close) + 0.3, np.minimum(open_, close) - 0.3, close, strict=True))
    decisions = wish(candles, slice(None), 1, stop=2.0, target=3.0)
    whole = backtest(candles, decisions, OFF, FREE)
    cut = backtest(candles.slice(0, 200), decisions.slice(0, 200), OFF, FREE)
    before = whole.trades.exit_index < 199
    assert cut.trades.profit[: before.sum()].tolist() == whole.trades.profit[before].tolist()
    assert cut.equity[:199].tolist() == whole.equity[:199].tolist()


def test_the_ledger_tells_each_trade_in_words():
    result = play([*flat(2), (100.0, 106.0, 99.0, 105.0), *flat(2)])
    (row,) = trade_dicts(result.trades)
    assert row["entry_time"] == row["exit_time"] == "2018-01-08T02:00:00+00:00"
    assert (row["side"], row["size"], row["reason"]) == ("long", 200, "target")
    assert (row["entry_price"], row["exit_price"], row["profit"]) == (100.0, 105.0, 1000.0)
    assert set(row) >= {"commission", "spread_cost"}


def test_the_ledger_of_no_trades_keeps_its_columns():
    frame = trade_frame(play(flat(4), at=0).trades)
    assert frame.height == 0
    assert frame.columns == trade_frame(play(flat(4)).trades).columns
    assert trade_dicts(play(flat(4), at=0).trades) == []


def test_the_engine_loads_neither_backtesting_py_nor_pandas_nor_torch():
    program = (
        "import sys, fxgpt_core.backtest.engine, fxgpt_core.backtest.ledger, fxgpt_core.performance.measures; "
        "print(sorted({'backtesting', 'pandas', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
