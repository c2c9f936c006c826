"""What a venue keeps and tells: accounts, orders, positions, deals, quotes, events.

Volumes are whole hundredths of a unit, money whole hundredths of the account's currency, prices floats in quote currency, times
microseconds since the epoch in UTC. What an event carries is a copy: it shows the moment at which it happened.
"""

from dataclasses import dataclass

from fxgpt_core.brokers.ctrader_simulator.codes import (
    AccessRights,
    DealStatus,
    ExecutionKind,
    OrderStatus,
    OrderType,
    PositionStatus,
    TimeInForce,
    TradeSide,
    TriggerMethod,
)

MONEY_DIGITS = 2
VOLUME_CENTS = 100


class Refusal(Exception):  # noqa: N818  (it is an answer of the venue, not a defect)
    """A command the venue does not carry out: the protocol's error code and what it says in words."""

    def __init__(self, code: str, description: str, order_id: int | None = None, position_id: int | None = None) -> None:
        super().__init__(f"{code}: {description}")
        self.code, self.description = code, description
        self.order_id, self.position_id = order_id, position_id


@dataclass
class VenueAccount:
    """A hedged account; `leverage` 30 means 30:1, `stop_out` is equity over margin.

    `conversion_fee` is a share of a profit that had to be converted.
    """

    account_id: int
    login: int
    currency: str
    balance: int
    is_live: bool = False
    leverage: float = 30.0
    stop_out: float = 0.5
    conversion_fee: float = 0.0
    balance_version: int = 1
    rights: AccessRights = AccessRights.FULL_ACCESS
    registered_us: int = 0
    last_margin_call_us: int = 0
    used_margin: int = 0


@dataclass(frozen=True)
class OrderTicket:
    """What a client asks for in a new order: the fields of ProtoOANewOrderReq that the venue acts on, None where left out."""

    symbol_id: int
    type: OrderType
    side: TradeSide
    volume: int
    limit_price: float | None = None
    stop_price: float | None = None
    time_in_force: TimeInForce = TimeInForce.GOOD_TILL_CANCEL
    expires_us: int | None = None
    stop_loss: float | None = None
    take_profit: float | None = None
    relative_stop_loss: int | None = None
    relative_take_profit: int | None = None
    base_slippage_price: float | None = None
    slippage_points: int | None = None
    position_id: int | None = None
    client_order_id: str = ""
    label: str = ""
    comment: str = ""
    guaranteed_stop: bool = False
    trailing_stop: bool = False
    trigger_method: TriggerMethod = TriggerMethod.TRADE


@dataclass(frozen=True)
class OrderChange:
    """What a client changes in a waiting order; None leaves a field as it is, and levels of protection are replaced together."""

    volume: int | None = None
    limit_price: float | None = None
    stop_price: float | None = None
    expires_us: int | None = None
    stop_loss: float | None = None
    take_profit: float | None = None
    relative_stop_loss: int | None = None
    relative_take_profit: int | None = None
    slippage_points: int | None = None
    trailing_stop: bool | None = None


@dataclass(frozen=True)
class Protection:
    """Stop and target an open position is to have; None removes a level."""

    stop_loss: float | None
    take_profit: float | None
    trailing_stop: bool = False
    trigger_method: TriggerMethod = TriggerMethod.TRADE


@dataclass
class VenueOrder:
    """An order as the venue remembers it; of a protective order `stop_price` is the stop and `limit_price` the target."""

    order_id: int
    account_id: int
    ticket: OrderTicket
    volume: int
    position_id: int
    created_us: int
    updated_us: int
    status: OrderStatus = OrderStatus.ACCEPTED
    limit_price: float | None = None
    stop_price: float | None = None
    stop_loss: float | None = None
    take_profit: float | None = None
    relative_stop_loss: int | None = None
    relative_take_profit: int | None = None
    slippage_points: int | None = None
    expires_us: int | None = None
    is_closing: bool = False
    is_stop_out: bool = False
    is_triggered: bool = False
    trailing_stop: bool = False
    touches: int = 0
    executed_volume: int = 0
    execution_price: float | None = None

    @property
    def remaining(self) -> int:
        """Volume not executed yet."""
        return self.volume - self.executed_volume


@dataclass
class VenuePosition:
    """A position; `swap` and `commission` are what it has been charged and not yet settled (negative: it paid)."""

    position_id: int
    account_id: int
    symbol_id: int
    side: TradeSide
    volume: int
    price: float
    opened_us: int
    updated_us: int
    status: PositionStatus = PositionStatus.CREATED
    label: str = ""
    comment: str = ""
    stop_loss: float | None = None
    take_profit: float | None = None
    trailing_distance: float | None = None
    trigger_method: TriggerMethod = TriggerMethod.TRADE
    touches: int = 0
    swap: int = 0
    commission: int = 0
    margin_rate: float = 0.0
    used_margin: int = 0
    closed_us: int | None = None
    protection_id: int | None = None


@dataclass(frozen=True)
class ClosingDetail:
    """What a closing deal settles; the balance after it is the one before + gross + swap + commission + fee."""

    entry_price: float
    gross: int
    swap: int
    commission: int
    fee: int
    balance: int
    balance_version: int
    closed_volume: int
    conversion: float


@dataclass(frozen=True)
class VenueDeal:
    """One execution."""

    deal_id: int
    order_id: int
    position_id: int
    account_id: int
    symbol_id: int
    side: TradeSide
    volume: int
    filled_volume: int
    created_us: int
    executed_us: int
    status: DealStatus
    price: float
    commission: int
    margin_rate: float
    closing: ClosingDetail | None = None


@dataclass(frozen=True)
class CashFlow:
    """A deposit (positive) or a withdrawal."""

    flow_id: int
    account_id: int
    amount: int
    balance: int
    balance_version: int
    time_us: int
    note: str


@dataclass(frozen=True)
class Execution:
    """An order event as the venue tells it; `is_server`: nobody asked for it."""

    account_id: int
    kind: ExecutionKind
    order: VenueOrder | None = None
    position: VenuePosition | None = None
    deal: VenueDeal | None = None
    flow: CashFlow | None = None
    is_server: bool = False
    error_code: str = ""


@dataclass(frozen=True)
class StopTrailed:
    """A trailing stop has followed the price."""

    account_id: int
    position_id: int
    order_id: int
    stop_price: float
    time_us: int


@dataclass(frozen=True)
class VenueQuote:
    """The price of a symbol."""

    symbol_id: int
    bid: float
    ask: float
    time_us: int


@dataclass(frozen=True)
class SymbolChanged:
    """The terms of a symbol are new."""

    symbol_id: int


@dataclass(frozen=True)
class AccountChanged:
    """The terms of an account are new."""

    account_id: int


@dataclass(frozen=True)
class MarginCall:
    """The equity of an account has fallen below a level of its margin."""

    account_id: int
    level: float
    time_us: int


VenueEvent = Execution | StopTrailed | VenueQuote | SymbolChanged | AccountChanged | MarginCall
