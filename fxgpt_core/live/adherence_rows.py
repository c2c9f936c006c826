"""The orders of a deployment with their decision, fills and position, read from the ledger."""

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row, select

from fxgpt_core.live.adherence import CostParts, Executed, OrderLife
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import decisions, fills, order_intents, positions, signals


def order_lives(ledger: Ledger, deployment_id: int) -> list[OrderLife]:
    """Every order of a deployment in the order of its decisions."""
    asked = (
        select(order_intents, decisions.c.known_at_us, decisions.c.payload_json)
        .join(signals, signals.c.signal_key == order_intents.c.signal_key)
        .join(decisions, decisions.c.id == signals.c.decision_id)
        .where(order_intents.c.deployment_id == deployment_id)
        .order_by(decisions.c.known_at_us, order_intents.c.retry, order_intents.c.client_order_id)
    )
    own = select(order_intents.c.client_order_id).where(order_intents.c.deployment_id == deployment_id)
    of_it = select(positions).where(positions.c.client_order_id.in_(own))
    with ledger.reading() as connection:
        intents = connection.execute(asked).all()
        held = {row.client_order_id: row for row in connection.execute(of_it)}
        # An exit has a client order id of its own, or none: what it belongs to is told by the position.
        ids = select(positions.c.position_id).where(positions.c.client_order_id.in_(own))
        mine = (fills.c.client_order_id.in_(own)) | (fills.c.position_id.in_(ids))
        found = connection.execute(select(fills).where(mine).order_by(fills.c.time_us, fills.c.created_at, fills.c.fill_id)).all()
    entries, exits = defaultdict(list), defaultdict(list)
    for row in found:
        if row.reason == "entry":
            entries[row.client_order_id].append(row)
        else:
            exits[row.account, row.position_id].append(row)
    lives = []
    for intent in intents:
        position = held.get(intent.client_order_id)
        left = [] if position is None else exits[position.account, position.position_id]
        lives.append(_life(intent, position, entries[intent.client_order_id], left))
    return lives


def _life(intent: Row[Any], held: Row[Any] | None, entries: Iterable[Row[Any]], exits: Iterable[Row[Any]]) -> OrderLife:
    return OrderLife(
        client_order_id=intent.client_order_id,
        deployment_id=intent.deployment_id,
        account=intent.account,
        symbol=intent.symbol,
        side=intent.side,
        intended_units=intent.units,
        state=intent.state,
        was_sent=intent.sent_at is not None,
        reason=intent.reason or "",
        decided_at_us=intent.known_at_us,
        signal_price=float(json.loads(intent.payload_json)["decision"]["numbers"]["close"]),
        stop_price=intent.stop_price if held is None else held.stop_price,
        target_price=intent.target_price if held is None else held.target_price,
        entries=tuple(map(_executed, entries)),
        exits=tuple(map(_executed, exits)),
        retry=intent.retry,
    )


def _executed(row: Row[Any]) -> Executed:
    costs = CostParts(row.commission + row.fee, row.spread_cost, row.slippage, row.impact, row.swap)
    spread = None if row.bid is None or row.ask is None else row.ask - row.bid
    return Executed(row.units, row.price, row.time_us, row.reason, costs, row.gross_profit, spread)
