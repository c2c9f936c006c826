"""What a venue refuses, with its codes and, where they are known, its very words."""

from typing import Final

from fxgpt_core.brokers.ctrader_simulator.book import Book
from fxgpt_core.brokers.ctrader_simulator.codes import AccessRights, OrderType, TimeInForce, TradeSide, TradingMode
from fxgpt_core.brokers.ctrader_simulator.records import OrderChange, OrderTicket, Refusal, VenueAccount, VenueQuote
from fxgpt_core.brokers.ctrader_simulator.symbol_terms import SymbolTerms

ABSOLUTE_LEVELS: Final = (OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT)
AT_MARKET: Final = (OrderType.MARKET, OrderType.MARKET_RANGE)
LONGEST: Final = {"client_order_id": 50, "label": 100, "comment": 512}
POINTS_OF_RELATIVE: Final = 5
"""Relative levels are in 10^-5, whatever the digits of the symbol."""
LAST_MS: Final = 2_147_483_646_000


def require_order(book: Book, account: VenueAccount, ticket: OrderTicket) -> None:
    """Raises `Refusal` for an order the venue does not take; those that wait are not asked for margin yet."""
    terms = book.terms(ticket.symbol_id)
    _require_rights(account, terms)
    _require_type(ticket)
    require_volume(terms, ticket.volume)
    require_digits(terms, ticket.limit_price, ticket.stop_price, ticket.stop_loss, ticket.take_profit)
    _require_levels(terms, ticket)
    _require_expiry(book, ticket)
    if ticket.type in AT_MARKET:
        require_open_market(book, terms)
    quote = book.quote(ticket.symbol_id)
    _require_prices(terms, ticket, quote)
    _require_protection(terms, ticket, quote)
    _require_exposure(book, account, ticket, terms)
    if ticket.type in AT_MARKET:
        require_margin(book, account, ticket.symbol_id, ticket.volume, ticket.side)


def require_open_market(book: Book, terms: SymbolTerms) -> None:
    """Raises `Refusal` on a holiday of the symbol and outside its schedule."""
    if terms.has_holiday(book.now_us()):
        raise Refusal("SYMBOL_HAS_HOLIDAY", f"Trading of {terms.symbol.name} is disabled because of a holiday")
    if not terms.is_open(book.now_us()):
        raise Refusal("MARKET_CLOSED", f"Market for symbol {terms.symbol.name} is closed")


def require_volume(terms: SymbolTerms, volume: int) -> None:
    """Raises `Refusal` for a volume that is too small, too large or off the step."""
    if not terms.min_volume <= volume <= terms.max_volume:
        raise Refusal(
            "TRADING_BAD_VOLUME",
            f"Order volume = {volume / 100:.2f} is out of range [{terms.min_volume / 100:.2f}, {terms.max_volume / 100:.2f}]",
        )
    if (volume - terms.min_volume) % terms.step_volume:
        raise Refusal(
            "TRADING_BAD_VOLUME", f"Order volume = {volume / 100:.2f} is not a multiple of {terms.step_volume / 100:.2f}"
        )


def require_digits(terms: SymbolTerms, *prices: float | None) -> None:
    """Raises `Refusal` for a price with more decimals than the symbol has."""
    for price in prices:
        if price is not None and price != round(price, terms.digits):
            allowed = f"Allowed {terms.digits} digits"
            raise Refusal("INVALID_REQUEST", f"Order price = {price!r} has more digits than symbol allows. {allowed}")


def require_relative(terms: SymbolTerms, stop: int | None, target: int | None) -> None:
    """Raises `Refusal` for a distance off the grid of the symbol's digits, or none above 0."""
    grid = 10 ** (POINTS_OF_RELATIVE - terms.digits)
    for words, distance in (("stop loss", stop), ("take profit", target)):
        if distance is not None and distance % grid:
            raise Refusal("INVALID_REQUEST", f"Relative {words} has invalid precision")
        if distance is not None and distance <= 0:
            raise Refusal("TRADING_BAD_STOPS", f"Relative {words} must be positive")


