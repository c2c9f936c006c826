"""A second backtest, written from docs/backtest.md alone: plain objects and loops, slow and obvious, an oracle for the kernel.

Where the document says nothing the kernel's reading was taken, after a comparison had shown it; a comment says "not told" there.
"""

import math

import pytest
from slow_trade import Bar, Order, SlowTrade

from fxgpt_core.market.costs import FxCosts
from fxgpt_core.market.fills import REASON_NAMES
from fxgpt_core.market.sessions import fx_day

OPPOSITE, REVERSE, GONE = 1, 2, 3
WHOLE = ("entry_index", "exit_index", "side", "units", "reason", "ambiguous")
PRICES = ("entry_price", "exit_price")
MONEY = ("profit", "commission", "spread_cost", "slippage", "impact", "swap")


class SlowBacktest:
    """Runs when made; then `trades`, `equity` and `refused` are what `backtest` is to answer."""

    def __init__(self, candles, decisions, execution, costs, account, finer=None):
        self.candles, self.decisions = candles, decisions
        self.executions = execution if isinstance(execution, tuple) else (execution,)
        self.costs, self.account, self.finer = costs, account, finer
        self.fx = isinstance(costs, FxCosts)
        self.day = fx_day(candles.open_time_us)
        self.cash = self.day_start = account.cash
        self.position = self.order = None
        self.trades, self.equity, self.refused = [], [self.cash] * len(candles), 0
        self.run()

    def run(self):
        last = len(self.candles) - 1
        for i in range(1, last + 1):
            self.begin_day(i)
            self.leave(i)
            self.enter(i)
            self.equity[i] = self.cash + self.open_profit(i)
            if self.equity[i] <= 0.0:
                self.go_bust(i)
                return
            if i < last:
                self.decide(i)
        if self.position:
            bar = self.bar(last, -self.position.side)
            self.close(last, bar.close if self.fx else bar.open, "end")
            self.equity[last] = max(self.cash, 0.0)  # not told: the costs of the last exit take no more than there is

    # What a candle is.

    def bars(self, i, buys):
        """The finer candles of a candle, or the candle itself: of the ask for who buys (1), of the bid for who sells (-1).

        Not told: finer candles are walked whenever there are some, not only where the candle touches both stop and target.
        """
        start, end = self.candles.open_time_us[i], self.candles.known_at_us[i]
        finer = self.finer
        rows = [] if finer is None else [k for k, time in enumerate(finer.open_time_us) if start <= time < end]
        return [self.quoted(finer, k, i, buys) for k in rows] or [self.bar(i, buys)]

    def bar(self, i, buys):
        return self.quoted(self.candles, i, i, buys)

    def quoted(self, candles, k, i, buys):
        above = self.spread(i) if self.fx and buys > 0 else 0.0
        return Bar(*(float(column[k]) + above for column in (candles.open, candles.high, candles.low, candles.close)))

    def spread(self, i):
        return number_at(self.costs.spread, i)

    def conversion(self, i):
        return number_at(self.costs.conversion, i) if self.fx else 1.0

    # 1. A new FX day.

    def begin_day(self, i):
        if self.day[i] == self.day[i - 1]:
            return
        self.day_start = self.equity[i - 1]
        if self.position and self.fx:
            rates = self.costs.swap_long if self.position.side > 0 else self.costs.swap_short
            paid = number_at(rates, i) * self.position.units * self.conversion(i)
            self.position.swap += paid
            self.cash -= paid

    # 2. A close that was decided; else stop, then target.

    def leave(self, i):
        held = self.position
        if held and held.closing:
            self.close(i, self.bar(i, -held.side).open, held.closing)
        elif held:
            self.stop_or_target(i, self.bars(i, -held.side))

    def stop_or_target(self, i, bars):
        held = self.position
        for bar in bars:
            if self.fx and (bar.open - held.target) * held.side >= 0.0:
                self.close(i, held.target, "target")
                return
            if held.stopped_by(bar):
                held.ambiguous = held.target_in(bar) and (bar.open - held.stop) * held.side > 0.0
                self.close(i, min(held.stop, bar.open) if held.side > 0 else max(held.stop, bar.open), held.stop_reason)
                return
            if held.target_in(bar):
                better = max(held.target, bar.open) if held.side > 0 else min(held.target, bar.open)
                self.close(i, held.target if self.fx else better, "target")
                return

    def close(self, i, price, reason):
        held, conversion = self.position, self.conversion(i)
        if self.fx and reason != "target":
            price -= held.side * self.worse(i, held)
        if self.fx and held.side < 0:
            held.spread_cost += self.spread(i) * held.units * conversion
        commission = self.commission(i, held.units, price)
        held.commission += commission
        self.cash += held.worth(price) * conversion - commission
        held.profit = held.worth(price) * conversion - held.commission - held.swap
        held.exit_index, held.exit_price, held.reason = i, price, REASON_NAMES.index(reason)
        self.trades.append(held)
        self.position = None

    def worse(self, i, held):
        """What a market or stop order pays a unit beyond the quote; the trade notes it."""
        slippage = self.costs.slippage * self.spread(i)
        impact = self.costs.impact * self.spread(i) * math.sqrt(held.units / self.costs.depth)
        held.slippage += slippage * held.units * self.conversion(i)
        held.impact += impact * held.units * self.conversion(i)
        return slippage + impact

    def commission(self, i, units, price):
        paid = self.costs.commission * units * price * self.conversion(i)
        return paid + self.costs.unit_commission * units if self.fx else paid

    # 3. An order enters. 4. Stop and target of the new position.

    def enter(self, i):
        order, price = self.order, self.fill_price(i)
        if price is None:
            return
        self.order = None
        told = order.stop, order.target, order.atr, order.pattern_led, order.execution
        held = SlowTrade(i, order.side, order.units, price, *told)
        self.pay_entry(i, held, order.kind)
        commission = self.commission(i, held.units, held.entry_price)
        # Not told: backtesting.py judges by the commission on the price before the spread.
        judged = commission if self.fx else self.commission(i, held.units, price)
        needed = held.units * held.entry_price + judged / self.conversion(i)
        if needed > self.cash / self.conversion(i) * self.account.usable_leverage:
            self.refused += 1
            return
        held.commission += commission
        self.cash -= commission
        self.position = held
        self.watch_margin(i)
        self.leave_on_entry(i, order)

    def fill_price(self, i):
        """The price at which the order trades in this candle, before slippage; None if it does not."""
        order = self.order
        if order is None:
            return None
        bar = self.bar(i, order.side)
        if order.kind == "market":
            return bar.open
        if not order.reached_by(bar):
            return None
        at_open = order.opened_beyond(bar) and (order.kind == "stop" or not self.fx)
        return bar.open if at_open else order.level

    def pay_entry(self, i, held, kind):
        if not self.fx:
            spread = self.costs.spread * held.entry_price
            held.entry_price += held.side * spread
            held.spread_cost = spread * held.units
            return
        if kind != "limit":
            held.entry_price += held.side * self.worse(i, held)
        if held.side > 0:
            held.spread_cost = self.spread(i) * held.units * self.conversion(i)

    def watch_margin(self, i):
        """Where equity / margin reaches `stop_out` before the stop, that price takes its place."""
        held, b = self.position, self.costs.stop_out / self.account.usable_leverage if self.fx else 0.0
        if b == 0.0 or (held.side > 0 and b >= 1.0):  # a long position without debt never gets there
            return
        worth, cash = held.units * held.entry_price, self.cash / self.conversion(i)
        price = (worth - held.side * cash) / (held.units * (1.0 - held.side * b))
        if (price - held.stop) * held.side > 0.0:
            held.stop, held.stop_reason = price, "stop_out"

    def leave_on_entry(self, i, order):
        held, bars = self.position, self.bars(i, -order.side)
        if order.kind == "market":
            self.stop_or_target(i, bars)
            return
        # Not told: among finer candles the first that reaches the order is "the candle of the entry".
        entered = next((k for k, bar in enumerate(self.bars(i, order.side)) if order.reached_by(bar)))
        bar, later = bars[entered], bars[entered + 1 :]
        if held.stopped_by(bar):
            if self.fx:
                # Not told: whether the stop of a stop entry was touched before it or after it, the candle does not tell.
                # A limit whose candle opens beyond the stop too is in and out at once.
                behind_open = (bar.open - held.stop) * held.side > 0.0
                held.ambiguous = order.kind == "stop" or (held.target_in(bar) and behind_open)
                back = held.entry_price - held.side * self.spread(i)
                self.close(i, min(held.stop, back) if held.side > 0 else max(held.stop, back), held.stop_reason)
                return
        elif order.kind == "stop" and held.target_in(bar):
            later = [bar]
        self.stop_or_target(i, later)

    # 5. Equity at the close.

    def open_profit(self, i):
        held = self.position
        return held.worth(self.bar(i, -held.side).close) * self.conversion(i) if held else 0.0

    def go_bust(self, i):
        if self.position:
            self.close(i, self.bar(i, -self.position.side).close, "end")  # not told: the reason, and that it slips
        self.equity[i:] = [0.0] * (len(self.equity) - i)

    # 6. Decisions at the close.

    def decide(self, i):
        if self.position:
            self.run_position(i)
        elif self.order is None:
            self.order = self.order_of(i)
        elif i - self.order.decided >= self.order.execution.wait_candles:
            self.order = None

    def run_position(self, i):
        held, wished = self.position, self.decisions.side[i]
        execution = held.execution
        leaves = wished != held.side if execution.signal_exit == GONE else wished == -held.side
        if execution.max_candles and i - held.entry_index + 1 >= execution.max_candles:
            held.closing = "time"
        elif execution.signal_exit in (OPPOSITE, REVERSE, GONE) and leaves:
            held.closing = "signal"
            if execution.signal_exit == REVERSE:
                self.order = self.order_of(i)  # not told: none after the daily loss
        else:
            self.tighten(i)

    def tighten(self, i):
        held, plan = self.position, self.plan(self.position)
        close = self.bar(i, -held.side).close
        profit = (close - held.entry_price) * held.side
        if profit >= plan.breakeven_trigger * held.entry_price and (held.entry_price - held.stop) * held.side > 0.0:
            held.stop, held.stop_reason = held.entry_price, "breakeven"
        if profit >= plan.trailing_activation * held.entry_price:
            away = plan.trailing_gap + held.execution.trailing_atr * held.atr
            stop = close * (1.0 - held.side * plan.trailing_distance) - held.side * away
            if (stop - held.stop) * held.side > plan.trailing_step * close:
                held.stop, held.stop_reason = stop, "trailing"

    def plan(self, held):
        other = held.execution.pattern_plan
        return other if held.pattern_led and other is not None else held.execution.plan

    def execution_at(self, i):
        """How a position is run that the wish at this close leads into."""
        return self.executions[int(number_at(self.decisions.numbers.get("parameter_set", [0.0]), i))]

    def order_of(self, i):
        """The order that the wish at this close becomes; None if there is no wish, or it cannot be placed."""
        wish, side, equity = self.decisions, int(self.decisions.side[i]), self.equity[i]
        execution = self.execution_at(i)
        if side == 0 or equity <= self.day_start * (1.0 - execution.daily_loss_limit):
            return None
        distance, offset = float(wish.stop_distance[i]), number_at(wish.numbers.get("entry_offset", [0.0]), i)
        level = float(self.candles.close[i]) + side * offset
        stop, target = level - side * distance, level + side * float(wish.target_distance[i])
        if not self.bracket_holds(i, side, (level, stop, target), offset != 0.0):
            return None
        quote = equity / self.conversion(i)
        risked = quote * float(wish.risk_fraction[i]) / distance
        units = math.floor(min(risked, quote * execution.max_margin_fraction * self.account.usable_leverage / level))
        kind = "market" if offset == 0.0 else "stop" if offset > 0.0 else "limit"
        atr = number_at(wish.numbers.get("atr", [0.0]), i)
        led = number_at(wish.numbers.get("pattern_led", [0.0]), i) == 1.0
        return Order(i, side, units, level, kind, stop, target, atr, led, execution) if units >= 1 else None

    def bracket_holds(self, i, side, bracket, waits):
        level, stop, target = bracket
        if not self.fx:
            expected = level * (1.0 + side * self.costs.spread)
            return stop < expected < target if side > 0 else target < expected < stop
        if waits:  # the level is what the order trades at, whichever side of the quote that is
            return (
                stop < level - self.spread(i) and level < target if side > 0 else target < level and level + self.spread(i) < stop
            )
        ask = level + self.spread(i)
        return stop < level and ask < target if side > 0 else target < level <= ask < stop


def number_at(values, i):
    """One number a candle, or one for all."""
    return float(values[i] if len(values) > 1 else values[0])


def assert_slow_backtest_answers(played):
    """That `backtest` answers what the slow one does: whole numbers exactly, others to 1e-9."""
    found = played.result()
    slow = SlowBacktest(played.candles, played.decisions, played.execution, played.costs, played.account, played.finer)
    for name in WHOLE:
        assert getattr(found.trades, name).tolist() == [getattr(trade, name) for trade in slow.trades], name
    assert found.refused == slow.refused
    for name in (*PRICES, *MONEY):
        # Money is a difference of prices that nearly cancel: its error is one of the account, not of the small rest.
        small = 0.0 if name in PRICES else 1e-9 * played.account.cash
        expected = [getattr(trade, name) for trade in slow.trades]
        assert getattr(found.trades, name).tolist() == pytest.approx(expected, rel=1e-9, abs=small), name
    assert found.equity.tolist() == pytest.approx(slow.equity, rel=1e-9, abs=1e-9 * played.account.cash)
