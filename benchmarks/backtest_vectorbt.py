"""The part of a backtest that vectorbt can play: entries at the next open, stop, target, exit by the opposite signal, fixed size.

vectorbt 1.2 plays it by two rules of its own (the note of its `StopExitPrice`): a stop or target is not looked at in the candle
of the entry, and where a signal and a stop meet in a candle the stop is taken, though the signal fills at the open. `by_rules`
plays the same in plain Python by either set of rules: with our two it must give our trades, with theirs theirs, so that no other
difference is left.
"""

from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt
import vectorbt
from vectorbt.portfolio.enums import OppositeEntryMode, StopEntryPrice, StopExitPrice, TradeStatus

from fxgpt_core.backtest.engine import BacktestAccount, ExecutionParameters, Trades
from fxgpt_core.backtest.tape import OPPOSITE
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.fills import REASON_END, ExitPlan
from fxgpt_core.strategy.decision import Decisions

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

UNITS = 10_000
# So much cash that a size of a fraction of it stays the same whatever is won or lost.
ACCOUNT = BacktestAccount(cash=1e11, leverage=30.0)
COSTS = Costs(spread=0.0, commission=2e-5)
EXECUTION = ExecutionParameters(
    ExitPlan(np.inf, np.inf, 0.0), max_candles=0, daily_loss_limit=1.0, max_margin_fraction=1.0, signal_exit=OPPOSITE
)
ENGINES = ("numba", "rust") if find_spec("vectorbt_rust") else ("numba",)
# Their stop is a product of the entry price and a fraction, ours a difference: the last bits differ.
PRICE_TOLERANCE = 1e-12


@dataclass(frozen=True, eq=False)
class Table:
    """T closed trades in the order of their entries: rows of candles, side 1 or -1, prices."""

    entry: IntArray
    exit: IntArray
    side: IntArray
    entry_price: FloatArray
    exit_price: FloatArray

    def __len__(self) -> int:
        return len(self.entry)


@dataclass(frozen=True)
class StopRules:
    """Whether stop and target are looked at in the candle of the entry, and before a signal that fills at the open."""

    in_entry_candle: bool
    before_signal: bool


OURS, THEIRS = StopRules(in_entry_candle=True, before_signal=False), StopRules(in_entry_candle=False, before_signal=True)


def expressible(candles: CandleArrays, decisions: Decisions) -> Decisions:
    """The decisions at a fixed size, without those that vectorbt refuses: the next open lies beyond their stop or target."""
    side, close = decisions.side.astype(np.float64), candles.close
    moved = side * (np.append(candles.open[1:], close[-1]) - close)
    within = (moved > -decisions.stop_distance) & (moved < decisions.target_distance)
    # Nothing is decided on in our first candle.
    within[0] = False
    risk = (UNITS + 0.5) * decisions.stop_distance / ACCOUNT.cash
    return replace(decisions, side=np.where(within, decisions.side, 0).astype(np.int8), risk_fraction=risk)


def portfolio(candles: CandleArrays, signals: dict[str, Any], engine: str) -> Any:
    """vectorbt's run of the signals, as `signals_of` makes them."""
    shape = (-1, *[1] * (signals["entries"].ndim - 1))
    open_, high, low, close = (prices.reshape(shape) for prices in (candles.open, candles.high, candles.low, candles.close))
    return vectorbt.Portfolio.from_signals(
        close,
        open=open_,
        high=high,
        low=low,
        price=open_,
        size=float(UNITS),
        init_cash=ACCOUNT.cash,
        fees=COSTS.commission,
        stop_entry_price=StopEntryPrice.FillPrice,
        stop_exit_price=StopExitPrice.StopLimit,
        upon_opposite_entry=OppositeEntryMode.Close,
        freq=f"{candles.timeframe.us}us",
        engine=engine,
        **signals,
    )


def signals_of(candles: CandleArrays, columns: list[Decisions]) -> dict[str, Any]:
    """Entries, and stops and targets as fractions of the open at which they enter, [N] of one column or [N,C] of several."""
    made = [_signals(candles, decisions) for decisions in columns]
    return {name: np.column_stack([each[name] for each in made]) if len(made) > 1 else made[0][name] for name in made[0]}


