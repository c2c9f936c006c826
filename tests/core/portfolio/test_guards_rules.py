"""Each guard alone, at its border: what just passes, what is just denied, by numbers worked out by hand."""

from dataclasses import fields, replace

import numpy as np
import pytest
from guard_situations import ACCOUNT, HOUR_US, NOW_US, QUIET, SECOND_US, WISH, changed, held, holding

from fxgpt_core.market.symbols import symbol
from fxgpt_core.portfolio.guards.denial import Reaction
from fxgpt_core.portfolio.guards.evaluation import GUARDS, REPLAY_SETTINGS, REPLAYED, account_denials, denials
from fxgpt_core.portfolio.guards.readiness import clock_warning
from fxgpt_core.portfolio.guards.settings import GuardSettings
from fxgpt_core.portfolio.guards.volume import units_on_grid
from fxgpt_core.portfolio.trading_state import TradingState

DEFAULTS = GuardSettings()
MINUTE_US = 60 * SECOND_US
LONG_AGO = {"streak": 5, "last": NOW_US - 24 * HOUR_US}


def account(**changes):
    return changed("account", **changes)


def aged(part_us):
    return changed("wish", known_at_us=NOW_US - part_us)


def priced(**changes):
    return changed("prices", **changes)


def recorded(streak, last):
    return changed("record", losing_streak=streak, last_loss_us=last)


def wished(**changes):
    return changed("wish", **changes)


def unsure(age_us):
    """The clock of the broker is not known, but by a price of some age."""
    return replace(account(skew_us=None), prices=replace(QUIET.prices, time_us=NOW_US - age_us))


