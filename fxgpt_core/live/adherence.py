"""How well live trading adheres to what was decided: price, size, costs and profit of each order, as wished and as they came.

Slippage is signed so that more is worse, on either side, and measured from the close that was decided on: it contains the spread
that a buyer pays. What was expected is what the backtest's costs make of the decision's own levels, for the units that were
filled: the entry at the close decided on, the exit at the stop or target that ended the position (another exit where it was).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from fxgpt_core.live.costed_candles import CostedCandles
from fxgpt_core.live.intents import IntentState
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.fills import bought_above

STOPS = frozenset({"stop", "breakeven", "trailing"})
LEVEL_TOLERANCE_PIPS = 0.1
"""A broker's price has one decimal beyond the pip: within it a level is met."""


@dataclass(frozen=True)
class CostParts:
    """What a trade costs, in account currency; `swap` may be negative: earned. `commission` has the broker's other fees."""

    commission: float = 0.0
    spread: float = 0.0
    slippage: float = 0.0
    impact: float = 0.0
    swap: float = 0.0

    @property
    def total(self) -> float:
        """All of them."""
        return self.commission + self.spread + self.slippage + self.impact + self.swap

    @property
    def charged(self) -> float:
        """Those that no price contains."""
        return self.commission + self.swap

    def __add__(self, other: "CostParts") -> "CostParts":
        return CostParts(*(getattr(self, part.name) + getattr(other, part.name) for part in fields(self)))


@dataclass(frozen=True)
class Executed:
    """One execution: units > 0 at a price, when (µs), what it cost, and the profit before charges where the broker told it.

    `spread`: what the ask was above the bid when it was booked, None where no quote told.
    """

    units: int
    price: float
    time_us: int
    reason: str
    costs: CostParts
    gross_profit: float | None = None
    spread: float | None = None


@dataclass(frozen=True)
class OrderLife:
    """An order from the close it was decided at to its last fill; `stop_price` and `target_price` are those that held last.

    `retry` 1: given again at half its size, after the broker had said definitely that the money was not enough.
    """

    client_order_id: str
    deployment_id: int
    account: str
    symbol: str
    side: int
    intended_units: int
    state: str
    was_sent: bool
    reason: str
    decided_at_us: int
    signal_price: float
    stop_price: float | None
    target_price: float | None
    entries: Sequence[Executed] = ()
    exits: Sequence[Executed] = ()
    retry: int = 0

    @property
    def filled_units(self) -> int:
        """Units that were entered with."""
        return sum(fill.units for fill in self.entries)

    @property
    def is_closed(self) -> bool:
        """Whether all that was entered with was left again."""
        return bool(self.entries) and sum(fill.units for fill in self.exits) >= self.filled_units


@dataclass(frozen=True)
class OrderAdherence:
    """What became of one order; None where there is nothing yet to compare. Prices in quote currency, money in the account's.

    `level_slippage_pips` is by how much worse the position was left than at the stop or target that ended it; `false_trigger`:
    the candle of the exit never reached that stop.
    """

    client_order_id: str
    account: str
    side: int
    decided_at_us: int
    state: str
    intended_units: int
    filled_units: int
    signal_price: float
    was_sent: bool = False
    reason: str = ""
    fill_price: float | None = None
    slippage: float | None = None
    slippage_pips: float | None = None
    slippage_fraction: float | None = None
    exit_price: float | None = None
    exit_reason: str | None = None
    level_price: float | None = None
    level_slippage_pips: float | None = None
    false_trigger: bool | None = None
    expected_costs: CostParts | None = None
    actual_costs: CostParts | None = None
    expected_profit: float | None = None
    actual_profit: float | None = None

    @property
    def is_rejected(self) -> bool:
        """Whether the broker said no."""
        return self.was_sent and self.state == IntentState.REJECTED

    @property
    def is_partial(self) -> bool:
        """Whether it was filled in part only, and will not be filled further."""
        over = self.state not in (IntentState.SENT, IntentState.ACCEPTED, IntentState.PARTLY_FILLED, IntentState.UNKNOWN)
        return 0 < self.filled_units < self.intended_units and (over or self.exit_price is not None)

    @property
    def at_level(self) -> bool | None:
        """Whether the position was left at its level or better; None where no level ended it."""
        return None if self.level_slippage_pips is None else self.level_slippage_pips <= LEVEL_TOLERANCE_PIPS

    def to_json(self) -> dict[str, Any]:
        """One flat row; the parts of the costs are named expected_… and actual_…."""
        row = {name: value for name, value in asdict(self).items() if name not in ("expected_costs", "actual_costs")}
        for when, costs in (("expected", self.expected_costs), ("actual", self.actual_costs)):
            row |= {f"{when}_{part.name}": None if costs is None else getattr(costs, part.name) for part in fields(CostParts)}
            row[f"{when}_cost"] = None if costs is None else costs.total
        return row


