"""What holds for every backtest, of both modes where nothing else is said."""

from dataclasses import fields, replace

import numpy as np
import pytest
from backtest_examples import candles_of, runs
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fxgpt_core.backtest.engine import BacktestAccount, Trades
from fxgpt_core.market.costs import FxCosts
from fxgpt_core.market.modes import Mode

PAID = ("commission", "spread_cost", "slippage", "impact", "swap")
MONEY = ("profit", *PAID)
PRICES = ("entry_price", "exit_price")
PER_CANDLE = ("spread", "swap_long", "swap_short", "conversion")
seeds = st.integers(0, 2**32 - 1)
EXAMPLES = settings(max_examples=60, deadline=None)


def rows_of(trades: Trades, wanted=slice(None)):
    """Every column of the trades that are wanted, as lists."""
    return {field.name: getattr(trades, field.name)[wanted].tolist() for field in fields(trades)}


def price_rows(candles):
    return np.column_stack((candles.open, candles.high, candles.low, candles.close))


def with_prices(played, prices):
    return played.but(candles=candles_of(played.candles.open_time_us, prices, played.candles.timeframe))


def has_lost_everything(result):
    return bool((result.equity <= 0.0).any())


def with_another_future(played, cut, seed):
    """The candles from `cut` on in another order, with their wishes and costs; the finer ones among them are taken away."""
    n, rng = len(played.candles), np.random.default_rng(seed)
    order = np.concatenate((np.arange(cut), cut + rng.permutation(n - cut)))
    wished, costs, finer = played.decisions, played.costs.select(order), played.finer
    columns = {name: getattr(wished, name)[order] for name in ("side", "stop_distance", "target_distance", "risk_fraction")}
    if finer is not None and cut < n:
        finer = finer.slice(0, int(np.searchsorted(finer.open_time_us, played.candles.open_time_us[cut])))
    numbers = {name: values[order] for name, values in wished.numbers.items()}
    changed = played.but(decisions=replace(wished, **columns, numbers=numbers), costs=costs, finer=finer)
    return with_prices(changed, price_rows(played.candles)[order])


def truncated(played, n):
    costs = played.costs.select(slice(0, n))
    return played.but(candles=played.candles.slice(0, n), decisions=played.decisions.slice(0, n), costs=costs)


@EXAMPLES
@given(runs(), st.data())
def test_another_future_changes_nothing_before_it(played, data):
    cut = data.draw(st.integers(1, len(played.candles) - 1))
    found, other = played.result(), with_another_future(played, cut, data.draw(seeds)).result()
    closed, others = found.trades.exit_index < cut, other.trades.exit_index < cut
    assert rows_of(found.trades, closed) == rows_of(other.trades, others)
    assert found.equity[:cut].tolist() == other.equity[:cut].tolist()


@EXAMPLES
@given(runs(), st.data())
def test_a_shorter_series_ends_earlier_and_is_the_same_before(played, data):
    n = data.draw(st.integers(1, len(played.candles)))
    found, cut = played.result(), truncated(played, n).result()
    # In its last candle a series closes what is open.
    closed, closed_in_cut = found.trades.exit_index < n - 1, cut.trades.exit_index < n - 1
    assert rows_of(found.trades, closed) == rows_of(cut.trades, closed_in_cut)
    assert found.equity[: n - 1].tolist() == cut.equity[: n - 1].tolist()


def with_plans(execution, changed):
    """The same with each of its plans changed."""
    other = execution.pattern_plan
    return replace(execution, plan=changed(execution.plan), pattern_plan=None if other is None else changed(other))


def in_other_money(played, times):
    """The same market in a currency of which `times` as much is needed: prices, price distances, cash and money a unit."""
    wished, costs = played.decisions, played.costs
    if isinstance(costs, FxCosts):
        scaled = {name: getattr(costs, name) * times for name in ("spread", "swap_long", "swap_short", "unit_commission")}
        costs = replace(costs, **scaled)
    decisions = replace(
        wished,
        stop_distance=wished.stop_distance * times,
        target_distance=wished.target_distance * times,
        numbers={name: values * (1.0 if name == "pattern_led" else times) for name, values in wished.numbers.items()},
    )
    finer = played.finer
    other = played.but(
        decisions=decisions,
        costs=costs,
        execution=with_plans(played.execution, lambda plan: plan._replace(trailing_gap=plan.trailing_gap * times)),
        account=BacktestAccount(played.account.cash * times, played.account.leverage),
        finer=None if finer is None else candles_of(finer.open_time_us, price_rows(finer) * times, finer.timeframe),
    )
    return with_prices(other, price_rows(played.candles) * times)