BORDERS = [
    # guard, what just passes, what is just denied, what it says
    ("emergency_stop", account(state=TradingState.ACTIVE), account(state=TradingState.REDUCING), "trading is reducing"),
    ("emergency_stop", QUIET, account(state=TradingState.HALTED), "trading is halted"),
    ("session_ready", account(is_ready=True), account(is_ready=False), "books are not known"),
    ("deployment_valid", wished(flaw=""), wished(flaw="model abc is gone"), "model abc is gone"),
    ("unknown_orders", QUIET, changed("holdings", unknown_orders=1), "1 orders on the symbol have an unknown outcome"),
    ("signal_age", aged(30 * SECOND_US), aged(30 * SECOND_US + 1), "the signal is 30.0 s old"),
    ("signal_age", aged(-9 * SECOND_US), aged(-10 * SECOND_US), "the signal is -10.0 s old"),
    ("clock_skew", account(skew_us=9_999_999), account(skew_us=10_000_000), "our clock is +10.0 s"),
    ("clock_skew", account(skew_us=-9_999_999), account(skew_us=-10_000_000), "our clock is -10.0 s"),
    ("clock_skew", unsure(9_999_999), unsure(10_000_000), "not known yet"),
    ("clock_skew", unsure(-9_999_999), unsure(-10_000_000), "not known yet"),
    ("clock_skew", QUIET, replace(unsure(0), prices=replace(QUIET.prices, time_us=None)), "not known yet"),
    ("stale_price", priced(time_us=NOW_US - 5_000_000), priced(time_us=NOW_US - 5_000_001), "the last price is 5.0 s old"),
    ("stale_price", priced(time_us=NOW_US + 5_000_000), priced(time_us=NOW_US + 5_000_001), "the last price is -5.0 s old"),
    ("stale_price", QUIET, priced(time_us=None), "no price with a time"),
    ("spread", priced(bid=1.1, ask=1.1003), priced(bid=1.1, ask=1.10031), "the spread is 3.1 pips, 0 to 3.0 pips"),
    ("spread", priced(bid=1.1, ask=1.1006, usual_spread=0.0002), priced(bid=1.1, ask=1.10061, usual_spread=0.0002), "6.1 pips"),
    ("spread", priced(bid=1.1, ask=1.1003, usual_spread=None), priced(bid=1.1, ask=1.1004, usual_spread=None), "4.0 pips"),
    ("spread", priced(bid=1.1, ask=1.1), priced(bid=1.1, ask=1.09999), "the spread is -0.1 pips"),
    ("spread", QUIET, priced(ask=None), "not both known"),
    ("market_hours", changed("terms", is_open=True), changed("terms", is_open=False), "opens no positions of EURUSD"),
    ("market_hours", changed("terms", may_short=False), replace(changed("terms", may_short=False), wish=replace(WISH, side=-1)),
     "may not be sold short"),
    ("volume", wished(units=1000), wished(units=999), "the size is 999 units, 1000 to 5000000 in steps of 1000"),
    ("volume", wished(units=5_000_000), wished(units=5_001_000), "the size is 5001000 units"),
    ("volume", wished(units=2000), wished(units=2500), "the size is 2500 units"),
    ("volume", replace(QUIET, terms=None, wish=replace(WISH, units=1)), replace(QUIET, terms=None, wish=replace(WISH, units=0)),
     "the size is 0 units, at least 1"),
    # 80 % of 90,000 of free margin; without the broker's word 100,000 × 1.1 / 30 = 3,666.67
    ("margin", wished(margin=72_000.0), wished(margin=72_000.01), "bind 72000.01, at most 80% of the free margin, 72000.00"),
    ("margin", account(free_margin=4_583.4), account(free_margin=4_583.3), "would bind 3666.67"),
    ("margin", wished(margin=1.0, price=None), wished(price=None), "is not known"),
    ("margin", QUIET, account(free_margin=-1.0), "at most 80% of the free margin, 0.00"),
    ("positions", QUIET, changed("holdings", on_symbol=1, count=1), "1 positions are open or ordered on the symbol, at most 1"),
    ("positions", changed("holdings", count=9), changed("holdings", count=10), "10 positions are open or ordered, at most 10"),
    # the wish is 110,000 of an equity of 100,000: what fits beside it in three times the equity is 190,000
    ("symbol_exposure", held(holding("EURUSD", 172_700, 1.1)), held(holding("EURUSD", 172_800, 1.1)), "EURUSD would be 3.00"),
    ("symbol_exposure", held(holding("EURUSD", -372_700, 1.1)), held(holding("EURUSD", -372_800, 1.1)), "EURUSD would be 3.00"),
    ("currency_exposure", held(holding("EURGBP", 152_000, 0.8, 1.5625)), held(holding("EURGBP", 153_000, 0.8, 1.5625)),
     "EUR would be +3.01 times the equity, at most 3 times either way"),
    ("leverage", held(holding("GBPUSD", -152_000, 1.25)), held(holding("GBPUSD", -153_000, 1.25)), "would be 3.01 times"),
    # 0.5 × 380,000 moves with it, and the same short offsets it
    ("correlation", held(holding("GBPUSD", 304_000, 1.25), correlation=(0.5,)),
     held(holding("GBPUSD", 305_000, 1.25), correlation=(0.5,)), "what moves with EURUSD would be 3.01 times the equity"),
    ("correlation", held(holding("GBPUSD", -900_000, 1.25), correlation=(0.5,)),
     held(holding("GBPUSD", -153_000, 1.25), correlation=(float("nan"),)), "at most 3 times; at most 99% of this entry fits"),
    ("order_rate", changed("record", symbol_orders_last_minute=1), changed("record", symbol_orders_last_minute=2),
     "2 orders were sent on the symbol within a minute, at most 2"),
    ("order_rate", account(orders_last_minute=9), account(orders_last_minute=10), "10 orders were sent within a minute"),
    ("order_rate", account(orders_today=49), account(orders_today=50), "50 orders were sent in this FX day, at most 50"),
    ("deployment_daily_loss", account(equity=95_000.01), account(equity=95_000.0), "fell by 5.00% in this FX day"),
    ("deployment_daily_loss", QUIET, account(day_start_equity=None), "the daily loss is not known"),
    ("daily_loss", account(equity=97_000.01), account(equity=97_000.0), "fell by 3.00% in this FX day, less than 3.00%"),
    ("daily_loss", QUIET, account(equity=float("nan")), "the daily loss is not known"),
    ("daily_loss", QUIET, account(day_start_equity=0.0), "the daily loss is not known"),
    ("consecutive_losses", recorded(4, NOW_US), recorded(5, NOW_US), "the last 5 positions of the deployment lost"),
    ("consecutive_losses", recorded(5, NOW_US - 24 * HOUR_US), recorded(5, NOW_US - 24 * HOUR_US + 1), "0.0 hours are left"),
    ("drawdown", account(equity=90_000.01), account(equity=90_000.0), "the equity is 10.00% below its highest, less than 10.00%"),
    ("drawdown", QUIET, account(high_water=None), "the drawdown is not known"),
    ("reject_storm", account(rejections=4), account(rejections=5), "5 orders were rejected within 10 minutes, less than 5"),
]  # fmt: skip


