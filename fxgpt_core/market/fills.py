"""The one fill rule, shared by the backtest's kernels and the paper broker.

Within one candle the stop is looked at before the target. Prices are those at which the position can be entered or left: whoever
buys (to enter long, to leave short) adds the spread to a bid candle first, by `bought_above`. Where that spread is 0 and a trade
pays a fraction of the price at its entry instead, the operations and their order are those of backtesting.py 0.6.6, to the last
bit; keep fastmath off. Every function is compiled by numba and takes and returns plain numbers: `side` is 1 or -1, `units` whole
units > 0.
"""

import math
from typing import Final, NamedTuple

from fxgpt_core.compiled import compiled

REASON_NONE: Final = 0
REASON_STOP: Final = 1
REASON_TARGET: Final = 2
REASON_BREAKEVEN: Final = 3
REASON_TRAILING: Final = 4
REASON_TIME: Final = 5
REASON_END: Final = 6
REASON_SIGNAL: Final = 7
REASON_STOP_OUT: Final = 8
REASON_NAMES: Final = ("", "stop", "target", "breakeven", "trailing", "time", "end", "signal", "stop_out")
"""The name of each reason code; every name but the first is a fill reason of `market.orders`."""


class ExitPlan(NamedTuple):
    """When a stop is tightened: triggers are profits as fractions of the entry price, the distance is a fraction of the close.

    An infinite trigger switches its rule off. A trailing stop keeps `trailing_distance` and the further `trailing_gap`, in price
    units, away from the close, and moves only by more than `trailing_step`, a fraction of the close.
    """

    breakeven_trigger: float
    trailing_activation: float
    trailing_distance: float
    trailing_step: float = 0.0
    trailing_gap: float = 0.0


class Terms(NamedTuple):
    """What an account begins with and how its orders fill; money in account currency, fractions, not percent.

    `parity`: as backtesting.py has it: a gap through a target or a limit fills at the open, what is open in the end is closed
    at the last candle's open, and stop and target of a pending entry wait for the next candle. Otherwise: at the target or the
    limit, at the last close, and in the candle of the entry whatever is certain or bad. `entry_spread` is a fraction of the
    price paid at the entry; `commission` one of the notional and `unit_commission` money a unit, each side. Market and stop
    orders fill worse by `slippage` + `impact` × √(units / `depth`) times the candle's spread. A margin level (equity / margin)
    at `stop_out` closes.
    """

    cash: float
    leverage: float
    parity: bool
    entry_spread: float = 0.0
    commission: float = 0.0
    unit_commission: float = 0.0
    slippage: float = 0.0
    impact: float = 0.0
    depth: float = 1.0
    stop_out: float = 0.0


@compiled
def bought_above(side: int, spread: float) -> float:
    """What a buyer pays above the bid, in price units: `side` 1 buys."""
    return spread if side > 0 else 0.0


@compiled
def slippage_of(spread: float, terms: Terms) -> float:
    """How much worse than quoted a market or stop order fills, in price units, whatever its size."""
    return terms.slippage * spread


@compiled
def impact_of(units: float, spread: float, terms: Terms) -> float:
    """How much worse its own size makes a market or stop order fill, in price units: the square-root law of impact.

    Source: Almgren, Thum, Hauptmann and Li, Direct Estimation of Equity Market Impact (2005); here per spread and depth.
    """
    return terms.impact * spread * math.sqrt(units / terms.depth)


@compiled
def stop_out_price(side: int, units: float, entry: float, cash: float, terms: Terms) -> float:
    """The price at which equity / margin falls to `stop_out`; `cash` in quote currency, without the open profit.

    Solves cash + side·units·(p − entry) = stop_out·units·p / leverage for p. 0 or infinity where it is never reached.
    """
    bound = terms.stop_out / terms.leverage
    if side > 0:
        debt = units * entry - cash
        if debt <= 0.0:
            return 0.0
        return debt / (units * (1.0 - bound)) if bound < 1.0 else math.inf
    return (units * entry + cash) / (units * (1.0 + bound))


@compiled
def entry_price(side: int, open_: float, spread: float) -> float:
    """Price of a market entry at a candle's open, in quote currency: the open, worse by the whole `spread` fraction."""
    return open_ * (1.0 + side * spread)


@compiled
def commission_paid(units: int, price: float, commission: float) -> float:
    """Commission of one side in quote currency; `commission` is a fraction of the notional."""
    return units * price * commission


@compiled
def bracket(side: int, close: float, stop_distance: float, target_distance: float) -> tuple[float, float]:
    """Stop and target price of an entry decided at `close`; distances are in quote currency and positive."""
    return close - side * stop_distance, close + side * target_distance


@compiled
def bracket_holds(side: int, close: float, spread: float, stop: float, target: float) -> bool:
    """Whether stop and target are finite prices on the right sides of the entry price expected at the decision's close."""
    expected = close * (1.0 + side * spread)
    if side > 0:
        return 0.0 < stop < expected < target < math.inf
    return 0.0 < target < expected < stop < math.inf


@compiled
def margin_allows(side: int, units: int, open_: float, spread: float, commission: float, buying_power: float) -> bool:
    """Whether a flat account can enter: `units` at the entry price plus commission within equity × leverage (quote currency)."""
    price = entry_price(side, open_, spread) + commission_paid(units, open_, commission) / units
    return not units * price > buying_power


@compiled
def exit_in_candle(side: int, open_: float, high: float, low: float, stop: float, target: float) -> tuple[float, int]:
    """Exit price and reason code if the candle touches the stop or the target, else (0.0, 0).

    The stop is looked at first. A gap through either fills at the open: worse than the stop, better than the target.
    """
    if side > 0:
        if low <= stop:
            return min(open_, stop), REASON_STOP
        if high >= target:
            return max(open_, target), REASON_TARGET
    else:
        if high >= stop:
            return max(open_, stop), REASON_STOP
        if low <= target:
            return min(open_, target), REASON_TARGET
    return 0.0, REASON_NONE


@compiled
def tightened_stop(side: int, entry: float, close: float, stop: float, reason: int, plan: ExitPlan) -> tuple[float, int]:
    """The stop after a candle's close, and the reason an exit at it will have: breakeven first, then trailing; only tighter.

    Breakeven moves the stop to the entry price.
    """
    profit = side * (close - entry) / entry
    if profit >= plan.breakeven_trigger and side * (entry - stop) > 0.0:
        stop, reason = entry, REASON_BREAKEVEN
    if profit >= plan.trailing_activation:
        trailed = close * (1.0 - side * plan.trailing_distance) - side * plan.trailing_gap
        if side * (trailed - stop) > close * plan.trailing_step:
            stop, reason = trailed, REASON_TRAILING
    return stop, reason


@compiled
def time_is_up(candles_held: int, max_candles: int) -> bool:
    """Whether a position held for `candles_held` candles, its entry candle included, is closed at the next open (0: never)."""
    return max_candles > 0 and candles_held >= max_candles


@compiled
def realised(side: int, units: int, entry: float, exit_: float) -> float:
    """Profit of a closed position before commission, in quote currency."""
    return side * units * (exit_ - entry)


@compiled
def unrealised(side: int, units: int, entry: float, close: float) -> float:
    """Profit of an open position at a close, in quote currency and before the commission of its exit."""
    signed = side * units
    return close * signed - signed * entry
