"""An account from one candle to the next, compiled: what is held, what waits, and what became of it inside a candle."""

from typing import NamedTuple

from fxgpt_core.backtest.finer import left_by_finer, left_on_entry_by_finer
from fxgpt_core.backtest.tape import (
    AMBIGUOUS,
    COSTS,
    GAINS,
    GAINS_BEFORE_COSTS,
    HELD_US,
    LOSSES,
    REFUSED,
    TRADES,
    WINS,
    FloatArray,
    IntArray,
    Log,
    Tape,
)
from fxgpt_core.compiled import inlined, uncounted
from fxgpt_core.market.fills import REASON_END, REASON_NONE, Terms, bought_above, unrealised
from fxgpt_core.market.positions import (
    NOTHING,
    STAYS,
    Candle,
    Held,
    Left,
    entered,
    left,
    left_on_entry,
    opened_at,
    reached,
    settled,
)


class State(NamedTuple):
    """An account between two candles; money in account currency, `swap` what the open position has paid so far.

    `closing` is the reason for which the position is closed at the next open, 0 if it is not.
    """

    cash: float
    equity: float
    swap: float
    held: Held
    order: Held
    closing: int


@inlined
def at(values: FloatArray, i: int) -> float:
    """The number of candle `i`, or the one of all candles."""
    value: float = values[i] if len(values) > 1 else values[0]
    return value


@inlined
def left_at(held: Held, candle: Candle, bid: float) -> float:
    """The price at which the position could be left, behind the open, when the bid is `bid`."""
    return bid + bought_above(-held.side, candle.spread)


@uncounted
def _ends(times: IntArray, terms: Terms, state: State, candle: Candle, end: Left, log: Log) -> State:
    """The account after its position has ended; the trade is written to the log."""
    sums, i, held = log.sums, candle.number, state.held
    trade = settled(candle, held, end, terms, state.swap)
    if len(log.book) > 0:
        row = log.book[int(sums[TRADES])]
        row.entry_index, row.exit_index, row.side, row.units = held.since, i, held.side, held.units
        row.entry_price, row.exit_price, row.reason, row.ambiguous = held.entry, trade.exit_price, end.reason, end.both
        row.profit, row.commission, row.spread_cost = trade.profit, trade.commission, trade.spread_cost
        row.slippage, row.impact, row.swap = trade.slippage, trade.impact, state.swap
    costs = trade.commission + trade.spread_cost + trade.slippage + trade.impact + state.swap
    sums[TRADES] += 1.0
    sums[COSTS] += costs
    sums[HELD_US] += times[i] - times[held.since]
    sums[AMBIGUOUS] += end.both
    sums[GAINS_BEFORE_COSTS] += max(0.0, trade.profit + costs)
    sums[WINS] += trade.profit > 0.0
    sums[GAINS] += max(0.0, trade.profit)
    sums[LOSSES] += max(0.0, -trade.profit)
    cash = state.cash + trade.cash
    return State(cash, cash, 0.0, NOTHING, state.order, REASON_NONE)


@uncounted
def _enters(terms: Terms, state: State, candle: Candle, fill: tuple[float, float], sums: FloatArray) -> State:
    """The account after its order was filled, `fill` as of `reached`, or dropped for want of margin."""
    held = entered(candle, state.order, terms, fill, state.cash)
    sums[REFUSED] += held.units == 0
    return State(state.cash - held.commission, state.equity, 0.0, held, NOTHING, REASON_NONE)


@inlined
def _left_on_entry(tape: Tape, candle: Candle, order: Held, held: Held, terms: Terms) -> Left:
    """How the candle of its entry leaves a position; one that was refused is not left."""
    if held.units == 0:
        return STAYS
    if len(tape.finer_first) > 0:
        return left_on_entry_by_finer(tape, candle, order, held, terms)
    return left_on_entry(candle, held, terms)


@uncounted
def concluded(tape: Tape, terms: Terms, state: State, candle: Candle, log: Log) -> State:
    """The account without position and order: after it has lost everything, or after the last candle."""
    is_bust = state.equity <= 0.0
    if state.held.units > 0:
        price = candle.open if terms.parity and not is_bust else left_at(state.held, candle, candle.close)
        state = _ends(tape.time_us, terms, state, candle, Left(price, REASON_END, False, candle.spread), log)
    cash = 0.0 if is_bust else max(state.cash, 0.0)
    return State(cash, cash, 0.0, NOTHING, NOTHING, REASON_NONE)


@inlined
def nights_paid(state: State, candle: Candle, long_rate: float, short_rate: float) -> State:
    """The account after the swap of the nights before a candle; rates for a unit in quote currency."""
    paid = (long_rate if state.held.side > 0 else short_rate) * state.held.units * candle.conversion
    return State(state.cash - paid, state.equity, state.swap + paid, state.held, state.order, state.closing)


@inlined
def _exit(state: State, candle: Candle, terms: Terms) -> Left:
    """How a candle leaves the position: by the close that was decided, or by its stop or target."""
    if state.closing != REASON_NONE:
        return Left(opened_at(-state.held.side, candle), state.closing, False, candle.open_spread)
    return left(candle, state.held, terms)


@inlined
def marked(state: State, candle: Candle) -> State:
    """The account with its equity at a candle's close."""
    held = state.held
    profit = unrealised(held.side, held.units, held.entry, left_at(held, candle, candle.close))
    return State(state.cash, state.cash + profit * candle.conversion, state.swap, held, state.order, state.closing)


@inlined
def played(tape: Tape, terms: Terms, state: State, candle: Candle, log: Log) -> State:
    """The account at the close of a candle in which a position is held or an order waits."""
    if state.held.units > 0:
        end = _exit(state, candle, terms)
        if end.reason != REASON_NONE:
            if len(tape.finer_first) > 0 and state.closing == REASON_NONE:
                end = left_by_finer(tape, candle, state.held, terms, end)
            state = _ends(tape.time_us, terms, state, candle, end, log)
    order = state.order
    if order.units > 0:
        fill = reached(candle, order, terms)
        if fill[0] > 0.0:
            state = _enters(terms, state, candle, fill, log.sums)
            end = _left_on_entry(tape, candle, order, state.held, terms)
            if end.reason != REASON_NONE:
                state = _ends(tape.time_us, terms, state, candle, end, log)
    return marked(state, candle)
