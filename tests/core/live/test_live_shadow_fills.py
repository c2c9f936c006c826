"""The shadow finds nothing where live played as the backtest, and tells the cause of each planted difference."""

from collections.abc import Callable
from dataclasses import replace

import live_stage
import numpy as np
import pytest
from live_stage import Stage

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.live.adherence import CostParts, Executed, OrderLife
from fxgpt_core.live.candle_feed import ClosedCandle, ReceivedCandles
from fxgpt_core.live.costed_candles import CostedCandles, costed
from fxgpt_core.live.shadow import LiveDecision, cause_of, live_decisions
from fxgpt_core.live.shadow_fills import Cause, FillDifference, LiveWish, ShadowTrade, fill_differences, shadow_trades
from fxgpt_core.live.shadow_rows import equity_at, live_wishes
from fxgpt_core.market.costs import FxCosts
from fxgpt_core.market.timeframes import HOUR_US, Timeframe
from fxgpt_core.registry.live_records import DENIED, EXPIRED, TAKEN

PIP = 0.0001
BEGIN_US = 1_709_510_400_000_000
N = 12


def at(row: int) -> int:
    return BEGIN_US + row * HOUR_US


def market() -> CostedCandles:
    """Flat at 1.1, with a spread of one pip; the row of a candle is the hour in which a time lies."""
    times = BEGIN_US + np.arange(N, dtype=np.int64) * HOUR_US
    flat = np.full(N, 1.1)
    return CostedCandles(CandleArrays(times, flat, flat, flat, flat, flat, Timeframe.H1), FxCosts(np.full(N, PIP)))


def filled(row: int, price: float, reason: str, spread: float | None = PIP, units: int = 1000) -> Executed:
    return Executed(units, price, at(row), reason, CostParts(), spread=spread)


ENTRY, EXIT = filled(1, 1.1001, "entry"), filled(4, 1.105, "target")
LIFE = OrderLife("one", 1, "paper", "EURUSD", 1, 1000, "FILLED", True, "", at(1), 1.1, 1.09, 1.105, (ENTRY,), (EXIT,))
WISH = LiveWish(at(1), {}, TAKEN, "up", LIFE)
TRADE = ShadowTrade(at(1), 1, 1000, 1, 1.1001, 4, 1.105, "target")
LATER = ShadowTrade(at(3), -1, 1000, 3, 1.1, 6, 1.09, "target")


def found(*wishes: LiveWish, trades: tuple[ShadowTrade, ...] = (TRADE,)) -> list[FillDifference]:
    return fill_differences(wishes, trades, market(), PIP)


def lived(**changes: object) -> LiveWish:
    return replace(WISH, life=replace(LIFE, **changes))


def short(entry: Executed, left: Executed) -> tuple[LiveWish, ShadowTrade]:
    life = replace(LIFE, side=-1, entries=(entry,), exits=(left,), stop_price=1.102, target_price=1.09)
    return replace(WISH, life=life), ShadowTrade(at(1), -1, 1000, 1, 1.1, 4, 1.102, "stop")


def test_shadow_of_the_same_trade_has_no_difference():
    assert found(WISH) == []
    assert found(replace(WISH, is_same_code=False)) == []


@pytest.mark.parametrize(
    ("wish", "cause", "detail"),
    [
        (replace(WISH, life=None, refusals={"stale_candle": "40 s late"}, signal_state=None), Cause.LATE_DATA, "40 s late"),
        (replace(WISH, life=None, signal_state=EXPIRED, signal_reason="too late"), Cause.LATE_DATA, "too late"),
        (replace(WISH, life=None, refusals={"stale_model": "50 days"}, signal_state=None), Cause.REJECT, "50 days"),
        (replace(WISH, life=None, signal_state=DENIED, signal_reason="spread guard"), Cause.REJECT, "spread guard"),
        (lived(entries=(), exits=(), state="REJECTED", reason="no money"), Cause.REJECT, "order REJECTED: no money"),
        (replace(WISH, life=None, signal_state=None, is_same_code=False), Cause.CODE, "other code"),
        (replace(WISH, life=None, signal_state=None), Cause.UNEXPLAINED, "no signal"),
    ],
)
def test_shadow_tells_why_live_did_not_trade(wish: LiveWish, cause: Cause, detail: str):
    (difference,) = found(wish)
    assert (difference.field, difference.live, difference.backtest, difference.cause) == ("trade", None, "+1 × 1000", cause)
    assert detail in difference.detail


