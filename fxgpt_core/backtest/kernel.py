"""The compiled loop: candles and wishes in, trades, equity and sums out; docs/backtest.md tells the order of events.

Per candle: swap of the nights before → pending close at the open → stop → target → entry → stop → target (entry candle) →
equity at the close → decisions (time exit; exit by signal; else breakeven, trailing; else entry if flat and the daily-loss
limit is not reached). Nothing happens in the first candle of a window, and on its last one nothing is decided. Under
`Terms.parity` all of it equals backtesting.py 0.6.6 to the last bit. While nothing is held or ordered the loop jumps to the
next wish; while a position is only held, `carried` takes it along.
"""

import numpy as np

from fxgpt_core.backtest.account import State, at, concluded, nights_paid, played
from fxgpt_core.backtest.carried import Course, Falls, candle_of, carried, fallen, wished_at
from fxgpt_core.backtest.decided import decided, ordered, rules_at
from fxgpt_core.backtest.tape import (
    DAY,
    DAYS,
    DRAWDOWN,
    DRAWDOWN_FRACTION,
    FINAL_EQUITY,
    PARAMETER_SET,
    RISK_FRACTION,
    STOP_DISTANCE,
    SUM_RETURNS,
    SUM_SQUARES,
    SUM_SQUARES_BELOW,
    TARGET_DISTANCE,
    FloatArray,
    Log,
    Tape,
    Wishes,
)
from fxgpt_core.compiled import uncounted
from fxgpt_core.market.fills import REASON_NONE, Terms
from fxgpt_core.market.positions import NOTHING
from fxgpt_core.portfolio.sizing import daily_loss_reached
from fxgpt_core.strategy.unsized import late_risk


@uncounted
def _day_ended(log: Log, day: float, opening: float, closing: float) -> None:
    """Books the return of an FX day, counted from the window's first, which ended with the equity `closing`."""
    change, sums = (closing - opening) / opening if opening > 0.0 else 0.0, log.sums
    sums[SUM_RETURNS] += change
    sums[SUM_SQUARES] += change * change
    sums[SUM_SQUARES_BELOW] += min(change, 0.0) ** 2
    if len(log.daily) > 0:
        log.daily[int(day)] = change


@uncounted
def size(wishes: Wishes, number: int) -> None:
    """Fills in the risk of a wish that waits for its odds; of a wish without an edge nothing will be entered."""
    row, unsized = wishes.rows[number], wishes.unsized
    if len(unsized.band) > 0 and np.isnan(row[RISK_FRACTION]):
        side = wished_at(wishes, wishes.at[number])
        row[RISK_FRACTION] = late_risk(unsized, number, side, row[STOP_DISTANCE], row[TARGET_DISTANCE])


@uncounted
def play(tape: Tape, wishes: Wishes, sets: FloatArray, terms: Terms, window: tuple[int, int], log: Log) -> None:
    """Plays the candles [start, stop) of a window, at least one, from a flat account, and fills the log.

    `sets` float64[R,16]: the rules of each parameter set that a wish may be of, as `engine.rules_rows` makes them. An order, and
    the position it becomes, follows those of its wish to its end.
    """
    start, last = window[0], window[1] - 1
    state = State(terms.cash, terms.cash, 0.0, NOTHING, NOTHING, REASON_NONE)
    day_start, falls = terms.cash, Falls(terms.cash, 0.0, 0.0)
    sums, curve, first_day = log.sums, log.equity, tape.rows[start, DAY]
    sums[:], log.daily[:], curve[:1] = 0.0, 0.0, terms.cash
    rules = rules_at(sets, 0)
    i, day, wish, n_wishes = start, first_day, np.searchsorted(wishes.at, start + 1), len(wishes.at)
    while i < last and state.equity > 0.0:
        if state.held.units > 0 and state.closing == REASON_NONE:
            i, state, falls = carried(tape, wishes, rules, Course(i, state, falls), (start, last), curve)
        before, i = i, i + 1
        while wish < n_wishes and wishes.at[wish] < i:
            wish += 1
        is_flat = state.held.units == 0 and state.order.units == 0
        if is_flat:
            i = min(wishes.at[wish], last) if wish < n_wishes else last
        candle = candle_of(tape, i)
        if tape.rows[i, DAY] != day:
            _day_ended(log, day - first_day, day_start, state.equity)
            day, day_start = tape.rows[i, DAY], state.equity
            if state.held.units > 0:
                state = nights_paid(state, candle, at(tape.swap_long, i), at(tape.swap_short, i))
        if not is_flat:
            state = played(tape, terms, state, candle, log)
            if state.equity <= 0.0 or i == last:
                state = concluded(tape, terms, state, candle, log)
            falls = fallen(falls, state.equity)
        if len(curve) > 0:
            curve[before + 1 - start : i + 1 - start] = state.equity
        if i < last:
            wished = wished_at(wishes, i)
            state, may_enter = decided(wished, rules, state, candle)
            if may_enter:
                # What a reversed position has left to do, to close at the next open, asks for no rules.
                rules = rules_at(sets, int(wishes.rows[wish, PARAMETER_SET]))
            if may_enter and not daily_loss_reached(state.equity, day_start, rules.daily_loss_limit):
                size(wishes, int(wish))
                state = ordered(wishes.rows[wish], wished, rules, terms, state, candle)
    curve[i + 1 - start :] = 0.0  # behind a bust
    _day_ended(log, day - first_day, day_start, state.equity)
    sums[FINAL_EQUITY], sums[DRAWDOWN], sums[DRAWDOWN_FRACTION] = state.equity, falls.deepest, falls.deepest_fraction
    sums[DAYS] = tape.rows[last, DAY] - first_day + 1
