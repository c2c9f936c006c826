"""All guards in their order, and which of them an account asks: one that trades at the market, or one that replays candles."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fxgpt_core.portfolio.guards.denial import Denial
from fxgpt_core.portfolio.guards.freshness import signal_age, spread, stale_price
from fxgpt_core.portfolio.guards.holdings import correlation, currency_exposure, leverage, positions, symbol_exposure
from fxgpt_core.portfolio.guards.losses import consecutive_losses, daily_loss, deployment_daily_loss, drawdown
from fxgpt_core.portfolio.guards.market_hours import market_hours
from fxgpt_core.portfolio.guards.pace import order_rate, reject_storm
from fxgpt_core.portfolio.guards.readiness import (
    clock_skew,
    clock_skew_of_entry,
    deployment_valid,
    emergency_stop,
    session_ready,
    unknown_orders,
)
from fxgpt_core.portfolio.guards.settings import GuardSettings
from fxgpt_core.portfolio.guards.situation import AccountSituation, Situation
from fxgpt_core.portfolio.guards.volume import margin, volume

AccountGuard = Callable[[AccountSituation, GuardSettings], Denial | None]
EntryGuard = Callable[[Situation, GuardSettings], Denial | None]


@dataclass(frozen=True)
class Guard:
    """One guard by the name that its denials bear: `of_account` needs no wish, `of_entry` does and goes first; one is there.

    `of_moment`: what it says may change between planning an order and sending it. `in_replay`: asked of a replayed market, too.
    `protects_from` is told here of a guard without settings, which tell it otherwise.
    """

    name: str
    of_entry: EntryGuard | None = None
    of_account: AccountGuard | None = None
    of_moment: bool = False
    in_replay: bool = False
    protects_from: str = ""

    def ask(self, situation: Situation, settings: GuardSettings) -> Denial | None:
        """Its denial of an order, or None."""
        if self.of_entry is not None:
            return self.of_entry(situation, settings)
        return None if self.of_account is None else self.of_account(situation.account, settings)


_STOPPED = "trading while somebody, or a guard, has said stop"
_BLIND = "ordering without knowing what is open at the broker"
_CHANGED = "trading by parameters or a model that nobody approved"
_TWICE = "entering again what may be open already"
_SIZES = "sizes that cannot be ordered: rounded down, never up"
_OWN_LIMIT = "losing more in a day than the deployment did in its search, by its own limit"

GUARDS: Final = (
    Guard("emergency_stop", None, emergency_stop, of_moment=True, in_replay=True, protects_from=_STOPPED),
    Guard("session_ready", None, session_ready, of_moment=True, in_replay=True, protects_from=_BLIND),
    Guard("deployment_valid", deployment_valid, in_replay=True, protects_from=_CHANGED),
    Guard("unknown_orders", unknown_orders, in_replay=True, protects_from=_TWICE),
    Guard("signal_age", signal_age, of_moment=True, in_replay=True),
    Guard("clock_skew", clock_skew_of_entry, clock_skew, of_moment=True),
    Guard("stale_price", stale_price, of_moment=True),
    Guard("spread", spread, of_moment=True),
    Guard("market_hours", market_hours, of_moment=True),
    Guard("volume", volume, in_replay=True, protects_from=_SIZES),
    Guard("margin", margin),
    Guard("positions", positions, in_replay=True),
    Guard("symbol_exposure", symbol_exposure),
    Guard("currency_exposure", currency_exposure),
    Guard("leverage", leverage),
    Guard("correlation", correlation),
    Guard("order_rate", order_rate, in_replay=True),
    Guard("deployment_daily_loss", deployment_daily_loss, in_replay=True, protects_from=_OWN_LIMIT),
    Guard("daily_loss", of_account=daily_loss),
    Guard("consecutive_losses", consecutive_losses),
    Guard("drawdown", of_account=drawdown),
    Guard("reject_storm", of_account=reject_storm),
)
"""In the order in which they are asked."""

REPLAYED: Final = tuple(guard for guard in GUARDS if guard.in_replay)
"""Those that mean something where candles are played: there is no wall clock and no quote, and the backtest knows no others."""

REPLAY_SETTINGS: Final = GuardSettings(
    max_signal_age_s=0.0, max_positions=1000, max_symbol_orders_per_minute=10, max_orders_per_minute=10, max_orders_per_day=14_400
)
"""What a replay allows, in market time: what its backtest does. A day's limit there is the minute's, 1440 times."""


def denials(situation: Situation, settings: GuardSettings, guards: tuple[Guard, ...] = GUARDS) -> tuple[Denial, ...]:
    """Every guard's no to an order, in the guards' order; empty when it may be sent."""
    return tuple(denial for guard in guards if (denial := guard.ask(situation, settings)) is not None)


def account_denials(account: AccountSituation, settings: GuardSettings, guards: tuple[Guard, ...] = GUARDS) -> tuple[Denial, ...]:
    """What the guards of the account say without any wish: some want it reduced or halted at once."""
    asked = [guard.of_account for guard in guards if guard.of_account is not None]
    return tuple(denial for ask in asked if (denial := ask(account, settings)) is not None)
