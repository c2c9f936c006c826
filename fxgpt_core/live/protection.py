"""No position without a stop: what the broker holds for a position against what we want it to hold.

An order carries its bracket as distances from a fill that is not known yet; once it is, stop and target are moved to the prices
of the decision. A level that a person moved at the broker afterwards is theirs, and our books follow; a stop that is missing is
put back, and a position that cannot be given one within seconds is closed.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select, update

from fxgpt_core.brokers.broker import Broker, TradingTerms
from fxgpt_core.live.closing import Closing
from fxgpt_core.live.command import outcome_of
from fxgpt_core.live.state_of_trading import alert, note_risk, resolve_alerts
from fxgpt_core.market.orders import OrderOutcome, Position
from fxgpt_core.registry import lineage
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import positions

UNPROTECTED_AT_MOST = timedelta(seconds=5)


class Protection:
    """Keeps stop and target of the open positions of one account."""

    def __init__(self, ledger: Ledger, broker: Broker, account: str, closing: Closing) -> None:
        self._ledger, self._broker, self._account, self._closing = ledger, broker, account, closing
        # Since when a position was seen without a stop; a restart looks again from the beginning.
        self._bare_since: dict[str, datetime] = {}
        self._refused_since: dict[str, datetime] = {}

    async def keep(self) -> int:
        """Look at every open position of ours once; returns how many are not as they should be yet."""
        held = {position.position_id: position for position in self._broker.positions()}
        self._bare_since = {name: since for name, since in self._bare_since.items() if name in held}
        self._refused_since = {name: since for name, since in self._refused_since.items() if name in held}
        mine = (positions.c.account == self._account, positions.c.state == "open")
        with self._ledger.reading() as connection:
            ours = connection.execute(select(positions).where(*mine)).all()
        return sum([await self._keep(row, held[row.position_id]) for row in ours if row.position_id in held])

    async def _keep(self, row: Row[Any], held: Position) -> bool:
        terms = self._broker.terms(held.symbol)
        same = same_price(row.stop_price, held.stop_price, terms) and same_price(row.target_price, held.target_price, terms)
        if held.stop_price is not None:
            self._protected(row)
        if same:
            self._refused_since.pop(row.position_id, None)
            if row.protected_at is None:
                self._write(row, {"protected_at": self._ledger.now()})
            return False
        if row.protected_at is not None and held.stop_price is not None:
            self._follow(row, held)
            return False
        result = await outcome_of(self._broker.amend(row.position_id, row.stop_price, row.target_price))
        if held.stop_price is None and row.stop_price is not None:
            # Whatever was answered: only the stop that the broker's books show protects.
            self._bare(row, held, result.reason or "it confirms, and holds none")
        elif result.outcome is OrderOutcome.REJECTED:
            self._refused(row, held, result.reason)
        return True

    def _refused(self, row: Row[Any], held: Position, why: str) -> None:
        """Levels that the broker does not take, as when the price has run through them: after seconds those it holds count."""
        since = self._refused_since.setdefault(row.position_id, self._ledger.now())
        if self._ledger.now() - since < UNPROTECTED_AT_MOST:
            return
        del self._refused_since[row.position_id]
        fact = {**_moved(row, held), "why": why}
        values = {"stop_price": held.stop_price, "target_price": held.target_price, "protected_at": self._ledger.now()}
        self._write(row, values, "levels_refused", fact)

    def _bare(self, row: Row[Any], held: Position, why: str) -> None:
        """A position that has no stop and was not given one: after some seconds it is closed."""
        since = self._bare_since.setdefault(row.position_id, self._ledger.now())
        if self._ledger.now() - since < UNPROTECTED_AT_MOST:
            return
        words = f"position {row.position_id} on {row.symbol} has no stop at the broker and could not be given one: {why}"
        with self._ledger.begin() as connection:
            alert(
                connection, self._ledger, "unprotected", f"unprotected:{row.position_id}", words,
                "The gateway closes it; look at the account at the broker.",
            )  # fmt: skip
        self._closing.plan(held, "close", words)

    def _protected(self, row: Row[Any]) -> None:
        if self._bare_since.pop(row.position_id, None) is not None:
            with self._ledger.begin() as connection:
                resolve_alerts(connection, self._ledger, f"unprotected:{row.position_id}")

    def _follow(self, row: Row[Any], held: Position) -> None:
        """A level that somebody moved at the broker is written down, and a person told."""
        values = {"stop_price": held.stop_price, "target_price": held.target_price}
        self._write(row, values, "level_moved_at_broker", _moved(row, held))

    def _write(self, row: Row[Any], values: Mapping[str, object], kind: str = "", fact: dict[str, Any] | None = None) -> None:
        with self._ledger.begin() as connection:
            connection.execute(update(positions).where(positions.c.position_id == row.position_id).values(**values))
            if fact is not None:
                lineage.append(connection, kind, fact, self._ledger.now())
                note_risk(connection, self._ledger, self._account, row.symbol, kind, fact)


def _moved(row: Row[Any], held: Position) -> dict[str, Any]:
    """The levels in our books before, and those that hold at the broker."""
    return {
        "position_id": row.position_id,
        "stop_price": held.stop_price, "stop_price_before": row.stop_price,
        "target_price": held.target_price, "target_price_before": row.target_price,
    }  # fmt: skip


def same_price(wanted: float | None, there: float | None, terms: TradingTerms | None) -> bool:
    """Whether two prices are one on the broker's grid; exactly, where it has none."""
    if wanted is None or there is None or terms is None:
        return wanted == there
    return abs(wanted - there) < 0.75 * 10.0**-terms.digits