def by_guard(situation, settings=DEFAULTS):
    return {denial.guard: denial for denial in denials(situation, settings)}


def test_the_quiet_situation_passes_every_guard():
    assert denials(QUIET, DEFAULTS) == ()


@pytest.mark.parametrize(("guard", "passes", "denied", "text"), BORDERS, ids=[f"{row[0]}-{i}" for i, row in enumerate(BORDERS)])
def test_a_guard_passes_up_to_its_border_and_denies_beyond_it(guard, passes, denied, text):
    assert guard not in by_guard(passes)
    assert text in str(by_guard(denied)[guard])


def test_every_guard_has_a_border_here():
    assert [guard.name for guard in GUARDS if guard.name not in {row[0] for row in BORDERS}] == []


@pytest.mark.parametrize(
    ("candle_us", "oldest_s"), [(MINUTE_US, 15), (2 * MINUTE_US, 30), (5 * MINUTE_US, 30), (24 * HOUR_US, 30)]
)
def test_a_signal_of_a_short_candle_is_old_after_a_quarter_of_it(candle_us, oldest_s):
    for age_us, passes in ((oldest_s * SECOND_US, True), (oldest_s * SECOND_US + 1, False)):
        situation = wished(candle_us=candle_us, known_at_us=NOW_US - age_us)
        assert ("signal_age" not in by_guard(situation)) is passes


def test_only_majors_must_be_quoted_every_five_seconds():
    old = priced(time_us=NOW_US - 14 * SECOND_US)
    assert "stale_price" in by_guard(old)
    for name in ("EURGBP", "XAUUSD"):
        assert "stale_price" not in by_guard(replace(old, wish=replace(WISH, symbol=symbol(name))))
    for name in ("EURUSD", "USDJPY", "USDCAD", "AUDUSD", "NZDUSD", "GBPUSD", "USDCHF"):
        assert "stale_price" in by_guard(replace(old, wish=replace(WISH, symbol=symbol(name))))


@pytest.mark.parametrize(
    ("skew_s", "age_s", "passes"), [(1.5, 6.4, True), (1.5, 6.6, False), (8.0, 6.9, True), (8.0, 7.1, False)]
)
def test_of_a_clock_ahead_at_most_the_warned_two_seconds_are_forgiven(skew_s, age_s, passes):
    moved = replace(ACCOUNT, skew_us=int(skew_s * SECOND_US))
    situation = replace(priced(time_us=NOW_US - int(age_s * SECOND_US)), account=moved)
    assert ("stale_price" not in by_guard(situation)) is passes


def test_a_spread_is_measured_in_the_symbols_own_pips():
    yen = replace(priced(bid=150.0, ask=150.03, usual_spread=None), wish=replace(WISH, symbol=symbol("USDJPY"), price=150.03))
    assert "spread" not in by_guard(yen)
    assert "spread" in by_guard(replace(yen, prices=replace(yen.prices, ask=150.031)))


def test_an_order_on_its_way_never_offsets_and_always_adds():
    """An order of 400,000 that may not be filled: short it is no room for more, long it has taken the room."""
    short, long = holding("EURUSD", -363_000, 1.1), holding("EURUSD", 363_000, 1.1)
    wide = replace(DEFAULTS, max_leverage=100.0)
    full = held(holding("EURUSD", 181_000, 1.1))
    for guard in ("symbol_exposure", "currency_exposure", "correlation"):
        offset = held(holding("EURUSD", 181_000, 1.1), short, correlation=(1.0, 1.0))
        assert guard in by_guard(replace(full, holdings=replace(full.holdings, correlation=(1.0,))), wide)
        assert guard not in by_guard(offset, wide)
        coming = held(holding("EURUSD", 181_000, 1.1), coming=(short,), correlation=(1.0, 1.0))
        assert guard in by_guard(coming, wide)
        assert guard in by_guard(held(coming=(long,), correlation=(1.0,)), wide)
        assert guard not in by_guard(held(coming=(short,), correlation=(1.0,)), wide)
    assert "leverage" in by_guard(held(coming=(short,), correlation=(1.0,)))


