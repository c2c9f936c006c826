"""The records that pass between a strategy, a broker and the books: request, fill, position, account."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Side(IntEnum):
    """The direction of a position: LONG earns when the price rises, SHORT when it falls."""

    LONG = 1
    SHORT = -1


class OrderType(StrEnum):
    """How an order enters: now, at a price or better, beyond a price, or at a price or better once another was reached."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"


class OrderOutcome(StrEnum):
    """What is known of a command after it was given: UNKNOWN means that it may or may not have been done."""

    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    DENIED = "denied"
    UNKNOWN = "unknown"


FILL_REASONS = frozenset({"entry", "stop", "trailing", "breakeven", "target", "time", "close", "end", "signal", "stop_out"})


@dataclass(frozen=True)
class OrderRequest:
    """An order with its bracket: whole `units` > 0, prices in quote currency, microseconds since the epoch in UTC.

    `limit_price` is of LIMIT and STOP_LIMIT, `trigger_price` of STOP and STOP_LIMIT. Stop and target are prices, or distances
    from the price of the fill (`stop_distance`, `target_distance`, > 0, in price units); a distance counts where both are given
    and the broker takes no price with that type. An order that waits ends at `expires_at_us`; None: never by itself.
    """

    client_order_id: str
    symbol: str
    side: Side
    units: int
    stop_price: float | None
    target_price: float | None
    requested_at_us: int
    order_type: OrderType = OrderType.MARKET
    limit_price: float | None = None
    trigger_price: float | None = None
    stop_distance: float | None = None
    target_distance: float | None = None
    expires_at_us: int | None = None


@dataclass(frozen=True)
class Fill:
    """One execution: `side` is the side of the position, `price` in quote currency, `reason` one of `FILL_REASONS`.

    What it cost is in account currency: `commission`, `fee` and `swap` (at the exit, for all nights; negative: earned) are
    charged, `spread_cost`, `slippage` and `impact` are contained in the price. An exit tells its `gross_profit` and the `balance`
    after it, with the number of that balance, where the broker does; `client_order_id` is empty for what we never ordered.
    """

    fill_id: str
    client_order_id: str
    position_id: str
    symbol: str
    side: Side
    units: int
    price: float
    commission: float
    time_us: int
    reason: str
    spread_cost: float = 0.0
    slippage: float = 0.0
    impact: float = 0.0
    swap: float = 0.0
    fee: float = 0.0
    order_id: str | None = None
    gross_profit: float | None = None
    balance: float | None = None
    balance_version: int | None = None


@dataclass(frozen=True)
class Position:
    """An open position with the stop and target that hold now; prices in quote currency.

    `client_order_id` is empty for one that was not opened by an order of ours.
    """

    position_id: str
    client_order_id: str
    symbol: str
    side: Side
    units: int
    entry_price: float
    entry_time_us: int
    stop_price: float | None
    target_price: float | None


@dataclass(frozen=True)
class Account:
    """Money of an account in its own currency: `balance` without and `equity` with open profit; `leverage` 30 means 30:1.

    `margin` is what open positions bind.
    """

    balance: float
    equity: float
    leverage: float
    margin: float = 0.0
