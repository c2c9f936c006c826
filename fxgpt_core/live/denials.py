"""Denials as rows: written with the refusal they explain, in its transaction."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, insert

from fxgpt_core.portfolio.guards.denial import Denial
from fxgpt_core.registry.gateway_tables import guard_denials


def write_denials(
    connection: Connection,
    account: str,
    place: tuple[str, str],
    denials: Sequence[Denial],
    now: datetime,
    client_order_id: str | None = None,
) -> None:
    """Write why a signal was refused; `place` is its symbol and its key, `client_order_id` that of an order planned already."""
    symbol, signal_key = place
    fixed = {
        "account": account,
        "symbol": symbol,
        "signal_key": signal_key,
        "client_order_id": client_order_id,
        "created_at": now,
    }
    rows = [
        {**fixed, "guard": each.guard, "found": each.found, "allowed": each.allowed, "remedy": each.remedy} for each in denials
    ]
    if rows:
        connection.execute(insert(guard_denials), rows)


def told(denials: Sequence[Denial]) -> str:
    """All of them in one line, as the reason of a refusal."""
    return "; ".join(map(str, denials))
