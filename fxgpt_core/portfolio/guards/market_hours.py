"""The guard on opening hours: the symbol's own schedule, in its own time zone, or the FX week where none was told."""

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.opening_hours import OpeningHours, fx_hours
from fxgpt_core.portfolio.guards.denial import Denial
from fxgpt_core.portfolio.guards.settings import GuardSettings
from fxgpt_core.portfolio.guards.situation import Situation

_MINUTE_US = 60_000_000


def market_hours(situation: Situation, settings: GuardSettings) -> Denial | None:
    """The market must be open, and not about to close; the broker must let new positions in, and short ones if it is one."""
    terms, symbol = situation.terms, situation.wish.symbol
    remedy = "wait until it opens; nothing that is held is touched"
    if terms is not None and not terms.is_open:
        found = f"the broker opens no positions of {symbol.name} now"
        return Denial("market_hours", found, "a symbol that may be traded in full", "ask the broker, or trade another symbol")
    if terms is not None and situation.wish.side < 0 and not terms.may_short:
        found = f"{symbol.name} may not be sold short"
        return Denial("market_hours", found, "long positions", "trade its long side only, or another symbol")
    try:
        left_us = _hours(situation).open_for_us(situation.account.now_us)
    except BadInputError as error:
        return Denial(
            "market_hours", str(error), "a schedule that can be read", "report it: the broker's answer is not understood"
        )
    least_us = settings.minutes_before_close * _MINUTE_US
    allowed = f"an open market, and more than {settings.minutes_before_close:g} minutes before it closes"
    if left_us is None:
        return Denial("market_hours", f"the market of {symbol.name} is closed", allowed, remedy)
    if left_us <= least_us and least_us > 0.0:
        return Denial("market_hours", f"{symbol.name} closes in {left_us / _MINUTE_US:.1f} minutes", allowed, remedy)
    return None


def _hours(situation: Situation) -> OpeningHours:
    terms = situation.terms
    if terms is None or terms.schedule is None:
        return fx_hours(situation.wish.symbol, () if terms is None else terms.holidays)
    return OpeningHours(terms.schedule, terms.time_zone, terms.holidays)
