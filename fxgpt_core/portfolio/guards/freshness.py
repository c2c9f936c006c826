"""Guards on age and price: the signal, the last price, the spread."""

from fxgpt_core.market.symbols import SYMBOLS, Symbol
from fxgpt_core.portfolio.guards.denial import Denial
from fxgpt_core.portfolio.guards.settings import GuardSettings
from fxgpt_core.portfolio.guards.situation import Situation

_SECOND_US = 1_000_000
MAJORS = frozenset(name for name, symbol in SYMBOLS.items() if "USD" in (symbol.base, symbol.quote) and symbol.base != "XAU")


def signal_age(situation: Situation, settings: GuardSettings) -> Denial | None:
    """A signal is traded right after its candle's close or never; one from the future has a clock that is wrong."""
    age_us = situation.account.now_us - situation.wish.known_at_us
    limit_us = min(settings.max_signal_age_s * _SECOND_US, settings.max_signal_age_candles * situation.wish.candle_us)
    if -settings.clock_skew_halt_s * _SECOND_US < age_us <= limit_us:
        return None
    found = f"the signal is {age_us / _SECOND_US:.1f} s old"
    remedy = "it is dropped, the next candle decides anew; if all come late, look at the live job and the feed"
    return Denial("signal_age", found, f"at most {limit_us / _SECOND_US:g} s", remedy)


def stale_price(situation: Situation, settings: GuardSettings) -> Denial | None:
    """The last price must be of now. Of the distance between the clocks no more is forgiven than would only warn."""
    limit_s = max_price_age_s(situation.wish.symbol, settings)
    allowed, remedy = f"at most {limit_s:g} s", "wait for a price; if none comes, look at the connection and the market's hours"
    if situation.prices.time_us is None:
        return Denial("stale_price", f"{situation.wish.symbol.name} has no price with a time", allowed, remedy)
    forgiven_us = settings.clock_skew_warn_s * _SECOND_US
    skew_us = min(max(situation.account.skew_us or 0, -forgiven_us), forgiven_us)
    age_us = situation.account.now_us - skew_us - situation.prices.time_us
    if abs(age_us) <= limit_s * _SECOND_US:
        return None
    return Denial("stale_price", f"the last price is {age_us / _SECOND_US:.1f} s old", allowed, remedy)


def max_price_age_s(symbol: Symbol, settings: GuardSettings) -> float:
    """How old the last price of a symbol may be, in seconds."""
    return settings.max_price_age_s if symbol.name in MAJORS else settings.max_minor_price_age_s


def spread(situation: Situation, settings: GuardSettings) -> Denial | None:
    """The spread must be what it usually is, or small. Until an hour's median is known only a small one may pass."""
    bid, ask, pip = situation.prices.bid, situation.prices.ask, situation.wish.symbol.pip
    usual = situation.prices.usual_spread
    widest = max(settings.harmless_spread_pips * pip, 0.0 if usual is None else settings.max_spread_ratio * usual)
    allowed = f"0 to {widest / pip:.1f} pips"
    remedy = "wait for a liquid hour; a spread that stays wide is its broker's, and belongs into the settings"
    if bid is None or ask is None:
        return Denial("spread", "bid and ask are not both known", allowed, remedy)
    if 0.0 <= ask - bid <= widest * (1.0 + 1e-9):
        return None
    return Denial("spread", f"the spread is {(ask - bid) / pip:.1f} pips", allowed, remedy)
