"""A broker's books with live quotes, as the guards look at them, and a ledger whose clock a test turns."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from fxgpt_core.brokers.broker import Quote, TradingTerms
from fxgpt_core.market.orders import Account, Position, Side

START = datetime(2024, 3, 5, 14, 0, 10, tzinfo=UTC)
"""A Tuesday, ten seconds after the close of an hourly candle; 17:00 New York is 22:00 UTC."""


@dataclass
class Clock:
    """The ledger's clock."""

    time: datetime = START

    def __call__(self) -> datetime:
        return self.time

    def move(self, **by: float) -> None:
        self.time += timedelta(**by)

    @property
    def us(self) -> int:
        return int(self.time.timestamp()) * 1_000_000 + self.time.microsecond


@dataclass
class QuotedBroker:
    """What is asked of a broker without sending anything; each test changes what it is about."""

    clock: Clock
    equity: float = 100_000.0
    margin: float = 0.0
    is_ready: bool = True
    connections: int = 1
    held: list[Position] = field(default_factory=list)
    quotes: dict[str, Quote] = field(default_factory=dict)
    expected: float | None = None
    is_open: bool = True
    name: str = "paper"

    def tick(self, name: str = "EURUSD", bid: float = 1.1, ask: float = 1.1001, late_s: float = 0.1) -> None:
        """A new price, made `late_s` ago."""
        self.quotes[name] = Quote(ask - bid, 1.0, bid, ask, self.clock.us - int(late_s * 1_000_000))

    def account(self) -> Account:
        return Account(self.equity, self.equity, 30.0, self.margin)

    def quote(self, name: str) -> Quote | None:
        return self.quotes.get(name)

    def terms(self, name: str) -> TradingTerms | None:
        return TradingTerms(5, 0.0001, 1000, 5_000_000, 1000, is_open=self.is_open)

    def positions(self) -> tuple[Position, ...]:
        return tuple(self.held)

    async def expected_margin(self, name: str, side: Side, units: int) -> float | None:
        return self.expected
