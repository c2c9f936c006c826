"""What the kernel reads and writes: plain arrays and numbers, the same for one parameter set and for thousands.

An array that may be the same for every candle has either N numbers or one.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core.market.fills import ExitPlan
from fxgpt_core.strategy.unsized import ALL_SIZED, Unsized

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
TradeArray = npt.NDArray[np.void]


class Tape(NamedTuple):
    """N candles and what trading in them costs: `rows` float64[N,5] as `CandleArrays.rows`, bid prices in quote currency.

    `spread` is what the ask is above the bid, at a candle's open `open_spread` unless that is empty; `swap_long` and
    `swap_short` what a unit pays in quote currency at the open of each candle for the nights before it, `conversion` the value
    of a unit of quote currency in account currency: N numbers or one. Rows [finer_first[i], finer_stop[i]) of the finer candles
    lie within candle i; without finer candles these are empty.
    """

    time_us: IntArray
    rows: FloatArray
    spread: FloatArray
    open_spread: FloatArray
    swap_long: FloatArray
    swap_short: FloatArray
    conversion: FloatArray
    finer_first: IntArray
    finer_stop: IntArray
    finer_rows: FloatArray


OPEN, HIGH, LOW, CLOSE, DAY = range(5)
"""The columns of `Tape.rows`."""


class Wishes(NamedTuple):
    """What was decided at each candle's close: `side` int8[N] (0: nothing), and `at` int64[E], the candles with one, ascending.

    `rows` float64[E,7] of these: distance of the stop and of the target in price units, risk as a fraction of equity, where to
    enter, in price units beyond the close in the wished direction (above 0 a stop order, below 0 a limit order, 0 at the
    market), the average true range, 1 where a chart pattern made the wish, else 0, and the number of the parameter set that
    made it, which is that of its rules. A risk of NaN waits for the odds, if `unsized` holds them; the kernel fills it in.
    """

    side: npt.NDArray[np.int8]
    at: IntArray
    rows: FloatArray
    unsized: Unsized = ALL_SIZED


STOP_DISTANCE, TARGET_DISTANCE, RISK_FRACTION, ENTRY_OFFSET, RANGE, PATTERN_LED, PARAMETER_SET = range(7)
"""The columns of `Wishes.rows`."""


class Rules(NamedTuple):
    """How one parameter set runs its positions; fractions, not percent.

    `max_candles` 0: no time exit. `signal_exit` is one of `SIGNAL_EXITS`. `wait_candles`: how long a limit or stop entry waits.
    `trailing_atr` × the range at the decision is added to what a plan keeps a trailing stop away. `pattern_plan` is the plan of
    positions that a chart pattern led into, `plan` that of all others.
    """

    max_margin_fraction: float
    max_candles: int
    daily_loss_limit: float
    signal_exit: int
    wait_candles: int
    trailing_atr: float
    plan: ExitPlan
    pattern_plan: ExitPlan


RULES_COLUMNS = len(Rules._fields) - 2 + 2 * len(ExitPlan._fields)
"""Rules as plain numbers, one after another, the plans last: a row for each parameter set of a run."""

SIGNAL_EXITS = ("never", "opposite", "reverse", "gone")
"""Never; a wish for the other side closes; closes and enters that side; any candle that does not wish the same side closes."""
NEVER, OPPOSITE, REVERSE, GONE = range(len(SIGNAL_EXITS))


TRADE = np.dtype(
    [
        ("entry_index", np.int64),
        ("exit_index", np.int64),
        ("side", np.int8),
        ("units", np.int64),
        ("entry_price", np.float64),
        ("exit_price", np.float64),
        ("reason", np.int8),
        ("profit", np.float64),
        ("commission", np.float64),
        ("spread_cost", np.float64),
        ("slippage", np.float64),
        ("impact", np.float64),
        ("swap", np.float64),
        ("ambiguous", np.bool_),
    ],
    align=True,
)
"""A closed trade as the kernel writes it: one record, since an array for each column would cost more than the trade itself.

Prices in quote currency, money in account currency, costs positive where paid; `profit` is after all costs; `reason` is a code of
`market.fills.REASON_NAMES`; `ambiguous`: the candle of the exit touched both stop and target, and nothing told which was first.
"""


class Log(NamedTuple):
    """What a run leaves: `sums` float64[S], one for each of `Sums`; unless empty, trades, equity at closes, daily returns.

    `book` has room for C trades of `TRADE` and is filled from the front; `equity` float64[N] and `daily` float64[D] begin with
    the window's first candle and FX day.
    """

    sums: FloatArray
    book: TradeArray
    equity: FloatArray
    daily: FloatArray


class Sums(NamedTuple):
    """What a run adds up as it goes; money in account currency, `held_us` from entry to exit candle, returns by FX day.

    `drawdown` and `drawdown_fraction` at closes; `gains` and `losses` (positive) of trades after costs, `gains_before_costs` of
    those that gained before costs; `refused`: orders that the margin did not allow.
    """

    trades: float
    wins: float
    gains: float
    losses: float
    gains_before_costs: float
    costs: float
    held_us: float
    final_equity: float
    drawdown: float
    drawdown_fraction: float
    days: float
    sum_returns: float
    sum_squares: float
    sum_squares_below: float
    refused: float
    ambiguous: float


(
    TRADES, WINS, GAINS, LOSSES, GAINS_BEFORE_COSTS, COSTS, HELD_US, FINAL_EQUITY, DRAWDOWN, DRAWDOWN_FRACTION, DAYS,
    SUM_RETURNS, SUM_SQUARES, SUM_SQUARES_BELOW, REFUSED, AMBIGUOUS,
) = range(len(Sums._fields))  # fmt: skip
"""Where each of `Sums` lies in `Log.sums`."""