def test_the_accounts_own_currency_is_no_exposure():
    """USD would be −1.10 − 2.50 = −3.60 times the equity: nothing to an account in dollars, too much to one in euros."""
    situation = held(holding("GBPUSD", 200_000, 1.25))
    wide = replace(DEFAULTS, max_leverage=100.0)
    assert by_guard(situation, wide) == {}
    in_euros = replace(situation, account=replace(ACCOUNT, currency="EUR"))
    assert "USD would be -3.60 times the equity" in str(by_guard(in_euros, wide)["currency_exposure"])


def test_an_entry_that_makes_an_amount_smaller_is_never_denied_for_its_currency():
    """500,000 euros long are beyond the limit; selling some is welcome, buying one more is not."""
    situation = held(holding("EURGBP", 500_000, 0.88, 1.25))
    assert "currency_exposure" not in by_guard(replace(situation, wish=replace(WISH, side=-1, units=100_000)))
    assert "currency_exposure" in by_guard(replace(situation, wish=replace(WISH, units=1000)))


@pytest.mark.parametrize("guard", ["symbol_exposure", "currency_exposure", "leverage", "correlation"])
def test_what_has_no_known_value_is_not_added_to(guard):
    assert "the value of GBPUSD is not known" in str(by_guard(changed("holdings", unpriced=("GBPUSD",)))[guard])
    assert "the value of EURUSD is not known" in str(by_guard(wished(quote_value=None))[guard])
    assert "the equity is 0" in str(by_guard(account(equity=0.0))[guard])


@pytest.mark.parametrize(
    ("units", "rounded"),
    [(999, 0), (1000, 1000), (1999, 1000), (2500, 2500), (2999, 2500), (7001, 7000), (99_999, 7000), (-5, 0)],
)
def test_sizes_are_rounded_down_on_the_grid_that_begins_at_the_smallest(units, rounded):
    terms = replace(QUIET.terms, min_units=1000, max_units=7400, step_units=1500)
    assert units_on_grid(units, terms) == rounded
    assert units_on_grid(units, None) == units


def test_what_a_guard_wants_beyond_its_no():
    found = by_guard(account(equity=80_000.0, rejections=5, skew_us=60 * SECOND_US, state=TradingState.HALTED))
    wanted = {name: denial.reaction for name, denial in found.items() if denial.reaction is not Reaction.NONE}
    assert wanted == {
        "clock_skew": Reaction.HALT, "daily_loss": Reaction.REDUCE, "drawdown": Reaction.HALT, "reject_storm": Reaction.HALT,
    }  # fmt: skip
    assert [reaction.state for reaction in Reaction] == [TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED]
    unknown = account(equity=float("nan"), skew_us=None, high_water=None, day_start_equity=None)
    assert {denial.reaction for denial in denials(unknown, DEFAULTS)} == {Reaction.NONE}


@pytest.mark.parametrize("guard", ["daily_loss", "drawdown"])
@pytest.mark.parametrize("policy", [True, False])
def test_everything_is_closed_by_policy_only(guard, policy):
    settings = replace(DEFAULTS, **{f"flatten_on_{guard}": policy})
    found = by_guard(account(equity=80_000.0), settings)
    assert {name for name, denial in found.items() if denial.flatten} == ({guard} if policy else set())


@pytest.mark.parametrize(("skew_us", "warns"), [(1_999_999, False), (2_000_000, True), (-2_000_000, True), (None, False)])
def test_a_clock_that_goes_wrong_is_told_before_it_halts(skew_us, warns):
    assert bool(clock_warning(replace(ACCOUNT, skew_us=skew_us), DEFAULTS)) is warns


def test_the_account_is_judged_without_any_wish():
    ill = replace(ACCOUNT, equity=85_000.0, rejections=9)
    assert [denial.guard for denial in account_denials(ill, DEFAULTS)] == ["daily_loss", "drawdown", "reject_storm"]
    assert account_denials(ACCOUNT, DEFAULTS) == ()


