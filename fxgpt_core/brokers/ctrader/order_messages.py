"""Requests for orders in the protocol's words. A bracket goes with the order itself: nothing is ever open without its stop."""

from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from fxgpt_core.brokers.broker import Quote
from fxgpt_core.brokers.ctrader import protocol
from fxgpt_core.brokers.ctrader.executions import BUY, LABEL, SELL, WIRE_TYPES
from fxgpt_core.brokers.ctrader.prices import relative, volume_of
from fxgpt_core.brokers.ctrader.symbols import TradedSymbol
from fxgpt_core.errors import BadInputError
from fxgpt_core.market.orders import OrderRequest, OrderType, Side

LONGEST_ID = 50
LONGEST_COMMENT = 512
MILLISECOND_US = 1_000
_NOW = protocol.value("ProtoOATimeInForce", "IMMEDIATE_OR_CANCEL")
_UNTIL_DATE = protocol.value("ProtoOATimeInForce", "GOOD_TILL_DATE")
_UNTIL_CANCELLED = protocol.value("ProtoOATimeInForce", "GOOD_TILL_CANCEL")


@dataclass(frozen=True)
class OrderTerms:
    """What an order is made for: the account, the symbol, its last price (None: not known), a comment that goes with it.

    `may_be_bare`: an order without a stop is sent as well.
    """

    account_id: int
    symbol: TradedSymbol
    quote: Quote | None
    comment: str = ""
    may_be_bare: bool = False


def new_order(request: OrderRequest, terms: OrderTerms) -> Message:
    """A ProtoOANewOrderReq. Raises `BadInputError` for what the venue would not take, or what has no stop."""
    _require_possible(request, terms)
    is_at_market = request.order_type is OrderType.MARKET
    return protocol.new(
        "ProtoOANewOrderReq",
        ctidTraderAccountId=terms.account_id,
        symbolId=terms.symbol.listed.symbol_id,
        orderType=WIRE_TYPES[request.order_type],
        tradeSide=BUY if request.side is Side.LONG else SELL,
        volume=volume_of(request.units),
        clientOrderId=request.client_order_id,
        label=LABEL,
        comment=terms.comment[:LONGEST_COMMENT] or None,
        **({"timeInForce": _NOW} if is_at_market else _waiting(request, terms.symbol)),
        **(_relative_bracket(request, terms) if is_at_market else _absolute_bracket(request, terms.symbol)),
    )


def amended_order(order_id: int, request: OrderRequest, terms: OrderTerms) -> Message:
    """A ProtoOAAmendOrderReq of an order that waits, with everything it is to be. Raises `BadInputError`."""
    _require_possible(request, terms)
    waiting = _waiting(request, terms.symbol)
    waiting.pop("timeInForce")
    return protocol.new(
        "ProtoOAAmendOrderReq",
        ctidTraderAccountId=terms.account_id,
        orderId=order_id,
        volume=volume_of(request.units),
        **waiting,
        **_absolute_bracket(request, terms.symbol),
    )


def levels(account_id: int, position_id: int, symbol: TradedSymbol, stop: float | None, target: float | None) -> Message:
    """A ProtoOAAmendPositionSLTPReq with both levels: the venue removes one that is left out."""
    return protocol.new(
        "ProtoOAAmendPositionSLTPReq",
        ctidTraderAccountId=account_id,
        positionId=position_id,
        stopLoss=None if stop is None else symbol.price(stop),
        takeProfit=None if target is None else symbol.price(target),
    )


def _require_possible(request: OrderRequest, terms: OrderTerms) -> None:
    symbol, kind = terms.symbol, request.order_type
    if not 0 < len(request.client_order_id) <= LONGEST_ID:
        raise BadInputError(f"client order id {request.client_order_id!r} found; 1 to {LONGEST_ID} characters are allowed")
    if refusal := symbol.refusal(request.units):
        raise BadInputError(refusal)
    if request.side is Side.SHORT and not symbol.terms.may_short:
        raise BadInputError(f"{request.symbol} may not be sold short at this venue")
    if request.stop_price is None and request.stop_distance is None and not terms.may_be_bare:
        raise BadInputError("the order has no stop; every order that opens carries one on the same request")
    if kind in (OrderType.LIMIT, OrderType.STOP_LIMIT) and request.limit_price is None:
        raise BadInputError(f"a {kind} order needs a limit price")
    if kind in (OrderType.STOP, OrderType.STOP_LIMIT) and request.trigger_price is None:
        raise BadInputError(f"a {kind} order needs a trigger price")


def _waiting(request: OrderRequest, symbol: TradedSymbol) -> dict[str, Any]:
    """Prices and end of an order that waits. A stop-limit has its limit as a distance beyond the trigger."""
    ends = request.expires_at_us
    fields: dict[str, Any] = {"timeInForce": _UNTIL_CANCELLED}
    if ends is not None:
        fields = {"timeInForce": _UNTIL_DATE, "expirationTimestamp": ends // MILLISECOND_US}
    if request.order_type is OrderType.LIMIT and request.limit_price is not None:
        return fields | {"limitPrice": symbol.price(request.limit_price)}
    trigger, limit = request.trigger_price or 0.0, request.limit_price
    fields["stopPrice"] = symbol.price(trigger)
    if request.order_type is OrderType.STOP_LIMIT and limit is not None:
        points = round(request.side * (limit - trigger) * 10.0**symbol.digits)
        if points < 0:
            raise BadInputError(
                f"a limit of {limit} found for a {request.side.name} stop-limit order at {trigger}; the venue takes a limit at "
                "the trigger or beyond it"
            )
        fields["slippageInPoints"] = points
    return fields


def _relative_bracket(request: OrderRequest, terms: OrderTerms) -> dict[str, Any]:
    """Distances from the price of the fill: the venue takes no levels with an order at the market."""
    stop = _distance(request, request.stop_distance, request.stop_price, terms, -1)
    target = _distance(request, request.target_distance, request.target_price, terms, 1)
    digits = terms.symbol.digits
    return {
        "relativeStopLoss": None if stop is None else relative(stop, digits),
        "relativeTakeProfit": None if target is None else relative(target, digits),
    }


def _distance(request: OrderRequest, distance: float | None, level: float | None, terms: OrderTerms, sign: int) -> float | None:
    if distance is not None or level is None:
        return distance
    quote = terms.quote
    price = None if quote is None else quote.ask if request.side is Side.LONG else quote.bid
    if price is None:
        raise BadInputError(f"no price of {request.symbol} is known to set a stop or target of {level} against; wait for one")
    return sign * request.side * (level - price)


def _absolute_bracket(request: OrderRequest, symbol: TradedSymbol) -> dict[str, Any]:
    entry = request.limit_price if request.order_type is OrderType.LIMIT else request.trigger_price
    stop, target = request.stop_price, request.target_price
    if stop is None and request.stop_distance is not None and entry is not None:
        stop = entry - request.side * request.stop_distance
    if target is None and request.target_distance is not None and entry is not None:
        target = entry + request.side * request.target_distance
    return {
        "stopLoss": None if stop is None else symbol.price(stop),
        "takeProfit": None if target is None else symbol.price(target),
    }
