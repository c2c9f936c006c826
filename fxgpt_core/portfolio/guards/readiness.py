"""Guards on whether anything may be ordered at all: the switch, the session, the deployment, the clock, open questions."""

from fxgpt_core.portfolio.guards.denial import Denial, Reaction
from fxgpt_core.portfolio.guards.settings import GuardSettings
from fxgpt_core.portfolio.guards.situation import AccountSituation, Situation

_SECOND_US = 1_000_000


def emergency_stop(account: AccountSituation, _: GuardSettings) -> Denial | None:
    """Only an active account enters."""
    if account.state.may_enter:
        return None
    remedy = "resume it with `fxgpt live resume --reason ...` when its cause is gone"
    return Denial("emergency_stop", f"trading is {account.state}", "only an active account enters", remedy)


def session_ready(account: AccountSituation, _: GuardSettings) -> Denial | None:
    """The broker's books must be complete: connected, authorised, reconciled."""
    return None if account.is_ready else not_ready()


def not_ready() -> Denial:
    """The denial of a broker whose books are not known, of which nothing else can be asked."""
    remedy = "wait until the gateway has connected and compared its books; `fxgpt live status` tells"
    return Denial("session_ready", "the broker's books are not known now", "only a reconciled session enters", remedy)


def deployment_valid(situation: Situation, _: GuardSettings) -> Denial | None:
    """Parameters and model must be the bytes that were approved."""
    if not situation.wish.flaw:
        return None
    return Denial("deployment_valid", situation.wish.flaw, "the bytes that were approved", "roll back, or deploy again")


def unknown_orders(situation: Situation, _: GuardSettings) -> Denial | None:
    """No entry on a symbol of which an order has an unknown outcome: it may be open already."""
    n = situation.holdings.unknown_orders
    if n == 0:
        return None
    return Denial("unknown_orders", f"{n} orders on the symbol have an unknown outcome", "0 are allowed", "wait for the broker")


def clock_skew(account: AccountSituation, settings: GuardSettings) -> Denial | None:
    """Ages mean nothing when our clock and the broker's differ; a difference that is not known yet denies, and halts nothing."""
    if account.skew_us is None:
        remedy = "wait for prices; they carry the broker's time"
        return Denial("clock_skew", "the broker's clock is not known yet", f"within {settings.clock_skew_halt_s:g} s", remedy)
    if abs(account.skew_us) < settings.clock_skew_halt_s * _SECOND_US:
        return None
    found = f"our clock is {account.skew_us / _SECOND_US:+.1f} s from the broker's"
    remedy = "set the machine's clock (or find out why prices come late), then resume"
    return Denial("clock_skew", found, f"less than {settings.clock_skew_halt_s:g} s", remedy, Reaction.HALT)


def clock_skew_of_entry(situation: Situation, settings: GuardSettings) -> Denial | None:
    """The same before an order. While the difference is not known, the symbol's price bounds it: it bears the broker's time."""
    account, time_us = situation.account, situation.prices.time_us
    bound_us = settings.clock_skew_halt_s * _SECOND_US
    if account.skew_us is None and time_us is not None and abs(account.now_us - time_us) < bound_us:
        return None
    return clock_skew(account, settings)


def clock_warning(account: AccountSituation, settings: GuardSettings) -> str:
    """What to tell of a clock that goes wrong and denies nothing yet; empty for nothing."""
    if account.skew_us is None or abs(account.skew_us) < settings.clock_skew_warn_s * _SECOND_US:
        return ""
    return (
        f"our clock is {account.skew_us / _SECOND_US:+.1f} s from the broker's; trading halts at {settings.clock_skew_halt_s:g} s"
    )
