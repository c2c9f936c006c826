"""Hypothesis strategies for whole runs of the order book under FX quotes, and what two books answer differently."""

import math
from dataclasses import replace

import numpy as np
from backtest_examples import WEDNESDAY_US, accounts, candles_of, draw_ticks, fx_costs
from hypothesis import strategies as st
from slow_order_records import MONEY

from fxgpt_core.backtest.instructions import Instruction, instructions
from fxgpt_core.backtest.order_stream import ANY_TAG, BUY, CANCEL, CLOSE, MOVE_STOP, MOVE_TARGET, SELL
from fxgpt_core.backtest.order_terms import OrderTerms
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.timeframes import DAY_US, Timeframe

NONE = math.nan
LONGEST = 24
ACTIONS = (BUY, BUY, BUY, SELL, SELL, SELL, CLOSE, CANCEL, MOVE_STOP, MOVE_TARGET)
FRACTIONS = (0.1013, 0.3017, 0.7019, 0.9993)
WHOLE = ("instruction", "tag", "side", "units", "entry_index", "exit_index", "reason")
PRICES = ("entry_price", "exit_price")


@st.composite
def fx_order_runs(draw, hedging=None, max_instructions=14):
    """Candles of four hours over some days on a grid of prices, instructions, FX costs and an account."""
    n, tick = draw(st.integers(3, LONGEST)), draw(st.sampled_from([2.0**-2, 2.0**-14]))
    times = expected_open_times(WEDNESDAY_US, WEDNESDAY_US + 14 * DAY_US, Timeframe.H4)[:n]
    candles = candles_of(times, draw_ticks(draw, n) * tick, Timeframe.H4)
    account, costs = draw(accounts()), draw(fx_costs(n, tick))
    if draw(st.booleans()):
        wide = st.lists(st.sampled_from([0.0, 1.0, 5.0]), min_size=n, max_size=n)
        costs = replace(costs, open_spread=tick * np.array(draw(wide)))
    conversion = float(costs.conversion[0])
    power = account.cash * account.leverage / conversion
    rows = draw(st.lists(asked(candles, tick, power), min_size=min(4, max_instructions), max_size=max_instructions))
    hedging = draw(st.booleans()) if hedging is None else hedging
    terms = OrderTerms(costs, hedging=hedging, exclusive=draw(st.integers(0, 4)) == 0, finalize=draw(st.integers(0, 4)) > 0)
    return candles, instructions(sorted(rows, key=lambda row: row.candle)), terms, account


@st.composite
def asked(draw, candles, tick, power):
    """One instruction at any candle but the first; whole sizes are parts of what `power`, in quote currency, buys."""
    candle, action = draw(st.integers(1, len(candles) - 1)), draw(st.sampled_from(ACTIONS))
    tag, here = draw(st.integers(0, 2)), float(candles.close[candle])

    def near(*ticks):
        away = draw(st.sampled_from(ticks))
        return NONE if away is None else here + tick * away

    if action in (BUY, SELL):
        side = 1 if action == BUY else -1
        limit, stop = near(None, None, None, 0, 2, -2, 5, -5), near(None, None, None, 0, 2, -2, 5, -5)
        entry = next((price for price in (limit, stop) if not math.isnan(price)), here)
        # A distance of 1 may lie within the spread, and be refused.
        lower, upper = (draw(st.sampled_from([None, 1, 4, 7, 12])) for _ in range(2))
        size = draw(st.sampled_from([*FRACTIONS, 0.0, 0.07, 0.31, 0.83]))
        return Instruction(
            candle,
            action,
            tag,
            size if size in FRACTIONS else float(max(1, int(size * power / here))),
            limit,
            stop,
            NONE if lower is None else entry - side * tick * lower,
            NONE if upper is None else entry + side * tick * upper,
        )
    moved = near(None, 1, -1, 3, -3, 8, -8)
    return Instruction(
        candle,
        action,
        draw(st.sampled_from([ANY_TAG, tag])),
        size=draw(st.sampled_from([1.0, 0.5, 0.3, 0.1])) if action == CLOSE else NONE,
        stop_loss=moved if action == MOVE_STOP else NONE,
        take_profit=moved if action == MOVE_TARGET else NONE,
    )


def unlike(found, slow, cash):
    """The answers of a book that are not those of the slow one: whole numbers exactly, others to 1e-9."""
    trades = found.trades
    wrong = [name for name in WHOLE if getattr(trades, name).tolist() != [getattr(trade, name) for trade in slow.closed]]
    rest = (found.refused.tolist(), found.without_margin, found.still_open)
    if rest != (slow.refused, slow.without_margin, len(slow.open)):
        wrong.append("refused, without_margin, still_open")
    numbers = {name: (getattr(trades, name), [getattr(trade, name) for trade in slow.closed]) for name in (*PRICES, *MONEY)}
    numbers["equity"] = (found.equity, slow.equity)
    for name, (ours, theirs) in numbers.items():
        # Money is a difference of prices that nearly cancel: its error is one of the account, not of the small rest.
        small = 0.0 if name in PRICES else 1e-9 * cash
        if len(ours) != len(theirs) or not np.allclose(ours, theirs, rtol=1e-9, atol=small):
            wrong.append(name)
    return wrong