def require_levels(terms: SymbolTerms, side: TradeSide, price: float, stop: float | None, target: float | None) -> None:
    """Raises `Refusal` for levels on the wrong side of a price, or nearer to it than the symbol allows."""
    for words, level, direction in (("SL", stop, -1), ("TP", target, 1)):
        if level is None:
            continue
        distance = direction * side.sign * (level - price)
        if distance <= 0.0:
            raise Refusal("TRADING_BAD_STOPS", f"New {words} for {side.name} position is on the wrong side of {price}")
        if distance < terms.stop_points * terms.point - terms.point / 2:
            raise Refusal("PROTECTION_IS_TOO_CLOSE_TO_MARKET", f"{words} is closer to market than {terms.stop_points} points")


def require_change(book: Book, terms: SymbolTerms, ticket: OrderTicket, change: OrderChange) -> None:
    """Raises `Refusal` for a change of a waiting order that the venue does not take."""
    if change.volume is not None:
        require_volume(terms, change.volume)
    require_digits(terms, change.limit_price, change.stop_price, change.stop_loss, change.take_profit)
    require_relative(terms, change.relative_stop_loss, change.relative_take_profit)
    if change.expires_us is not None and change.expires_us <= book.now_us():
        raise Refusal("TRADING_BAD_EXPIRATION_DATE", "Expiration date is in the past")
    if ticket.type is OrderType.LIMIT and change.stop_price is not None:
        raise Refusal("INVALID_REQUEST", "Stop price is not allowed for LIMIT order")


def _require_rights(account: VenueAccount, terms: SymbolTerms) -> None:
    if account.rights is not AccessRights.FULL_ACCESS:
        raise Refusal("TRADING_DISABLED", f"Trading is disabled for the account: {account.rights.name}")
    if terms.mode is not TradingMode.ENABLED:
        raise Refusal("TRADING_DISABLED", f"Trading of symbol {terms.symbol.name} is disabled: {terms.mode.name}")


def _require_type(ticket: OrderTicket) -> None:
    if ticket.type is OrderType.STOP_LOSS_TAKE_PROFIT:
        raise Refusal("INVALID_REQUEST", "Order type STOP_LOSS_TAKE_PROFIT is set by the server only")
    if ticket.guaranteed_stop:
        raise Refusal("INVALID_REQUEST", "Guaranteed stop loss is allowed for limited risk accounts only")
    for name, longest in LONGEST.items():
        if len(getattr(ticket, name)) > longest:
            raise Refusal("INVALID_REQUEST", f"Field {name} is longer than {longest}")


def _require_levels(terms: SymbolTerms, ticket: OrderTicket) -> None:
    is_absolute = ticket.stop_loss is not None or ticket.take_profit is not None
    is_relative = ticket.relative_stop_loss is not None or ticket.relative_take_profit is not None
    if is_absolute and ticket.type not in ABSOLUTE_LEVELS:
        raise Refusal("INVALID_REQUEST", "SL/TP in absolute values are allowed only for order types: [LIMIT, STOP, STOP_LIMIT]")
    if is_absolute and is_relative:
        raise Refusal("INVALID_REQUEST", "SL/TP are given both in absolute and in relative values")
    if ticket.trailing_stop and ticket.stop_loss is None and ticket.relative_stop_loss is None:
        raise Refusal("INVALID_REQUEST", "Trailing stop loss needs a stop loss")
    require_relative(terms, ticket.relative_stop_loss, ticket.relative_take_profit)


