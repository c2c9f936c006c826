"""The same backtest through backtesting.py 0.6.6: the independent reference that the kernel must equal to the last bit.

Fills, costs, margin and equity are the library's own. Shared with the kernel are only the rules that are not fills of a
broker: bracket prices, position size, tightening of a stop, the daily-loss limit. Only this file and `reference_orders.py`
import the library (AGPL-3.0); import this module only where it is used.
"""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy, backtesting

from fxgpt_core.backtest.checks import check_same_times
from fxgpt_core.backtest.engine import (
    BacktestAccount,
    BacktestResult,
    Execution,
    Trades,
    check_executions,
    executions,
    rules_of,
    terms_of,
    wishes_of,
)
from fxgpt_core.backtest.tape import (
    ENTRY_OFFSET,
    GONE,
    NEVER,
    PARAMETER_SET,
    PATTERN_LED,
    RANGE,
    REVERSE,
    RISK_FRACTION,
    STOP_DISTANCE,
    TARGET_DISTANCE,
)
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
    execution: Execution,
    costs: Costs,
    account: BacktestAccount | None = None,
) -> BacktestResult:
    """What `engine.backtest` returns, computed by backtesting.py. Raises `BadInputError` as that does."""
    account = account or BacktestAccount()
    return _result(reference_run(candles, decisions, execution, costs, account)(), candles, account)


def reference_run(
    candles: CandleArrays, decisions: Decisions, execution: Execution, costs: Costs, account: BacktestAccount
) -> Callable[[], Any]:
    """The library's own run, prepared: what it costs is measured by calling it. Raises `BadInputError` as `backtest` does."""
    check_same_times(candles, decisions)
    check_executions(decisions, execution)
    given = {
        "wishes": wishes_of(decisions),
        "sets": tuple(map(rules_of, executions(execution))),
        "terms": terms_of(costs, account),
        "fx_days": candles.fx_day,
    }
    with warnings.catch_warnings():
        # Meant for whole bitcoins: here one unit is one unit of the base currency, and sizes of 0 are not ordered.
        warnings.filterwarnings("ignore", message="Some prices are larger than initial cash value", category=UserWarning)
        prepared = Backtest(
            _frame(candles),
            _DecisionStrategy,
            cash=account.cash,
            spread=costs.spread,
            commission=costs.commission,
            margin=1.0 / account.leverage,
            finalize_trades=True,
        )
    return lambda: _statistics(prepared, given)


def _statistics(prepared: Backtest, given: dict[str, Any]) -> Any:
    """What a run leaves, without the warnings of what is meant here."""
    with warnings.catch_warnings():
        # An order beyond the margin is dropped, which is the rule; the library also warns of it.
        warnings.filterwarnings("ignore", message=".*Broker canceled the order due to insufficient margin", category=UserWarning)
        # Stop and target of an entry that waited for its price act from the next candle on; that is its rule, and the kernel's.
        warnings.filterwarnings(
            "ignore", message=".*A contingent SL/TP order would execute in the same bar", category=UserWarning
        )
        # Its statistics use a name that pandas renamed.
        warnings.filterwarnings("ignore", message="DatetimeIndex.dayofweek is deprecated", category=DeprecationWarning)
        # Statistics of an account that lost everything, or of one candle, overflow or divide by zero; they are not read here.
        warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"backtesting\._stats")
        return prepared.run(**given)


class _Note(NamedTuple):
    """What is known of an order beyond the library: where it was to be entered, by what plan, and how its stop came to be."""

    level: float
    offset: float
    target: float
    plan: fills.ExitPlan
    stop_reason: int
    closing: int


