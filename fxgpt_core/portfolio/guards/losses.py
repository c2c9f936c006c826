"""Guards on money lost: in this FX day, since the highest equity, and in a row."""

import math
from dataclasses import replace

from fxgpt_core.portfolio.guards.denial import Denial, Reaction
from fxgpt_core.portfolio.guards.settings import GuardSettings
from fxgpt_core.portfolio.guards.situation import AccountSituation, Situation
from fxgpt_core.portfolio.sizing import daily_loss_reached

_HOUR_US = 3_600_000_000


def daily_loss(account: AccountSituation, settings: GuardSettings) -> Denial | None:
    """What the account may lose from 17:00 New York on, open positions included; a person trades on, on another day."""
    remedy = "nothing new is entered; resume after 17:00 New York, when the next day has begun"
    denial = _day_lost("daily_loss", account, settings.max_daily_loss, remedy)
    if denial is None or not _are_known(account.equity, account.day_start_equity):
        return denial
    return replace(denial, reaction=Reaction.REDUCE, flatten=settings.flatten_on_daily_loss)


def deployment_daily_loss(situation: Situation, _: GuardSettings) -> Denial | None:
    """The deployment's own limit of the same loss, as in its search; it ends with the day, by itself."""
    remedy = "entries go on at 17:00 New York"
    return _day_lost("deployment_daily_loss", situation.account, situation.wish.daily_loss_limit, remedy)


def drawdown(account: AccountSituation, settings: GuardSettings) -> Denial | None:
    """How far the equity may fall below its highest; a person who resumes accepts the loss, and measuring begins anew."""
    equity, highest = account.equity, account.high_water
    allowed = f"less than {settings.max_drawdown:.2%} below the highest"
    if highest is None or not _are_known(equity, highest):
        found = f"the equity is {equity} and was {highest} at its highest; without both the drawdown is not known"
        return Denial("drawdown", found, allowed, "wait for the account's equity")
    if not daily_loss_reached(equity, highest, settings.max_drawdown):
        return None
    found = f"the equity is {1 - equity / highest:.2%} below its highest"
    remedy = "find out what is lost by; resume only with another risk or strategy"
    return Denial("drawdown", found, allowed, remedy, Reaction.HALT, settings.flatten_on_drawdown)


def consecutive_losses(situation: Situation, settings: GuardSettings) -> Denial | None:
    """A deployment that lost so often in a row pauses; after the pause one further loss begins another."""
    streak, last_us = situation.record.losing_streak, situation.record.last_loss_us
    if streak < settings.max_losing_streak or last_us is None:
        return None
    left_us = last_us + settings.cool_down_hours * _HOUR_US - situation.account.now_us
    if left_us <= 0.0:
        return None
    found = f"the last {streak} positions of the deployment lost"
    allowed = f"less than {settings.max_losing_streak} in a row, or {settings.cool_down_hours:g} hours after them"
    remedy = f"{left_us / _HOUR_US:.1f} hours are left; compare with its backtest (`adherence`) meanwhile"
    return Denial("consecutive_losses", found, allowed, remedy)


def _day_lost(guard: str, account: AccountSituation, limit: float, remedy: str) -> Denial | None:
    equity, start = account.equity, account.day_start_equity
    allowed = f"less than {limit:.2%}"
    if start is None or not _are_known(equity, start):
        found = f"the equity is {equity} and was {start} when the FX day began; without both the daily loss is not known"
        return Denial(guard, found, allowed, "wait for the account's equity")
    if not daily_loss_reached(equity, start, limit):
        return None
    return Denial(guard, f"the equity fell by {1 - equity / start:.2%} in this FX day", allowed, remedy)


def _are_known(equity: float, before: float | None) -> bool:
    return before is not None and math.isfinite(equity) and math.isfinite(before) and before > 0.0
