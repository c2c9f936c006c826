"""What is decided at a candle's close, compiled: an exit, a tighter stop, or a new order."""

from fxgpt_core.backtest.account import State, left_at
from fxgpt_core.backtest.placing import Wish, placed
from fxgpt_core.backtest.tape import (
    ENTRY_OFFSET,
    GONE,
    NEVER,
    PATTERN_LED,
    RANGE,
    REVERSE,
    RISK_FRACTION,
    STOP_DISTANCE,
    TARGET_DISTANCE,
    FloatArray,
    Rules,
)
from fxgpt_core.compiled import inlined
from fxgpt_core.market.fills import REASON_NONE, REASON_SIGNAL, REASON_TIME, ExitPlan, Terms, tightened_stop, time_is_up
from fxgpt_core.market.positions import NOTHING, Candle, Held


@inlined
def rules_at(rows: FloatArray, number: int) -> Rules:
    """The rules of a parameter set, of rows as `engine.rules_rows` makes them."""
    row = rows[number]
    plan, pattern_plan = ExitPlan(row[6], row[7], row[8], row[9], row[10]), ExitPlan(row[11], row[12], row[13], row[14], row[15])
    return Rules(row[0], int(row[1]), row[2], int(row[3]), int(row[4]), row[5], plan, pattern_plan)


@inlined
def closing_reason(wished: int, rules: Rules, held: Held, i: int) -> int:
    """The reason for which the position is to be closed at the open after candle `i`, 0 if it is not."""
    if time_is_up(i - held.since + 1, rules.max_candles):
        return REASON_TIME
    if rules.signal_exit != NEVER and (wished == -held.side or (rules.signal_exit == GONE and wished != held.side)):
        return REASON_SIGNAL
    return REASON_NONE


@inlined
def plan_of(rules: Rules, held: Held) -> ExitPlan:
    """The plan that tightens a position's stop, with what its own trailing stop keeps away."""
    plan = rules.pattern_plan if held.pattern_led else rules.plan
    gap = plan.trailing_gap + held.trailing_gap
    return ExitPlan(plan.breakeven_trigger, plan.trailing_activation, plan.trailing_distance, plan.trailing_step, gap)


@inlined
def tightened(plan: ExitPlan, held: Held, candle: Candle) -> Held:
    """The position with its stop tightened by a candle's close; `plan` as of `plan_of`."""
    close = left_at(held, candle, candle.close)
    stop, reason = tightened_stop(held.side, held.entry, close, held.stop, held.stop_reason, plan)
    return Held(
        held.side, held.units, held.kind, held.since, held.entry, stop, held.target, reason, held.trailing_gap,
        held.commission, held.spread_cost, held.slippage, held.impact, held.pattern_led,
    )  # fmt: skip


@inlined
def decided(wished: int, rules: Rules, state: State, candle: Candle) -> tuple[State, bool]:
    """The account with what is decided at a candle's close, and whether a new order may be placed."""
    held, order, closing, i = state.held, state.order, REASON_NONE, candle.number
    may_enter = False
    if held.units > 0:
        closing = closing_reason(wished, rules, held, i)
        if closing == REASON_NONE:
            held = tightened(plan_of(rules, held), held, candle)
        may_enter = closing == REASON_SIGNAL and rules.signal_exit == REVERSE
    elif order.units > 0:
        if i - order.since >= rules.wait_candles:
            order = NOTHING
    else:
        may_enter = wished != 0
    return State(state.cash, state.equity, state.swap, held, order, closing), may_enter


@inlined
def ordered(row: FloatArray, wished: int, rules: Rules, terms: Terms, state: State, candle: Candle) -> State:
    """The account with the order that a wish, a row of `Wishes.rows`, makes."""
    gap = rules.trailing_atr * row[RANGE] if rules.trailing_atr > 0.0 else 0.0
    is_led = row[PATTERN_LED] == 1.0
    wish = Wish(wished, row[STOP_DISTANCE], row[TARGET_DISTANCE], row[RISK_FRACTION], row[ENTRY_OFFSET], gap, is_led)
    order = placed(candle, wish, terms, state.equity, rules.max_margin_fraction)
    return State(state.cash, state.equity, state.swap, state.held, order, state.closing)
