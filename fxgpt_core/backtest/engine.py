"""One call from decisions to trades and equity, and the records of both; `reference.py` answers the same call."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fxgpt_core.backtest.checks import check_led, check_ranges, check_resolution, check_same_times, check_sets
from fxgpt_core.backtest.kernel import play
from fxgpt_core.backtest.tape import NEVER, PATTERN_LED, SIGNAL_EXITS, TRADE, Log, Rules, Sums, Tape, Wishes
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.market import charges
from fxgpt_core.market.costs import QUOTED, Costs, FxCosts
from fxgpt_core.market.fills import ExitPlan, Terms
from fxgpt_core.market.modes import Mode
from fxgpt_core.market.timeframes import HOUR_US, Timeframe
from fxgpt_core.strategy.decision import Decisions
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.strategy.regime_sets import RegimeSets, Strategy

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class BacktestAccount:
    """The account of a backtest; with flat costs it is kept in the quote currency of the symbol. `leverage` 30 means 30:1."""

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
    """How a position is run: `plan` tightens its stop, `max_candles` 0 means no time exit, the rest are fractions of equity.

    `signal_exit`, one of `tape.SIGNAL_EXITS`: what a decision for the other side does to a position. `wait_candles`: how long a
    limit or stop entry waits for its price. `trailing_atr` × the average true range at the decision widens the trailing
    distance. `pattern_plan` (None: `plan`) tightens the stop of positions that a chart pattern led into. Raises `BadInputError`
    for numbers out of range.
    """

    plan: ExitPlan
    max_candles: int
    daily_loss_limit: float
    max_margin_fraction: float
    signal_exit: int = NEVER
    wait_candles: int = 1
    trailing_atr: float = 0.0
    pattern_plan: ExitPlan | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.signal_exit < len(SIGNAL_EXITS) or self.wait_candles < 1 or not 0.0 <= self.trailing_atr < math.inf:
            raise BadInputError(
                f"signal exit {self.signal_exit}, {self.wait_candles} candles of waiting, {self.trailing_atr} ranges found; "
                f"the exit is one of 0 to {len(SIGNAL_EXITS) - 1}, waiting takes at least 1 candle, ranges are 0 or more"
            )

    def plan_of(self, pattern_led: bool) -> ExitPlan:
        """The plan of a position that a chart pattern led into, or of another."""
        return self.pattern_plan if pattern_led and self.pattern_plan is not None else self.plan


Execution = ExecutionParameters | Sequence[ExecutionParameters]
"""Of all positions, or of those of each parameter set: a decision's `numbers["parameter_set"]` counts them from 0."""


@dataclass(frozen=True, eq=False)
class Trades:
    """T closed trades in the order of their exits; times are the open times of their candles in µs, money in account currency.

    `side` int8 (1, -1), `units` int64, `reason` int8 codes of `market.fills.REASON_NAMES`. `profit` is after all costs:
    `commission` and `slippage` and `impact` of both sides, `spread_cost`, and `swap` (negative: earned). `entry_index` and
    `exit_index` count candles; `ambiguous`: the candle of the exit touched stop and target, no finer candle told which came
    first, and the stop was taken.
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
    slippage: FloatArray
    impact: FloatArray
    swap: FloatArray
    ambiguous: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.profit)


@dataclass(frozen=True, eq=False)
class BacktestResult:
    """Trades and the equity float64[N] at each candle's close, started with `cash`; `refused` orders were beyond the margin."""

    trades: Trades
    equity: FloatArray
    cash: float
    mode: Mode = Mode.PARITY
    refused: int = 0

    @property
    def final_equity(self) -> float:
        """The equity after the last candle, or the cash if there was none."""
        return float(self.equity[-1]) if len(self.equity) else self.cash