@EXAMPLES
@given(runs(), st.integers(-12, 12))
def test_prices_and_money_times_a_power_of_two_are_the_same_backtest_to_the_last_bit(played, power):
    times = 2.0**power
    found, scaled = rows_of(played.result().trades), rows_of(in_other_money(played, times).result().trades)
    for name in (*PRICES, *MONEY):
        found[name] = [value * times for value in found[name]]
    assert scaled == found
    assert in_other_money(played, times).result().equity.tolist() == (played.result().equity * times).tolist()


@EXAMPLES
@given(runs(), seeds, st.floats(0.01, 300.0))
def test_prices_and_money_times_any_number_are_the_same_backtest_but_for_rounding(played, seed, times):
    # Each candle a little off the grid: a price that is touched exactly is touched or not by the last bit.
    rng = np.random.default_rng(seed)
    rows = price_rows(played.candles) * rng.uniform(1.0, 1.0001, (len(played.candles), 1))
    played = with_prices(played.but(finer=None), rows)
    found, scaled = played.result(), in_other_money(played, times).result()
    assert scaled.trades.units.tolist() == found.trades.units.tolist()
    assert scaled.trades.reason.tolist() == found.trades.reason.tolist()
    cash = played.account.cash * times
    assert scaled.trades.exit_price.tolist() == pytest.approx((found.trades.exit_price * times).tolist(), rel=1e-9)
    assert scaled.trades.profit.tolist() == pytest.approx((found.trades.profit * times).tolist(), rel=1e-9, abs=1e-9 * cash)
    assert scaled.equity.tolist() == pytest.approx((found.equity * times).tolist(), rel=1e-9, abs=1e-9 * cash)


def with_one_wish(played, at, *, is_market=False):
    """The same with the wish at `at` only, so that its units depend on no trade before."""
    wished = played.decisions
    side = np.zeros(len(wished), np.int8)
    side[at] = wished.side[at] or 1
    offset = wished.numbers["entry_offset"] * (0.0 if is_market else 1.0)
    return played.but(decisions=replace(wished, side=side, numbers={**wished.numbers, "entry_offset": offset}))


def without_stop_out(played):
    """A stop-out lies where cash and units put it, and both change with costs and with rounding."""
    return played.but(costs=replace(played.costs, stop_out=0.0)) if isinstance(played.costs, FxCosts) else played


@EXAMPLES
@given(runs(min_candles=12), st.integers(1, 10), st.integers(2, 1000))
def test_times_the_cash_trades_times_the_units_but_for_the_fraction_of_a_unit(played, at, times):
    played = without_stop_out(with_one_wish(played, at))
    if isinstance(played.costs, FxCosts):
        played = played.but(costs=replace(played.costs, impact=0.0))  # a larger order moves the price more
    rich = played.but(account=BacktestAccount(played.account.cash * times, played.account.leverage))
    found, more = played.result(), rich.result()
    assume(len(found.trades) == len(more.trades) == 1)
    assume(not has_lost_everything(found) and not has_lost_everything(more))
    units, many = int(found.trades.units[0]), int(more.trades.units[0])
    # Both round down: the poorer loses up to a unit, the richer up to a unit of its own.
    assert times * units <= many < times * (units + 1)
    assert more.trades.profit[0] / many == pytest.approx(found.trades.profit[0] / units, rel=1e-9, abs=1e-12)


def costless(played, *, keeps_spread):
    costs = played.costs
    if not isinstance(costs, FxCosts):
        return played.but(costs=replace(costs, spread=0.0, commission=0.0))
    none, spread = np.zeros(1), costs.spread if keeps_spread else np.zeros(1)
    free = FxCosts(spread, none, none, costs.conversion, depth=costs.depth, stop_out=0.0)
    return played.but(costs=free)


@EXAMPLES
@given(runs(min_candles=12), st.integers(1, 10))
def test_one_trade_without_costs_earns_more_by_exactly_its_costs(played, at):
    """For one trade whose stop, target and units do not depend on what it costs.

    So: no breakeven or trailing stop, which begin at the entry price; no stop-out; a spread that stays for a short or a waiting
    order, since its ask decides what is touched, and a wider one may even save it from a larger loss; one conversion.
    """
    never = with_plans(played.execution, lambda plan: plan._replace(breakeven_trigger=np.inf, trailing_activation=np.inf))
    played = with_one_wish(without_stop_out(played), at).but(execution=never)
    keeps_spread = bool(played.decisions.side[at] < 0 or played.decisions.numbers["entry_offset"][at] != 0.0)
    if isinstance(played.costs, FxCosts):
        played = played.but(costs=replace(played.costs, conversion=played.costs.conversion[:1]))
    dear, free = played.result(), costless(played, keeps_spread=keeps_spread).result()
    assume(len(dear.trades) == len(free.trades) == 1)
    assume(not has_lost_everything(dear) and not has_lost_everything(free))
    assert dear.trades.units.tolist() == free.trades.units.tolist()
    paid = sum(getattr(dear.trades, name)[0] for name in PAID) - free.trades.spread_cost[0]
    assert free.trades.profit[0] - dear.trades.profit[0] == pytest.approx(paid, rel=1e-9, abs=1e-9 * played.account.cash)
    assert paid >= min(dear.trades.swap[0], 0.0) - 1e-9 * played.account.cash  # only a swap can be earned


