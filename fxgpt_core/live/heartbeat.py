"""The sign of life of a gateway, which holds its lease on, too."""

from datetime import datetime, timedelta

from sqlalchemy import delete, insert

from fxgpt_core.content_hash import canonical_json
from fxgpt_core.live import state_of_trading
from fxgpt_core.live.lease import LeasedLedger
from fxgpt_core.registry.live_tables import heartbeats

EVERY = timedelta(seconds=2)


class Heartbeat:
    """The heartbeat of one account's gateway."""

    def __init__(self, ledger: LeasedLedger, account: str) -> None:
        self._ledger, self._account = ledger, account
        self._last: datetime | None = None

    def beat(self, is_ready: bool) -> None:
        """Show that the process lives, every two seconds however often it is called; `is_ready`: the broker's books are known.

        Raises `LeaseLostError` when another process trades the account.
        """
        now = self._ledger.now()
        if self._last is not None and now - self._last < EVERY:
            return
        with self._ledger.begin() as connection:
            process = f"gateway:{self._account}"
            detail = {"owner": self._ledger.lease.owner, "fence": self._ledger.lease.fence}
            detail |= {"state": str(state_of_trading.state(connection, self._account)), "ready": is_ready}
            connection.execute(delete(heartbeats).where(heartbeats.c.process == process))
            connection.execute(insert(heartbeats), {"process": process, "at": now, "detail_json": canonical_json(detail)})
        self._last = now
