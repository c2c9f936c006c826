"""A position from one candle to the next while it is only held, compiled: most of what a run does.

The loop of `kernel.play` can enter and leave positions in each candle. Where none of this happens, equity, stop and the deepest
fall are all that changes; a loop with nothing else in it is much faster.
"""

from typing import NamedTuple

import numpy as np

from fxgpt_core.backtest.account import State, at, marked
from fxgpt_core.backtest.decided import closing_reason, plan_of, tightened
from fxgpt_core.backtest.tape import CLOSE, DAY, HIGH, LOW, OPEN, FloatArray, Rules, Tape, Wishes
from fxgpt_core.compiled import inlined, uncounted
from fxgpt_core.market.fills import REASON_NONE
from fxgpt_core.market.positions import Candle, touches


class Falls(NamedTuple):
    """The highest equity at a close so far, and the deepest fall from it, in money and as a fraction of it."""

    peak: float
    deepest: float
    deepest_fraction: float


class Course(NamedTuple):
    """Where a run stands at the close of candle `i`."""

    i: int
    state: State
    falls: Falls


@inlined
def fallen(falls: Falls, equity: float) -> Falls:
    """The falls after one more close."""
    peak = max(falls.peak, equity)
    fraction = falls.deepest_fraction
    if peak - equity > fraction * peak:
        fraction = 1.0 - equity / peak
    return Falls(peak, max(falls.deepest, peak - equity), fraction)


@inlined
def candle_of(tape: Tape, i: int) -> Candle:
    """Candle `i` of a tape."""
    row, spread = tape.rows[i], at(tape.spread, i)
    open_spread = at(tape.open_spread, i) if len(tape.open_spread) > 0 else spread
    return Candle(i, row[OPEN], row[HIGH], row[LOW], row[CLOSE], open_spread, spread, at(tape.conversion, i))


@inlined
def wished_at(wishes: Wishes, i: int) -> int:
    """The side that is wished for at the close of candle `i`."""
    return int(np.int64(wishes.side[i]))  # numba's int() would keep it a byte


@uncounted
def carried(tape: Tape, wishes: Wishes, rules: Rules, course: Course, window: tuple[int, int], curve: FloatArray) -> Course:
    """The run after all candles in which its position is only held: the next one has something else to do.

    Something else: stop or target is touched, an FX day begins, an exit is decided, all is lost, or it is the last candle of the
    window, of which first and last are told. `curve`, unless empty, gets the equity of these candles.
    """
    i, state, falls = course
    first, last = window
    held, day = state.held, tape.rows[i, DAY]
    plan = plan_of(rules, held)
    while i + 1 < last and tape.rows[i + 1, DAY] == day:
        candle = candle_of(tape, i + 1)
        if touches(candle, held) or closing_reason(wished_at(wishes, i + 1), rules, held, i + 1) != REASON_NONE:
            break
        equity = marked(state, candle).equity
        if equity <= 0.0:
            break
        i += 1
        held, falls = tightened(plan, held, candle), fallen(falls, equity)
        state = State(state.cash, equity, state.swap, held, state.order, state.closing)
        if len(curve) > 0:
            curve[i - first] = equity
    return Course(i, state, falls)
