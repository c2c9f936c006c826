"""One gateway a broker: a lease in the ledger with a fencing number that grows with every owner.

Signals name no account, so two gateways on one broker would take each other's, whichever accounts they trade.
"""

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from fxgpt_core.errors import RefusedError
from fxgpt_core.registry import lineage
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import leases

DURATION = timedelta(seconds=15)


class LeaseLostError(RefusedError):
    """Another process has the lease: this one must end."""


@dataclass(frozen=True)
class Lease:
    """A lease that is held: by whom, under which fencing number."""

    name: str
    owner: str
    fence: int


class LeasedLedger(Ledger):
    """The ledger as a gateway writes it: each transaction first holds the lease on, so who has lost it writes nothing more."""

    def __init__(self, ledger: Ledger, broker: str, account: str) -> None:
        # Another way to write into the same database, not another pool of connections to it.
        vars(self).update(vars(ledger))
        self._unleased, self._name, self._account = ledger, f"gateway:{broker}", account
        self._lease: Lease | None = None

    @property
    def lease(self) -> Lease:
        """The lease taken. Raises `RefusedError` before `take`."""
        if self._lease is None:
            raise RefusedError(f"the gateway of {self._account} was not started; call start first")
        return self._lease

    def take(self) -> None:
        """Take the broker's lease for the account. Raises `RefusedError` when another process holds it."""
        self._lease = acquire(self._unleased, self._name, f"{self._account}@{this_process()}")

    def give_up(self) -> None:
        """Free the lease, if it was taken."""
        if self._lease is not None:
            give_up(self._unleased, self._lease)
            self._lease = None

    def refusal(self) -> str:
        """Why nothing may leave this process any more; empty while the lease is held, which is looked up."""
        with self.reading() as connection:
            row = connection.execute(select(leases).where(leases.c.name == self._name)).one_or_none()
        if self._lease is not None and row is not None and (row.owner, row.fence) == (self._lease.owner, self._lease.fence):
            return ""
        return f"{self._name} was taken over by another process; this one sends nothing more"

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A writing transaction of the holder. Raises `RefusedError` when the lease was not taken, or was lost."""
        with self._unleased.begin() as connection:
            renew(connection, self.lease, self.now())
            yield connection


def this_process() -> str:
    """Host, process id and something that no other process has: two containers may share the first two."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def acquire(ledger: Ledger, name: str, owner: str) -> Lease:
    """Take a lease that is free, expired, or held by a process of this host that is gone. Raises `RefusedError`."""
    with ledger.begin() as connection:
        lineage.lock(connection)  # before the first look: of two that start at once, the second sees the first
        now = ledger.now()
        row = connection.execute(select(leases).where(leases.c.name == name)).one_or_none()
        if row is not None and row.expires_at > now and not _is_gone(row.owner):
            raise RefusedError(
                f"{name} is held by {row.owner} until {row.expires_at.isoformat(timespec='seconds')}; "
                "only one process may trade an account, and only one account at a broker: "
                "stop the other one, or wait until its lease ends"
            )
        fence = 1 if row is None else row.fence + 1
        connection.execute(delete(leases).where(leases.c.name == name))
        connection.execute(insert(leases), {"name": name, "owner": owner, "fence": fence, "expires_at": now + DURATION})
    return Lease(name, owner, fence)


def renew(connection: Connection, lease: Lease, now: datetime) -> None:
    """Hold the lease on, inside the caller's transaction. Raises `LeaseLostError` when somebody else has it."""
    lineage.lock(connection)  # before the lease's row, in the order of `acquire`: neither waits for what the other holds
    held = (leases.c.name == lease.name, leases.c.owner == lease.owner, leases.c.fence == lease.fence)
    if connection.execute(update(leases).where(*held).values(expires_at=now + DURATION)).rowcount != 1:
        raise LeaseLostError(f"{lease.name} was taken over by another process; this one stops and sends nothing more")


def give_up(ledger: Ledger, lease: Lease) -> None:
    """Free the lease; nothing happens if somebody else has it. The row stays: the fencing number only grows."""
    held = (leases.c.name == lease.name, leases.c.owner == lease.owner, leases.c.fence == lease.fence)
    with ledger.begin() as connection:
        lineage.lock(connection)
        connection.execute(update(leases).where(*held).values(expires_at=ledger.now()))


def _is_gone(owner: str) -> bool:
    host, _, rest = owner.rpartition("@")[2].partition(":")
    pid = rest.partition(":")[0]
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
