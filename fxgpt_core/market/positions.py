"""The life of a position inside a candle, compiled: an order entered, left and settled, for the backtest and the paper broker."""

from typing import NamedTuple

from fxgpt_core.compiled import compiled, inlined
from fxgpt_core.market.fills import (
    REASON_NONE,
    REASON_STOP_OUT,
    REASON_TARGET,
    Terms,
    bought_above,
    commission_paid,
    entry_price,
    exit_in_candle,
    impact_of,
    margin_allows,
    realised,
    slippage_of,
    stop_out_price,
)

MARKET, STOP_ENTRY, LIMIT_ENTRY = 0, 1, -1
"""How an order enters: at the next open, beyond a price, or at a better one."""


class Candle(NamedTuple):
    """Candle `number` of a tape: bid prices in quote currency, `conversion` the value of a unit of it in account currency.

    `open_spread` is what the ask is above the bid at the open, `spread` afterwards.
    """

    number: int
    open: float
    high: float
    low: float
    close: float
    open_spread: float
    spread: float
    conversion: float


class Held(NamedTuple):
    """An open position, or an order that is still to be entered; without units it is neither.

    `entry` is the level of an order; `since` the candle it was placed or entered in; what the entry cost is in account currency.
    `pattern_led`: a chart pattern led into it, so that its stop is tightened by the plan of patterns.
    """

    side: int
    units: int
    kind: int
    since: int
    entry: float
    stop: float
    target: float
    stop_reason: int
    trailing_gap: float
    commission: float
    spread_cost: float
    slippage: float
    impact: float
    pattern_led: bool


NOTHING = Held(0, 0, MARKET, -1, 0.0, 0.0, 0.0, REASON_NONE, 0.0, 0.0, 0.0, 0.0, 0.0, False)
"""Neither a position nor an order."""


class Left(NamedTuple):
    """How a position is left: at what price before slippage, for what reason code (0: it is not), and what the spread was then.

    `both`: the candle touched the target as well as the stop.
    """

    price: float
    reason: int
    both: bool
    spread: float


STAYS = Left(0.0, REASON_NONE, False, 0.0)
"""A position that is not left."""


class Trade(NamedTuple):
    """What the end of a position settles, as `tape.TRADE` keeps it; `cash` is what it adds to the account."""

    exit_price: float
    profit: float
    commission: float
    spread_cost: float
    slippage: float
    impact: float
    cash: float


@inlined
def opened_at(side: int, candle: Candle) -> float:
    """A candle's open for one who trades on a side: 1 buys."""
    return candle.open + bought_above(side, candle.open_spread)


@compiled
def reached(candle: Candle, order: Held, terms: Terms) -> tuple[float, float]:
    """The price at which a candle fills an order, before slippage, and the spread then; 0 if the candle does not reach it."""
    above, open_ = bought_above(order.side, candle.spread), opened_at(order.side, candle)
    if order.kind == MARKET:
        return open_, candle.open_spread
    rises = order.side * order.kind > 0
    if (open_ >= order.entry) if rises else (open_ <= order.entry):
        return open_ if order.kind == STOP_ENTRY or terms.parity else order.entry, candle.open_spread
    if (candle.high + above >= order.entry) if rises else (candle.low + above <= order.entry):
        return order.entry, candle.spread
    return 0.0, 0.0


@compiled
def entered(candle: Candle, order: Held, terms: Terms, fill: tuple[float, float], cash: float) -> Held:
    """The order as a position entered, `fill` as of `reached`; nothing if the margin does not allow it."""
    side, units, conversion = order.side, order.units, candle.conversion
    price, spread = fill
    slippage = impact = 0.0
    if order.kind != LIMIT_ENTRY:
        slippage, impact = slippage_of(spread, terms), impact_of(units, spread, terms)
    buying_power = max(0.0, cash / conversion) * terms.leverage
    if terms.parity and not margin_allows(side, units, price, terms.entry_spread, terms.commission, buying_power):
        return NOTHING
    quoted = entry_price(side, price, terms.entry_spread)
    entry = quoted + side * (slippage + impact)
    commission = commission_paid(units, entry, terms.commission) * conversion + units * terms.unit_commission
    if not terms.parity and units * entry + commission / conversion > buying_power:
        return NOTHING
    stop, reason = order.stop, order.stop_reason
    if terms.stop_out > 0.0:
        stop_out = stop_out_price(side, units, entry, (cash - commission) / conversion, terms)
        if side * (stop_out - stop) > 0.0:
            stop, reason = stop_out, REASON_STOP_OUT
    bid = price - bought_above(side, spread)
    return Held(
        side, units, order.kind, candle.number, entry, stop, order.target, reason, order.trailing_gap, commission,
        abs(quoted - bid) * units * conversion, slippage * units * conversion, impact * units * conversion, order.pattern_led,
    )  # fmt: skip


