"""Commands on orders and positions: each is sent at most once, and its outcome says what is known of it, no more."""

from collections.abc import Callable

from google.protobuf.message import Message

from fxgpt_core.brokers.broker import OrderResult, Permit, Refusal, permitted
from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader.account_book import AccountBook
from fxgpt_core.brokers.ctrader.command_outcomes import outcome_of, refused
from fxgpt_core.brokers.ctrader.order_messages import OrderTerms, amended_order, levels, new_order
from fxgpt_core.brokers.ctrader.position_fold import FoldedPosition
from fxgpt_core.brokers.ctrader.prices import volume_of
from fxgpt_core.brokers.ctrader.reading import Link
from fxgpt_core.brokers.ctrader.symbols import TradedSymbol
from fxgpt_core.errors import BadInputError, MissingError, NotReadyError
from fxgpt_core.market.orders import OrderOutcome, OrderRequest

GONE = "it is closed already, or never was: read the positions again"


class Commands:
    """The commands of one account. `terms_of` tells what an order on a symbol needs; it raises where the symbol is not known.

    `closes` gets what a close is called, by position, before it is sent.
    """

    def __init__(
        self, link: Link, book: AccountBook, terms_of: Callable[[str], OrderTerms], account_id: int, timeout_s: float
    ) -> None:
        self._link, self._book, self._terms_of = link, book, terms_of
        self._account_id, self._timeout_s = account_id, timeout_s
        self._given: set[str] = set()
        self.closes: dict[int, tuple[str, str]] = {}

    async def place(self, request: OrderRequest, permit: Permit) -> OrderResult:
        """Send an order with its bracket, once: the venue would take the same id again."""
        name = request.client_order_id
        if name in self._given or self._book.known(name) is not None:
            return refused(f"client order id {name} was sent already; no order is sent twice")
        try:
            message = new_order(request, self._terms_of(request.symbol))
        except (BadInputError, MissingError) as error:
            return refused(str(error))
        except NotReadyError as error:
            return OrderResult(OrderOutcome.DENIED, reason=str(error))
        self._given.add(name)
        result = await self._sent(message, permit)
        if result.outcome is OrderOutcome.DENIED or result.refusal is Refusal.RATE_LIMIT:
            # Nothing was done, and it may be given again.
            self._given.discard(name)
        return result

    async def cancel(self, order_id: str) -> OrderResult:
        """Take back an order that waits."""
        number = self._waiting(order_id)
        if number is None:
            return refused(f"there is no waiting order {order_id}")
        return await self._sent(protocol.new("ProtoOACancelOrderReq", ctidTraderAccountId=self._account_id, orderId=number))

    async def amend_order(self, order_id: str, request: OrderRequest) -> OrderResult:
        """Replace everything of an order that waits but its type, side and symbol."""
        number = self._waiting(order_id)
        if number is None:
            return refused(f"there is no waiting order {order_id}")
        known = self._book.orders[number]
        try:
            terms = self._terms_of(request.symbol)
            if (known.kind, known.side, known.symbol_id) != (
                request.order_type, request.side, terms.symbol.listed.symbol_id
            ):  # fmt: skip
                return refused(f"type, side and symbol of order {order_id} stay; cancel it, and place another")
            message = amended_order(number, request, terms)
        except (BadInputError, MissingError) as error:
            return refused(str(error))
        return await self._sent(message)

    async def amend(self, position_id: str, symbol: TradedSymbol, stop: float | None, target: float | None) -> OrderResult:
        """Give an open position these levels and no others."""
        held = self.held(position_id)
        if held is None:
            return refused(f"there is no open position {position_id}; {GONE}", Refusal.NO_SUCH_POSITION)
        if stop is None and target is None and held.stop_price is None and held.target_price is None:
            return OrderResult(OrderOutcome.CONFIRMED, position_id=position_id, reason="it has neither stop nor target already")
        return await self._sent(levels(self._account_id, held.position_id, symbol, stop, target))

    async def close(self, position_id: str, named: tuple[str, str], units: int | None) -> OrderResult:
        """Close a position or a part of it; `named` is what the close is called, and its reason."""
        held = self.held(position_id)
        if held is None:
            return refused(f"there is no open position {position_id}; {GONE}", Refusal.NO_SUCH_POSITION)
        volume = held.volume if units is None else volume_of(units)
        if not 0 < volume <= held.volume:
            return refused(f"{units} units of position {position_id} are to be closed, and {held.volume / 100:g} are open")
        self.closes[held.position_id] = named
        closing = protocol.new(
            "ProtoOAClosePositionReq", ctidTraderAccountId=self._account_id, positionId=held.position_id, volume=volume
        )
        return await self._sent(closing)

    def held(self, position_id: str) -> FoldedPosition | None:
        """The open position of an id."""
        held = self._book.positions.get(int(position_id)) if position_id.isascii() and position_id.isdigit() else None
        return held if held is not None and held.volume else None

    async def _sent(self, message: Message, permit: Permit = permitted) -> OrderResult:
        return await outcome_of(self._link.request(message, timeout_s=self._timeout_s, permit=permit))

    def _waiting(self, order_id: str) -> int | None:
        number = int(order_id) if order_id.isascii() and order_id.isdigit() else 0
        order = self._book.orders.get(number)
        return number if order is not None and self._book.waits(order) else None
