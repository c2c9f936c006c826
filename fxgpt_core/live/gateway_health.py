"""What ails the gateways, asked of the ledger from outside: silent, halted, or with orders of unknown outcome."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, func, select

from fxgpt_core.live.intents import OPEN_STATES, IntentState
from fxgpt_core.live.state_of_trading import alert, resolve_alerts
from fxgpt_core.portfolio.trading_state import TradingState
from fxgpt_core.registry.gateway_tables import gateway_starts
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import heartbeats, order_intents, positions, trading_states
from fxgpt_core.registry.tables import deployment_configs

PATIENCE: Final = timedelta(seconds=15)
"""Seven beats of a gateway that shows itself every two seconds."""

SILENT, HALTED, UNKNOWN = "silent", "halted", "unknown_orders"
KINDS: Final = (SILENT, HALTED, UNKNOWN)
_PROCESS = "gateway:"


@dataclass(frozen=True)
class Ailment:
    """One thing that is wrong with an account's gateway; `kind` is one of `KINDS`."""

    account: str
    kind: str
    message: str
    remedy: str


def ailments(ledger: Ledger, patience: timedelta = PATIENCE) -> list[Ailment]:
    """What ails the gateways of all accounts that ever traded; nothing where none ever ran.

    A gateway that is silent ails only while something needs it: an open position or order of the account, or a deployment that
    is active, which does not count while the gateway is stopped in order.
    """
    with ledger.reading() as connection:
        asked = [
            ailment
            for account in accounts(connection)
            for ailment in (
                _silent(connection, ledger, account, patience), _halted(connection, account), _unknown(connection, account),
            )
        ]  # fmt: skip
    return [ailment for ailment in asked if ailment is not None]


def tell(ledger: Ledger, found: Sequence[Ailment]) -> None:
    """Raise an alert for each ailment, and resolve those of what is well again."""
    ill = {(ailment.account, ailment.kind): ailment for ailment in found}
    with ledger.begin() as connection:
        for account in accounts(connection):
            for kind in KINDS:
                key = f"gateway_{kind}:{account}"
                if (account, kind) not in ill:
                    resolve_alerts(connection, ledger, key)
                    continue
                ailment = ill[account, kind]
                alert(connection, ledger, f"gateway_{kind}", key, ailment.message, ailment.remedy)


def accounts(connection: Connection) -> list[str]:
    """The accounts of which a gateway ever ran, or which were ever switched or traded."""
    processes = connection.execute(select(heartbeats.c.process)).scalars()
    found = {name.removeprefix(_PROCESS) for name in processes if name.startswith(_PROCESS)}
    for table in (trading_states, order_intents):
        found |= set(connection.execute(select(table.c.account).distinct()).scalars())
    return sorted(found)


def _silent(connection: Connection, ledger: Ledger, account: str, patience: timedelta) -> Ailment | None:
    asked = select(heartbeats.c.at).where(heartbeats.c.process == f"{_PROCESS}{account}")
    at = connection.execute(asked).scalar_one_or_none()
    if at is not None and ledger.now() - at <= patience:
        return None
    needing = _needing(connection, account)
    if not needing:
        return None
    since = "never showed itself" if at is None else f"is silent since {at:%Y-%m-%d %H:%M:%S} UTC"
    return Ailment(
        account, SILENT,
        f"the gateway of account {account} {since}, at most {patience.total_seconds():g} s are allowed while there are {needing}",
        f"start it (`fxgpt gateway --account {account}`); stops and targets at the broker stay meanwhile",
    )  # fmt: skip


def _needing(connection: Connection, account: str) -> str:
    """What needs a gateway, in words; empty when nothing does."""
    held = (positions.c.account == account, positions.c.state == "open")
    sent = (order_intents.c.account == account, order_intents.c.state.in_(OPEN_STATES))
    counts = {
        "open positions": _count(connection, *held),
        "open orders": _count(connection, *sent),
        "active deployments": 0 if _was_stopped(connection, account) else _count(connection, deployment_configs.c.is_active),
    }
    return ", ".join(f"{n} {name}" for name, n in counts.items() if n)


def _was_stopped(connection: Connection, account: str) -> bool:
    """Whether the last start of the account's gateway ended in order: somebody wanted it to."""
    asked = select(gateway_starts.c.ended_at).where(gateway_starts.c.account == account).order_by(gateway_starts.c.id.desc())
    last = connection.execute(asked.limit(1)).one_or_none()
    return last is not None and last.ended_at is not None


def _halted(connection: Connection, account: str) -> Ailment | None:
    row = connection.execute(select(trading_states).where(trading_states.c.account == account)).one_or_none()
    if row is None or row.state != TradingState.HALTED:
        return None
    return Ailment(
        account, HALTED,
        f"account {account} is halted since {row.updated_at:%Y-%m-%d %H:%M} UTC by {row.by}: {row.reason}",
        "find and end the cause, then `fxgpt live resume --reason ...`; nothing is sent until then",
    )  # fmt: skip


def _unknown(connection: Connection, account: str) -> Ailment | None:
    unknown = (order_intents.c.account == account, order_intents.c.state == IntentState.UNKNOWN)
    n_unknown = _count(connection, *unknown)
    if not n_unknown:
        return None
    return Ailment(
        account, UNKNOWN,
        f"{n_unknown} orders of account {account} have an unknown outcome; 0 are allowed, their symbols enter nothing",
        "the gateway asks the broker until it answers; look at the account at the broker, and at `fxgpt live status`",
    )  # fmt: skip


def _count(connection: Connection, *conditions: object) -> int:
    return connection.execute(select(func.count()).where(*conditions)).scalar_one()  # type: ignore[arg-type]