def test_shadow_splits_an_entry_that_was_dearer_into_spread_and_slippage():
    """Entered 3 pips higher at a spread that is 2 pips wider: 2 pips are spread and 1 is slippage."""
    spread, slippage = found(lived(entries=(filled(1, 1.1004, "entry", spread=3 * PIP),)))
    assert (spread.cause, spread.pips) == (Cause.SPREAD, pytest.approx(2.0))
    assert (slippage.cause, slippage.pips) == (Cause.SLIPPAGE, pytest.approx(1.0))


@pytest.mark.parametrize("quoted", [None, 9 * PIP])
def test_shadow_takes_the_spread_that_was_paid_before_one_that_was_quoted_when_it_was_booked(quoted: float | None):
    paid = replace(filled(1, 1.1003, "entry", spread=quoted), costs=CostParts(spread=1000 * 3 * PIP))
    (difference,) = found(lived(entries=(paid,)))
    assert (difference.cause, difference.pips) == (Cause.SPREAD, pytest.approx(2.0))


def test_shadow_of_a_sale_pays_no_spread_at_its_entry_and_pays_it_when_it_is_bought_back():
    wish, trade = short(filled(1, 1.0999, "entry", spread=9 * PIP), filled(4, 1.102, "stop"))
    (difference,) = found(wish, trades=(trade,))
    assert (difference.field, difference.cause, difference.pips) == ("entry_price", Cause.SLIPPAGE, pytest.approx(1.0))
    wish, trade = short(filled(1, 1.1, "entry"), filled(4, 1.1022, "stop", spread=3 * PIP))
    (difference,) = found(wish, trades=(trade,))
    assert (difference.field, difference.cause, difference.pips) == ("exit_price", Cause.SPREAD, pytest.approx(2.0))


def test_shadow_of_an_exit_that_slipped_is_slippage_and_a_better_one_has_a_minus():
    (difference,) = found(lived(exits=(filled(4, 1.1051, "target"),)))
    assert (difference.field, difference.cause, difference.pips) == ("exit_price", Cause.SLIPPAGE, pytest.approx(-1.0))


def test_shadow_of_an_entry_or_exit_in_a_later_candle_is_late_data():
    (entry,) = found(lived(entries=(filled(2, 1.1001, "entry"),)))
    assert (entry.field, entry.cause, entry.detail) == ("entry_candle", Cause.LATE_DATA, "entered 1 candles later")
    (left,) = found(lived(exits=(filled(6, 1.105, "target"),)))
    assert (left.field, left.cause, left.detail) == ("exit", Cause.LATE_DATA, "left 2 candles later")


def test_shadow_of_another_exit_tells_by_what_it_differs():
    (slipped,) = found(lived(exits=(filled(3, 1.09, "stop"),)))
    assert (slipped.cause, slipped.live, slipped.backtest) == (Cause.SLIPPAGE, "stop in candle 3", "target in candle 4")
    wish, trade = short(filled(1, 1.1, "entry"), filled(3, 1.102, "stop", spread=4 * PIP))
    (wide,) = found(wish, trades=(trade,))
    assert (wide.cause, wide.detail) == (Cause.SPREAD, "the spread was +3.00 pips wider than the backtest's")
    causes = [each.cause for each in found(lived(entries=(filled(1, 1.1002, "entry"),), exits=(filled(3, 1.09, "stop"),)))]
    assert causes == [Cause.SLIPPAGE, Cause.FOLLOWS]


def test_shadow_of_a_position_still_open_is_a_difference_only_where_the_backtest_left_it():
    assert found(lived(exits=()), trades=(replace(TRADE, exit_row=None, exit_price=None, exit_reason=None),)) == []
    (difference,) = found(lived(exits=()))
    assert (difference.live, difference.backtest, difference.cause) == ("open", "target", Cause.SLIPPAGE)