def _require_expiry(book: Book, ticket: OrderTicket) -> None:
    if ticket.time_in_force is TimeInForce.GOOD_TILL_DATE and ticket.expires_us is None:
        raise Refusal("TRADING_BAD_EXPIRATION_DATE", "Expiration date is needed for GOOD_TILL_DATE")
    if ticket.expires_us is not None and not book.now_us() < ticket.expires_us <= LAST_MS * 1000:
        raise Refusal("TRADING_BAD_EXPIRATION_DATE", "Expiration date is in the past or too far")


def _require_prices(terms: SymbolTerms, ticket: OrderTicket, quote: VenueQuote) -> None:
    sign = ticket.side.sign
    market = quote.ask if sign > 0 else quote.bid
    if ticket.type is OrderType.LIMIT and not (ticket.limit_price or 0.0) > 0.0:
        raise Refusal("TRADING_BAD_PRICES", "Limit price is needed for LIMIT order")
    if ticket.type in (OrderType.STOP, OrderType.STOP_LIMIT):
        if not (ticket.stop_price or 0.0) > 0.0:
            raise Refusal("TRADING_BAD_PRICES", f"Stop price is needed for {ticket.type.name} order")
        if sign * ((ticket.stop_price or 0.0) - market) <= 0.0:
            raise Refusal("TRADING_BAD_PRICES", f"Stop price {ticket.stop_price} is on the wrong side of the market {market}")
    if ticket.type in (OrderType.MARKET_RANGE, OrderType.STOP_LIMIT) and ticket.slippage_points is None:
        raise Refusal("INVALID_REQUEST", f"slippageInPoints is needed for {ticket.type.name} order")
    if ticket.type is OrderType.MARKET_RANGE and ticket.base_slippage_price is None:
        raise Refusal("INVALID_REQUEST", "baseSlippagePrice is needed for MARKET_RANGE order")
    require_digits(terms, ticket.base_slippage_price)


def _require_protection(terms: SymbolTerms, ticket: OrderTicket, quote: VenueQuote) -> None:
    entry = ticket.limit_price if ticket.type is OrderType.LIMIT else ticket.stop_price
    if entry is not None and ticket.type in ABSOLUTE_LEVELS:
        require_levels(terms, ticket.side, entry, ticket.stop_loss, ticket.take_profit)
    reach = terms.stop_points * 10 ** (POINTS_OF_RELATIVE - terms.digits)
    for distance in (ticket.relative_stop_loss, ticket.relative_take_profit):
        if distance is not None and distance < reach:
            raise Refusal("PROTECTION_IS_TOO_CLOSE_TO_MARKET", f"Protection is closer to market than {terms.stop_points} points")
    market = quote.ask if ticket.side is TradeSide.BUY else quote.bid
    if ticket.relative_stop_loss is not None and ticket.side is TradeSide.BUY and ticket.relative_stop_loss >= market * 1e5:
        raise Refusal("TRADING_BAD_STOPS", "Stop loss would lie below zero")


def _require_exposure(book: Book, account: VenueAccount, ticket: OrderTicket, terms: SymbolTerms) -> None:
    held = sum(one.volume for one in book.positions_of(account.account_id) if one.symbol_id == ticket.symbol_id)
    waiting = (one for one in book.orders_of(account.account_id) if not one.is_closing)
    pending = sum(one.remaining for one in waiting if one.ticket.symbol_id == ticket.symbol_id)
    if held + pending + ticket.volume > terms.max_exposure:
        raise Refusal(
            "MAX_EXPOSURE_REACHED", f"Maximal exposure {terms.max_exposure / 100:.2f} of {terms.symbol.name} is reached"
        )


def require_margin(book: Book, account: VenueAccount, symbol_id: int, volume: int, side: TradeSide) -> None:
    """Raises `Refusal` where a volume binds more than the account has free."""
    needed = book.margin_of(symbol_id, volume, side, account)
    free = book.free_margin(account.account_id)
    if needed > free:
        raise Refusal("NOT_ENOUGH_MONEY", f"Not enough funds: {needed / 100:.2f} needed, {free / 100:.2f} free")
