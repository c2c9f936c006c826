"""The compiled loop: candles and wishes in, trades, equity and sums out; docs/backtest.md tells the order of events.

Per candle: swap of the nights before → pending close at the open → stop → target → entry → stop → target (entry candle) →
equity at the close → decisions (time exit; exit by signal; else breakeven, trailing; else entry if flat and the daily-loss
limit is not reached). Nothing happens in the first candle of a window, and on its last one nothing is decided. Under
`Terms.parity` all of it equals backtesting.py 0.6.6 to the last bit. While nothing is held or ordered the loop jumps to the
next wish.
"""

import numpy as np

from fxgpt_core.backtest.account import State, at, candle_at, concluded, left_at, nights_paid, played
from fxgpt_core.backtest.positions import NOTHING, Candle, Held, Wish, placed
from fxgpt_core.backtest.tape import (
    DAY,
    DAYS,
    DRAWDOWN,
    DRAWDOWN_FRACTION,
    ENTRY_OFFSET,
    FINAL_EQUITY,
    GONE,
    NEVER,
    RANGE,
    REVERSE,
    RISK_FRACTION,
    STOP_DISTANCE,
    SUM_RETURNS,
    SUM_SQUARES,
    SUM_SQUARES_BELOW,
    TARGET_DISTANCE,
    FloatArray,
    Log,
    Rules,
    Tape,
    Wishes,
)
from fxgpt_core.compiled import inlined, uncounted
from fxgpt_core.market.fills import REASON_NONE, REASON_SIGNAL, REASON_TIME, ExitPlan, Terms, tightened_stop, time_is_up
from fxgpt_core.portfolio.sizing import daily_loss_reached


@inlined
def _closing(wished: int, rules: Rules, held: Held, i: int) -> int:
    """The reason for which the position is to be closed at the open after candle `i`, 0 if it is not."""
    if time_is_up(i - held.since + 1, rules.max_candles):
        return REASON_TIME
    if rules.signal_exit != NEVER and (wished == -held.side or (rules.signal_exit == GONE and wished != held.side)):
        return REASON_SIGNAL
    return REASON_NONE


@inlined
def _tightened(rules: Rules, held: Held, candle: Candle) -> Held:
    """The position with its stop tightened by a candle's close."""
    plan, close = rules.plan, left_at(held, candle, candle.close)
    gap = plan.trailing_gap + held.trailing_gap
    mine = ExitPlan(plan.breakeven_trigger, plan.trailing_activation, plan.trailing_distance, plan.trailing_step, gap)
    stop, reason = tightened_stop(held.side, held.entry, close, held.stop, held.stop_reason, mine)
    return Held(
        held.side, held.units, held.kind, held.since, held.entry, stop, held.target, reason, held.trailing_gap,
        held.commission, held.spread_cost, held.slippage, held.impact,
    )  # fmt: skip


@inlined
def _decided(wished: int, rules: Rules, state: State, candle: Candle) -> tuple[State, bool]:
    """The account with what is decided at a candle's close, and whether a new order may be placed."""
    held, order, closing, i = state.held, state.order, REASON_NONE, candle.number
    may_enter = False
    if held.units > 0:
        closing = _closing(wished, rules, held, i)
        if closing == REASON_NONE:
            held = _tightened(rules, held, candle)
        may_enter = closing == REASON_SIGNAL and rules.signal_exit == REVERSE
    elif order.units > 0:
        if i - order.since >= rules.wait_candles:
            order = NOTHING
    else:
        may_enter = wished != 0
    return State(state.cash, state.equity, state.swap, held, order, closing), may_enter


@inlined
def _ordered(row: FloatArray, wished: int, rules: Rules, terms: Terms, state: State, candle: Candle) -> State:
    """The account with the order that a wish, a row of `Wishes.rows`, makes."""
    gap = rules.trailing_atr * row[RANGE] if rules.trailing_atr > 0.0 else 0.0
    wish = Wish(wished, row[STOP_DISTANCE], row[TARGET_DISTANCE], row[RISK_FRACTION], row[ENTRY_OFFSET], gap)
    order = placed(candle, wish, terms, state.equity, rules.max_margin_fraction)
    return State(state.cash, state.equity, state.swap, state.held, order, state.closing)


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
def play(tape: Tape, wishes: Wishes, rules: Rules, terms: Terms, window: tuple[int, int], log: Log) -> None:
    """Plays the candles [start, stop) of a window, at least one, from a flat account, and fills the log."""
    start, last = window[0], window[1] - 1
    state = State(terms.cash, terms.cash, 0.0, NOTHING, NOTHING, REASON_NONE)
    peak = day_start = terms.cash
    deepest = deepest_fraction = 0.0
    sums, curve, first_day = log.sums, log.equity, tape.rows[start, DAY]
    sums[:], log.daily[:], curve[:1] = 0.0, 0.0, terms.cash
    i, day, wish, n_wishes = start, first_day, np.searchsorted(wishes.at, start + 1), len(wishes.at)
    while i < last and state.equity > 0.0:
        before, i = i, i + 1
        while wish < n_wishes and wishes.at[wish] < i:
            wish += 1
        is_flat = state.held.units == 0 and state.order.units == 0
        if is_flat:
            i = min(wishes.at[wish], last) if wish < n_wishes else last
        candle = candle_at(tape, i)
        if tape.rows[i, DAY] != day:
            _day_ended(log, day - first_day, day_start, state.equity)
            day, day_start = tape.rows[i, DAY], state.equity
            if state.held.units > 0:
                state = nights_paid(state, candle, at(tape.swap_long, i), at(tape.swap_short, i))
        if not is_flat:
            state = played(tape, terms, state, candle, log)
            if state.equity <= 0.0 or i == last:
                state = concluded(tape, terms, state, candle, log)
            peak = max(peak, state.equity)
            deepest = max(deepest, peak - state.equity)
            if peak - state.equity > deepest_fraction * peak:
                deepest_fraction = 1.0 - state.equity / peak
        if len(curve) > 0:
            curve[before + 1 - start : i + 1 - start] = state.equity
        if i < last:
            wished = int(np.int64(wishes.side[i]))  # numba's int() would keep it a byte
            state, may_enter = _decided(wished, rules, state, candle)
            if may_enter and not daily_loss_reached(state.equity, day_start, rules.daily_loss_limit):
                state = _ordered(wishes.rows[wish], wished, rules, terms, state, candle)
    curve[i + 1 - start :] = 0.0  # behind a bust
    _day_ended(log, day - first_day, day_start, state.equity)
    sums[FINAL_EQUITY], sums[DRAWDOWN], sums[DRAWDOWN_FRACTION] = state.equity, deepest, deepest_fraction
    sums[DAYS] = tape.rows[last, DAY] - first_day + 1
