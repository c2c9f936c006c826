"""One gateway an account: a lease in the ledger with a fencing number that grows with every owner."""

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from fxgpt_core.errors import RefusedError
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import leases

DURATION = timedelta(seconds=15)


@dataclass(frozen=True)
class Lease:
    """A lease that is held: by whom, under which fencing number."""

    name: str
    owner: str
    fence: int


def this_process() -> str:
    """Host and process id, as a lease's owner."""
    return f"{socket.gethostname()}:{os.getpid()}"


def acquire(ledger: Ledger, name: str, owner: str) -> Lease:
    """Take a lease that is free, expired, or held by a process of this host that is gone. Raises `RefusedError`."""
    with ledger.begin() as connection:
        now = ledger.now()
        row = connection.execute(select(leases).where(leases.c.name == name)).one_or_none()
        if row is not None and row.owner != owner and row.expires_at > now and not _is_gone(row.owner):
            raise RefusedError(
                f"{name} is held by {row.owner} until {row.expires_at.isoformat(timespec='seconds')}; "
                "only one process may trade an account: stop the other one, or wait until its lease ends"
            )
        fence = 1 if row is None else row.fence + 1
        connection.execute(delete(leases).where(leases.c.name == name))
        connection.execute(insert(leases), {"name": name, "owner": owner, "fence": fence, "expires_at": now + DURATION})
    return Lease(name, owner, fence)


def renew(connection: Connection, lease: Lease, now: datetime) -> None:
    """Hold the lease on, inside the caller's transaction. Raises `RefusedError` when somebody else has it."""
    held = (leases.c.name == lease.name, leases.c.owner == lease.owner, leases.c.fence == lease.fence)
    if connection.execute(update(leases).where(*held).values(expires_at=now + DURATION)).rowcount != 1:
        raise RefusedError(f"{lease.name} was taken over by another process; this one stops and sends nothing more")


def give_up(ledger: Ledger, lease: Lease) -> None:
    """Free the lease; nothing happens if somebody else has it. The row stays: the fencing number only grows."""
    held = (leases.c.name == lease.name, leases.c.owner == lease.owner, leases.c.fence == lease.fence)
    with ledger.begin() as connection:
        connection.execute(update(leases).where(*held).values(expires_at=ledger.now()))


def _is_gone(owner: str) -> bool:
    host, _, pid = owner.rpartition(":")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
