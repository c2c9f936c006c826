"""Before the first order: our books against the broker's. A difference is never traded away, it halts."""

from dataclasses import dataclass

from sqlalchemy import or_, select

from fxgpt_core import content_hash
from fxgpt_core.brokers.broker import Broker
from fxgpt_core.errors import RefusedError
from fxgpt_core.live.intents import OPEN_STATES
from fxgpt_core.live.state_of_trading import alert, change_within, resolve_alerts
from fxgpt_core.market.orders import Position
from fxgpt_core.portfolio.trading_state import StateChange, TradingState
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import order_intents, positions

GUARD, NOTHING = "reconciliation", "nothing"


@dataclass(frozen=True)
class Mismatch:
    """One difference: which position of which symbol, what we have, what the broker has."""

    position_id: str
    ours: str
    brokers: str
    symbol: str = ""

    @property
    def is_foreign(self) -> bool:
        """Whether only the broker has it."""
        return self.ours == NOTHING


def mismatches(ledger: Ledger, broker: Broker, account: str) -> tuple[Mismatch, ...]:
    """Differences between the open positions of the ledger and the broker's, after all fills were booked."""
    asked = select(positions).where(positions.c.account == account, positions.c.state == "open")
    with ledger.reading() as connection:
        rows = {row.position_id: row for row in connection.execute(asked)}
    ours = {name: f"{row.side:+d} × {row.units - row.closed_units} {row.symbol}" for name, row in rows.items()}
    held = {position.position_id: position for position in broker.positions()}
    theirs = {name: _shown(position) for name, position in held.items()}
    symbols = {name: found.symbol for name, found in (held | rows).items()}
    different = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
    return tuple(Mismatch(key, ours.get(key, NOTHING), theirs.get(key, NOTHING), symbols[key]) for key in different)


def compare(ledger: Ledger, broker: Broker, account: str) -> None:
    """Halt the account when the books differ; when they agree, what was raised for a difference is resolved."""
    if found := mismatches(ledger, broker, account):
        halt_on(ledger, account, found)
        return
    with ledger.begin() as connection:
        resolve_alerts(connection, ledger, f"mismatch:{account}")


def halt_on(ledger: Ledger, account: str, found: tuple[Mismatch, ...]) -> None:
    """Halt the account, with an alert that names every difference."""
    text = "; ".join(f"{item.position_id}: ledger {item.ours}, broker {item.brokers}" for item in found)
    with ledger.begin() as connection:
        reason = f"ledger and broker differ: {text}"
        change_within(connection, ledger, account, StateChange(TradingState.HALTED, GUARD, reason, by_person=False))
        alert(
            connection, ledger, "mismatch", f"mismatch:{account}:{content_hash.of_json(text)[:16]}", reason,
            "Compare the account at the broker and correct what is wrong there; a position that only the ledger has is ended by "
            "`fxgpt live write-off POSITION --reason ...`. Start the gateway again, then `fxgpt live resume --reason ...`.",
        )  # fmt: skip


def require_only_account(ledger: Ledger, broker: Broker, account: str) -> None:
    """Raise `RefusedError` when another account has something open at the broker, which nobody would look after then."""
    held = select(positions.c.client_order_id).where(positions.c.state == "open")
    asked = (
        select(order_intents.c.account)
        .where(order_intents.c.broker == broker.name, order_intents.c.account != account)
        .where(or_(order_intents.c.state.in_(OPEN_STATES), order_intents.c.client_order_id.in_(held)))
    )
    with ledger.reading() as connection:
        other = connection.execute(asked.limit(1)).scalar_one_or_none()
    if other is not None:
        raise RefusedError(
            f"account {other} has positions or orders at the broker {broker.name}, and signals name no account: "
            f"only one account may trade there, so run `fxgpt gateway --account {other}` until it holds nothing"
        )


def _shown(held: Position) -> str:
    return f"{int(held.side):+d} × {held.units} {held.symbol}"