def test_a_replay_asks_what_its_backtest_knows():
    """No quote, no clock, a loss of 20 % of a deployment that may lose 25 % in a day: entered, as its backtest does."""
    played = replace(
        account(skew_us=None, equity=80_000.0, rejections=9, high_water=None, orders_last_minute=9, free_margin=0.0),
        prices=replace(QUIET.prices, bid=None, ask=None, time_us=None),
        wish=replace(WISH, known_at_us=NOW_US, daily_loss_limit=0.25),
        record=replace(QUIET.record, losing_streak=9, last_loss_us=NOW_US),
        terms=None,
    )
    assert denials(played, REPLAY_SETTINGS, REPLAYED) == ()
    late = replace(played, wish=replace(played.wish, known_at_us=NOW_US - 1))
    assert [denial.guard for denial in denials(late, REPLAY_SETTINGS, REPLAYED)] == ["signal_age"]
    assert len(denials(played, DEFAULTS)) > 5


SKEWED = account(skew_us=4_000_000)

# For each setting a situation, and values of it of which the first passes and the second denies.
MOVES = {
    "max_signal_age_s": (aged(20 * SECOND_US), 20.0, 19.0),
    "max_signal_age_candles": (wished(candle_us=MINUTE_US, known_at_us=NOW_US - 20 * SECOND_US), 0.5, 0.3),
    "max_price_age_s": (priced(time_us=NOW_US - 3 * SECOND_US), 3.0, 2.0),
    "max_minor_price_age_s": (
        replace(priced(time_us=NOW_US - 9 * SECOND_US), wish=replace(WISH, symbol=symbol("EURGBP"))), 9.0, 8.0,
    ),
    "max_spread_ratio": (priced(bid=1.1, ask=1.1004), 4.0, 3.5),
    "harmless_spread_pips": (priced(bid=1.1, ask=1.1005), 5.0, 4.9),
    "minutes_before_close": (replace(QUIET, terms=replace(QUIET.terms, schedule=((0, 2 * 86400 + 50_460),))), 0.5, 1.0),
    "max_margin_use": (wished(margin=45_000.0), 0.5, 0.49),
    "max_positions_per_symbol": (changed("holdings", on_symbol=2, count=2), 3, 2),
    "max_positions": (changed("holdings", count=4), 5, 4),
    "max_symbol_exposure": (wished(units=181_000), 2.0, 1.9),
    "max_currency_exposure": (wished(units=181_000), 2.0, 1.9),
    "max_leverage": (wished(units=181_000), 2.0, 1.9),
    "max_correlated_exposure": (wished(units=181_000), 2.0, 1.9),
    "max_symbol_orders_per_minute": (changed("record", symbol_orders_last_minute=2), 3, 2),
    "max_orders_per_minute": (account(orders_last_minute=4), 5, 4),
    "max_orders_per_day": (account(orders_today=30), 31, 30),
    "max_daily_loss": (account(equity=98_000.0), 0.021, 0.019),
    "max_losing_streak": (recorded(3, NOW_US), 4, 3),
    "cool_down_hours": (recorded(5, NOW_US - 2 * HOUR_US), 2.0, 3.0),
    "max_drawdown": (account(equity=94_000.0, day_start_equity=94_000.0), 0.07, 0.05),
    "max_rejections": (account(rejections=3), 4, 3),
    "clock_skew_halt_s": (replace(SKEWED, prices=replace(QUIET.prices, time_us=NOW_US - 4_000_000)), 5.0, 4.0),
}  # fmt: skip
# What these move is no denial, and shown above, below, or where rejections are counted.
ELSEWHERE = {"flatten_on_daily_loss", "flatten_on_drawdown", "clock_skew_warn_s", "rejection_minutes"}


@pytest.mark.parametrize("name", MOVES)
def test_a_setting_moves_what_its_guard_says_and_nothing_else(name):
    situation, passing, denying = MOVES[name]
    guard = {each.name: each.metadata["guard"] for each in fields(GuardSettings)}[name]
    loose = by_guard(situation, replace(DEFAULTS, **{name: passing}))
    tight = by_guard(situation, replace(DEFAULTS, **{name: denying}))
    assert guard not in loose
    assert set(tight) - set(loose) == {guard}


def test_the_forgiven_skew_is_a_setting():
    situation = replace(account(skew_us=3_000_000), prices=replace(QUIET.prices, time_us=NOW_US - 7_500_000))
    assert "stale_price" in by_guard(situation)
    assert "stale_price" not in by_guard(situation, replace(DEFAULTS, clock_skew_warn_s=2.5))


def test_every_setting_moves_something():
    assert {each.name for each in fields(GuardSettings)} == set(MOVES) | ELSEWHERE
    assert not np.isnan([value for each in fields(GuardSettings) if isinstance(value := each.default, float)]).any()
