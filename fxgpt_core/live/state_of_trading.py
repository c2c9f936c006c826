"""The switch of an account and what a person wants to see beside it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, or_, select, update

from fxgpt_core.content_hash import canonical_json
from fxgpt_core.errors import BadInputError
from fxgpt_core.live.candle_feed import undecided
from fxgpt_core.portfolio.trading_state import StateChange, TradingState, changed
from fxgpt_core.registry import lineage
from fxgpt_core.registry.deployment_tables import deployment_pauses
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import (
    alerts,
    heartbeats,
    live_candles,
    order_intents,
    positions,
    risk_events,
    trading_states,
)

UNKNOWN = "UNKNOWN"
PATIENCE = timedelta(minutes=5)


def state(connection: Connection, account: str) -> TradingState:
    """The state of an account; one that was never touched is active."""
    found = connection.execute(select(trading_states.c.state).where(trading_states.c.account == account)).scalar_one_or_none()
    return TradingState.ACTIVE if found is None else TradingState(found)


def change(ledger: Ledger, account: str, wanted: TradingState, *, by: str, reason: str, by_person: bool = True) -> TradingState:
    """Switch an account, with an entry in the lineage; returns the state it has now. Raises `RefusedError` for a relaxation
    by a guard, without a reason, or while the outcome of an order is unknown.
    """
    with ledger.begin() as connection:
        return change_within(connection, ledger, account, StateChange(wanted, by, reason, by_person))


def begin_halted(ledger: Ledger, account: str) -> None:
    """Halt an account that was never touched: real money moves only once a person has said so."""
    with ledger.begin() as connection:
        lineage.lock(connection)  # before the look
        touched = select(trading_states.c.state).where(trading_states.c.account == account)
        if connection.execute(touched).first() is None:
            reason = "real money: it trades once somebody lets it by `fxgpt live resume`"
            change_within(connection, ledger, account, StateChange(TradingState.HALTED, "first start", reason, by_person=False))


def change_within(connection: Connection, ledger: Ledger, account: str, wish: StateChange) -> TradingState:
    """`change` inside the caller's transaction; unknown orders are counted here."""
    lineage.lock(connection)  # before the first look: a guard's halt must not be undone by a person who did not see it
    n_unknown = connection.execute(
        select(func.count()).where(order_intents.c.account == account, order_intents.c.state == UNKNOWN)
    ).scalar_one()
    before = state(connection, account)
    after = changed(before, StateChange(wish.wanted, wish.by, wish.reason, wish.by_person, n_unknown))
    now = ledger.now()
    detail = {"account": account, "from": str(before), "to": str(after), "by": wish.by, "reason": wish.reason}
    lineage.append(connection, "trading_state", detail, now)
    connection.execute(delete(trading_states).where(trading_states.c.account == account))
    row = {"account": account, "state": str(after), "reason": wish.reason, "by": wish.by, "updated_at": now}
    connection.execute(insert(trading_states), row)
    note_risk(connection, ledger, account, None, "trading_state", detail)
    return after


def note_risk(
    connection: Connection, ledger: Ledger, account: str, symbol: str | None, kind: str, detail: dict[str, Any]
) -> None:
    """Write a risk event inside the caller's transaction."""
    row = {"account": account, "symbol": symbol, "kind": kind, "detail_json": canonical_json(detail), "created_at": ledger.now()}
    connection.execute(insert(risk_events), row)


def alert(connection: Connection, ledger: Ledger, kind: str, key: str, message: str, remedy: str) -> None:
    """Raise an alert, once while it is open, inside the caller's transaction; one that was resolved opens again."""
    lineage.lock(connection)  # before the look: two that raise the same one would both insert it
    row = {"kind": kind, "message": message, "remedy": remedy, "created_at": ledger.now(), "resolved_at": None}
    found = connection.execute(select(alerts.c.resolved_at).where(alerts.c.key == key)).one_or_none()
    if found is None:
        connection.execute(insert(alerts), {"key": key, **row})
    elif found.resolved_at is not None:
        connection.execute(update(alerts).where(alerts.c.key == key).values(**row))


def resolve_alerts(connection: Connection, ledger: Ledger, key: str) -> None:
    """Resolve the open alerts whose key is `key` or begins with `key:`, inside the caller's transaction."""
    mine = or_(alerts.c.key == key, alerts.c.key.startswith(f"{key}:", autoescape=True))
    connection.execute(update(alerts).where(mine, alerts.c.resolved_at.is_(None)).values(resolved_at=ledger.now()))


def snapshot(ledger: Ledger) -> dict[str, list[dict[str, Any]]]:
    """Trading states, processes, paused and waiting series, positions, orders of unknown outcome, open alerts, as rows."""
    with ledger.reading() as connection:
        stored = {
            "trading_states": _rows(connection, trading_states),
            "processes": _rows(connection, heartbeats),
            "paused_series": _rows(connection, deployment_pauses, deployment_pauses.c.resumed_at.is_(None)),
            "open_positions": _rows(connection, positions, positions.c.state == "open"),
            "unknown_orders": _rows(connection, order_intents, order_intents.c.state == UNKNOWN),
            "open_alerts": _rows(connection, alerts, alerts.c.resolved_at.is_(None)),
        }
    return stored | {"waiting_series": waiting(ledger)}


def require_account(ledger: Ledger, account: str) -> None:
    """Raise `BadInputError` for an account that never traded and was never switched: a misspelt one would halt nothing."""
    with ledger.reading() as connection:
        gateways = connection.execute(select(heartbeats.c.process)).scalars()
        known = {name.removeprefix("gateway:") for name in gateways if name.startswith("gateway:")}
        for table in (trading_states, order_intents):
            known |= set(connection.execute(select(table.c.account).distinct()).scalars())
    if account not in known:
        raise BadInputError(
            f"there is no account {account}; known are: {', '.join(sorted(known)) or 'none, no gateway ever ran'}"
        )


def waiting(ledger: Ledger) -> list[dict[str, Any]]:
    """Series whose market stands still: the oldest candle of each deployment that came in minutes ago and is not decided."""
    found = []
    for candle in undecided(ledger, limit=1):
        place = {"symbol": candle.symbol, "timeframe": candle.timeframe, "known_at_us": candle.known_at_us}
        asked = select(live_candles.c.received_at).where(*(live_candles.c[name] == value for name, value in place.items()))
        with ledger.reading() as connection:
            since = connection.execute(asked).scalar_one()
        if ledger.now() - since > PATIENCE:
            known_at = datetime.fromtimestamp(candle.known_at_us / 1_000_000, UTC)
            found.append({**place, "known_at": known_at, "deployment_id": candle.deployment_id, "waiting_since": since})
    return found


def _rows(connection: Connection, table: Table, *conditions: Any) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in connection.execute(select(table).where(*conditions))]