@EXAMPLES
@given(runs())
def test_a_flat_market_earns_nothing_and_costs_what_it_costs(played):
    n = len(played.candles)
    played = with_prices(without_stop_out(played).but(finer=None), np.full((n, 4), played.candles.open[0]))
    if isinstance(played.costs, FxCosts):
        costs = played.costs
        played = played.but(costs=replace(costs, spread=costs.spread[:1], conversion=costs.conversion[:1]))
    result = played.result()
    assume(not has_lost_everything(result))
    paid = sum(getattr(result.trades, name) for name in PAID)
    assert result.trades.profit.tolist() == pytest.approx((-paid).tolist(), rel=1e-9, abs=1e-9 * played.account.cash)
    assert result.final_equity == pytest.approx(played.account.cash - paid.sum(), rel=1e-9)


def marked(played, trades, k, i):
    """What the open trade `k` adds to the cash before it at the close of candle `i`, from its row alone."""
    candles, costs, is_fx = played.candles, played.costs, isinstance(played.costs, FxCosts)
    side, units, entry, since = trades.side[k], trades.units[k], trades.entry_price[k], trades.entry_index[k]
    quoted = {name: np.broadcast_to(getattr(costs, name), len(candles)) for name in PER_CANDLE} if is_fx else {}
    conversion = quoted["conversion"] if is_fx else np.ones(len(candles))
    close = candles.close[i] + (quoted["spread"][i] if is_fx and side < 0 else 0.0)
    commission = costs.commission * units * entry * conversion[since] + (costs.unit_commission * units if is_fx else 0.0)
    swap = 0.0
    if is_fx:
        new_day = np.flatnonzero(np.diff(candles.fx_day)) + 1
        nights = new_day[(new_day > since) & (new_day <= i)]
        swap = units * (quoted["swap_long" if side > 0 else "swap_short"] * conversion)[nights].sum()
    return side * units * (close - entry) * conversion[i] - commission - swap


@EXAMPLES
@given(runs())
def test_equity_is_the_cash_the_closed_trades_and_the_open_one_at_its_mark(played):
    result, n = played.result(), len(played.candles)
    trades, alive = result.trades, int((result.equity > 0.0).sum())
    assert (result.equity[alive:] == 0.0).all()
    for i in range(alive):
        expected = played.account.cash + trades.profit[trades.exit_index <= i].sum()
        for k in np.flatnonzero((trades.entry_index <= i) & (trades.exit_index > i)):
            expected += marked(played, trades, k, i)
        assert result.equity[i] == pytest.approx(expected, rel=1e-9, abs=1e-9 * played.account.cash), i
    assert alive == n or trades.exit_index[-1] <= alive


@EXAMPLES
@given(runs())
def test_the_profits_are_what_the_account_gained(played):
    result = played.result()
    gained = result.trades.profit.sum()
    if has_lost_everything(result):
        # The account ends at nothing, though the last trade may have lost more than was there.
        assert played.account.cash + gained <= 1e-9 * played.account.cash
    else:
        assert result.final_equity - played.account.cash == pytest.approx(gained, rel=1e-9, abs=1e-9 * played.account.cash)


@EXAMPLES
@given(runs())
def test_trades_follow_each_other_and_each_follows_its_wish(played):
    trades, side, waits = played.result().trades, played.decisions.side, played.execution.wait_candles
    assert (trades.exit_index >= trades.entry_index).all()
    assert (trades.entry_index[1:] >= trades.exit_index[:-1]).all()
    for entered, taken in zip(trades.entry_index, trades.side, strict=True):
        # What was decided at the close of candle 0 is ignored.
        assert taken in side[max(1, entered - waits) : entered]


@EXAMPLES
@given(runs(fx=False))
def test_flat_costs_know_no_swap_slippage_or_stop_out(played):
    result = played.result()
    assert result.mode is Mode.PARITY
    assert all((getattr(result.trades, name) == 0.0).all() for name in ("slippage", "impact", "swap"))
    assert (result.trades.reason != 8).all()
