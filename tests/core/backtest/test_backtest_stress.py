"""Stress by hand numbers: one planted weakness per test, and the row that must tell of it."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from fxgpt_core.backtest.conditions import Conditions, play_of
from fxgpt_core.backtest.engine import BacktestAccount, ExecutionParameters, backtest
from fxgpt_core.backtest.stress import stress
from fxgpt_core.backtest.stress_parameters import StressParameters
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.costs import Costs, FxCosts
from fxgpt_core.market.fills import ExitPlan
from fxgpt_core.market.sessions import expected_open_times
from fxgpt_core.market.symbols import symbol
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.strategy.decision import Decisions

USDJPY = symbol("USDJPY")
FREE = Costs(0.0, 0.0)
NEVER_LEAVES = ExecutionParameters(ExitPlan(math.inf, math.inf, 0.01), 0, daily_loss_limit=1.0, max_margin_fraction=1.0)
DAILY_RANGE = math.log(1.005 / 0.995)
FEW = StressParameters(places=3)
HALF = replace(NEVER_LEAVES, max_margin_fraction=0.5)


def microseconds(day):
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1_000_000


def still(first="2018-11-05", last="2019-02-28"):
    """Hourly candles of every open hour, all at 1 within half a percent."""
    times = expected_open_times(microseconds(first), microseconds(last), Timeframe.H1)
    ones = np.ones(len(times))
    return CandleArrays(times, ones, ones * 1.005, ones * 0.995, ones.copy(), ones.copy(), Timeframe.H1)


def wished(candles, side, at=1):
    """Decisions for one position with a stop and a target that are never reached, as large as the margin allows."""
    n = len(candles)
    sides = np.zeros(n, np.int8)
    sides[at] = side
    away = (np.full(n, 0.9 if side > 0 else 90.0), np.full(n, 90.0 if side > 0 else 0.9))
    return Decisions(candles.known_at_us, sides, *away, np.full(n, 1e4), np.zeros(n, np.int8))


def stressed(candles, side=1, leverage=1.0, costs=FREE, parameters=FEW, seed=1):
    play = play_of(wished(candles, side), NEVER_LEAVES, BacktestAccount(leverage=leverage))
    return stress(play, Conditions(candles, costs), USDJPY, np.random.default_rng(seed), parameters)


def named(rows, name, place="worst"):
    (row,) = [row for row in rows if row.name == name and row.place.startswith(place if row.kind == "shock" else "")]
    return row


def test_long_without_a_stop_dies_in_a_jump_down_and_the_row_says_so():
    rows = stressed(still(), leverage=30.0)
    dead = named(rows, "jump_down_5_ranges")
    assert (dead.survived, dead.why, dead.numbers.bust) == (False, "the account lost everything", True)
    assert dead.unstressed.kept_pct == 100.0
    alive = named(rows, "jump_up_5_ranges")
    assert (alive.survived, alive.why) == (True, "")
    assert named(stressed(still(), side=-1, leverage=30.0), "jump_up_5_ranges").survived is False


def test_without_leverage_the_same_jump_costs_five_daily_ranges():
    row = named(stressed(still()), "jump_down_5_ranges")
    assert row.numbers.kept_pct == pytest.approx(100.0 * math.exp(-5.0 * DAILY_RANGE))
    assert row.numbers.max_drawdown_pct == pytest.approx(100.0 - row.numbers.kept_pct)
    assert row.numbers.net_profit == pytest.approx(100_000.0 * math.expm1(-5.0 * DAILY_RANGE))
    assert (row.survived, row.unstressed.net_profit) == (True, 0.0)


@pytest.mark.parametrize(("least", "survived"), [(51.2, True), (51.4, False)])
def test_the_threshold_decides_who_survived(least, survived):
    # Ten times levered: 1 - 10 · (1 - exp(-5 · log(1.005 / 0.995))) = 51.22 % is left.
    rows = stressed(still(), leverage=10.0, parameters=replace(FEW, least_kept_pct=least))
    row = named(rows, "jump_down_5_ranges")
    assert row.survived is survived
    assert row.why == ("" if survived else "the account kept 51.2 %, 51.4 % are needed")


def test_a_flash_crash_that_comes_back_hurts_at_its_turn_only():
    row = named(stressed(still()), "flash_crash_down_10_ranges")
    assert row.numbers.kept_pct == pytest.approx(100.0 * math.exp(-10.0 * DAILY_RANGE))
    assert row.numbers.net_profit == pytest.approx(0.0, abs=1e-6)


def test_costs_of_two_and_three_times_lose_exactly_that():
    candles = still()
    play = play_of(wished(candles, 1), HALF, BacktestAccount(leverage=1.0))
    rows = stress(play, Conditions(candles, Costs(0.0, 0.0001)), USDJPY, np.random.default_rng(1), FEW)
    row = {m: named(rows, f"costs_x{m}") for m in ("1.5", "2", "3")}
    # Half of 100,000 is bought and sold at a price of 1: twice 5 of commission.
    paid = 10.0
    assert row["2"].unstressed.net_profit == pytest.approx(-paid)
    assert [row[m].numbers.net_profit for m in row] == pytest.approx([-1.5 * paid, -2.0 * paid, -3.0 * paid])
    assert row["2"].numbers.worst_trade == pytest.approx(-2.0 * paid)
    assert [row[m].survived for m in row] == [True] * 3


def test_a_wide_spread_costs_a_short_what_the_ask_rose():
    rows = stressed(still(), side=-1, costs=FxCosts(np.array([0.001])))
    numbers = named(rows, "spread_x5").numbers
    # Entered at a bid of 1 with 100,000 units, marked at the ask: 100 below before, 500 within the day.
    assert numbers.kept_pct == pytest.approx(100.0 * 99_500.0 / 99_900.0, rel=1e-4)
    assert numbers.net_profit == pytest.approx(0.0, abs=1e-6)


def test_flat_costs_cannot_show_a_wide_spread_and_the_row_says_so():
    row = named(stressed(still()), "spread_x5", place="")
    assert (row.numbers, row.survived) == (None, None)
    assert row.why == "flat costs have one spread for all candles; only mode fx can widen it in some"


def test_a_crisis_before_the_candles_is_missing_and_no_zero():
    row = named(stressed(still()), "brexit_night")
    assert (row.numbers, row.survived) == (None, None)
    assert row.why == "no candle in it: candles begin 2018-11-05 00:00 and end 2019-02-28 01:00"
    assert named(stressed(still()), "covid").numbers is None


def test_a_fall_planted_in_a_crisis_is_measured_from_the_close_before_it():
    candles = still()
    at = int(np.searchsorted(candles.open_time_us, microseconds("2019-01-02T22:00")))
    for price in (candles.open, candles.high, candles.low, candles.close):
        price[at:] *= 0.7
    row = named(stressed(candles), "yen_flash")
    assert (row.survived, row.concern, row.unstressed) == (False, "itself", None)
    assert row.why == "the account kept 70.0 %, 80 % are needed"
    assert (row.numbers.kept_pct, row.numbers.return_pct) == pytest.approx((70.0, -30.0))
    assert (row.numbers.trades, row.numbers.worst_trade, row.numbers.sharpe_ratio) == (0, None, None)


def test_a_crisis_half_there_is_measured_but_not_passed():
    row = named(stressed(still(last="2019-01-02T23:00")), "yen_flash")
    assert row.survived is None
    assert row.numbers.kept_pct == 100.0
    # Of 48 candles known from midnight on there are 25: the last was known as the second day began.
    assert row.why.startswith("52% of its candles found, 90% needed")


def test_what_lost_already_has_lost_even_if_half_the_crisis_is_missing():
    candles = still(last="2019-01-02T23:00")
    candles.close[-5:] = candles.low[-5:] = 0.7
    assert named(stressed(candles), "yen_flash").survived is False


def test_who_held_nothing_has_proved_nothing():
    candles = still()
    n = len(candles)
    idle = Decisions(candles.known_at_us, np.zeros(n, np.int8), *(np.full(n, np.nan) for _ in range(3)), np.zeros(n, np.int8))
    rows = stress(play_of(idle, NEVER_LEAVES), Conditions(candles, FREE), USDJPY, np.random.default_rng(1))
    assert {row.survived for row in rows} == {None}
    assert named(rows, "costs_x2").why == named(rows, "yen_flash").why == "no position was held: nothing was proved"
    assert named(rows, "frozen_4_hours", place="").why.startswith("no position was held 20 FX days after the first candle")


def test_what_was_lost_before_a_crisis_is_not_blamed_on_it():
    candles = still()
    candles.open[400:] *= 0.5
    candles.high[400:] *= 0.5
    candles.low[400:] *= 0.5
    candles.close[400:] *= 0.5
    row = named(stressed(candles, leverage=30.0), "yen_flash")
    assert (row.numbers, row.why) == (None, "the account had lost everything before")


def test_places_are_where_a_position_is_held_and_follow_the_seed():
    candles = still()
    sides = wished(candles, 1, at=900)
    execution = replace(NEVER_LEAVES, max_candles=100)

    def rows(seed):
        return stress(play_of(sides, execution), Conditions(candles, FREE), USDJPY, np.random.default_rng(seed), FEW)

    def starts(seed):
        return {row.window.start_us for row in rows(seed) if row.kind == "shock" and row.window}

    assert rows(1) == rows(1)
    assert starts(1) != starts(2)
    # Entered at the open of candle 901, left at that of 1001.
    for seed in range(8):
        assert candles.known_at_us[902] <= min(starts(seed)) <= max(starts(seed)) <= candles.known_at_us[1001]


def test_worst_and_median_are_two_of_the_places_by_what_was_kept():
    rng = np.random.default_rng(5)
    calm = still()
    factor = np.exp(np.cumsum(rng.normal(0.0, 0.002, len(calm))))
    columns = {name: getattr(calm, name) * factor for name in ("open", "high", "low", "close")}
    rows = stressed(replace(calm, **columns), parameters=StressParameters(places=3))
    for name in ("volatility_x4", "missing_24_hours", "jump_down_5_ranges"):
        worst, median = named(rows, name), named(rows, name, place="median")
        assert (worst.place, median.place) == ("worst of 3", "median of 3")
        assert worst.numbers.kept_pct <= median.numbers.kept_pct
        assert worst.window != median.window
    assert named(rows, "volatility_x4").numbers.kept_pct < named(rows, "volatility_x4").unstressed.kept_pct


def test_a_play_that_sees_what_comes_is_found_out():
    def clairvoyant(conditions):
        candles = conditions.candles
        side = 1 if candles.close[-1] >= 1.0 else -1
        return candles, backtest(candles, wished(candles, side), HALF, Costs(0.0, 0.001 if side > 0 else 0.0))

    with pytest.raises(BadInputError, match="changed the equity before it; a play decides by what is known"):
        stress(clairvoyant, Conditions(still(), FREE), USDJPY, np.random.default_rng(1), FEW)


def test_a_play_of_nothing_is_refused():
    def nothing(conditions):
        candles = conditions.candles.slice(0, 0)
        return candles, backtest(candles, wished(conditions.candles, 1).slice(0, 0), NEVER_LEAVES, FREE)

    with pytest.raises(BadInputError, match="must play at least one"):
        stress(nothing, Conditions(still(), FREE), USDJPY, np.random.default_rng(1))


def test_without_a_place_to_draw_there_are_costs_and_crises_and_no_shock():
    candles, played = still(), []
    trade = play_of(wished(candles, 1), NEVER_LEAVES)

    def play(conditions):
        played.append(conditions)
        return trade(conditions)

    rows = stress(play, Conditions(candles, FREE), USDJPY, None)
    assert {row.kind for row in rows} == {"cost", "crisis"}
    assert len(played) == 4
    played.clear()
    stress(play, Conditions(candles, FxCosts(np.zeros(1))), USDJPY, np.random.default_rng(1), FEW)
    assert len(played) == FEW.most_plays(Timeframe.H1) == 1 + 3 + 3 * 8


def test_the_course_is_the_equity_of_the_window_in_percent_of_that_before_it():
    rows = stressed(still())
    for name in ("jump_down_5_ranges", "costs_x2", "yen_flash"):
        row = named(rows, name)
        assert row.course.min() == pytest.approx(min(100.0, row.numbers.kept_pct))
        assert row.course[-1] == pytest.approx(100.0 + row.numbers.return_pct)
    # Two weeks of open market, and two whole days.
    assert (len(named(rows, "jump_down_5_ranges").course), len(named(rows, "yen_flash").course)) == (240, 48)
    assert len(named(rows, "brexit_night").course) == 0
    assert named(rows, "jump_down_5_ranges").label == "jump_down_5_ranges, worst of 3"
    assert named(rows, "costs_x2").label == "costs_x2"


def test_every_row_is_json():
    rows = stressed(still())
    read = json.loads(json.dumps([row.to_json() for row in rows]))
    assert [row["name"] for row in read] == [row.name for row in rows]
    assert read[0]["numbers"]["kept_pct"] == 100.0


@pytest.mark.parametrize(
    "wrong",
    [{"places": 0}, {"least_kept_pct": 101.0}, {"least_coverage": -0.1}, {"jump_ranges": math.inf}, {"cost_multipliers": (0.0,)}],
)
def test_parameters_out_of_range_are_refused(wrong):
    with pytest.raises(BadInputError, match="correct the one that is not"):
        StressParameters(**wrong)


def test_a_shock_longer_than_it_is_judged_is_refused():
    with pytest.raises(BadInputError, match="judged over 7 days; it must end before"):
        StressParameters(days_after=7)
