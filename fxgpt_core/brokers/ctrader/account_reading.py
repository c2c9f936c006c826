"""The account read whole: at every connection, and whenever something was missed.

History first and the state last: what the state tells of volumes is true by all that history has told, and what the two do not
agree on is told late. Histories lag: a volume that no deal explains, or a change of the balance that was skipped, is asked for
again for a while.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fxgpt_core.brokers.ctrader import history
from fxgpt_core.brokers.ctrader.account_book import AccountBook
from fxgpt_core.brokers.ctrader.prices import money
from fxgpt_core.brokers.ctrader.reading import Link, read
from fxgpt_core.errors import NotReadyError

SECOND_MS = 1_000
AHEAD_MS = 60 * SECOND_MS
"""How far the venue's clock may be ahead of ours."""
OLD_MS = 28 * 86_400 * SECOND_MS
"""A history that reaches farther back is asked for position by position."""
MOST_READINGS = 8
TAIL_LAGS = 2.0
"""How many times its usual lag a history is read again: what it did not know then, it is asked for once more."""
BETWEEN_LOOKS_S = 1.0

log = logging.getLogger(__name__)


@dataclass
class AccountReading:
    """Reads one account into its book. `lag_s` is how long a history may not know yet what has happened."""

    account_id: int
    book: AccountBook
    now_us: Callable[[], int]
    lag_s: float
    trader: Any = None
    read_to_ms: int | None = None

    async def whole(self, link: Link, since_ms: int) -> None:
        """Everything, history at least from a moment on, so that the book is complete.

        Raises `NotReadyError` where the venue does not tell it, and what a request raises.
        """
        await self.state(link)
        since_ms = await self._known_before(link, since_ms)
        await self.history(link, since_ms)
        await self.balance(link)
        await self.state(link)
        await self._late(link, since_ms)

    async def tail(self, link: Link) -> None:
        """What may have happened since it was read last."""
        await self.history(link, self.tail_ms())
        await self.balance(link)
        await self.state(link)

    def tail_ms(self) -> int:
        """From when on history may have told too little when it was read last."""
        now_ms = self.now_ms()
        read_to_ms = now_ms if self.read_to_ms is None else min(now_ms, self.read_to_ms)
        return read_to_ms - round(TAIL_LAGS * self.lag_s * SECOND_MS)

    async def history(self, link: Link, since_ms: int) -> None:
        """Orders and deals from a moment on."""
        begun_ms = self.now_ms()
        until_ms = begun_ms + AHEAD_MS
        orders = await history.orders_between(link, self.account_id, since_ms - AHEAD_MS, until_ms)
        deals = await history.deals_between(link, self.account_id, since_ms - AHEAD_MS, until_ms)
        self.book.take_rows(orders, deals)
        for order_id in self.book.homeless():
            self.book.take_rows(*await history.details(link, self.account_id, order_id))
        self.read_to_ms = begun_ms

    async def balance(self, link: Link) -> None:
        """The trader, with the balance."""
        told = await read(link, "ProtoOATraderReq", ctidTraderAccountId=self.account_id)
        self.take_trader(told.trader)

    def take_trader(self, trader: Any) -> None:
        """A ProtoOATrader."""
        self.trader = trader
        self.book.balance.take_told(money(trader.balance, trader.moneyDigits), trader.balanceVersion)

    async def state(self, link: Link) -> None:
        """Open positions and waiting orders; asked again while something moves."""
        for _ in range(MOST_READINGS):
            asked_at = self.book.n_told
            told = await read(link, "ProtoOAReconcileReq", ctidTraderAccountId=self.account_id, returnProtectionOrders=True)
            vanished = self.book.vanished(told, asked_at)
            in_doubt = self.book.take_state(told, asked_at)
            for order_id in vanished:
                self.book.take_rows(*await history.details(link, self.account_id, order_id))
            if not in_doubt:
                return
        raise NotReadyError(f"positions {in_doubt} moved each of {MOST_READINGS} times that the venue was asked for them")

    def now_ms(self) -> int:
        """Our clock in the venue's unit."""
        return self.now_us() // 1_000

    async def _known_before(self, link: Link, since_ms: int) -> int:
        """Make the history of older positions known; returns from when on history must be read for the others."""
        unknown = [one for one in self.book.positions.values() if one.volume and (one.unexplained or one.order_id is None)]
        for position in unknown:
            if position.opened_ms < since_ms - OLD_MS:
                span = (position.opened_ms - AHEAD_MS, self.now_ms() + AHEAD_MS)
                rows = await history.of_position(link, self.account_id, position.position_id, span)
                self.book.take_rows(*rows)
        return min([since_ms, *(one.opened_ms for one in unknown if since_ms - OLD_MS <= one.opened_ms)])

    async def _late(self, link: Link, since_ms: int) -> None:
        """Wait for what history does not tell yet."""
        end = asyncio.get_running_loop().time() + self.lag_s
        while (late := self.late(since_ms)) and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(BETWEEN_LOOKS_S)
            await self.explain(link, since_ms)
        if late:
            log.warning("cTrader's history does not explain %s within %g s; the state it tells is taken", late, self.lag_s)
            self.book.balance.forgive()

    async def explain(self, link: Link, since_ms: int) -> None:
        """Read again from a moment on, with deposits and withdrawals, which move the balance as deals do."""
        if self.book.balance.missing:
            until_ms = self.now_ms() + AHEAD_MS
            for flow in await history.cash_flows(link, self.account_id, since_ms - AHEAD_MS, until_ms):
                self.book.take_cash_flow(flow)
        await self.history(link, since_ms)
        await self.state(link)

    def late(self, since_ms: int) -> str:
        """What happened and was not told yet, in words; empty for nothing."""
        positions, changes = self.book.unexplained(since_ms), self.book.balance.missing
        told = [f"positions {', '.join(map(str, positions))}"] if positions else []
        told += [f"changes {', '.join(map(str, changes))} of the balance"] if changes else []
        return " and ".join(told)