def execution_parameters(parameters: StrategyParameters, timeframe: Timeframe) -> ExecutionParameters:
    """The execution part of the 90 parameters; holding hours become candles, rounded up.

    The trailing stop of a position that a pattern led into has an activation and a step of its own. It keeps the distance of all
    others, but at most a / (1 + a) of the close, where a is its activation: so it begins at the entry price or beyond.
    """
    hours = parameters.risk_max_holding_hours if parameters.risk_use_time_based_exit else 0
    trails, activation = parameters.risk_use_trailing_stop, parameters.pattern_trailing_activation_pct / 100.0
    plan = ExitPlan(
        breakeven_trigger=parameters.risk_breakeven_trigger_pct / 100.0 if parameters.risk_use_breakeven_stop else math.inf,
        trailing_activation=parameters.risk_trailing_activation_pct / 100.0 if trails else math.inf,
        trailing_distance=parameters.risk_trailing_stop_pct / 100.0,
    )
    return ExecutionParameters(
        plan=plan,
        max_candles=-(-hours * HOUR_US // timeframe.us),
        daily_loss_limit=parameters.risk_daily_loss_limit_pct / 100.0,
        max_margin_fraction=parameters.sizing_max_position_size_pct / 100.0,
        pattern_plan=plan._replace(
            trailing_activation=activation if trails else math.inf,
            trailing_distance=min(plan.trailing_distance, activation / (1.0 + activation)),
            trailing_step=parameters.pattern_trailing_step_pct / 100.0,
        ),
    )


def execution_of(strategy: Strategy, timeframe: Timeframe) -> Execution:
    """`execution_parameters` of a strategy's parameter set, or of each of its sets, in the order of `SET_NAMES`."""
    if isinstance(strategy, RegimeSets):
        return tuple(execution_parameters(each, timeframe) for each in strategy.sets)
    return execution_parameters(strategy, timeframe)


def backtest(
    candles: CandleArrays,
    decisions: Decisions,
    execution: Execution,
    costs: Costs | FxCosts,
    account: BacktestAccount | None = None,
    *,
    finer: CandleArrays | None = None,
) -> BacktestResult:
    """Trades and equity of the decisions played over the candles by the compiled kernel.

    Flat `Costs` are played by the rules of backtesting.py, `FxCosts` by those of a two-sided quote. `finer` candles, of a shorter
    timeframe, tell whether stop or target was touched first. Of several `execution`s each order, and the position it becomes,
    follows that of the parameter set its decision names, to its end.
    Raises `BadInputError` when decisions and candles are not about the same times, for costs of another number of candles, and as
    `check_resolution` and `check_executions` do.
    """
    account = account or BacktestAccount()
    check_same_times(candles, decisions)
    check_resolution(candles, decisions, costs, finer)
    check_executions(decisions, execution)
    equity = np.empty(len(candles))
    if len(candles) == 0:
        return BacktestResult(trades_of(np.empty(0, TRADE), candles), equity, account.cash, costs.mode)
    wishes = wishes_of(decisions)
    log = Log(np.empty(len(Sums._fields)), np.empty(len(wishes.at) + 1, TRADE), equity, np.empty(0))
    play(tape_of(candles, costs, finer), wishes, rules_rows(execution), terms_of(costs, account), (0, len(candles)), log)
    sums = Sums(*log.sums.tolist())
    return BacktestResult(trades_of(log.book[: int(sums.trades)], candles), equity, account.cash, costs.mode, int(sums.refused))


_NONE, _NO_PLACES, _NO_ROWS = np.zeros(1), np.empty(0, np.int64), np.empty((0, 5))
_UNQUOTED = {"spread": _NONE, "open_spread": np.empty(0), "swap_long": _NONE, "swap_short": _NONE, "conversion": np.ones(1)}


def tape_of(candles: CandleArrays, costs: Costs | FxCosts, finer: CandleArrays | None = None) -> Tape:
    """The kernel's view of the candles and of what they cost. Raises `BadInputError` for costs of another number of candles."""
    quotes = {name: getattr(costs, name) for name in QUOTED} if isinstance(costs, FxCosts) else _UNQUOTED
    for values in quotes.values():
        if len(values) not in {0, 1, len(candles)}:
            raise BadInputError(f"costs of {len(values)} candles were given for {len(candles)}; make them from the same candles")
    first, stop, finer_rows = _finer_rows(candles, finer)
    return Tape(candles.open_time_us, candles.rows, finer_first=first, finer_stop=stop, finer_rows=finer_rows, **quotes)


def _finer_rows(candles: CandleArrays, finer: CandleArrays | None) -> tuple[IntArray, IntArray, FloatArray]:
    """First and last row of the finer candles in each candle, and the finer candles; all empty without them."""
    if finer is None:
        return _NO_PLACES, _NO_PLACES, _NO_ROWS
    if finer.timeframe.us >= candles.timeframe.us:
        raise BadInputError(
            f"candles of {finer.timeframe} are not finer than those of {candles.timeframe}; give a shorter timeframe"
        )
    first = np.searchsorted(finer.open_time_us, candles.open_time_us)
    stop = np.searchsorted(finer.open_time_us, candles.known_at_us)
    return first, stop, finer.rows


def wishes_of(decisions: Decisions) -> Wishes:
    """The kernel's view of the decisions. Raises `BadInputError` for an entry that is neither led by a pattern nor not."""
    at, numbers = np.flatnonzero(decisions.side != 0), decisions.numbers  # of bytes it is ten times slower
    told = [numbers.get(name, _NONE) for name in ("entry_offset", "atr", "pattern_led", "parameter_set")]
    rows = np.empty((len(at), 7))
    for place, values in enumerate((decisions.stop_distance, decisions.target_distance, decisions.risk_fraction, *told)):
        rows[:, place] = values[0] if len(values) == 1 else values[at]
    if "pattern_led" in numbers:
        check_led(rows[:, PATTERN_LED])
    return Wishes(decisions.side, at, rows)


def executions(execution: Execution) -> tuple[ExecutionParameters, ...]:
    """How the positions of each parameter set are run: that of all, or those that were given."""
    return (execution,) if isinstance(execution, ExecutionParameters) else tuple(execution)


def check_executions(decisions: Decisions, execution: Execution) -> None:
    """Raises `BadInputError` where decisions do not go with how positions are run: as `check_sets` and `check_ranges` do."""
    runs = executions(execution)
    check_sets(decisions, len(runs))
    check_ranges(decisions, max(each.trailing_atr for each in runs))


def rules_rows(execution: Execution) -> FloatArray:
    """float64[R,16]: how positions of each parameter set are run, as the kernel takes it; `decided.rules_at` reads it."""
    rules = [rules_of(each) for each in executions(execution)]
    return np.array([[*each[:-2], *each.plan, *each.pattern_plan] for each in rules], dtype=np.float64)


def rules_of(execution: ExecutionParameters) -> Rules:
    """How positions of one parameter set are run, as plain numbers."""
    return Rules(
        max_margin_fraction=float(execution.max_margin_fraction),
        max_candles=int(execution.max_candles),
        daily_loss_limit=float(execution.daily_loss_limit),
        signal_exit=int(execution.signal_exit),
        wait_candles=int(execution.wait_candles),
        trailing_atr=float(execution.trailing_atr),
        plan=ExitPlan(*map(float, execution.plan)),
        pattern_plan=ExitPlan(*map(float, execution.plan_of(pattern_led=True))),
    )


def terms_of(costs: Costs | FxCosts, account: BacktestAccount) -> Terms:
    """Account and costs as the fill rule takes them."""
    return charges.terms_of(costs, float(account.cash), account.usable_leverage)


def trades_of(book: npt.NDArray[np.void], candles: CandleArrays) -> Trades:
    """The trades of a book, with their times."""
    columns = {name: np.ascontiguousarray(book[name]) for name in TRADE.names or ()}
    return Trades(
        entry_time_us=candles.open_time_us[columns["entry_index"]],
        exit_time_us=candles.open_time_us[columns["exit_index"]],
        **columns,
    )