def _signals(candles: CandleArrays, decisions: Decisions) -> dict[str, Any]:
    """A decision at a close is a signal of the next candle, at its open."""
    side, stop, target = _next_candle(candles, decisions)
    fraction = {"sl_stop": side * (candles.open - stop), "tp_stop": side * (target - candles.open)}
    columns = {name: np.where(side != 0.0, distance / candles.open, np.nan) for name, distance in fraction.items()}
    return {
        "entries": side > 0.0,
        "exits": np.zeros(len(side), np.bool_),
        "short_entries": side < 0.0,
        "short_exits": np.zeros(len(side), np.bool_),
        **columns,
    }


def _next_candle(candles: CandleArrays, decisions: Decisions) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Side, stop and target price [N] of what was decided at the close before each candle."""
    side = decisions.side.astype(np.float64)
    stop, target = candles.close - side * decisions.stop_distance, candles.close + side * decisions.target_distance
    shifted = tuple(
        np.concatenate((first, values[:-1])) for first, values in (([0.0], side), ([np.nan], stop), ([np.nan], target))
    )
    return shifted[0], shifted[1], shifted[2]


def table_of_vectorbt(played: Any) -> Table:
    """Its closed trades; what is open in the end we close and it does not."""
    records = played.trades.values
    records = records[records["status"] == TradeStatus.Closed]
    side = np.where(records["direction"] == 0, 1, -1)
    return Table(records["entry_idx"], records["exit_idx"], side, records["entry_price"], records["exit_price"])


def table_of_trades(trades: Trades) -> Table:
    """Ours, but for what was open in the end."""
    ended = trades.reason != REASON_END
    columns = (trades.entry_index, trades.exit_index, trades.side.astype(np.int64), trades.entry_price, trades.exit_price)
    return Table(*(column[ended] for column in columns))


def identical(ours: Table, theirs: Table) -> IntArray:
    """The rows of ours that theirs has too: the same candles and side, prices equal but for the last bits."""
    _, mine, its = np.intersect1d(ours.entry, theirs.entry, assume_unique=True, return_indices=True)
    same = (ours.exit[mine] == theirs.exit[its]) & (ours.side[mine] == theirs.side[its])
    for name in ("entry_price", "exit_price"):
        same &= np.isclose(getattr(ours, name)[mine], getattr(theirs, name)[its], rtol=PRICE_TOLERANCE, atol=0.0)
    rows: IntArray = mine[same]
    return rows


def all_identical(ours: Table, theirs: Table) -> bool:
    """Whether both hold the same trades."""
    return len(ours) == len(theirs) == len(identical(ours, theirs))


def by_rules(candles: CandleArrays, decisions: Decisions, rules: StopRules) -> Table:
    """The closed trades of the decisions, candle by candle, by our rules for stops or by theirs."""
    rows: list[tuple[int, int, int, float, float]] = []
    held: tuple[int, int, float, float, float] | None = None
    wished = (column.tolist() for column in _next_candle(candles, decisions))
    prices = (column.tolist() for column in (candles.open, candles.high, candles.low))
    for i, (open_, high, low, side, stop, target) in enumerate(zip(*prices, *wished, strict=True)):
        entered = held is None and side != 0.0
        if entered:
            held = (i, int(side), open_, stop, target)
        if held is None:
            continue
        since, direction, entry, its_stop, its_target = held
        left = None if entered and not rules.in_entry_candle else _left(direction, (open_, high, low), its_stop, its_target)
        if side == -direction and not (rules.before_signal and left is not None):
            left = open_
        if left is not None:
            rows.append((since, i, direction, entry, left))
            held = None
    columns = np.array(rows, dtype=np.float64).reshape(-1, 5).T
    return Table(*columns[:3].astype(np.int64), *columns[3:])


def _left(side: int, candle: tuple[float, float, float], stop: float, target: float) -> float | None:
    """The price at which a candle (open, high, low) leaves a position by stop or target; a gap leaves it at the open."""
    open_, high, low = candle
    worst, best = (low, high) if side > 0 else (high, low)
    if side * (worst - stop) <= 0.0:
        return min(open_, stop) if side > 0 else max(open_, stop)
    if side * (best - target) >= 0.0:
        return max(open_, target) if side > 0 else min(open_, target)
    return None
