"""The same backtest through backtesting.py 0.6.6: the independent reference that the kernel must equal to the last bit.

Fills, costs, margin and equity are the library's own. Shared with the kernel are only the rules that are not fills of a
broker: bracket prices, position size, tightening of a stop, the daily-loss limit. This is the one file that imports the
library (AGPL-3.0); import this module only where it is used.
"""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy, backtesting

from fxgpt_core.backtest.engine import BacktestAccount, BacktestResult, ExecutionParameters, Trades, check_same_times, rules_of
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.market import fills
from fxgpt_core.market.costs import Costs
from fxgpt_core.portfolio.sizing import daily_loss_reached, position_units
from fxgpt_core.strategy.decision import Decisions

# A progress bar has no place in a library call; this is what the package itself does when tqdm is not installed.
backtesting._tqdm = lambda candles, **_: candles


def reference_backtest(
    candles: CandleArrays,
    decisions: Decisions,
    execution: ExecutionParameters,
    costs: Costs,
    account: BacktestAccount | None = None,
) -> BacktestResult:
    """What `engine.backtest` returns, computed by backtesting.py. Raises `BadInputError` as that does."""
    account = account or BacktestAccount()
    check_same_times(candles, decisions)
    with warnings.catch_warnings():
        # Meant for whole bitcoins: here one unit is one unit of the base currency, and sizes of 0 are not ordered.
        warnings.filterwarnings("ignore", message="Some prices are larger than initial cash value", category=UserWarning)
        # An order beyond the margin is dropped, which is the rule; the library also warns of it.
        warnings.filterwarnings("ignore", message=".*Broker canceled the order due to insufficient margin", category=UserWarning)
        # Its statistics use a name that pandas renamed.
        warnings.filterwarnings("ignore", message="DatetimeIndex.dayofweek is deprecated", category=DeprecationWarning)
        # Statistics of an account that lost everything, or of one candle, overflow or divide by zero; they are not read here.
        warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"backtesting\._stats")
        run = Backtest(
            _frame(candles),
            _DecisionStrategy,
            cash=account.cash,
            spread=costs.spread,
            commission=costs.commission,
            margin=1.0 / account.leverage,
            finalize_trades=True,
        )
        statistics = run.run(
            decisions=decisions,
            execution=execution,
            rules=rules_of(execution, costs, account),
            fx_days=candles.fx_day,
        )
    return _result(statistics, candles, account)


class _DecisionStrategy(Strategy):  # type: ignore[misc]
    """Plays given decisions, one position at a time; keeps the reason of each stop and of each close by the trade's tag."""

    # The library takes a run's arguments as class attributes that must exist beforehand.
    decisions: Any = None
    execution: Any = None
    rules: Any = None
    fx_days: Any = None

    def init(self) -> None:
        self.notes: dict[int, dict[str, Any]] = {}
        self.day_start = self.previous_equity = self.rules.cash

    def next(self) -> None:
        i = len(self.data) - 1
        equity = self.equity
        if self.fx_days[i] != self.fx_days[i - 1]:
            self.day_start = self.previous_equity
        self.previous_equity = equity
        if i == len(self.fx_days) - 1:
            return
        if self.trades:
            self._manage(i, self.trades[0])
        elif not daily_loss_reached(equity, self.day_start, self.rules.daily_loss_limit):
            self._order(i, equity)

    def _manage(self, i: int, trade: Any) -> None:
        note = self.notes[trade.tag]
        if fills.time_is_up(i - trade.entry_bar + 1, self.rules.max_candles):
            note["time"] = True
            trade.close()
            return
        side = 1 if trade.is_long else -1
        stop, reason = fills.tightened_stop(
            side, trade.entry_price, self.data.Close[-1], trade.sl, note["stop_reason"], self.execution.plan
        )
        if reason != note["stop_reason"] or stop != trade.sl:
            trade.sl = stop
            note["stop_reason"] = reason

    def _order(self, i: int, equity: float) -> None:
        wish, rules = self.decisions, self.rules
        side, close, distance = int(wish.side[i]), self.data.Close[-1], wish.stop_distance[i]
        if side == 0:
            return
        stop, target = fills.bracket(side, close, distance, wish.target_distance[i])
        # The library would raise for such a bracket and end the run.
        if not fills.bracket_holds(side, close, rules.spread, stop, target):
            return
        units = position_units(equity, close, distance, wish.risk_fraction[i], rules.max_margin_fraction, rules.leverage)
        if units > 0:
            self.notes[i] = {"time": False, "stop_reason": fills.REASON_STOP, "target": target}
            place = self.buy if side > 0 else self.sell
            place(size=units, sl=stop, tp=target, tag=i)


def _frame(candles: CandleArrays) -> pd.DataFrame:
    return pd.DataFrame(
        {"Open": candles.open, "High": candles.high, "Low": candles.low, "Close": candles.close, "Volume": candles.volume},
        index=pd.DatetimeIndex(candles.open_time_us.astype("datetime64[us]")),
    )


def _result(statistics: Any, candles: CandleArrays, account: BacktestAccount) -> BacktestResult:
    table, strategy = statistics["_trades"], statistics["_strategy"]
    entry_index, exit_index = table["EntryBar"].to_numpy(np.int64), table["ExitBar"].to_numpy(np.int64)
    size, entry = table["Size"].to_numpy(np.int64), table["EntryPrice"].to_numpy(np.float64)
    reasons = [_reason(row, strategy.notes[row.Tag]) for row in table.itertuples()]
    trades = Trades(
        entry_index=entry_index,
        exit_index=exit_index,
        entry_time_us=candles.open_time_us[entry_index],
        exit_time_us=candles.open_time_us[exit_index],
        side=np.sign(size).astype(np.int8),
        units=np.abs(size),
        entry_price=entry,
        exit_price=table["ExitPrice"].to_numpy(np.float64),
        reason=np.array(reasons, dtype=np.int8),
        profit=table["PnL"].to_numpy(np.float64),
        commission=table["Commission"].to_numpy(np.float64),
        spread_cost=np.abs(entry - candles.open[entry_index]) * np.abs(size),
    )
    return BacktestResult(trades, statistics["_equity_curve"]["Equity"].to_numpy(np.float64), account.cash)


def _reason(trade: Any, note: dict[str, Any]) -> int:
    """Why a trade ended, told from its exit price: the library does not say which of its orders closed it."""
    if note["time"]:
        return fills.REASON_TIME
    side = 1 if trade.Size > 0 else -1
    if side * (trade.ExitPrice - note["target"]) >= 0.0:
        return fills.REASON_TARGET
    if side * (trade.SL - trade.ExitPrice) >= 0.0:
        return int(note["stop_reason"])
    return fills.REASON_END
