"""Random situations: an order passes only if each guard alone lets it pass, and each guard says what a plain oracle says."""

import math
from dataclasses import replace
from fractions import Fraction

from guard_situations import ACCOUNT, HOUR_US, NOW_US, QUIET, SECOND_US, TERMS, WISH, holding
from hypothesis import given, settings
from hypothesis import strategies as st

from fxgpt_core.market.symbols import symbol
from fxgpt_core.portfolio.guards.evaluation import GUARDS, denials
from fxgpt_core.portfolio.guards.settings import GuardSettings
from fxgpt_core.portfolio.guards.situation import Holdings, Prices, Record, Situation
from fxgpt_core.portfolio.trading_state import TradingState

DEFAULTS = GuardSettings()
QUOTED = {"EURUSD": (1.1, 1.0), "GBPUSD": (1.25, 1.0), "EURGBP": (0.88, 1.25), "USDJPY": (150.0, 1 / 150)}


@st.composite
def held(draw):
    name = draw(st.sampled_from(list(QUOTED)))
    return holding(name, draw(st.integers(-40, 40).filter(bool)) * 10_000, *QUOTED[name])


@st.composite
def situations(draw):
    """Mostly quiet ones, so that every guard is at times the only one that denies."""

    def rarely(value, *others):
        return draw(st.sampled_from([value] * 6 + list(others)))

    name = draw(st.sampled_from(list(QUOTED)))
    open_now, coming = draw(st.lists(held(), max_size=3)), draw(st.lists(held(), max_size=2))
    n = len(open_now) + len(coming)
    rho = tuple(draw(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0, float("nan")]), min_size=n, max_size=n)))
    account = replace(
        ACCOUNT,
        state=rarely(*TradingState),
        is_ready=rarely(True, False),
        skew_us=rarely(0, None, 2 * SECOND_US, 10 * SECOND_US, -11 * SECOND_US),
        equity=rarely(100_000.0, 96_000.0, 89_000.0, 0.0, float("nan")),
        free_margin=rarely(90_000.0, 3_000.0, -5.0),
        currency=draw(st.sampled_from(["USD", "EUR"])),
        high_water=rarely(100_000.0, 110_000.0, None),
        day_start_equity=rarely(100_000.0, 99_000.0, None),
        orders_last_minute=rarely(0, 9, 10),
        orders_today=rarely(0, 49, 50),
        rejections=rarely(0, 4, 5),
    )
    wish = replace(
        WISH,
        symbol=symbol(name),
        side=draw(st.sampled_from([1, -1])),
        units=rarely(100_000, 999, 1000, 2500, 300_000, 6_000_000),
        price=rarely(QUOTED[name][0], None),
        quote_value=QUOTED[name][1],
        known_at_us=NOW_US - rarely(10, 30, 31, -11, 1800) * SECOND_US,
        candle_us=draw(st.sampled_from([HOUR_US, HOUR_US // 60])),
        flaw=rarely("", "changed"),
        margin=rarely(None, 72_000.0, 72_001.0),
    )
    age, ask = rarely(1, 5, 6, 15, 16), rarely(1, 30, 31, 70, -1)
    prices = Prices(1.1, 1.1 + ask * wish.symbol.pip / 10, NOW_US - age * SECOND_US, rarely(None, wish.symbol.pip * 2))
    on_symbol, more = rarely(0, 1), rarely(0, 9, 10)
    holdings = Holdings(tuple(open_now), tuple(coming), rho, on_symbol + more, on_symbol, rarely(0, 1), rarely((), ("XAUUSD",)))
    record = Record(rarely(0, 1, 2), rarely(0, 4, 5, 6), NOW_US - rarely(1, 24, 25) * HOUR_US)
    terms = rarely(
        TERMS, None, replace(TERMS, is_open=False), replace(TERMS, may_short=False), replace(TERMS, schedule=((0, 60),))
    )
    return Situation(account, wish, prices, holdings, record, terms)


@settings(max_examples=300, deadline=None)
@given(situations())
def test_an_order_passes_only_if_every_guard_alone_lets_it_pass(situation):
    alone = [denial for guard in GUARDS for denial in denials(situation, DEFAULTS, (guard,))]
    assert list(denials(situation, DEFAULTS)) == alone
    assert all(denial.found and denial.allowed and denial.remedy for denial in alone)
    assert {denial.guard for denial in alone} == expected(situation)


def expected(s: Situation) -> set[str]:
    """The table of the defaults, guard by guard, read off in plain arithmetic."""
    a, w, h = s.account, s.wish, s.holdings
    seconds = (a.now_us - w.known_at_us) / SECOND_US
    offset = max(-2, min(2, (a.skew_us or 0) / SECOND_US))
    quote_age = (a.now_us - s.prices.time_us) / SECOND_US - offset
    tenths = round((s.prices.ask - s.prices.bid) / w.symbol.pip * 10)
    most = 30 if s.prices.usual_spread is None else max(30, round(3 * 10 * s.prices.usual_spread / w.symbol.pip))
    known_equity = not math.isnan(a.equity)
    day_known = known_equity and a.day_start_equity is not None
    denied = {
        "emergency_stop": a.state is not TradingState.ACTIVE,
        "session_ready": not a.is_ready,
        "deployment_valid": w.flaw != "",
        "unknown_orders": h.unknown_orders > 0,
        "signal_age": seconds > min(30, w.candle_us / SECOND_US / 4) or seconds <= -10,
        "clock_skew": abs(a.now_us - s.prices.time_us if a.skew_us is None else a.skew_us) >= 10 * SECOND_US,
        "stale_price": abs(quote_age) > (15 if w.symbol.name == "EURGBP" else 5),
        "spread": not 0 <= tenths <= most,
        "market_hours": s.terms is not None and (not s.terms.is_open or (w.side < 0 and not s.terms.may_short) or _shut(s)),
        "volume": w.units < 1 if s.terms is None else w.units not in range(1000, 5_000_001, 1000),
        "margin": _bound(s) is None or not 0 <= _bound(s) <= 0.8 * _free(s),
        "positions": h.on_symbol >= 1 or h.count >= 10,
        "order_rate": s.record.symbol_orders_last_minute >= 2 or a.orders_last_minute >= 10 or a.orders_today >= 50,
        "deployment_daily_loss": not day_known or a.equity <= 0.95 * a.day_start_equity,
        "daily_loss": not day_known or a.equity <= 0.97 * a.day_start_equity,
        "consecutive_losses": s.record.losing_streak >= 5 and a.now_us - s.record.last_loss_us < 24 * HOUR_US,
        "drawdown": not known_equity or a.high_water is None or a.equity <= 0.9 * a.high_water,
        "reject_storm": a.rejections >= 5,
        **_exposures(s),
    }
    return {name for name, is_denied in denied.items() if is_denied}


def _shut(s: Situation) -> bool:
    return s.terms is not None and s.terms.schedule is not None  # the only schedule here is one minute on Sundays


def _bound(s: Situation) -> float | None:
    if s.wish.margin is not None:
        return s.wish.margin
    return None if s.wish.price is None else s.wish.units * s.wish.price * s.wish.quote_value / 30


def _free(s: Situation) -> float:
    return (
        s.account.free_margin - sum(abs(order.units) * order.price * order.quote_value for order in s.holdings.on_their_way) / 30
    )


def _exposures(s: Situation) -> dict[str, bool]:
    """In fractions, from the worst that orders on their way may turn out to be: each of them filled, or not."""
    names = ("symbol_exposure", "currency_exposure", "leverage", "correlation")
    if not s.account.equity > 0 or s.holdings.unpriced or s.wish.price is None:
        return dict.fromkeys(names, True)
    wish = s.wish.holding
    limit = 3 * Fraction(s.account.equity) * (1 + Fraction(1, 10**9))
    open_now, coming = s.holdings.open, s.holdings.on_their_way
    value = Fraction(wish.value)

    def worst(of) -> Fraction:
        """The farthest the sum may go in the wish's direction, by trying every way the orders may end."""
        ways = [Fraction(0)]
        for order in coming:
            ways += [way + of(order) for way in ways]
        base, wished = sum((of(each) for each in open_now), Fraction(0)), of(wish)
        return max((base + way for way in ways), key=lambda total: total * (1 if wished >= 0 else -1))

    def of_symbol(each) -> Fraction:
        return Fraction(each.value) if each.symbol == wish.symbol else Fraction(0)

    def of_currency(currency: str):
        def amount(each) -> Fraction:
            signs = {each.symbol.base: 1, each.symbol.quote: -1}
            return signs.get(currency, 0) * Fraction(each.value)

        return amount

    beyond = False
    for currency in {wish.symbol.base, wish.symbol.quote} - {s.account.currency}:
        had = worst(of_currency(currency))
        after = had + of_currency(currency)(wish)
        beyond = beyond or (abs(after) > limit and abs(after) > abs(had))
    moving = abs(value)
    for i, each in enumerate((*open_now, *coming)):
        rho = s.holdings.correlation[i]
        part = abs(Fraction(each.value)) if math.isnan(rho) else (1 if value > 0 else -1) * Fraction(rho) * Fraction(each.value)
        moving += part if i < len(open_now) else max(part, Fraction(0))
    return {
        "symbol_exposure": abs(worst(of_symbol) + value) > limit,
        "currency_exposure": beyond,
        "leverage": abs(value) + sum(abs(Fraction(each.value)) for each in (*open_now, *coming)) > limit,
        "correlation": moving > limit,
    }


def test_the_quiet_situation_is_one_the_oracle_lets_pass():
    assert expected(QUIET) == set()
