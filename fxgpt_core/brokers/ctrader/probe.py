"""What only an account itself can tell: how its house names and sizes symbols, how its history lags, what it does with orders.

Looking changes nothing. A trial (`try_orders`) places the smallest order twice under one id, with a stop, and closes both: on a
demo account, where the answers are worth more than the spread.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fxgpt_core.brokers.ctrader import history, protocol
from fxgpt_core.brokers.ctrader.live_account import LiveAccount
from fxgpt_core.brokers.ctrader.order_messages import OrderTerms, new_order
from fxgpt_core.brokers.ctrader.outcomes import ErrorAnswer
from fxgpt_core.brokers.ctrader.reading import Link
from fxgpt_core.brokers.ctrader.symbols import TradedSymbol
from fxgpt_core.brokers.ctrader.trendbars import closed_bars
from fxgpt_core.errors import BadInputError, NotReadyError, RefusedError
from fxgpt_core.market.orders import OrderRequest, Side
from fxgpt_core.market.symbols import SYMBOLS
from fxgpt_core.market.timeframes import Timeframe

LAG_S = 60.0
LOOK_S = 0.25
STOP_PIPS = 100
HOUR_US = 3_600_000_000
FILL_S = 10.0
_PUSHED = "ProtoOAExecutionEvent"


@dataclass
class Probe:
    """Asks one account, which `live` keeps up to date over `link`; `now_us` is our clock."""

    link: Link
    live: LiveAccount
    account_id: int
    now_us: Callable[[], int]

    def account(self) -> dict[str, Any]:
        """What the house says of the account."""
        trader = self.live.reading.trader
        return {
            "house": trader.brokerName,
            "account type": protocol.name_of("ProtoOAAccountType", trader.accountType),
            "rights": protocol.name_of("ProtoOAAccessRights", trader.accessRights),
            "limited risk": trader.isLimitedRisk,
            "currency": self.live.prices.symbols.assets.get(trader.depositAssetId, "not told"),
            "leverage": trader.leverageInCents / 100,
            "money digits": trader.moneyDigits,
            "balance numbered": trader.balanceVersion > 0,
            "open positions": sum(1 for one in self.live.book.positions.values() if one.volume),
        }

    def names(self) -> list[dict[str, Any]]:
        """Which of our symbols the house has, and how it spells them."""
        symbols, rows = self.live.prices.symbols, []
        for name in SYMBOLS:
            try:
                rows.append({"symbol": name, "there": symbols.named(name).name})
            except BadInputError as error:
                rows.append({"symbol": name, "there": f"no: {error}"})
        return rows

    async def symbol(self, name: str) -> dict[str, Any]:
        """Sizes, hours, price and clock of one symbol, and how soon its history knows a closed minute."""
        await self.live.subscribe([name], is_ready=True)
        listed = self.live.prices.symbols.named(name)
        sized = self.live.prices.symbols.traded[listed.symbol_id]
        for _ in range(round(FILL_S / LOOK_S)):
            if self.live.prices.quote(listed.symbol_id) is not None:
                break
            await asyncio.sleep(LOOK_S)
        quote, now_us = self.live.prices.quote(listed.symbol_id), self.now_us()
        span = (now_us - HOUR_US, now_us)
        bars = await closed_bars(self.link, self.account_id, listed.symbol_id, Timeframe.M1, span)
        return {
            "digits": sized.digits,
            "pip": sized.terms.pip,
            "lot in units": sized.lot_size / 100,
            "smallest units": sized.terms.min_units,
            "step in units": sized.terms.step_units,
            "hours": f"{len(sized.terms.schedule or ())} stretches in {sized.terms.time_zone}",
            "open for entries": sized.terms.is_open,
            "bid": None if quote is None else quote.bid,
            "ask": None if quote is None else quote.ask,
            "price seconds old": None if quote is None or quote.time_us is None else (now_us - quote.time_us) / 1e6,
            "last closed minute seconds ago": (now_us - bars[-1].open_time_us) / 1e6 - 60 if bars else None,
        }

    async def try_orders(self, name: str, client_order_id: str) -> dict[str, Any]:
        """Place the smallest order twice under one id, see what comes back of it, and close what it opened.

        Raises `NotReadyError` naming the positions where the account is not as it was before.
        """
        sized = self.live.prices.symbols.sized(name)
        try:
            return await self._tried(sized, name, client_order_id)
        finally:
            await self._close_opened(client_order_id)

    async def _tried(self, sized: TradedSymbol, name: str, client_order_id: str) -> dict[str, Any]:
        clock = asyncio.get_running_loop().time
        request = OrderRequest(
            client_order_id, name, Side.LONG, sized.terms.min_units, None, None, 0, stop_distance=STOP_PIPS * sized.terms.pip
        )
        message = new_order(request, OrderTerms(self.account_id, sized, None, "fxgpt probe"))
        begun, begun_ms = clock(), self.now_us() // 1_000
        answer: Any = await self.link.request(message)
        answered_s = clock() - begun
        if answer.DESCRIPTOR.name != _PUSHED:
            raise RefusedError(f"the order was answered by a {answer.DESCRIPTOR.name}; nothing more is tried")
        order_id = answer.order.orderId
        lag_s = await self._history_lag(order_id, begun_ms)
        order = self.live.book.orders.get(order_id)
        position = self.live.book.positions.get(answer.position.positionId)
        return {
            "answered in seconds": round(answered_s, 3),
            "client order id comes back": order is not None and order.client_order_id == client_order_id,
            "label comes back": answer.order.tradeData.label == "fxgpt",
            "comment comes back": answer.order.tradeData.comment == "fxgpt probe",
            "filled": order is not None and order.executed == order.volume,
            "stop on the position": position is not None and position.stop_price is not None,
            "history lags seconds": lag_s,
            "same id again": await self._again(message),
        }

    async def _again(self, message: Any) -> str:
        try:
            answer: Any = await self.link.request(message)
        except ErrorAnswer as error:
            return f"refused: {error.code}"
        return "taken: ids are not de-duplicated" if answer.DESCRIPTOR.name == _PUSHED else answer.DESCRIPTOR.name

    async def _history_lag(self, order_id: int, since_ms: int) -> float | None:
        """Seconds until the list of deals has the order's; None where it has not for a minute."""
        clock = asyncio.get_running_loop().time
        begun = clock()
        while clock() - begun < LAG_S:
            until_ms = self.now_us() // 1_000 + 60_000
            deals = await history.deals_between(self.link, self.account_id, since_ms - 60_000, until_ms)
            if any(deal.orderId == order_id for deal in deals):
                return round(clock() - begun, 2)
            await asyncio.sleep(LOOK_S)
        return None

    async def _close_opened(self, client_order_id: str) -> None:
        """Close what the orders of this id opened, as state and histories tell it, until it is gone."""
        for _ in range(3):
            await asyncio.sleep(LOOK_S)
            await self.live.reading.tail(self.link)
            orders = [one for one in self.live.book.orders.values() if one.client_order_id == client_order_id]
            opened = {one.position_id for one in orders}
            left = [one for one in self.live.book.positions.values() if one.volume and one.position_id in opened]
            for one in left:
                await self.link.request(
                    protocol.new(
                        "ProtoOAClosePositionReq",
                        ctidTraderAccountId=self.account_id,
                        positionId=one.position_id,
                        volume=one.volume,
                    )
                )
            if not left:
                return
        numbers = ", ".join(str(one.position_id) for one in left)
        raise NotReadyError(f"positions {numbers} were opened and may be open yet; each has its stop: look in the terminal")
