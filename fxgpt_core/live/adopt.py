"""A position that only the broker has, as after a lost ledger or a trade by hand: put into the books by a person, in writing."""

from sqlalchemy import Connection, insert, select

from fxgpt_core.brokers.broker import Broker
from fxgpt_core.errors import MissingError, RefusedError
from fxgpt_core.live.lease import LeasedLedger
from fxgpt_core.live.state_of_trading import note_risk, resolve_alerts
from fxgpt_core.market.orders import Position
from fxgpt_core.registry import lineage
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import fills, order_intents, positions


async def adopt(ledger: Ledger, broker: Broker, account: str, position_id: str, *, by: str, reason: str) -> None:
    """Put an open position of the broker into the ledger. No deployment manages it: its stop and target stay what they are.

    Raises `RefusedError` without a reason, while a gateway runs, if the ledger has it already, or if an order of ours opened it;
    `MissingError` when the broker has no such position; `NotReadyError` when the broker cannot be reached.
    """
    if not by.strip() or not reason.strip():
        raise RefusedError(f"the adoption of {position_id} names no person or no reason; give both")
    leased = LeasedLedger(ledger, broker.name, account)
    leased.take()
    try:
        await broker.connect()
        held = _held(broker, position_id)
        told_later = await _exits_to_come(ledger, broker, held)
        row = {
            "position_id": held.position_id, "client_order_id": held.client_order_id, "account": account, "symbol": held.symbol,
            "side": int(held.side), "units": held.units + told_later, "entry_price": held.entry_price,
            "entry_time_us": held.entry_time_us,
            "stop_price": held.stop_price, "target_price": held.target_price, "state": "open",
        }  # fmt: skip
        with leased.begin() as connection:
            if connection.execute(select(positions.c.state).where(positions.c.position_id == position_id)).first() is not None:
                raise RefusedError(f"the ledger has position {position_id} already; `fxgpt live status` shows it")
            _require_no_order(connection, held)
            now = leased.now()
            connection.execute(insert(positions), {**row, "protected_at": now})
            fact = {**row, "by": by, "reason": reason}
            lineage.append(connection, "position_adopted", fact, now)
            note_risk(connection, leased, account, held.symbol, "position_adopted", fact)
            resolve_alerts(connection, leased, f"foreign_position:{account}:{position_id}")
    finally:
        await broker.disconnect()
        leased.give_up()


def _require_no_order(connection: Connection, held: Position) -> None:
    """The gateway books the fill of an order of ours, which would come on top of what was adopted."""
    asked = select(order_intents.c.state).where(order_intents.c.client_order_id == held.client_order_id)
    state = connection.execute(asked).scalar_one_or_none()
    if state is not None:
        raise RefusedError(
            f"position {held.position_id} was opened by order {held.client_order_id} of ours, which is {state}: start the "
            "gateway, which books it; if it stays foreign all the same, close it at the broker"
        )


async def _exits_to_come(ledger: Ledger, broker: Broker, held: Position) -> int:
    """Units that left the position before, of which our books have no fill: the gateway is told of them, and takes them off."""
    minute_us = 60_000_000
    until_us = int(ledger.now().timestamp() * 1_000_000) + minute_us
    deals = await broker.deal_history(held.entry_time_us - minute_us, until_us)
    exits = [deal for deal in deals if deal.position_id == held.position_id and deal.reason != "entry"]
    with ledger.reading() as connection:
        booked = set(connection.execute(select(fills.c.fill_id).where(fills.c.position_id == held.position_id)).scalars())
    return sum(deal.units for deal in exits if deal.fill_id not in booked)


def _held(broker: Broker, position_id: str) -> Position:
    found = {held.position_id: held for held in broker.positions()}
    if position_id not in found:
        raise MissingError(
            f"the broker has no open position {position_id}; it has {', '.join(sorted(found)) or 'none'}: name one of them"
        )
    return found[position_id]
