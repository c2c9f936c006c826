"""The role of a broker: what the gateway may ask of it, and what it answers."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from fxgpt_core.market.orders import Account, Fill, OrderOutcome, OrderRequest, Position, Side


class OrderState(StrEnum):
    """Where an order is at the broker: accepted orders wait for a price."""

    ACCEPTED = "accepted"
    FILLED = "filled"
    REJECTED = "rejected"


@dataclass(frozen=True)
class OrderResult:
    """The answer to a command: what is known of it, the broker's ids where it gave them, and the reason of a rejection."""

    outcome: OrderOutcome
    order_id: str | None = None
    position_id: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class BrokerOrder:
    """An order as the broker remembers it."""

    order_id: str
    client_order_id: str
    symbol: str
    side: Side
    units: int
    state: OrderState
    position_id: str | None
    reason: str


@dataclass(frozen=True)
class Quote:
    """The last price of a symbol: what the ask is above the bid, in price units, and what a unit of its quote currency is worth
    in the account's currency.
    """

    spread: float
    conversion: float


class Broker(Protocol):
    """One account at one broker. A command that raises may have reached the broker: its outcome is unknown."""

    @property
    def name(self) -> str:
        """Name in the books: `paper` for simulated money."""
        ...

    def connect(self) -> None:
        """Open the account. Raises `NotReadyError` when it cannot be reached."""
        ...

    def disconnect(self) -> None:
        """Close the connection; nothing at the broker changes."""
        ...

    def place(self, request: OrderRequest) -> OrderResult:
        """Send a market order with its bracket. A client order id that was used before is rejected, never sent twice."""
        ...

    def amend(self, position_id: str, stop_price: float | None, target_price: float | None) -> OrderResult:
        """Replace stop and target of an open position; rejected when there is no such position."""
        ...

    def close(self, position_id: str, client_order_id: str, reason: str) -> OrderResult:
        """Close a whole position at the next price; `reason` is a fill reason. Rejected when there is no such position."""
        ...

    def order(self, client_order_id: str) -> BrokerOrder | None:
        """What became of an order; None when the broker never received it."""
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

    def fills_since(self, cursor: int) -> tuple[tuple[int, Fill], ...]:
        """Fills after a cursor (0: all), each with the cursor that follows it, oldest first."""
        ...
