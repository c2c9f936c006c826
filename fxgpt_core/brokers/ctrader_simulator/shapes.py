"""What a venue keeps, as fields of the protocol's messages; a field that has no value is left out."""

from typing import Any, Final

from fxgpt_core.brokers.ctrader_simulator.book import Book
from fxgpt_core.brokers.ctrader_simulator.codes import OrderType, PositionStatus, TradingMode
from fxgpt_core.brokers.ctrader_simulator.records import (
    MONEY_DIGITS,
    CashFlow,
    ClosingDetail,
    Execution,
    VenueAccount,
    VenueDeal,
    VenueOrder,
    VenuePosition,
    VenueQuote,
)
from fxgpt_core.brokers.ctrader_simulator.symbol_terms import SymbolTerms
from fxgpt_core.market.symbols import SYMBOLS

PRICE_SCALE: Final = 100_000
"""Prices of spots, ticks and trendbars are whole 1/100000, whatever the digits of the symbol."""
ASSETS: Final = {
    name: number
    for number, name in enumerate(sorted({currency for one in SYMBOLS.values() for currency in (one.base, one.quote)}), start=1)
}
PERCENT_SCALE: Final = 10**5
_HEDGED, _PERCENTAGE_OF_VALUE, _SWAP_IN_PERCENT, _SUM_OF_MARGINS = 0, 3, 1, 1
_WEDNESDAY: Final = 3
LEVERAGE_ID: Final = 1
_UNKNOWN_FIELDS: Final = {"deal": b"\x98\x01\x01", "trader": b"\xb8\x01\x01"}
"""Field 19 of a deal and field 23 of a trader, which the venue sends and the published schema does not have."""


def ms(time_us: int) -> int:
    """A time as the protocol has it: milliseconds since the epoch."""
    return time_us // 1000


def relative(price: float) -> int:
    """A price in whole 1/100000."""
    return round(price * PRICE_SCALE)


