"""The kernel against a second, slow backtest written from the document alone: every column of every trade, and the equity."""

import math

import pytest
from backtest_examples import runs
from hypothesis import Phase, find, given, settings
from slow_backtest import SlowBacktest, assert_slow_backtest_answers


@settings(max_examples=400, derandomize=True, deadline=None)
@given(runs())
def test_every_trade_and_the_equity_equal_those_of_the_slow_backtest(played):
    assert_slow_backtest_answers(played)


@pytest.mark.slow
@settings(max_examples=20_000, deadline=None)
@given(runs())
def test_the_slow_backtest_agrees_twenty_thousand_times(played):
    assert_slow_backtest_answers(played)


class ShortLeavesAtTheBid(SlowBacktest):
    def bars(self, i, buys):
        return super().bars(i, -1)


class TargetFirst(SlowBacktest):
    def stop_or_target(self, i, bars):
        held = self.position
        if held and any(held.target_in(bar) for bar in bars):
            self.close(i, held.target, "target")
        else:
            super().stop_or_target(i, bars)


class SwapForgotten(SlowBacktest):
    def begin_day(self, i):
        held, self.position = self.position, None
        super().begin_day(i)
        self.position = held


class StopOutForgotten(SlowBacktest):
    def watch_margin(self, i):
        pass


class ImpactOfOneUnit(SlowBacktest):
    def worse(self, i, held):
        slippage = self.costs.slippage * self.spread(i)
        impact = self.costs.impact * self.spread(i) / math.sqrt(self.costs.depth)
        held.slippage += slippage * held.units * self.conversion(i)
        held.impact += impact * held.units * self.conversion(i)
        return slippage + impact


class ConversionOfTheFirstCandle(SlowBacktest):
    def conversion(self, i):
        return super().conversion(0)


class StopNeverTightened(SlowBacktest):
    def tighten(self, i):
        pass


class PatternPlanForgotten(SlowBacktest):
    def plan(self, held):
        return held.execution.plan


class PatternPlanForAll(SlowBacktest):
    def plan(self, held):
        return held.execution.pattern_plan or held.execution.plan


class OrderWaitsForEver(SlowBacktest):
    def decide(self, i):
        if self.position or self.order is None:
            super().decide(i)


class FinerCandlesForgotten(SlowBacktest):
    def bars(self, i, buys):
        return [self.bar(i, buys)]


class PeeksAtTheNextCandle(SlowBacktest):
    def fill_price(self, i):
        price = super().fill_price(i)
        later = min(i + 1, len(self.candles) - 1)
        return price if price is None else min(price, float(self.candles.open[later]))


DEFECTS = (
    ShortLeavesAtTheBid, TargetFirst, SwapForgotten, StopOutForgotten, ImpactOfOneUnit, ConversionOfTheFirstCandle,
    StopNeverTightened, PatternPlanForgotten, PatternPlanForAll, OrderWaitsForEver, FinerCandlesForgotten, PeeksAtTheNextCandle,
)  # fmt: skip


@pytest.mark.parametrize("defect", DEFECTS)
def test_the_examples_notice_a_rule_that_is_played_otherwise(defect):
    def differs(played):
        parts = (played.candles, played.decisions, played.execution, played.costs, played.account, played.finer)
        right, wrong = SlowBacktest(*parts), defect(*parts)
        return (right.trades, right.equity) != (wrong.trades, wrong.equity)

    found = find(runs(), differs, settings=settings(max_examples=400, phases=[Phase.generate], database=None, derandomize=True))
    assert differs(found)
