"""A position that the ledger holds and the broker has no more, as after a lost paper book: ended by a person, in writing."""

from sqlalchemy import Connection, Row, select, update

from fxgpt_core.brokers.broker import Broker
from fxgpt_core.errors import MissingError, RefusedError
from fxgpt_core.live.lease import LeasedLedger
from fxgpt_core.live.state_of_trading import note_risk
from fxgpt_core.registry import lineage
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import positions

WRITTEN_OFF = "written_off"


async def write_off(ledger: Ledger, broker: Broker, account: str, position_id: str, *, by: str, reason: str) -> None:
    """End an open position of the ledger without an exit, with a lineage entry; what it won or lost is not known.

    Raises `RefusedError` without a reason, while a gateway runs, and while the broker has the position or knows how it ended;
    `MissingError` when the account has no such open position.
    """
    if not by.strip() or not reason.strip():
        raise RefusedError(f"the write-off of {position_id} names no person or no reason; give both")
    # With the lease of a gateway, so that none trades meanwhile.
    leased = LeasedLedger(ledger, broker.name, account)
    leased.take()
    try:
        with ledger.reading() as connection:
            entered_us = _open_position(connection, account, position_id).entry_time_us
        # Its exit may be long ago; a broker asked for its last day only would not tell it.
        await broker.connect(entered_us)
        _require_gone(broker, position_id)
        with leased.begin() as connection:
            held = _open_position(connection, account, position_id)
            mine = update(positions).where(positions.c.position_id == position_id)
            connection.execute(mine.values(state=WRITTEN_OFF, exit_reason=WRITTEN_OFF))
            names = ("position_id", "client_order_id", "account", "symbol", "side", "units", "entry_price")
            fact = {**{name: getattr(held, name) for name in names}, "by": by, "reason": reason}
            lineage.append(connection, "position_written_off", fact, leased.now())
            note_risk(connection, leased, account, held.symbol, "position_written_off", fact)
    finally:
        await broker.disconnect()
        leased.give_up()


def _open_position(connection: Connection, account: str, position_id: str) -> Row[tuple[object, ...]]:
    mine = (positions.c.account == account, positions.c.position_id == position_id, positions.c.state == "open")
    found = connection.execute(select(positions).where(*mine)).one_or_none()
    if found is None:
        raise MissingError(f"account {account} has no open position {position_id}; `fxgpt live status` lists the open ones")
    return found


def _require_gone(broker: Broker, position_id: str) -> None:
    if any(held.position_id == position_id for held in broker.positions()):
        raise RefusedError(
            f"the broker still has position {position_id}, so it is not written off: let the gateway run, its exits close it"
        )
    if any(fill.position_id == position_id for _, fill in broker.fills_since(0)):
        raise RefusedError(f"the broker knows how position {position_id} ended: start `fxgpt gateway`, which books it")