def present(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def with_unknown_fields(message: Any) -> Any:
    """The message with what venues add to deals and traders beyond the published schema; returns the same object."""
    names = message.DESCRIPTOR.fields_by_name
    for name, extra in _UNKNOWN_FIELDS.items():
        if name not in names:
            continue
        found = getattr(message, name)
        rows = [found] if hasattr(found, "MergeFromString") else found
        for row in rows:
            if row is not found or message.HasField(name):
                row.MergeFromString(extra)
    return message


def position_fields(book: Book, one: VenuePosition) -> dict[str, Any]:
    """ProtoOAPosition."""
    is_open = one.status is PositionStatus.OPEN
    account = book.accounts[one.account_id]
    return present(
        {
            "positionId": one.position_id,
            "tradeData": present(
                {
                    "symbolId": one.symbol_id,
                    "volume": one.volume,
                    "tradeSide": int(one.side),
                    "openTimestamp": ms(one.opened_us),
                    "label": one.label or None,
                    "comment": one.comment or None,
                    "closeTimestamp": None if one.closed_us is None else ms(one.closed_us),
                    "guaranteedStopLoss": False,
                }
            ),
            "positionStatus": int(one.status),
            "swap": one.swap,
            "price": one.price,
            "stopLoss": one.stop_loss,
            "takeProfit": one.take_profit,
            "utcLastUpdateTimestamp": ms(one.updated_us),
            "commission": one.commission,
            "marginRate": one.margin_rate,
            "usedMargin": book.margin_of(one.symbol_id, one.volume, one.side, account) if is_open else 0,
            "moneyDigits": MONEY_DIGITS,
            "trailingStopLoss": one.trailing_distance is not None,
            "stopLossTriggerMethod": int(one.trigger_method),
        }
    )


def order_fields(one: VenueOrder) -> dict[str, Any]:
    """ProtoOAOrder."""
    ticket = one.ticket
    return present(
        {
            "orderId": one.order_id,
            "tradeData": present(
                {
                    "symbolId": ticket.symbol_id,
                    "volume": one.volume,
                    "tradeSide": int(ticket.side),
                    "openTimestamp": ms(one.created_us),
                    "label": ticket.label or None,
                    "comment": ticket.comment or None,
                    "guaranteedStopLoss": False,
                }
            ),
            "orderType": int(ticket.type),
            "orderStatus": int(one.status),
            "expirationTimestamp": None if one.expires_us is None else ms(one.expires_us),
            "executionPrice": one.execution_price,
            "executedVolume": one.executed_volume,
            "utcLastUpdateTimestamp": ms(one.updated_us),
            "baseSlippagePrice": ticket.base_slippage_price,
            "slippageInPoints": one.slippage_points,
            "closingOrder": one.is_closing,
            "limitPrice": one.limit_price,
            "stopPrice": one.stop_price,
            "stopLoss": one.stop_loss,
            "takeProfit": one.take_profit,
            "clientOrderId": ticket.client_order_id or None,
            "timeInForce": int(ticket.time_in_force),
            "positionId": one.position_id,
            "relativeStopLoss": one.relative_stop_loss,
            "relativeTakeProfit": one.relative_take_profit,
            "isStopOut": one.is_stop_out,
            "trailingStopLoss": one.trailing_stop,
            "stopTriggerMethod": int(ticket.trigger_method),
        }
    )


def deal_fields(one: VenueDeal) -> dict[str, Any]:
    """ProtoOADeal."""
    return present(
        {
            "dealId": one.deal_id,
            "orderId": one.order_id,
            "positionId": one.position_id,
            "volume": one.volume,
            "filledVolume": one.filled_volume,
            "symbolId": one.symbol_id,
            "createTimestamp": ms(one.created_us),
            "executionTimestamp": ms(one.executed_us),
            "utcLastUpdateTimestamp": ms(one.executed_us),
            "executionPrice": one.price,
            "tradeSide": int(one.side),
            "dealStatus": int(one.status),
            "marginRate": one.margin_rate,
            "commission": one.commission,
            "closePositionDetail": None if one.closing is None else _closing_fields(one.closing),
            "moneyDigits": MONEY_DIGITS,
        }
    )


def execution_fields(book: Book, one: Execution) -> dict[str, Any]:
    """ProtoOAExecutionEvent."""
    return present(
        {
            "ctidTraderAccountId": one.account_id,
            "executionType": int(one.kind),
            "position": None if one.position is None else position_fields(book, one.position),
            "order": None if one.order is None else order_fields(one.order),
            "deal": None if one.deal is None else deal_fields(one.deal),
            "depositWithdraw": None if one.flow is None else flow_fields(one.flow),
            "errorCode": one.error_code or None,
            "isServerEvent": one.is_server,
        }
    )


def flow_fields(one: CashFlow) -> dict[str, Any]:
    """ProtoOADepositWithdraw."""
    return {
        "operationType": 0 if one.amount >= 0 else 1,
        "balanceHistoryId": one.flow_id,
        "balance": one.balance,
        "delta": abs(one.amount),
        "changeBalanceTimestamp": ms(one.time_us),
        "externalNote": one.note,
        "balanceVersion": one.balance_version,
        "moneyDigits": MONEY_DIGITS,
    }


def trader_fields(one: VenueAccount) -> dict[str, Any]:
    """ProtoOATrader."""
    return {
        "ctidTraderAccountId": one.account_id,
        "balance": one.balance,
        "balanceVersion": one.balance_version,
        "accessRights": int(one.rights),
        "depositAssetId": ASSETS[one.currency],
        "swapFree": False,
        "leverageInCents": round(one.leverage * 100),
        "totalMarginCalculationType": _SUM_OF_MARGINS,
        "maxLeverage": round(one.leverage * 100),
        "traderLogin": one.login,
        "accountType": _HEDGED,
        "brokerName": "fxgpt simulator",
        "registrationTimestamp": ms(one.registered_us),
        "isLimitedRisk": False,
        "moneyDigits": MONEY_DIGITS,
    }


def light_symbol_fields(terms: SymbolTerms) -> dict[str, Any]:
    """ProtoOALightSymbol."""
    market = terms.symbol
    return {
        "symbolId": terms.symbol_id,
        "symbolName": market.name,
        "enabled": terms.mode is not TradingMode.DISABLED_WITHOUT_PENDINGS_EXECUTION,
        "baseAssetId": ASSETS[market.base],
        "quoteAssetId": ASSETS[market.quote],
        "symbolCategoryId": 1,
        "description": f"{market.base} vs {market.quote}",
        "sortingNumber": float(terms.symbol_id),
    }


def symbol_fields(book: Book, terms: SymbolTerms) -> dict[str, Any]:
    """ProtoOASymbol."""
    charges = book.charges
    return {
        "symbolId": terms.symbol_id,
        "digits": terms.digits,
        "pipPosition": terms.pip_position,
        "enableShortSelling": True,
        "guaranteedStopLoss": False,
        "swapRollover3Days": _WEDNESDAY,
        # A venue tells what is earned; the charges tell what is paid.
        "swapLong": -charges.swap.long * 100.0,
        "swapShort": -charges.swap.short * 100.0,
        "swapCalculationType": _SWAP_IN_PERCENT,
        "minVolume": terms.min_volume,
        "maxVolume": terms.max_volume,
        "stepVolume": terms.step_volume,
        "maxExposure": terms.max_exposure,
        "schedule": [{"startSecond": start, "endSecond": end} for start, end in terms.schedule],
        "scheduleTimeZone": terms.zone,
        "commissionType": _PERCENTAGE_OF_VALUE,
        "preciseTradingCommissionRate": round(charges.commission * 100.0 * PERCENT_SCALE),
        "slDistance": terms.stop_points,
        "tpDistance": terms.stop_points,
        "distanceSetIn": 1,
        "tradingMode": int(terms.mode),
        "lotSize": terms.lot_size,
        "leverageId": LEVERAGE_ID,
        "measurementUnits": terms.symbol.base,
        "holiday": [
            {"holidayId": day, "name": "Holiday", "scheduleTimeZone": terms.zone, "holidayDate": day, "isRecurring": False}
            for day in terms.holidays
        ],
        "pnlConversionFeeRate": 0,
    }


def spot_fields(account_id: int, quote: VenueQuote, before: VenueQuote | None) -> dict[str, Any]:
    """ProtoOASpotEvent; a side that did not move is left out, as the venue does."""
    return present(
        {
            "ctidTraderAccountId": account_id,
            "symbolId": quote.symbol_id,
            "bid": None if before is not None and before.bid == quote.bid else relative(quote.bid),
            "ask": None if before is not None and before.ask == quote.ask else relative(quote.ask),
        }
    )


def _closing_fields(one: ClosingDetail) -> dict[str, Any]:
    return {
        "entryPrice": one.entry_price,
        "grossProfit": one.gross,
        "swap": one.swap,
        "commission": one.commission,
        "balance": one.balance,
        "quoteToDepositConversionRate": one.conversion,
        "closedVolume": one.closed_volume,
        "balanceVersion": one.balance_version,
        "moneyDigits": MONEY_DIGITS,
        "pnlConversionFee": one.fee,
    }


def is_protective(order: VenueOrder) -> bool:
    """Whether an order is the server's own, that holds stop and target of a position."""
    return order.ticket.type is OrderType.STOP_LOSS_TAKE_PROFIT
