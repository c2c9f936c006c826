"""Why nothing traded: what was wished in a stretch of time, what became of it, and which guard said no how often.

Belongs to one account where orders and denials name it; decisions and signals name none.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from fxgpt_core.registry.gateway_tables import guard_denials
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_records import DENIED, EXPIRED
from fxgpt_core.registry.live_tables import decisions, order_intents, signals

UNWRITTEN = "at the last moment"
"""What refused an order after its guards: the switch, the lease, a restart. It is told by the signal's reason alone."""


@dataclass(frozen=True)
class Refused:
    """How often a guard said no, and the last time it did."""

    guard: str
    count: int
    last_at: datetime
    last_symbol: str
    found: str
    allowed: str
    remedy: str


@dataclass(frozen=True)
class Why:
    """`wishless`: reasons of decisions that wished nothing, with how often; `signals` and `orders`: how many in each state."""

    decisions: int
    wishless: tuple[tuple[str, int], ...]
    signals: dict[str, int]
    orders: dict[str, int]
    refused: tuple[Refused, ...]


def why(ledger: Ledger, account: str, since: datetime, symbol: str | None = None) -> Why:
    """What became of every candle decided since a moment, of one symbol or of all; the most frequent refusal first."""
    with ledger.reading() as connection:
        wishless = _counts(connection, decisions.c.reason, since, symbol, decisions.c.side == 0)
        wished = _counts(connection, decisions.c.side, since, symbol, decisions.c.side != 0)
        refused = [*_by_guard(connection, account, since, symbol), *_unwritten(connection, since, symbol)]
        return Why(
            decisions=sum(wishless.values()) + sum(wished.values()),
            wishless=tuple(wishless.most_common()),
            signals=dict(_signal_states(connection, since, symbol)),
            orders=dict(_order_states(connection, account, since, symbol)),
            refused=tuple(sorted(refused, key=lambda each: (-each.count, each.guard))),
        )


def _counts(
    connection: Connection, what: ColumnElement[Any], since: datetime, symbol: str | None, which: ColumnElement[bool]
) -> Counter[str]:
    asked = select(what, func.count()).where(decisions.c.created_at >= since, which).group_by(what)
    if symbol is not None:
        asked = asked.where(decisions.c.symbol == symbol)
    return Counter({str(value): int(n) for value, n in connection.execute(asked)})


def _signal_states(connection: Connection, since: datetime, symbol: str | None) -> list[tuple[str, int]]:
    asked = (
        select(signals.c.state, func.count())
        .join(decisions, decisions.c.id == signals.c.decision_id)
        .where(signals.c.created_at >= since)
        .group_by(signals.c.state)
        .order_by(signals.c.state)
    )
    if symbol is not None:
        asked = asked.where(decisions.c.symbol == symbol)
    return [(str(state), int(n)) for state, n in connection.execute(asked)]


def _order_states(connection: Connection, account: str, since: datetime, symbol: str | None) -> list[tuple[str, int]]:
    asked = (
        select(order_intents.c.state, func.count())
        .where(order_intents.c.account == account, order_intents.c.created_at >= since)
        .group_by(order_intents.c.state)
        .order_by(order_intents.c.state)
    )
    if symbol is not None:
        asked = asked.where(order_intents.c.symbol == symbol)
    return [(str(state), int(n)) for state, n in connection.execute(asked)]


def _by_guard(connection: Connection, account: str, since: datetime, symbol: str | None) -> list[Refused]:
    mine = [guard_denials.c.account == account, guard_denials.c.created_at >= since]
    if symbol is not None:
        mine.append(guard_denials.c.symbol == symbol)
    grouped = select(func.count().label("n"), func.max(guard_denials.c.id).label("last")).where(*mine)
    counted = grouped.group_by(guard_denials.c.guard).subquery()
    asked = select(guard_denials, counted.c.n).join(counted, counted.c.last == guard_denials.c.id)
    return [
        Refused(row.guard, int(row.n), row.created_at, row.symbol, row.found, row.allowed, row.remedy)
        for row in connection.execute(asked)
    ]


def _unwritten(connection: Connection, since: datetime, symbol: str | None) -> list[Refused]:
    """Signals that were refused and have no row of a guard."""
    written = select(guard_denials.c.id).where(guard_denials.c.signal_key == signals.c.signal_key).exists()
    asked = (
        select(signals.c.reason, signals.c.created_at, decisions.c.symbol)
        .join(decisions, decisions.c.id == signals.c.decision_id)
        .where(signals.c.created_at >= since, signals.c.state.in_((DENIED, EXPIRED)), ~written)
        .order_by(signals.c.created_at.desc(), signals.c.signal_key)
    )
    if symbol is not None:
        asked = asked.where(decisions.c.symbol == symbol)
    found = connection.execute(asked).all()
    if not found:
        return []
    last = found[0]
    return [Refused(UNWRITTEN, len(found), last.created_at, last.symbol, last.reason, "-", "`fxgpt live status` tells the state")]