@compiled
def left(candle: Candle, held: Held, terms: Terms) -> Left:
    """How a candle leaves a position by its stop or target; one that opens beyond the target has reached that first."""
    if not terms.parity and held.side * (opened_at(-held.side, candle) - held.target) >= 0.0:
        return Left(held.target, REASON_TARGET, False, candle.open_spread)
    return _touched(candle, held, terms)


@inlined
def extremes(side: int, candle: Candle) -> tuple[float, float]:
    """A candle's high and low for one who trades on a side: 1 buys."""
    above, open_ = bought_above(side, candle.spread), opened_at(side, candle)
    # The open is a part of the candle, and by its own spread may lie outside of what the others make of it.
    return max(candle.high + above, open_), min(candle.low + above, open_)


@inlined
def touches(candle: Candle, held: Held) -> bool:
    """Whether a candle touches the stop or the target of a position: if not, `left` says that it stays."""
    high, low = extremes(-held.side, candle)
    if held.side > 0:
        return low <= held.stop or high >= held.target
    return high >= held.stop or low <= held.target


@inlined
def _touched(candle: Candle, held: Held, terms: Terms) -> Left:
    """What a candle touches of stop and target; the stop, if both."""
    open_ = opened_at(-held.side, candle)
    high, low = extremes(-held.side, candle)
    price, reason = exit_in_candle(held.side, open_, high, low, held.stop, held.target)
    if reason == REASON_NONE:
        return STAYS
    spread = candle.open_spread if price == open_ else candle.spread
    if reason == REASON_TARGET:
        return Left(price if terms.parity else held.target, REASON_TARGET, False, spread)
    both = price != open_ and (high >= held.target if held.side > 0 else low <= held.target)
    return Left(price, held.stop_reason, both, spread)


@compiled
def left_on_entry(candle: Candle, held: Held, terms: Terms) -> Left:
    """`left` in the candle of the entry, of which an order that waited for its price has seen only a part.

    A stop beyond a limit is touched after it, and so is a target beyond a stop entry; of a target beyond a limit, and of a stop
    beyond a stop entry, the candle does not tell: it is assumed that the stop was touched and the target was not. backtesting.py
    leaves the position alone instead where it cannot tell.
    """
    if held.kind == MARKET:
        return left(candle, held, terms)
    end = _touched(candle, held, terms)
    if end.reason == REASON_NONE:
        return end
    if terms.parity:
        spared = held.kind == LIMIT_ENTRY or candle.low <= held.stop <= candle.high
        return STAYS if spared else end
    if end.reason == REASON_TARGET:
        return STAYS if held.kind == LIMIT_ENTRY else end
    # The position was entered behind the open, so that the open is no gap through its stop; but what was bought at the ask is
    # sold at the bid.
    back = held.entry - held.side * candle.spread
    price = min(held.stop, back) if held.side > 0 else max(held.stop, back)
    return Left(price, end.reason, end.both or held.kind == STOP_ENTRY, candle.spread)


@compiled
def settled(candle: Candle, held: Held, end: Left, terms: Terms, swap: float) -> Trade:
    """The trade that ends in a candle; its `swap` was taken from the account before."""
    side, units, conversion = held.side, held.units, candle.conversion
    slippage = impact = 0.0
    if end.reason != REASON_TARGET:
        slippage, impact = slippage_of(end.spread, terms), impact_of(units, end.spread, terms)
    price = end.price - side * (slippage + impact)
    gross = realised(side, units, held.entry, price) * conversion
    at_exit = commission_paid(units, price, terms.commission) * conversion + units * terms.unit_commission
    commission = at_exit + held.commission
    return Trade(
        exit_price=price,
        profit=gross - commission - swap,
        commission=commission,
        spread_cost=held.spread_cost + bought_above(-side, end.spread) * units * conversion,
        slippage=held.slippage + slippage * units * conversion,
        impact=held.impact + impact * units * conversion,
        cash=gross - at_exit,
    )
