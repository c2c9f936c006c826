"""The kill switch: a state in the ledger, a file, a command. What is to be flat is closed, whoever opened it, and confirmed.

The file `halt` in the account's folder halts for as long as it is there, also where the ledger cannot be written; `flatten` halts
and closes everything. Either may hold a reason.
"""

from pathlib import Path
from typing import Any

from sqlalchemy import Row, insert, select, update

from fxgpt_core.brokers.broker import Broker
from fxgpt_core.live import state_of_trading
from fxgpt_core.live.closing import Closing
from fxgpt_core.live.command import outcome_of
from fxgpt_core.live.intents import UNSETTLED
from fxgpt_core.live.state_of_trading import change_within
from fxgpt_core.portfolio.trading_state import StateChange, TradingState
from fxgpt_core.registry import lineage
from fxgpt_core.registry.gateway_tables import flatten_requests
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import order_intents

HALT_FILE, FLATTEN_FILE = "halt", "flatten"
GUARD = "kill file"


def ask_to_flatten(ledger: Ledger, account: str, *, by: str, reason: str) -> int:
    """Halt an account and want all of it closed; returns the number of the request. Raises as `state_of_trading.change`."""
    with ledger.begin() as connection:
        change_within(connection, ledger, account, StateChange(TradingState.HALTED, by, reason, by_person=True))
        values = {"account": account, "asked_by": by, "reason": reason, "asked_at": ledger.now()}
        number = connection.execute(insert(flatten_requests).returning(flatten_requests.c.id), values).scalar_one()
        lineage.append(connection, "flatten", {"request": number, "account": account, "by": by, "reason": reason}, ledger.now())
    return int(number)


def flatten_request(ledger: Ledger, number: int) -> Row[Any]:
    """A request as it stands: `done_at` and `detail` say whether and how it ended."""
    with ledger.reading() as connection:
        return connection.execute(select(flatten_requests).where(flatten_requests.c.id == number)).one()


class KillSwitch:
    """The switch of one account as its gateway sees it; `folder` holds the files."""

    def __init__(self, ledger: Ledger, broker: Broker, account: str, closing: Closing, folder: Path) -> None:
        self._ledger, self._broker, self._account, self._closing = ledger, broker, account, closing
        self._halt, self._flatten = folder / HALT_FILE, folder / FLATTEN_FILE

    def refusal(self) -> str:
        """Why nothing may be entered at this very moment; empty if it may. Cheap: asked right before each order leaves."""
        for file in (self._halt, self._flatten):
            if file.exists():
                return f"the file {file} halts the account: remove it, then `fxgpt live resume --reason ...`"
        with self._ledger.reading() as connection:
            state = state_of_trading.state(connection, self._account)
        return "" if state.may_enter else f"trading is {state}; only an active account enters: resume it first"

    def look(self) -> None:
        """Make a file's wish the state of the account."""
        for file, wants_flat in ((self._halt, False), (self._flatten, True)):
            if file.exists():
                self._obey(file, wants_flat)

    async def drive(self) -> None:
        """Close what is to be flat; a request is done once the broker, asked anew, has neither position nor order.

        An order of ours whose end is not known may become a position yet, so it is cancelled and waited for.
        """
        for request in self._open_requests():
            ours = self._unsettled()
            for order_id in sorted({order.order_id for order in self._broker.orders()} | {one for one in ours if one}):
                await outcome_of(self._broker.cancel(order_id))
            for held in self._broker.positions():
                self._closing.plan(held, "close", f"flatten: {request.reason}")
            if await self._closing.drive() == 0 and not self._broker.orders() and not ours:
                await self._broker.reconcile()
                if not self._broker.positions() and not self._broker.orders():
                    self._done(request)

    def _unsettled(self) -> list[str | None]:
        """The broker's ids of our orders that may still be filled; None where it told none."""
        mine = (order_intents.c.account == self._account, order_intents.c.state.in_(UNSETTLED))
        with self._ledger.reading() as connection:
            return list(connection.execute(select(order_intents.c.order_id).where(*mine)).scalars())

    def _obey(self, file: Path, wants_flat: bool) -> None:
        with self._ledger.reading() as connection:
            halted = state_of_trading.state(connection, self._account) is TradingState.HALTED
        reason = f"the file {file} is there: {_words(file)}"
        if wants_flat and not self._open_requests() and not self._was_done(file):
            ask_to_flatten(self._ledger, self._account, by=GUARD, reason=reason)
        elif not halted:
            wish = StateChange(TradingState.HALTED, GUARD, reason, by_person=False)
            with self._ledger.begin() as connection:
                change_within(connection, self._ledger, self._account, wish)

    def _was_done(self, file: Path) -> bool:
        """Whether this very file was obeyed before: one that stays does not close what a person opens by hand later."""
        written = file.stat().st_mtime
        asked = select(flatten_requests.c.asked_at).where(
            flatten_requests.c.account == self._account, flatten_requests.c.asked_by == GUARD
        )
        with self._ledger.reading() as connection:
            latest = connection.execute(asked.order_by(flatten_requests.c.id.desc()).limit(1)).scalar_one_or_none()
        return latest is not None and latest.timestamp() >= written

    def _open_requests(self) -> list[Row[Any]]:
        mine = (flatten_requests.c.account == self._account, flatten_requests.c.done_at.is_(None))
        with self._ledger.reading() as connection:
            return list(connection.execute(select(flatten_requests).where(*mine)).all())

    def _done(self, request: Row[Any]) -> None:
        with self._ledger.begin() as connection:
            mine = flatten_requests.c.id == request.id
            values = {"done_at": self._ledger.now(), "detail": "flat: the broker has no position and no order"}
            connection.execute(update(flatten_requests).where(mine).values(**values))
            lineage.append(connection, "flat", {"request": request.id, "account": self._account}, self._ledger.now())


def _words(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()[:500] or "no reason given"
    except OSError as error:
        return f"it cannot be read ({error})"