def test_shadow_of_sizes_tells_a_partial_fill_from_another_equity():
    (partial,) = found(lived(entries=(filled(1, 1.1001, "entry", units=400),), exits=(filled(4, 1.105, "target", units=400),)))
    assert (partial.field, partial.live, partial.backtest, partial.cause) == ("filled_units", 400, 1000, Cause.REJECT)
    (equity,) = found(WISH, trades=(replace(TRADE, units=1200),))
    assert (equity.field, equity.live, equity.backtest, equity.cause) == ("units", 1000, 1200, Cause.FOLLOWS)
    (halved,) = found(lived(retry=1), trades=(replace(TRADE, units=2000),))
    assert (halved.field, halved.cause) == ("units", Cause.REJECT)


def test_shadow_of_what_only_follows_from_an_earlier_difference():
    """Live was left a candle later and so could not enter again; or the backtest is still in, where live is out already."""
    denied = LiveWish(at(3), {}, DENIED, "1 open positions", None)
    _, blocked = found(lived(exits=(filled(6, 1.105, "target"),)), denied, trades=(replace(TRADE, exit_row=2), LATER))
    assert (blocked.decided_at_us, blocked.cause) == (at(3), Cause.FOLLOWS)
    again = replace(LIFE, decided_at_us=at(3), entries=(filled(3, 1.1001, "entry"),), exits=(filled(5, 1.105, "target"),))
    early = lived(exits=(filled(2, 1.105, "target"),))
    _, free = found(early, LiveWish(at(3), {}, TAKEN, "up", again), trades=(replace(TRADE, exit_row=8),))
    assert (free.field, free.backtest, free.cause) == ("trade", None, Cause.FOLLOWS)


def test_shadow_of_a_live_trade_that_the_backtest_never_makes_is_code_or_unexplained():
    assert [each.cause for each in found(WISH, trades=())] == [Cause.UNEXPLAINED]
    assert [each.cause for each in found(replace(WISH, is_same_code=False), trades=())] == [Cause.CODE]
    assert [each.cause for each in fill_differences([], [TRADE], market(), PIP)] == [Cause.UNEXPLAINED]


def test_shadow_names_the_cause_of_a_decision_that_comes_out_otherwise():
    feed = ReceivedCandles((ClosedCandle(0, 1.0, 1.0, 1.0, 1.0, 1.0),))
    decision = LiveDecision(1, {}, "code", feed.sha256)
    assert cause_of(decision, "code", feed) == ""
    assert cause_of(decision, "newer", feed) == "code"
    assert cause_of(decision, "code", ReceivedCandles(())) == "late data"


def of_stage(made: Stage, change: Callable[[list[LiveWish]], list[LiveWish]] = lambda wishes: wishes) -> list[FillDifference]:
    n = len(made.candles) - 1
    candles = made.candles.slice(0, n)
    costs = costed(made.ledger, "EURUSD", candles, made.charges or live_stage.COSTS)
    wishes = live_wishes(made.ledger, made.deployment.id, live_decisions(made.ledger, made.deployment.id), "")
    return fill_differences(change(wishes), shadow_trades(made.backtest(n).trades, costs), costs, PIP)


def test_shadow_of_a_paper_account_has_no_difference_from_the_backtest(traded: Stage):
    assert len(traded.backtest(len(traded.candles) - 1).trades) > 5
    assert of_stage(traded) == []


def test_shadow_of_a_paper_account_tells_a_planted_slippage_and_only_that(traded: Stage):
    def slipped(wishes: list[LiveWish]) -> list[LiveWish]:
        i = next(i for i, wish in enumerate(wishes) if wish.life is not None and wish.life.is_closed)
        life = wishes[i].life
        assert life is not None
        worse = replace(life.entries[0], price=life.entries[0].price + life.side * 2 * PIP)
        return [*wishes[:i], replace(wishes[i], life=replace(life, entries=(worse,))), *wishes[i + 1 :]]

    (difference,) = of_stage(traded, slipped)
    assert (difference.cause, difference.field, difference.pips) == (Cause.SLIPPAGE, "entry_price", pytest.approx(2.0))


def test_shadow_begins_with_the_equity_of_the_day_of_its_first_decision(traded: Stage):
    first_us = int(traded.candles.known_at_us[0])
    assert equity_at(traded.ledger, "paper", first_us, 7.0) == 100_000.0
    a_day_later = equity_at(traded.ledger, "paper", first_us + 24 * HOUR_US, 7.0)
    assert a_day_later != 100_000.0
    assert a_day_later == pytest.approx(100_000.0, rel=0.2)
    assert equity_at(traded.ledger, "another", first_us, 7.0) == 7.0