def adherence_of(life: OrderLife, market: CostedCandles, pip: float) -> OrderAdherence:
    """One order against what was decided; `market` has the candles of its series."""
    known: dict[str, Any] = {
        "client_order_id": life.client_order_id,
        "account": life.account,
        "side": life.side,
        "decided_at_us": life.decided_at_us,
        "state": life.state,
        "intended_units": life.intended_units,
        "filled_units": life.filled_units,
        "signal_price": life.signal_price,
        "was_sent": life.was_sent,
        "reason": life.reason,
    }
    if not life.entries:
        return OrderAdherence(**known)
    price = average(life.entries)
    worse = life.side * (price - life.signal_price)
    known |= {
        "fill_price": price,
        "slippage": worse,
        "slippage_pips": worse / pip,
        "slippage_fraction": worse / life.signal_price,
    }
    if not life.is_closed:
        return OrderAdherence(**known)
    return OrderAdherence(**known, **_of_exit(life, market, pip), **_of_money(life, market))


def _of_exit(life: OrderLife, market: CostedCandles, pip: float) -> dict[str, Any]:
    last, price, level = life.exits[-1], average(life.exits), _level(life)
    found: dict[str, Any] = {"exit_price": price, "exit_reason": last.reason, "level_price": level}
    if level is not None:
        found["level_slippage_pips"] = life.side * (level - price) / pip
        if last.reason in STOPS:
            found["false_trigger"] = not market.touched(life.side, level, market.at(last.time_us))
    return found


def _of_money(life: OrderLife, market: CostedCandles) -> dict[str, Any]:
    actual = CostParts()
    for fill in (*life.entries, *life.exits):
        actual += fill.costs
    units, entered, first, last = life.filled_units, *_rows(life, market)
    told = [fill.gross_profit for fill in life.exits]
    gross = life.side * units * (average(life.exits) - average(life.entries)) * market.conversion(last)
    if all(profit is not None for profit in told):
        gross = sum(profit for profit in told if profit is not None)
    expected, profit = expected_of(life, market, entered, (first, last))
    return {
        "actual_costs": actual,
        "expected_costs": expected,
        "actual_profit": gross - actual.charged,
        "expected_profit": profit,
    }


def expected_of(life: OrderLife, market: CostedCandles, decided: int, held: tuple[int, int]) -> tuple[CostParts, float]:
    """What the backtest charges an order that enters at its signal price and leaves at its level, and what it then earns.

    `decided`, `held`: rows of the candle decided on, and of the first and last one it was open in.
    """
    side, units, (first, last) = life.side, life.filled_units, held
    level = _level(life)
    slipped, moved = market.worse(units, decided)
    paid_spread = market.spread(decided) if side > 0 or isinstance(market.costs, Costs) else 0.0
    entry = life.signal_price + bought_above(side, paid_spread) + side * (slipped + moved)
    if isinstance(market.costs, Costs):  # the whole spread at the entry, on either side
        entry = life.signal_price + side * paid_spread
    parts = CostParts(
        spread=paid_spread * units * market.conversion(decided),
        slippage=slipped * units * market.conversion(decided),
        impact=moved * units * market.conversion(decided),
        commission=market.commission(units, entry, decided),
    )
    conversion, reason = market.conversion(last), life.exits[-1].reason
    slipped, moved = (0.0, 0.0) if reason == "target" else market.worse(units, last)
    left = average(life.exits) if level is None else level - side * (slipped + moved)
    sold_spread = 0.0 if side > 0 or isinstance(market.costs, Costs) else market.spread(last)
    parts += CostParts(
        spread=sold_spread * units * conversion,
        slippage=slipped * units * conversion,
        impact=moved * units * conversion,
        commission=market.commission(units, left, last),
        swap=market.swap(side, units, first, last),
    )
    return parts, side * units * (left - entry) * conversion - parts.charged


def _level(life: OrderLife) -> float | None:
    """The price at which the position was to be left; None where no stop or target ended it."""
    reason = life.exits[-1].reason
    if reason in STOPS:
        return life.stop_price
    return life.target_price if reason == "target" else None


def _rows(life: OrderLife, market: CostedCandles) -> tuple[int, int, int]:
    """Rows of the candle decided on, and of the first and last one in which the position was open."""
    decided = market.closed_at(life.decided_at_us)
    first, last = market.at(life.entries[0].time_us), market.at(life.exits[-1].time_us)
    return first if decided is None else decided, first, last


def average(fills: Sequence[Executed]) -> float:
    """The price of several executions together."""
    if len(fills) == 1:  # a product and a quotient would change its last bit
        return fills[0].price
    return sum(fill.price * fill.units for fill in fills) / sum(fill.units for fill in fills)
