"""Guards on how often: orders by the minute and by the day, and rejections that keep coming."""

from fxgpt_core.portfolio.guards.denial import Denial, Reaction
from fxgpt_core.portfolio.guards.settings import GuardSettings
from fxgpt_core.portfolio.guards.situation import AccountSituation, Situation


def order_rate(situation: Situation, settings: GuardSettings) -> Denial | None:
    """How many orders may have been sent already."""
    account = situation.account
    counted = (
        ("on the symbol within a minute", situation.record.symbol_orders_last_minute, settings.max_symbol_orders_per_minute),
        ("within a minute", account.orders_last_minute, settings.max_orders_per_minute),
        ("in this FX day", account.orders_today, settings.max_orders_per_day),
    )
    for when, sent, most in counted:
        if sent >= most:
            found, remedy = f"{sent} orders were sent {when}", "look for a loop; the count runs out by itself"
            return Denial("order_rate", found, f"at most {most} with this one", remedy)
    return None


def reject_storm(account: AccountSituation, settings: GuardSettings) -> Denial | None:
    """A broker that keeps rejecting says something a person must read."""
    if account.rejections < settings.max_rejections:
        return None
    found = f"{account.rejections} orders were rejected within {settings.rejection_minutes:g} minutes"
    remedy = "read the reasons in `fxgpt orders`, then resume"
    return Denial("reject_storm", found, f"less than {settings.max_rejections}", remedy, Reaction.HALT)
