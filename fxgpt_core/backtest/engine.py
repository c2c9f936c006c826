"""One call from decisions to trades and equity, and the records of both; `reference.py` answers the same call."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.backtest.kernel import Book, Market, Rules, Wishes, empty_book, play
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.fills import ExitPlan
from fxgpt_core.market.timeframes import HOUR_US, Timeframe
from fxgpt_core.strategy.decision import Decisions
from fxgpt_core.strategy.parameters import StrategyParameters

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class BacktestAccount:
    """The account of a backtest, kept in the quote currency of the symbol; `leverage` 30 means 30:1."""

    cash: float = 100_000.0
    leverage: float = 30.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.cash) and self.cash > 0.0 and math.isfinite(self.leverage) and self.leverage >= 1.0):
            raise BadInputError(
                f"the account has cash {self.cash} and leverage {self.leverage}; cash must be positive and leverage at least 1"
            )

    @property
    def usable_leverage(self) -> float:
        """The leverage after the round trip through a margin rate that backtesting.py makes, so that both agree to the bit."""
        return 1.0 / (1.0 / self.leverage)


@dataclass(frozen=True)
class ExecutionParameters:
    """How a position is run: `plan` tightens its stop, `max_candles` 0 means no time exit, the rest are fractions of equity."""

    plan: ExitPlan
    max_candles: int
    daily_loss_limit: float
    max_margin_fraction: float


@dataclass(frozen=True, eq=False)
class Trades:
    """T closed trades in the order of their exits; times are the open times of their candles in µs, money in quote currency.

    `side` int8 (1, -1), `units` int64, `reason` int8 codes of `market.fills.REASON_NAMES`; `profit` is after `commission` (both
    sides) and after `spread_cost`, which is what the spread took at the entry. `entry_index` and `exit_index` count candles.
    """

    entry_index: IntArray
    exit_index: IntArray
    entry_time_us: IntArray
    exit_time_us: IntArray
    side: npt.NDArray[np.int8]
    units: IntArray
    entry_price: FloatArray
    exit_price: FloatArray
    reason: npt.NDArray[np.int8]
    profit: FloatArray
    commission: FloatArray
    spread_cost: FloatArray

    def __len__(self) -> int:
        return len(self.profit)


@dataclass(frozen=True, eq=False)
class BacktestResult:
    """Trades and the equity float64[N] at each candle's close, started with `cash`."""

    trades: Trades
    equity: FloatArray
    cash: float

    @property
    def final_equity(self) -> float:
        """The equity after the last candle, or the cash if there was none."""
        return float(self.equity[-1]) if len(self.equity) else self.cash


def execution_parameters(parameters: StrategyParameters, timeframe: Timeframe) -> ExecutionParameters:
    """The execution part of the 90 parameters; holding hours become candles, rounded up."""
    hours = parameters.risk_max_holding_hours if parameters.risk_use_time_based_exit else 0
    return ExecutionParameters(
        plan=ExitPlan(
            breakeven_trigger=parameters.risk_breakeven_trigger_pct / 100.0 if parameters.risk_use_breakeven_stop else math.inf,
            trailing_activation=parameters.risk_trailing_activation_pct / 100.0
            if parameters.risk_use_trailing_stop
            else math.inf,
            trailing_distance=parameters.risk_trailing_stop_pct / 100.0,
        ),
        max_candles=-(-hours * HOUR_US // timeframe.us),
        daily_loss_limit=parameters.risk_daily_loss_limit_pct / 100.0,
        max_margin_fraction=parameters.sizing_max_position_size_pct / 100.0,
    )


def backtest(
    candles: CandleArrays,
    decisions: Decisions,
    execution: ExecutionParameters,
    costs: Costs,
    account: BacktestAccount | None = None,
) -> BacktestResult:
    """Trades and equity of the decisions played over the candles by the compiled kernel.

    Raises `BadInputError` when decisions and candles are not about the same times.
    """
    account = account or BacktestAccount()
    check_same_times(candles, decisions)
    equity = np.empty(len(candles))
    book = empty_book(len(candles))
    n_trades = play(market_of(candles), wishes_of(decisions), rules_of(execution, costs, account), execution.plan, book, equity)
    return BacktestResult(trades_of(book, n_trades, candles), equity, account.cash)


def check_same_times(candles: CandleArrays, decisions: Decisions) -> None:
    """Raises `BadInputError` unless there is exactly one decision for each candle, known when the candle closed."""
    if not np.array_equal(candles.known_at_us, decisions.known_at_us):
        raise BadInputError(
            f"{len(decisions.known_at_us)} decisions do not match {len(candles)} candles by known_at; "
            "make the view from the same candles, or cut both to the same window"
        )


def market_of(candles: CandleArrays) -> Market:
    """The kernel's view of the candles, with the FX day of each."""
    return Market(candles.open, candles.high, candles.low, candles.close, candles.fx_day)


def wishes_of(decisions: Decisions) -> Wishes:
    """The kernel's view of the decisions."""
    return Wishes(decisions.side.astype(np.int64), decisions.stop_distance, decisions.target_distance, decisions.risk_fraction)


def rules_of(execution: ExecutionParameters, costs: Costs, account: BacktestAccount) -> Rules:
    """Costs, account and limits as the kernel takes them."""
    return Rules(
        spread=float(costs.spread),
        commission=float(costs.commission),
        cash=float(account.cash),
        leverage=account.usable_leverage,
        max_margin_fraction=float(execution.max_margin_fraction),
        max_candles=int(execution.max_candles),
        daily_loss_limit=float(execution.daily_loss_limit),
    )


def trades_of(book: Book, n_trades: int, candles: CandleArrays) -> Trades:
    """The first `n_trades` of a book, with times and the cost of the spread."""
    entry_index, exit_index = book.entry_index[:n_trades].copy(), book.exit_index[:n_trades].copy()
    units, entry = book.units[:n_trades].copy(), book.entry_price[:n_trades].copy()
    at_spread: FloatArray = np.abs(entry - candles.open[entry_index])
    return Trades(
        entry_index=entry_index,
        exit_index=exit_index,
        entry_time_us=candles.open_time_us[entry_index],
        exit_time_us=candles.open_time_us[exit_index],
        side=book.side[:n_trades].copy(),
        units=units,
        entry_price=entry,
        exit_price=book.exit_price[:n_trades].copy(),
        reason=book.reason[:n_trades].copy(),
        profit=book.profit[:n_trades].copy(),
        commission=book.commission[:n_trades].copy(),
        spread_cost=at_spread * units,
    )
