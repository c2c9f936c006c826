"""The limits an entry must pass before it is sent: each denial says the number, the limit and what to do."""

import math
from dataclasses import dataclass

from fxgpt_core.errors import BadInputError
from fxgpt_core.portfolio.sizing import daily_loss_reached
from fxgpt_core.portfolio.trading_state import TradingState


@dataclass(frozen=True)
class Limits:
    """`daily_loss_limit` is a fraction of the equity at the start of the FX day; orders are entries sent per account."""

    daily_loss_limit: float
    max_orders_per_minute: int = 10
    max_positions_per_symbol: int = 1

    def __post_init__(self) -> None:
        if not 0.0 < self.daily_loss_limit <= 1.0 or self.max_orders_per_minute < 1 or self.max_positions_per_symbol < 1:
            raise BadInputError(f"{self} cannot be held; the daily loss limit is a fraction in (0, 1], the counts are at least 1")


@dataclass(frozen=True)
class AccountSituation:
    """What the limits look at; money in quote currency, `orders_last_minute` of the account, the rest of the symbol."""

    state: TradingState
    equity: float
    day_start_equity: float
    open_positions: int
    unknown_orders: int
    orders_last_minute: int


def denials(units: int, situation: AccountSituation, limits: Limits) -> tuple[str, ...]:
    """Why an entry of `units` may not be sent, every reason that holds; empty when it may."""
    found = []
    if not situation.state.may_enter:
        found.append(f"trading is {situation.state}; only an active account enters: resume it first")
    if situation.unknown_orders:
        found.append(
            f"{situation.unknown_orders} orders on the symbol have an unknown outcome, 0 are allowed: wait for the broker"
        )
    if situation.open_positions >= limits.max_positions_per_symbol:
        found.append(
            f"{situation.open_positions} positions are open on the symbol, "
            f"at most {limits.max_positions_per_symbol} are allowed: wait for an exit"
        )
    if situation.orders_last_minute >= limits.max_orders_per_minute:
        found.append(
            f"{situation.orders_last_minute} orders were sent within a minute, "
            f"at most {limits.max_orders_per_minute} are allowed: look for a loop"
        )
    if units < 1:
        found.append(f"the size is {units} units, at least 1 is needed: the risk or the margin is too small")
    found.extend(_loss_denials(situation, limits))
    return tuple(found)


def _loss_denials(situation: AccountSituation, limits: Limits) -> list[str]:
    equity, start = situation.equity, situation.day_start_equity
    if not (math.isfinite(equity) and math.isfinite(start) and start > 0.0):
        return [f"the equity is {equity} and was {start} when the FX day began; without both the daily loss is not known"]
    if daily_loss_reached(equity, start, limits.daily_loss_limit):
        return [
            f"the equity fell by {100 * (1 - equity / start):.2f} % in this FX day, "
            f"the limit is {100 * limits.daily_loss_limit:.2f} %: entries go on at 17:00 New York"
        ]
    return []
