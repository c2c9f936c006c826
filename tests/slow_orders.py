"""A second order book for FX quotes, written from docs/backtest_orders.md: plain and slow, an oracle for the compiled one.

Where the document says nothing the compiled book's reading was taken; a comment says "not told" there.
"""

import math
from itertools import count

from slow_order_records import NO_PRICE, Order, SlowQuotes, Trade

from fxgpt_core.backtest.order_account import EXIT_NAMES
from fxgpt_core.backtest.order_stream import ACTION_NAMES, ANY_TAG
from fxgpt_core.market.sessions import fx_day


class SlowOrders(SlowQuotes):
    """Runs when made; then `closed`, `equity`, `refused`, `without_margin` and `open` are what `play_orders` is to answer."""

    def __init__(self, candles, asked, terms, account):
        self.candles, self.asked, self.terms, self.account = candles, asked, terms, account
        self.costs, self.cash, self.leverage = terms.costs, account.cash, account.usable_leverage
        self.day, self.births = fx_day(candles.open_time_us), count(1)
        self.open, self.closed, self.closes, self.entries = [], [], [], []
        self.refused, self.without_margin, self.equity = [], 0, [account.cash] * len(candles)
        self.run()

    def run(self):
        last, m = len(self.candles) - 1, 0
        for i in range(1, last + 1):
            self.i = i
            self.pay_nights()
            self.fill_at_open()
            self.watch_margin(self.candles.open[i], self.open_spread)
            self.look_through()
            self.equity[i] = self.cash + sum(t.gain(self.mark(t)) for t in self.open) * self.conversion
            if self.equity[i] <= 0.0:
                self.close_all()
                self.equity[i:] = [0.0] * (last + 1 - i)
                return
            if i == last and self.terms.finalize:
                self.close_all()
                self.equity[i] = max(self.cash, 0.0)
            while m < len(self.asked) and self.asked.candle[m] == i:
                self.instruct(m)
                m += 1

    # 1. Nights. 2. At the open.

    def pay_nights(self):
        if self.day[self.i] == self.day[self.i - 1]:
            return
        for trade in self.open:
            paid = self.now("swap_long" if trade.side > 0 else "swap_short") * trade.units * self.conversion
            trade.swap += paid
            self.cash -= paid

    def fill_at_open(self):
        closes, self.closes = self.closes, []
        for order in sorted(closes, key=lambda order: -order.born):
            trade = order.closes
            if trade in self.open:
                price = self.quoted(trade.side < 0)[0]
                self.leave(trade, min(int(order.size), trade.units), price, self.open_spread, "close")
        for order in [order for order in self.entries if order.at_market]:
            self.entries.remove(order)
            self.fill(order, "market", self.quoted(order.side > 0)[0], self.open_spread)
        for trade in list(self.open):
            if (self.quoted(trade.side < 0)[0] - trade.take_profit) * trade.side >= 0.0:
                self.leave(trade, trade.units, trade.take_profit, self.open_spread, "target", slips=False)

    # 3. The margin.

    def watch_margin(self, bid, spread):
        while self.open and self.costs.stop_out > 0.0:
            level, falls = self.stop_out_bid()
            (_, _, low), (_, high, _) = self.quoted(False), self.quoted(True)
            if not (low <= level if falls else high >= level + self.spread):
                return
            side = 1 if falls else -1
            level += 0.0 if falls else self.spread
            nearer = [t for t in self.open if t.side == side and (t.stop_loss - level) * side >= 0.0]
            if nearer:
                level = max(t.stop_loss * side for t in nearer) * side
            here = bid if falls else bid + spread
            price = min(level, here) if falls else max(level, here)
            spread = spread if price == here else self.spread
            bid = price if falls else price - spread
            if nearer:
                trade = next(t for t in nearer if t.stop_loss == level)
                self.leave(trade, trade.units, price, spread, "stop")
            else:
                trade = self.most_lost(bid, spread)
                self.leave(trade, trade.units, bid + (spread if trade.side < 0 else 0.0), spread, "stop_out")

    def most_lost(self, bid, spread):
        return min(self.open, key=lambda t: t.gain(bid + (spread if t.side < 0 else 0.0)))

    def stop_out_bid(self):
        """The bid at which the level is `stop_out`, and whether a fall leads there; infinite if it is below everywhere."""
        bound = self.costs.stop_out / self.leverage
        longs, shorts = (sum(t.units for t in self.open if t.side == side) for side in (1, -1))
        slope = longs - shorts - bound * (longs + shorts)
        bid = float(self.candles.close[self.i])
        marks = [bid + (self.spread if t.side < 0 else 0.0) for t in self.open]
        above = self.cash / self.conversion + sum(t.gain(mark) for t, mark in zip(self.open, marks, strict=True))
        above -= bound * sum(t.units * mark for t, mark in zip(self.open, marks, strict=True))
        if abs(slope) < 1e-9:
            return (math.inf if above < 0.0 else 0.0), True
        return bid - above / slope, slope > 0.0

    # 4. Resting orders.

    def look_through(self):
        for _, trade in sorted([(-t.stop_born, t) for t in self.open], key=lambda pair: pair[0]):
            if trade in self.open:
                self.try_stop(trade)
        resting = [(order.born, order) for order in self.entries] + [(t.target_born, t) for t in self.open]
        for _, item in sorted(resting, key=lambda pair: pair[0]):
            if isinstance(item, Order):
                self.try_entry(item)
            elif item in self.open:
                self.try_target(item)

    def try_stop(self, trade):
        at, high, low = self.quoted(trade.side < 0)
        if low <= trade.stop_loss if trade.side > 0 else high >= trade.stop_loss:
            price = min(at, trade.stop_loss) if trade.side > 0 else max(at, trade.stop_loss)
            self.leave_and_watch(trade, price, self.open_spread if price == at else self.spread, "stop")

    def try_target(self, trade):
        at, high, low = self.quoted(trade.side < 0)
        if high >= trade.take_profit if trade.side > 0 else low <= trade.take_profit:
            spread = self.open_spread if (at - trade.take_profit) * trade.side >= 0.0 else self.spread
            self.leave_and_watch(trade, trade.take_profit, spread, "target", slips=False)

    def try_entry(self, order):
        side, (at, high, low) = order.side, self.quoted(order.side > 0)
        if not math.isnan(order.stop):
            if not (high >= order.stop if side > 0 else low <= order.stop):
                return
            opened_beyond = (at - order.stop) * side >= 0.0
            price = at if opened_beyond else order.stop
            if not (price - order.limit) * side > 0.0:
                self.entries.remove(order)
                self.fill(order, "stop", price, self.open_spread if opened_beyond else self.spread)
                return
            order.stop = NO_PRICE
            if not opened_beyond:
                return
        if low <= order.limit if side > 0 else high >= order.limit:
            self.entries.remove(order)
            at_open = (order.limit - at) * side >= 0.0
            self.fill(order, "limit", order.limit, self.open_spread if at_open else self.spread)

    # Fills.

    def slip(self, units, spread):
        return self.costs.slippage * spread, self.costs.impact * spread * math.sqrt(units / self.costs.depth)

    def commission(self, units, price):
        return self.costs.commission * units * price * self.conversion + self.costs.unit_commission * units

    def free_margin(self, bid, spread):
        marks = [(t, bid + (spread if t.side < 0 else 0.0)) for t in self.open]
        used = sum(t.units * mark for t, mark in marks) / self.leverage
        return self.cash / self.conversion + sum(t.gain(mark) for t, mark in marks) - used

    def fill(self, order, kind, price, spread):
        side, units = order.side, self.units_of(order, kind, price, spread)
        if kind == "stop" and (price + side * sum(self.slip(units, spread)) - order.limit) * side > 0.0:
            kind, price = "limit", order.limit
        bid = price - (spread if side > 0 else 0.0)
        if not self.terms.hedging:
            for trade in [t for t in self.open if t.side != side]:
                taken = min(units, trade.units)
                if taken:
                    self.leave(trade, taken, price, spread, "opposite", slips=kind != "limit")
                units -= taken
        trade = self.enter(order, kind, units, price, spread) if units else None
        if kind == "market":
            return
        if trade is None:
            self.watch_margin(bid, spread)
            return
        bid = trade.entry_price - (self.spread if side > 0 else 0.0)
        self.watch_margin(bid, self.spread)
        if trade in self.open:
            self.leave_on_entry(trade, kind)

    def units_of(self, order, kind, price, spread):
        if order.size >= 1.0:
            return int(order.size)
        dearer = price + (self.slip(1, spread)[0] if kind != "limit" else 0.0)
        unit_cost = dearer + self.commission(1, dearer) / self.conversion
        free = max(0.0, self.free_margin(price - (spread if order.side > 0 else 0.0), spread))
        units = math.floor(free * self.leverage * order.size / unit_cost)
        self.without_margin += units == 0
        return units

    def enter(self, order, kind, units, price, spread):
        slippage, impact = self.slip(units, spread) if kind != "limit" else (0.0, 0.0)
        free = self.free_margin(price - (spread if order.side > 0 else 0.0), spread)
        paid = price + order.side * (slippage + impact)
        commission = self.commission(units, paid)
        if units * paid + commission / self.conversion > max(0.0, free) * self.leverage:
            self.without_margin += 1
            return None
        worth = units * self.conversion
        trade = Trade(
            order.instruction, order.tag, order.side, units, self.i, paid, order.stop_loss, order.take_profit,
            commission=commission, spread_cost=spread * worth if order.side > 0 else 0.0,
            slippage=slippage * worth, impact=impact * worth,
        )  # fmt: skip
        trade.target_born, trade.stop_born = next(self.births), next(self.births)
        self.cash -= commission
        self.open.append(trade)
        return trade

    def leave_on_entry(self, trade, kind):
        at, high, low = self.quoted(trade.side < 0)
        worst, best = (low, high) if trade.side > 0 else (high, low)
        if (worst - trade.stop_loss) * trade.side <= 0.0:
            back = trade.entry_price - trade.side * self.spread
            price = min(trade.stop_loss, back) if trade.side > 0 else max(trade.stop_loss, back)
            self.leave_and_watch(trade, price, self.spread, "stop")
        elif kind == "stop" and (best - trade.take_profit) * trade.side >= 0.0:
            # Not told: an open beyond the take profit counts as where it was reached, though the entry came after it.
            at_open = (at - trade.take_profit) * trade.side >= 0.0
            self.leave_and_watch(trade, trade.take_profit, self.open_spread if at_open else self.spread, "target", slips=False)

    def leave_and_watch(self, trade, price, spread, reason, slips=True):
        self.leave(trade, trade.units, price, spread, reason, slips)
        self.watch_margin(price - (spread if trade.side < 0 else 0.0), spread)

    def leave(self, trade, units, price, spread, reason, slips=True):
        if units < trade.units:
            trade = trade.cut(units)
        else:
            self.open = [other for other in self.open if other is not trade]
        slippage, impact = self.slip(units, spread) if slips else (0.0, 0.0)
        worth = units * self.conversion
        trade.spread_cost += spread * worth if trade.side < 0 else 0.0
        trade.slippage += slippage * worth
        trade.impact += impact * worth
        trade.exit_index, trade.exit_price = self.i, price - trade.side * (slippage + impact)
        at_exit, gain = self.commission(units, trade.exit_price), trade.gain(trade.exit_price) * self.conversion
        trade.commission += at_exit
        trade.reason, trade.profit = EXIT_NAMES.index(reason), gain - trade.commission - trade.swap
        self.cash += gain - at_exit
        self.closed.append(trade)

    def close_all(self):
        for trade in list(self.open):
            self.leave(trade, trade.units, self.mark(trade), self.spread, "end")

    # 6. Instructions.

    def instruct(self, m):
        row = {name: column[m] for name, column in vars(self.asked).items()}
        action = ACTION_NAMES[row["action"]]
        meant = [t for t in self.open if row["tag"] in (ANY_TAG, t.tag)]
        if action in ("buy", "sell"):
            self.place(m, 1 if action == "buy" else -1, row)
        elif action == "cancel":
            self.entries = [order for order in self.entries if row["tag"] not in (ANY_TAG, order.tag)]
        elif action == "close":
            for trade in meant:
                self.closes.append(Order(next(self.births), size=max(1, round(trade.units * row["size"])), closes=trade))
        for trade in meant:
            if action == "move stop":
                trade.stop_loss, trade.stop_born = float(row["stop_loss"]), next(self.births)
            elif action == "move target":
                trade.take_profit, trade.target_born = float(row["take_profit"]), next(self.births)

    def place(self, m, side, row):
        prices = {name: float(row[name]) for name in ("limit", "stop", "stop_loss", "take_profit")}
        close = float(self.candles.close[self.i])
        known = [price for price in (prices["limit"], prices["stop"]) if not math.isnan(price)]
        expected = known[0] if known else close + (self.spread if side > 0 else 0.0)
        bad_stop = (expected - side * self.spread - prices["stop_loss"]) * side <= 0.0
        if bad_stop or (prices["take_profit"] - expected) * side <= 0.0:
            self.refused.append(m)
            return
        if self.terms.exclusive:
            self.entries, self.closes = [], []
            for trade in self.open:
                self.closes.append(Order(next(self.births), size=trade.units, closes=trade))
        self.entries.append(Order(next(self.births), m, int(row["tag"]), side, float(row["size"]), **prices))
