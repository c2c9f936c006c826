"""The records that pass between a strategy, a broker and the books: request, fill, position, account."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Side(IntEnum):
    """The direction of a position: LONG earns when the price rises, SHORT when it falls."""

    LONG = 1
    SHORT = -1


class OrderOutcome(StrEnum):
    """What is known of an order after it was sent: UNKNOWN means that it may or may not have been done."""

    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    DENIED = "denied"
    UNKNOWN = "unknown"


FILL_REASONS = frozenset({"entry", "stop", "trailing", "breakeven", "target", "time", "close", "end", "signal", "stop_out"})


@dataclass(frozen=True)
class OrderRequest:
    """A market order with its bracket: whole `units` > 0, prices in quote currency, microseconds since the epoch in UTC."""

    client_order_id: str
    symbol: str
    side: Side
    units: int
    stop_price: float | None
    target_price: float | None
    requested_at_us: int


@dataclass(frozen=True)
class Fill:
    """One execution: `side` is the side of the position, `price` in quote currency, `reason` one of `FILL_REASONS`.

    What it cost is in account currency: `commission` and `swap` (at the exit, for all nights; negative: earned) are charged,
    `spread_cost`, `slippage` and `impact` are contained in the price.
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


@dataclass(frozen=True)
class Position:
    """An open position with the stop and target that hold now; prices in quote currency."""

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
    """Money of an account in its own currency: `balance` without and `equity` with open profit; `leverage` 30 means 30:1."""

    balance: float
    equity: float
    leverage: float
