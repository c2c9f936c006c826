"""Closes: written down before they are sent, verified by the position itself, and repeated until it is gone.

A close carries no id of ours at the broker, so what became of it is read off the position. To close a whole position twice does
nothing the second time, which is why a close may be repeated where an entry may not.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from fxgpt_core.brokers.broker import Broker, Refusal
from fxgpt_core.live import state_of_trading
from fxgpt_core.live.command import outcome_of
from fxgpt_core.live.state_of_trading import alert, resolve_alerts
from fxgpt_core.market.orders import OrderOutcome, Position
from fxgpt_core.registry import lineage
from fxgpt_core.registry.gateway_tables import closes, flatten_requests
from fxgpt_core.registry.ledger import Ledger

ATTEMPTS_TO_ALERT = 3
BY_RULE = "time"
"""The reason of a close that a deployment's exit rules want, and neither a person nor a danger."""
PAUSE = timedelta(seconds=2)
"""Between a close that was refused or lost and the next one, if the broker does not want longer."""


class CloseState(StrEnum):
    """Where a close is: planned, sent (done or not, the position will tell), or done."""

    PLANNED = "PLANNED"
    SENT = "SENT"
    DONE = "DONE"


class Closing:
    """Closes positions of one account."""

    def __init__(self, ledger: Ledger, broker: Broker, account: str) -> None:
        self._ledger, self._broker, self._account = ledger, broker, account
        self._in_flight: set[str] = set()
        # Of this process only: what an earlier one sent may never have left it.
        self._sent: set[str] = set()
        self._confirmed: set[str] = set()

    def plan(self, held: Position, reason: str, detail: str = "") -> str | None:
        """Want a position closed; its close id, or None if that is wanted already."""
        with self._ledger.begin() as connection:
            return plan_within(connection, self._ledger, self._account, held, (reason, detail))

    async def drive(self) -> int:
        """Send what is planned, settle what is done; returns how many closes are still open."""
        open_ = self._open()
        held = {position.position_id: position for position in self._broker.positions()} if open_ else {}
        n_open = 0
        for row in open_:
            if row.close_id in self._in_flight:
                n_open += 1
            elif row.position_id not in held:
                self._write(row, CloseState.DONE, detail=row.detail or "the position is gone")
            elif self._is_due(row):
                n_open += await self._send(row)
            else:
                n_open += 1
        return n_open

    def _open(self) -> list[Row[Any]]:
        """What is not done yet; a halted account sends nothing by rule, as long as nobody wants it flat."""
        mine = (closes.c.account == self._account, closes.c.state != CloseState.DONE)
        with self._ledger.reading() as connection:
            found = list(connection.execute(select(closes).where(*mine).order_by(closes.c.created_at)).all())
            if state_of_trading.state(connection, self._account).may_close or self._is_to_be_flat(connection):
                return found
        return [row for row in found if row.reason != BY_RULE]

    def _is_to_be_flat(self, connection: Connection) -> bool:
        mine = (flatten_requests.c.account == self._account, flatten_requests.c.done_at.is_(None))
        return connection.execute(select(flatten_requests.c.id).where(*mine).limit(1)).first() is not None

    def _is_due(self, row: Row[Any]) -> bool:
        """One that the broker has confirmed is sent again only when it must have done it and has not."""
        if row.close_id not in self._sent:
            return True
        waited: timedelta = self._ledger.now() - row.sent_at
        if row.close_id not in self._confirmed:
            return waited >= PAUSE
        # A broker that settles at once fills at its next price, and keeps the close itself.
        return self._broker.settles_within > timedelta(0) and waited >= self._broker.settles_within

    async def _send(self, row: Row[Any]) -> bool:
        """Whether the close is still open behind it."""
        self._write(row, CloseState.SENT, sent=True)
        self._sent.add(row.close_id)
        self._in_flight.add(row.close_id)
        try:
            result = await outcome_of(self._broker.close(row.position_id, row.close_id, row.reason))
        finally:
            self._in_flight.discard(row.close_id)
        if result.refusal is Refusal.NO_SUCH_POSITION:
            # Its books still have it: they are behind, and the next look sees it gone.
            await self._broker.reconcile()
        elif result.outcome is OrderOutcome.CONFIRMED:
            self._confirmed.add(row.close_id)
        elif result.outcome in (OrderOutcome.REJECTED, OrderOutcome.DENIED):
            self._write(row, CloseState.PLANNED, detail=result.reason)
            self._alert(row, result.reason)
        return True

    def _alert(self, row: Row[Any], reason: str) -> None:
        if row.attempts + 1 < ATTEMPTS_TO_ALERT:
            return
        with self._ledger.begin() as connection:
            alert(
                connection, self._ledger, "close_refused", f"close_refused:{row.close_id}",
                f"position {row.position_id} on {row.symbol} could not be closed {row.attempts + 1} times: {reason}",
                "It is tried again and again; close it at the broker if that is quicker.",
            )  # fmt: skip

    def _write(self, row: Row[Any], state: CloseState, detail: str | None = None, sent: bool = False) -> None:
        with self._ledger.begin() as connection:
            now = self._ledger.now()
            values: dict[str, object] = {"state": state, "updated_at": now}
            if sent:
                values |= {"sent_at": now, "attempts": closes.c.attempts + 1}
            if detail is not None:
                values["detail"] = detail
            connection.execute(update(closes).where(closes.c.close_id == row.close_id).values(**values))
            fact = {"close_id": row.close_id, "from": row.state, "to": str(state), "detail": detail or ""}
            lineage.append(connection, "close_state", fact, now)
            if state is CloseState.DONE:
                resolve_alerts(connection, self._ledger, f"close_refused:{row.close_id}")


def plan_within(connection: Connection, ledger: Ledger, account: str, held: Position, why: tuple[str, str]) -> str | None:
    """`Closing.plan` inside the caller's transaction; `why` is a fill reason and words for a person."""
    lineage.lock(connection)  # before the look: two that want the same position closed plan it once
    mine = (closes.c.account == account, closes.c.position_id == held.position_id)
    if connection.execute(select(closes.c.close_id).where(*mine, closes.c.state != CloseState.DONE)).first() is not None:
        return None
    n_before = connection.execute(select(func.count()).select_from(closes).where(*mine)).scalar_one()
    reason, detail = why
    name = held.client_order_id or held.position_id
    values = {
        "close_id": f"{name}-{reason}" + (f"-{n_before + 1}" if n_before else ""),
        "account": account,
        "position_id": held.position_id,
        "symbol": held.symbol,
        "units": held.units,
        "units_before": held.units,
        "reason": reason,
    }
    now = ledger.now()
    stamps = {"created_at": now, "updated_at": now}
    connection.execute(insert(closes), {**values, "state": CloseState.PLANNED, "detail": detail or None, **stamps})
    lineage.append(connection, "close", values, now)
    return str(values["close_id"])
