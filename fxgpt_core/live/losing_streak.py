"""How the last positions of a deployment ended."""

from typing import Any

from sqlalchemy import Connection, Row, select

from fxgpt_core.registry.live_tables import fills, order_intents, positions

LONGEST_STREAK = 100


def losing_streak(connection: Connection, account: str, deployment_id: int) -> tuple[int, int | None]:
    """How many of the last closed positions of a deployment lost, up to the first that did not; and when the last one ended."""
    closed = connection.execute(
        select(positions)
        .join(order_intents, order_intents.c.client_order_id == positions.c.client_order_id)
        .where(order_intents.c.deployment_id == deployment_id, positions.c.account == account, positions.c.state == "closed")
        .order_by(positions.c.exit_time_us.desc())
        .limit(LONGEST_STREAK)
    ).all()
    streak = 0
    for position in closed:
        if _earned(connection, position) >= 0.0:
            break
        streak += 1
    return streak, int(closed[0].exit_time_us) if streak else None


def _earned(connection: Connection, position: Row[Any]) -> float:
    """Net of all costs. What a broker does not tell of an exit is computed, in quote currency: it gives the sign."""
    total = 0.0
    for fill in connection.execute(select(fills).where(fills.c.position_id == position.position_id)):
        total -= fill.commission + fill.fee + fill.swap
        if fill.gross_profit is not None:
            total += fill.gross_profit
        elif fill.reason != "entry":
            total += position.side * (fill.price - position.entry_price) * fill.units
    return total
