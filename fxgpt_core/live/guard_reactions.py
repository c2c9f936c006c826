"""What the guards want beyond denying an order: the account reduced or halted, everything closed by policy, a person alerted."""

import math
from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection, insert, select, update

from fxgpt_core.live import account_history, equity_marks
from fxgpt_core.live.guard_situation import fx_day_start_us, micros, moment
from fxgpt_core.live.state_of_trading import alert, change_within, note_risk, resolve_alerts, state
from fxgpt_core.market.sessions import fx_day
from fxgpt_core.portfolio.guards.denial import Denial, Reaction
from fxgpt_core.portfolio.guards.evaluation import account_denials
from fxgpt_core.portfolio.guards.readiness import clock_warning
from fxgpt_core.portfolio.guards.settings import GuardSettings
from fxgpt_core.portfolio.guards.situation import AccountSituation
from fxgpt_core.portfolio.trading_state import STRICTNESS, StateChange
from fxgpt_core.registry import lineage
from fxgpt_core.registry.gateway_tables import equity_marks as marks
from fxgpt_core.registry.gateway_tables import flatten_requests
from fxgpt_core.registry.ledger import Ledger

ALERTING = ("order_rate",)
"""Guards that want nothing done and a person told."""


def guard_name(guard: str) -> str:
    """How a guard signs what it does to the account."""
    return f"guard {guard}"


class GuardReactions:
    """Does to one account what its guards want. All of it inside the caller's transaction."""

    def __init__(self, ledger: Ledger, account: str, settings: GuardSettings) -> None:
        self._ledger, self._account, self._settings = ledger, account, settings

    def act(self, connection: Connection, found: Sequence[Denial]) -> None:
        """Make the account as strict as the strictest of the denials wants it; twice is once."""
        for denial in found:
            if denial.reaction is not Reaction.NONE:
                self._make_stricter(connection, denial)
            if denial.reaction is not Reaction.NONE or denial.guard in ALERTING:
                alert(
                    connection, self._ledger, "guard", self._key(denial.guard),
                    f"account {self._account}, {denial.guard}: {denial.found}, {denial.allowed}", denial.remedy,
                )  # fmt: skip
            if denial.flatten:
                self._flatten(connection, denial)

    def mark(self, connection: Connection, equity: float) -> None:
        """Note the equity of this moment; the highest begins anew with it after a person accepted a drawdown by resuming.

        An equity that is no number is not noted: the guards that need it deny by themselves.
        """
        if not math.isfinite(equity):
            return
        now = self._ledger.now()
        today = _fx_day(micros(now))
        equity_marks.mark(connection, self._account, today, equity, now)
        if not account_history.accepts_drawdown(connection, self._account, guard_name("drawdown")):
            return
        mine = (marks.c.account == self._account, marks.c.fx_day >= today)
        connection.execute(update(marks).where(*mine).values(high_water=equity))
        detail = {"fx_day": today, "equity": equity}
        note_risk(connection, self._ledger, self._account, None, account_history.RESTARTED, detail)

    def look(self, connection: Connection, situation: AccountSituation) -> None:
        """Ask the guards of the account without any order, do what they want, and end the alerts of those that are content."""
        found = account_denials(situation, self._settings)
        self.act(connection, found)
        denied = {denial.guard for denial in found if denial.reaction is not Reaction.NONE}
        content = [guard for guard in ("clock_skew", "daily_loss", "drawdown", "reject_storm") if guard not in denied]
        if situation.orders_last_minute == 0 and situation.orders_today < self._settings.max_orders_per_day:
            content.extend(ALERTING)
        if situation.state.may_enter:
            for guard in content:
                resolve_alerts(connection, self._ledger, self._key(guard))
        if warning := clock_warning(situation, self._settings):
            alert(connection, self._ledger, "clock_skew", self._key("clock_warning"), warning, "Set the machine's clock.")
        else:
            resolve_alerts(connection, self._ledger, self._key("clock_warning"))

    def _make_stricter(self, connection: Connection, denial: Denial) -> None:
        wanted, before = denial.reaction.state, state(connection, self._account)
        if STRICTNESS.index(wanted) > STRICTNESS.index(before):
            reason = f"{denial.found}, {denial.allowed}"
            wish = StateChange(wanted, guard_name(denial.guard), reason, by_person=False)
            change_within(connection, self._ledger, self._account, wish)

    def _flatten(self, connection: Connection, denial: Denial) -> None:
        """Ask for everything to be closed: once in an FX day, so that a person may open something again."""
        lineage.lock(connection)  # before the look
        now, by = self._ledger.now(), guard_name(denial.guard)
        mine = (flatten_requests.c.account == self._account, flatten_requests.c.asked_by == by)
        today = flatten_requests.c.asked_at >= moment(fx_day_start_us(micros(now)))
        if connection.execute(select(flatten_requests.c.id).where(*mine, today)).first() is not None:
            return
        values = {"account": self._account, "asked_by": by, "reason": denial.found, "asked_at": now}
        number = connection.execute(insert(flatten_requests).returning(flatten_requests.c.id), values).scalar_one()
        detail = {"request": number, "account": self._account, "by": by, "reason": denial.found}
        lineage.append(connection, "flatten", detail, now)

    def _key(self, guard: str) -> str:
        return f"guard:{self._account}:{guard}"


def _fx_day(time_us: int) -> int:
    return int(fx_day(np.array([time_us], dtype=np.int64))[0])
