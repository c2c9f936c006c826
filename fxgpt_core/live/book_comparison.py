"""Our books against those of a broker that lives by itself: what differs blocks its symbol, what stays different halts.

A position that we never opened belongs to somebody: its symbol takes no entries, and a person is told. One of ours that is
missing or of another size means that our books are wrong: nothing is entered at all, and the account is halted. A person is told,
and the account halted, once the difference has lasted for as long as the broker may take to tell everything: fills and positions
come one after the other. Nothing is ever traded to make the books agree.
"""

from collections.abc import Iterable
from datetime import datetime

from fxgpt_core.brokers.broker import Broker
from fxgpt_core.live.reconciliation import Mismatch, halt_on, mismatches
from fxgpt_core.live.state_of_trading import alert, resolve_alerts
from fxgpt_core.registry.ledger import Ledger


class BookComparison:
    """The standing comparison of one account."""

    def __init__(self, ledger: Ledger, broker: Broker, account: str) -> None:
        self._ledger, self._broker, self._account = ledger, broker, account
        self._since: dict[Mismatch, datetime] = {}
        self._told: set[Mismatch] = set()
        self._agreed = False

    def refusal(self, symbol: str) -> str:
        """Why nothing is entered on a symbol by the last comparison; empty if it may be."""
        for item in self._since:
            if not item.is_foreign or item.symbol == symbol:
                return f"ledger and broker differ on {item.position_id}: ledger {item.ours}, broker {item.brokers}"
        return ""

    def compare(self) -> None:
        """Compare now, and act on what has been different for long enough."""
        now, found = self._ledger.now(), mismatches(self._ledger, self._broker, self._account)
        self._since = {item: self._since.get(item, now) for item in found}
        lasting = [item for item, since in self._since.items() if now - since >= self._broker.settles_within]
        if broken := tuple(item for item in lasting if not item.is_foreign and item not in self._told):
            halt_on(self._ledger, self._account, broken)
        self._alert(item for item in lasting if item.is_foreign and item not in self._told)
        self._told.update(lasting)
        self._forget(found)

    def _alert(self, foreign: Iterable[Mismatch]) -> None:
        for item in foreign:
            with self._ledger.begin() as connection:
                alert(
                    connection, self._ledger, "foreign_position", self._key(item),
                    f"position {item.position_id} ({item.brokers}) at the broker was not opened by fxgpt; nothing is entered "
                    f"on {item.symbol}",
                    "Close it at the broker; or stop the gateway and put it into our books by "
                    "`fxgpt live adopt POSITION --reason ...`.",
                )  # fmt: skip

    def _forget(self, found: tuple[Mismatch, ...]) -> None:
        """What is no difference any more is resolved; when there is none, also what an earlier process had told."""
        over = self._told - set(found)
        self._told -= over
        agree = not found
        if not over and (self._agreed or not agree):
            self._agreed = agree
            return
        self._agreed = agree
        keys = {self._key(item) for item in over if item.is_foreign}
        if agree:
            keys = {f"foreign_position:{self._account}", f"mismatch:{self._account}"}
        with self._ledger.begin() as connection:
            for key in sorted(keys):
                resolve_alerts(connection, self._ledger, key)

    def _key(self, item: Mismatch) -> str:
        return f"foreign_position:{self._account}:{item.position_id}"
