"""The books of a venue: everything it holds, what it is worth now, and the one way in which it tells what happened."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Final

from fxgpt_core.brokers.ctrader_simulator.codes import ExecutionKind, PositionStatus, TradeSide
from fxgpt_core.brokers.ctrader_simulator.records import (
    VOLUME_CENTS,
    CashFlow,
    Execution,
    Refusal,
    VenueAccount,
    VenueDeal,
    VenueEvent,
    VenueOrder,
    VenuePosition,
    VenueQuote,
)
from fxgpt_core.brokers.ctrader_simulator.symbol_terms import SymbolTerms
from fxgpt_core.market.charges import Charges, terms_of
from fxgpt_core.market.conversion import joining_symbol
from fxgpt_core.market.fills import Terms, bought_above, unrealised
from fxgpt_core.market.positions import Candle

FIRST_ORDER: Final = 700_001
FIRST_POSITION: Final = 500_001
FIRST_DEAL: Final = 900_001
CENT: Final = 100.0


@dataclass
class Numbering:
    """The next id of each kind; ids of a venue are never used twice."""

    order: int = FIRST_ORDER
    position: int = FIRST_POSITION
    deal: int = FIRST_DEAL
    flow: int = 1

    def take(self, kind: str) -> int:
        """The next id of a kind."""
        number = int(getattr(self, kind))
        setattr(self, kind, number + 1)
        return number


@dataclass
class Book:
    """All state of a venue; `tell` is called with every event, in the order in which things happened."""

    now_us: Callable[[], int]
    charges: Charges
    symbols: dict[int, SymbolTerms]
    accounts: dict[int, VenueAccount] = field(default_factory=dict)
    orders: dict[int, VenueOrder] = field(default_factory=dict)
    positions: dict[int, VenuePosition] = field(default_factory=dict)
    deals: dict[int, VenueDeal] = field(default_factory=dict)
    flows: list[CashFlow] = field(default_factory=list)
    quotes: dict[int, VenueQuote] = field(default_factory=dict)
    numbers: Numbering = field(default_factory=Numbering)
    tell: Callable[[VenueEvent], None] = lambda _event: None
    waiting: set[int] = field(default_factory=set)
    """Ids of pending orders."""
    open: set[int] = field(default_factory=set)
    """Ids of open positions."""

    def __post_init__(self) -> None:
        self.ids = {terms.symbol.name: number for number, terms in self.symbols.items()}

    def told(
        self,
        kind: ExecutionKind,
        order: VenueOrder,
        deal: VenueDeal | None = None,
        *,
        is_server: bool = False,
        error_code: str = "",
    ) -> None:
        """Tell what happened to an order and its position, as both are now."""
        position = self.positions.get(order.position_id)
        copy = None if position is None else replace(position)
        self.tell(Execution(order.account_id, kind, replace(order), copy, deal, None, is_server, error_code))

    def account(self, account_id: int) -> VenueAccount:
        """Raises `Refusal` for an account the venue does not have."""
        if account_id not in self.accounts:
            raise Refusal("CH_CTID_TRADER_ACCOUNT_NOT_FOUND", f"Trading account {account_id} is not found")
        return self.accounts[account_id]

    def terms(self, symbol_id: int) -> SymbolTerms:
        """Raises `Refusal` for a symbol the venue does not have."""
        if symbol_id not in self.symbols:
            raise Refusal("SYMBOL_NOT_FOUND", f"Symbol with id {symbol_id} is not found")
        return self.symbols[symbol_id]

    def quote(self, symbol_id: int) -> VenueQuote:
        """Raises `Refusal` before the first price of a symbol."""
        if symbol_id not in self.quotes:
            raise Refusal("NO_QUOTES", f"No quotes for symbol {self.terms(symbol_id).symbol.name}")
        return self.quotes[symbol_id]

    def open_position(self, account_id: int, position_id: int) -> VenuePosition:
        """Raises `Refusal` for a position that is not open on the account."""
        position = self.positions.get(position_id)
        if position is None or position.account_id != account_id or position.status != PositionStatus.OPEN:
            raise Refusal("POSITION_NOT_FOUND", f"Position with id {position_id} is not found", position_id=position_id)
        return position

    def waiting_order(self, account_id: int, order_id: int) -> VenueOrder:
        """Raises `Refusal` for an order that is not waiting on the account."""
        order = self.orders.get(order_id)
        if order is None or order.account_id != account_id or order_id not in self.waiting:
            raise Refusal("ORDER_NOT_FOUND", f"Order with id {order_id} is not found", order_id=order_id)
        return order

    def positions_of(self, account_id: int) -> list[VenuePosition]:
        """Open positions of an account, oldest first."""
        return [self.positions[one] for one in sorted(self.open) if self.positions[one].account_id == account_id]

    def orders_of(self, account_id: int) -> list[VenueOrder]:
        """Pending orders of an account, oldest first."""
        return [self.orders[one] for one in sorted(self.waiting) if self.orders[one].account_id == account_id]

    def conversion(self, symbol_id: int, currency: str) -> float:
        """What a unit of a symbol's quote currency is worth in `currency`, by the bid. Raises `Refusal` without a quote."""
        market = self.terms(symbol_id).symbol
        if market.quote == currency:
            return 1.0
        if market.base == currency:
            return 1.0 / self.quote(symbol_id).bid
        joining = _joining(market, currency)
        if joining is None or joining.name not in self.ids:
            raise Refusal("NO_QUOTES", f"No symbol converts {market.quote} into {currency}")
        bid = self.quote(self.ids[joining.name]).bid
        return bid if joining.quote == currency else 1.0 / bid

    def candle(self, symbol_id: int, currency: str) -> Candle:
        """The quote as the fill rule takes it: a candle of one price."""
        quote = self.quote(symbol_id)
        spread = quote.ask - quote.bid
        bid = (quote.bid,) * 4
        return Candle(0, *bid, spread, spread, self.conversion(symbol_id, currency))

    def fill_terms(self, account: VenueAccount) -> Terms:
        """What the account is charged, as the fill rule takes it; its stop-out is a matter of the whole account here."""
        return terms_of(replace(self.charges, stop_out=0.0), account.balance / CENT, account.leverage)

    def gross_of(self, position: VenuePosition) -> int:
        """Open profit at the price at which the position could be left now, before swap and commission."""
        return self._gross(position, self.candle(position.symbol_id, self.accounts[position.account_id].currency))

    def _gross(self, position: VenuePosition, candle: Candle) -> int:
        price = candle.close + bought_above(-position.side.sign, candle.spread)
        units = position.volume // VOLUME_CENTS
        return in_cents(unrealised(position.side.sign, units, position.price, price) * candle.conversion)

    def net_of(self, position: VenuePosition) -> int:
        """Open profit with swap and commission, as ProtoOAPositionUnrealizedPnL has it."""
        return self.gross_of(position) + position.swap + position.commission

    def equity_and_margin(self, account_id: int) -> tuple[int, int]:
        """Balance with net open profit, and what all open positions bind; each symbol is priced once."""
        account, candles = self.accounts[account_id], dict[int, Candle]()
        equity, margin = account.balance, 0
        for position in self.positions_of(account_id):
            number = position.symbol_id
            if number not in candles:
                candles[number] = self.candle(number, account.currency)
            equity += self._gross(position, candles[number]) + position.swap + position.commission
            margin += _margin(candles[number], position.volume, position.side, account)
        return equity, margin

    def margin_of(self, symbol_id: int, volume: int, side: TradeSide, account: VenueAccount) -> int:
        """What a volume binds at the price at which it would be entered now."""
        return _margin(self.candle(symbol_id, account.currency), volume, side, account)

    def free_margin(self, account_id: int) -> int:
        """Equity that is not bound."""
        equity, margin = self.equity_and_margin(account_id)
        return equity - margin


def _margin(candle: Candle, volume: int, side: TradeSide, account: VenueAccount) -> int:
    price = candle.open + bought_above(side.sign, candle.open_spread)
    return in_cents(volume / VOLUME_CENTS * price * candle.conversion / account.leverage)


_joining = cache(joining_symbol)


def in_cents(amount: float) -> int:
    """Money as the venue counts it, half to even."""
    return round(amount * CENT)
