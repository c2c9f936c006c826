"""The role of a broker: what the gateway may ask of it, and what it answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from fxgpt_core.market.orders import Account, Fill, OrderOutcome, OrderRequest, OrderType, Position, Side
from fxgpt_core.market.timeframes import Timeframe

Permit = Callable[[], str]
"""Asked at the last moment, in the function that hands a command over: empty, or why it may not leave any more."""


def permitted() -> str:
    """The permit of a command that always may leave."""
    return ""


class OrderState(StrEnum):
    """Where an order is at the broker: accepted and partly filled ones may still be filled."""

    ACCEPTED = "accepted"
    PARTLY_FILLED = "partly_filled"
    FILLED = "filled"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Refusal(StrEnum):
    """Kinds of refusal that are reacted to: only the first may be tried again smaller, only RATE_LIMIT as it is."""

    NOT_ENOUGH_MONEY = "not_enough_money"
    MARKET_CLOSED = "market_closed"
    RATE_LIMIT = "rate_limit"
    NO_SUCH_POSITION = "no_such_position"
    ACCOUNT = "account"  # nothing can be traded on the account until a person looks at it
    OTHER = "other"


@dataclass(frozen=True)
class OrderResult:
    """The answer to a command: what is known of it, the broker's ids where it gave them, kind and words of a refusal.

    DENIED: it never left, and may be given again. `retry_after_s`: for how long a broker that was asked too often wants peace.
    """

    outcome: OrderOutcome
    order_id: str | None = None
    position_id: str | None = None
    reason: str = ""
    refusal: Refusal | None = None
    retry_after_s: float | None = None


@dataclass(frozen=True)
class BrokerOrder:
    """An order as the broker remembers it; `client_order_id` is empty for one we did not place."""

    order_id: str
    client_order_id: str
    symbol: str
    side: Side
    units: int
    state: OrderState
    position_id: str | None
    reason: str
    order_type: OrderType = OrderType.MARKET
    limit_price: float | None = None
    trigger_price: float | None = None
    filled_units: int = 0


@dataclass(frozen=True)
class Quote:
    """The last price of a symbol: what the ask is above the bid, in price units, and what a unit of its quote currency is worth
    in the account's currency. `time_us` is when the older of the two sides was told; None where candles are played.
    """

    spread: float
    conversion: float
    bid: float | None = None
    ask: float | None = None
    time_us: int | None = None


@dataclass(frozen=True)
class TradingTerms:
    """What may be ordered of a symbol: whole units on a grid, prices of `digits` decimals, at which hours.

    `schedule` has the open stretches as seconds from Sunday 00:00 in `time_zone`; None: not told. `holidays` are closed stretches
    in µs since the epoch. `is_open`: new positions are allowed at all.
    """

    digits: int
    pip: float
    min_units: int
    max_units: int
    step_units: int
    schedule: tuple[tuple[int, int], ...] | None = None
    time_zone: str = "UTC"
    holidays: tuple[tuple[int, int], ...] = ()
    is_open: bool = True
    may_short: bool = True


class Broker(Protocol):
    """One account at one broker. A command that raises may have reached the broker: its outcome is unknown.

    What is asked without `await` is the broker's own books as they were last told; it raises `NotReadyError` while they are not
    known, so that no answer is never taken for an empty one.
    """

    @property
    def name(self) -> str:
        """Name in the books: `paper` for simulated money."""
        ...

    @property
    def is_ready(self) -> bool:
        """Whether it is connected and its books are complete: only then an order may be placed."""
        ...

    @property
    def connections(self) -> int:
        """How often its books were read from the broker anew, by connecting or after a lost connection."""
        ...

    @property
    def settles_within(self) -> timedelta:
        """How long after sending an order the broker may still come to know it; only then its absence proves anything."""
        ...

    async def connect(self, since_us: int | None = None) -> None:
        """Open the account; its books tell orders and fills at least from `since_us` on (None: those of the last day).

        Raises `NotReadyError` when it cannot be reached.
        """
        ...

    async def disconnect(self) -> None:
        """Close the connection; nothing at the broker changes."""
        ...

    async def subscribe(self, symbols: Sequence[str]) -> None:
        """Want quotes and terms of these symbols from now on. Raises `BadInputError` for one that is not traded there."""
        ...

    async def want_candles(self, symbol: str, timeframe: Timeframe, since_us: int | None = None) -> None:
        """Tell each candle of a series that closes after `since_us` (None: from now on), if the broker makes candles."""
        ...

    async def place(self, request: OrderRequest, permit: Permit = permitted) -> OrderResult:
        """Send an order with its bracket. A client order id that the books know is rejected; no server promises to know it."""
        ...

    async def cancel(self, order_id: str) -> OrderResult:
        """Take back an order that waits; rejected when there is no such order."""
        ...

    async def amend_order(self, order_id: str, request: OrderRequest) -> OrderResult:
        """Replace units, prices, bracket and end of an order that waits; its type, side and symbol stay."""
        ...

    async def amend(self, position_id: str, stop_price: float | None, target_price: float | None) -> OrderResult:
        """Replace stop and target of an open position, None removes one; rejected when there is no such position."""
        ...

    async def close(self, position_id: str, client_order_id: str, reason: str, units: int | None = None) -> OrderResult:
        """Close a position at the next price, or `units` of it; `reason` is a fill reason. Rejected when there is none."""
        ...

    async def order(self, client_order_id: str, sent_at_us: int = 0) -> BrokerOrder | None:
        """What became of an order sent at a moment; None when a complete look finds none. Raises when it could not look."""
        ...

    async def order_history(self, since_us: int, until_us: int) -> tuple[BrokerOrder, ...]:
        """All orders of a stretch of time, oldest first, read to its end."""
        ...

    async def deal_history(self, since_us: int, until_us: int) -> tuple[Fill, ...]:
        """All fills of a stretch of time, oldest first, read to its end."""
        ...

    async def reconcile(self) -> None:
        """Read orders, positions and account from the broker again; what the books have is replaced by it."""
        ...

    async def expected_margin(self, name: str, side: Side, units: int) -> float | None:
        """What a position would bind, in account currency; None where the broker does not tell."""
        ...

    async def wait_for_change(self, timeout_s: float) -> bool:
        """Until something new was told, a quote aside, or the time is over; False then."""
        ...

    def known_order(self, client_order_id: str) -> BrokerOrder | None:
        """What the books have of an order; None proves nothing, `order` asks the broker."""
        ...

    def orders(self) -> tuple[BrokerOrder, ...]:
        """Orders that wait for a price."""
        ...

    def positions(self) -> tuple[Position, ...]:
        """All open positions."""
        ...

    def account(self) -> Account:
        """Balance, equity at the last known prices, leverage."""
        ...

    def quote(self, name: str) -> Quote | None:
        """The last price of a symbol; None before there was one, or while its worth in the account's currency is not known."""
        ...

    def terms(self, name: str) -> TradingTerms | None:
        """What may be ordered of a symbol; None where anything may."""
        ...

    def fills_since(self, cursor: int) -> tuple[tuple[int, Fill], ...]:
        """Fills after a cursor (0: all that the broker still tells), each with the cursor that follows it, oldest first."""
        ...
