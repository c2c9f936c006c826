"""What the guards look at: plain numbers of one moment, of the account and of the order a signal would become.

What is not known is None (or NaN), and a guard that needs it denies.
"""

from dataclasses import dataclass
from typing import Protocol

from fxgpt_core.market.symbols import Symbol
from fxgpt_core.portfolio.exposure import Holding
from fxgpt_core.portfolio.trading_state import TradingState


class Terms(Protocol):
    """What may be ordered of a symbol; see `brokers.broker.TradingTerms`."""

    @property
    def min_units(self) -> int:
        """The smallest order."""
        ...

    @property
    def max_units(self) -> int:
        """The largest order."""
        ...

    @property
    def step_units(self) -> int:
        """The grid of sizes, from the smallest on."""
        ...

    @property
    def schedule(self) -> tuple[tuple[int, int], ...] | None:
        """Open stretches in seconds from Sunday 00:00 in `time_zone`; None: not told."""
        ...

    @property
    def time_zone(self) -> str:
        """The zone of the schedule."""
        ...

    @property
    def holidays(self) -> tuple[tuple[int, int], ...]:
        """Closed stretches in µs since the epoch."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether new positions are allowed at all."""
        ...

    @property
    def may_short(self) -> bool:
        """Whether it may be sold short."""
        ...


@dataclass(frozen=True)
class AccountSituation:
    """The account at `now_us` (µs since the epoch, by our clock): money in its own currency, orders and rejections counted.

    `skew_us`: our clock less the broker's. `day_start_equity`: at 17:00 New York; `high_water`: the highest since a person last
    accepted a drawdown. `rejections`: of the last minutes that the settings name, since trading was last resumed.
    """

    now_us: int
    state: TradingState
    is_ready: bool
    skew_us: int | None
    currency: str
    equity: float
    leverage: float
    free_margin: float
    day_start_equity: float | None
    high_water: float | None
    orders_last_minute: int
    orders_today: int
    rejections: int


@dataclass(frozen=True)
class Wish:
    """The order a signal would become: `side` 1 or −1, whole `units` on the symbol's grid, decided at a candle's close.

    `price` is what a unit costs in quote currency, `quote_value` what a unit of that is worth in account currency; `margin` what
    the broker says it binds, None where it does not tell. `flaw`: why its deployment is not to be believed, empty for none.
    """

    symbol: Symbol
    side: int
    units: int
    price: float | None
    quote_value: float | None
    known_at_us: int
    candle_us: int
    daily_loss_limit: float
    margin: float | None = None
    flaw: str = ""

    @property
    def holding(self) -> Holding | None:
        """It as a position; None while its value is not known."""
        if self.price is None or self.quote_value is None:
            return None
        return Holding(self.symbol, self.side * self.units, self.price, self.quote_value)


@dataclass(frozen=True)
class Prices:
    """The last prices of the wish's symbol; `usual_spread`: the median of the last hour in price units, None while too short."""

    bid: float | None
    ask: float | None
    time_us: int | None
    usual_spread: float | None


@dataclass(frozen=True)
class Holdings:
    """What is open, and the orders on their way, those of unknown outcome among them; `unpriced` names what has no known value.

    `correlation` of each of `open` and then of each of `on_their_way` with the wish's symbol, NaN where not known. `count` are
    positions and orders, `on_symbol` those of the wish's symbol, `unknown_orders` its orders of unknown outcome.
    """

    open: tuple[Holding, ...]
    on_their_way: tuple[Holding, ...]
    correlation: tuple[float, ...]
    count: int
    on_symbol: int
    unknown_orders: int
    unpriced: tuple[str, ...] = ()


@dataclass(frozen=True)
class Record:
    """What became of the deployment's trades, and how often its symbol was ordered within a minute.

    `losing_streak`: how many of the last closed positions lost, up to the first that did not; `last_loss_us`: when the last of
    them was closed.
    """

    symbol_orders_last_minute: int
    losing_streak: int
    last_loss_us: int | None


@dataclass(frozen=True)
class Situation:
    """Everything that is looked at before one order. `terms`: None where anything may be ordered."""

    account: AccountSituation
    wish: Wish
    prices: Prices
    holdings: Holdings
    record: Record
    terms: Terms | None
