"""The order book under FX quotes against a second, slow one written from the page: every trade, and the equity."""

import math

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from order_fx_examples import fx_order_runs, unlike
from slow_orders import SlowOrders

from fxgpt_core.backtest.orders import play_orders

PATIENT = [HealthCheck.too_slow]


def assert_equal(run):
    assert unlike(play_orders(*run), SlowOrders(*run), run[-1].cash) == []


@settings(max_examples=400, derandomize=True, deadline=None, suppress_health_check=PATIENT)
@given(fx_order_runs())
def test_every_trade_and_the_equity_equal_those_of_the_slow_order_book(run):
    assert_equal(run)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("hedging", [True, False])
def test_the_slow_order_book_agrees_ten_thousand_times_with_hedging_and_without(hedging):
    @settings(max_examples=10_000, deadline=None, suppress_health_check=PATIENT)
    @given(fx_order_runs(hedging))
    def agrees(run):
        assert_equal(run)

    agrees()


class SwapForgotten(SlowOrders):
    def pay_nights(self):
        pass


class StopOutForgotten(SlowOrders):
    def watch_margin(self, bid, spread):
        pass


class StopOutAtTheOpenOnly(SlowOrders):
    def leave_and_watch(self, trade, price, spread, reason, slips=True):
        self.leave(trade, trade.units, price, spread, reason, slips)


class LongsAtTheLowAndShortsAtTheHigh(SlowOrders):
    def stop_out_bid(self):
        bid, falls = super().stop_out_bid()
        low, high = self.quoted(False)[2], self.quoted(True)[1]
        marks = [(t, low if t.side > 0 else high) for t in self.open]
        equity = self.cash / self.conversion + sum(t.gain(mark) for t, mark in marks)
        is_below = equity <= self.costs.stop_out * sum(t.units * mark for t, mark in marks) / self.leverage
        return ((math.inf if falls else -math.inf) if is_below else bid), falls


class OldestClosedFirst(SlowOrders):
    def most_lost(self, bid, spread):
        return self.open[0]


class HedgesNeedNoMargin(SlowOrders):
    def free_margin(self, bid, spread):
        net = abs(sum(t.side * t.units for t in self.open)) - sum(t.units for t in self.open)
        return super().free_margin(bid, spread) - net * bid / self.leverage


class ImpactOfOneUnit(SlowOrders):
    def slip(self, units, spread):
        return super().slip(1, spread)


class ConversionOfTheFirstCandle(SlowOrders):
    @property
    def conversion(self):
        return float(self.costs.conversion[0])


class OpenAtTheSpreadOfTheCandle(SlowOrders):
    @property
    def open_spread(self):
        return self.spread


class EntryNeverLeftInItsCandle(SlowOrders):
    def leave_on_entry(self, trade, kind):
        pass


class TargetsBeforeStops(SlowOrders):
    def look_through(self):
        for trade in list(self.open):
            self.try_target(trade)
        super().look_through()


class PeeksAtTheNextClose(SlowOrders):
    def mark(self, trade):
        later = min(self.i + 1, len(self.candles) - 1)
        return float(self.candles.close[later])


DEFECTS = (
    SwapForgotten, StopOutForgotten, StopOutAtTheOpenOnly, LongsAtTheLowAndShortsAtTheHigh, OldestClosedFirst, HedgesNeedNoMargin,
    ImpactOfOneUnit, ConversionOfTheFirstCandle, OpenAtTheSpreadOfTheCandle, EntryNeverLeftInItsCandle, TargetsBeforeStops,
    PeeksAtTheNextClose,
)  # fmt: skip


@pytest.mark.parametrize("defect", DEFECTS)
def test_the_examples_notice_a_rule_that_is_played_otherwise(defect):
    def differs(run):
        right, wrong = SlowOrders(*run), defect(*run)
        told = [[vars(trade) for trade in book.closed] for book in (right, wrong)]
        return told[0] != told[1] or right.equity != wrong.equity

    few = settings(max_examples=400, phases=[Phase.generate], database=None, derandomize=True, suppress_health_check=PATIENT)
    assert differs(find(fx_order_runs(), differs, settings=few))