class _DecisionStrategy(Strategy):  # type: ignore[misc]
    """Plays given wishes, one position at a time; keeps the reason of each stop and of each close by the trade's tag."""

    # The library takes a run's arguments as class attributes that must exist beforehand.
    wishes: Any = None
    sets: Any = None
    terms: Any = None
    fx_days: Any = None

    def init(self) -> None:
        self.notes: dict[int, _Note] = {}
        self.day_start = self.previous_equity = self.terms.cash
        self.rules = self.sets[0]  # of the order or position there is; of neither they say nothing

    def next(self) -> None:
        i = len(self.data) - 1
        equity = self.equity
        if self.fx_days[i] != self.fx_days[i - 1]:
            self.day_start = self.previous_equity
        self.previous_equity = equity
        if i == len(self.fx_days) - 1:
            return
        if self.trades:
            self._manage(i, self.trades[0], equity)
        elif self.orders:
            if i - self.orders[0].tag >= self.rules.wait_candles:
                self.orders[0].cancel()
        else:
            self._order(i, equity)

    def _manage(self, i: int, trade: Any, equity: float) -> None:
        note, side = self.notes[trade.tag], 1 if trade.is_long else -1
        closing = self._closing(i, trade, side)
        if closing:
            self.notes[trade.tag] = note._replace(closing=closing)
            trade.close()
            if closing == fills.REASON_SIGNAL and self.rules.signal_exit == REVERSE:
                self._order(i, equity)
            return
        stop, reason = fills.tightened_stop(side, trade.entry_price, self.data.Close[-1], trade.sl, note.stop_reason, note.plan)
        if reason != note.stop_reason or stop != trade.sl:
            trade.sl = stop
            self.notes[trade.tag] = note._replace(stop_reason=reason)

    def _closing(self, i: int, trade: Any, side: int) -> int:
        if fills.time_is_up(i - trade.entry_bar + 1, self.rules.max_candles):
            return fills.REASON_TIME
        wished, rule = int(self.wishes.side[i]), self.rules.signal_exit
        if rule != NEVER and (wished == -side or (rule == GONE and wished != side)):
            return fills.REASON_SIGNAL
        return fills.REASON_NONE

    def _order(self, i: int, equity: float) -> None:
        side = int(self.wishes.side[i])
        if side == 0:
            return
        wish = self.wishes.rows[np.searchsorted(self.wishes.at, i)].tolist()
        self.rules = rules = self.sets[int(wish[PARAMETER_SET])]
        if daily_loss_reached(equity, self.day_start, rules.daily_loss_limit):
            return
        distance, offset = wish[STOP_DISTANCE], wish[ENTRY_OFFSET]
        level = self.data.Close[-1] + side * offset
        stop, target = fills.bracket(side, level, distance, wish[TARGET_DISTANCE])
        # The library would raise for such a bracket and end the run.
        if not fills.bracket_holds(side, level, self.terms.entry_spread, stop, target):
            return
        units = position_units(equity, level, distance, wish[RISK_FRACTION], rules.max_margin_fraction, self.terms.leverage)
        if units > 0:
            plan = rules.pattern_plan if wish[PATTERN_LED] else rules.plan
            if rules.trailing_atr > 0.0:
                plan = plan._replace(trailing_gap=plan.trailing_gap + rules.trailing_atr * wish[RANGE])
            self.notes[i] = _Note(level, offset, target, plan, fills.REASON_STOP, fills.REASON_NONE)
            place = self.buy if side > 0 else self.sell
            where = {} if offset == 0.0 else {"stop" if offset > 0.0 else "limit": level}
            place(size=units, sl=stop, tp=target, tag=i, **where)


def _frame(candles: CandleArrays) -> pd.DataFrame:
    return pd.DataFrame(
        {"Open": candles.open, "High": candles.high, "Low": candles.low, "Close": candles.close, "Volume": candles.volume},
        index=pd.DatetimeIndex(candles.open_time_us.astype("datetime64[us]")),
    )


def _result(statistics: Any, candles: CandleArrays, account: BacktestAccount) -> BacktestResult:
    table, strategy = statistics["_trades"], statistics["_strategy"]
    entry_index, exit_index = table["EntryBar"].to_numpy(np.int64), table["ExitBar"].to_numpy(np.int64)
    size, entry = table["Size"].to_numpy(np.int64), table["EntryPrice"].to_numpy(np.float64)
    notes = [strategy.notes[tag] for tag in table["Tag"]]
    reasons = [_reason(row, note, candles) for row, note in zip(table.itertuples(), notes, strict=True)]
    raw = np.array([_raw_entry(row, note, candles) for row, note in zip(table.itertuples(), notes, strict=True)])
    nothing = np.zeros(len(size))
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
        spread_cost=np.abs(entry - raw) * np.abs(size),
        slippage=nothing,
        impact=nothing,
        swap=nothing,
        ambiguous=np.array(
            [_ambiguous(row, note, candles) for row, note in zip(table.itertuples(), notes, strict=True)], np.bool_
        ),
    )
    return BacktestResult(trades, statistics["_equity_curve"]["Equity"].to_numpy(np.float64), account.cash)


def _raw_entry(trade: Any, note: _Note, candles: CandleArrays) -> float:
    """The price at which a candle reached an order, before the spread."""
    open_ = float(candles.open[trade.EntryBar])
    if note.offset == 0.0:
        return open_
    rises = (trade.Size > 0) == (note.offset > 0.0)
    return max(open_, note.level) if rises else min(open_, note.level)


def _reason(trade: Any, note: _Note, candles: CandleArrays) -> int:
    """Why a trade ended, told from its exit price: the library does not say which of its orders closed it."""
    if note.closing:
        return note.closing
    side, i = (1 if trade.Size > 0 else -1), trade.ExitBar
    spared = False
    if note.offset != 0.0 and trade.EntryBar == i:
        # In the candle of an entry that waited for its price: after a limit nothing acts, nor after a stop entry if the stop
        # could.
        spared = note.offset < 0.0 or bool(candles.low[i] <= trade.SL <= candles.high[i])
    if spared:
        return fills.REASON_END
    if side * (trade.SL - trade.ExitPrice) >= 0.0:
        return note.stop_reason
    if side * (trade.ExitPrice - note.target) >= 0.0:
        return fills.REASON_TARGET
    return fills.REASON_END


def _ambiguous(trade: Any, note: _Note, candles: CandleArrays) -> bool:
    """Whether the candle of an exit by stop, behind its open, also touched the target."""
    side, high, low = (1 if trade.Size > 0 else -1), candles.high[trade.ExitBar], candles.low[trade.ExitBar]
    touched = high >= note.target if side > 0 else low <= note.target
    touched &= trade.ExitPrice != candles.open[trade.ExitBar]
    return bool(touched and _reason(trade, note, candles) in {fills.REASON_STOP, fills.REASON_BREAKEVEN, fills.REASON_TRAILING})
