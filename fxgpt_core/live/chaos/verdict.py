"""The books of a gateway against the truth of the venue: what was doubled, lost or invented, and whether they end equal."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Table, select

from fxgpt_core.live.intents import IntentState
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_tables import fills, order_intents, positions

OURS = "fx1-"
SETTLED = {str(state) for state in IntentState} - {"PLANNED", "SENT", "ACCEPTED", "PARTLY_FILLED"}
"""Terminal, or explicitly unknown."""


@dataclass(frozen=True)
class TruePosition:
    """An open position as the venue has it: units, and the levels it holds."""

    client_order_id: str
    units: int
    stop_price: float | None
    target_price: float | None


@dataclass(frozen=True)
class Truth:
    """What really happened: orders by client order id with how many there were, fills, open positions by id."""

    orders: Mapping[str, int]
    filled_units: Mapping[str, int]
    fill_ids: frozenset[str]
    positions: Mapping[str, TruePosition]


@dataclass(frozen=True)
class Verdict:
    """Duplicates: orders beyond the first of an id. Lost: what the venue did and the books have not. Ghosts: what only the books,
    or only the venue under our name, have. `unsettled`: intents without an end that are not called unknown.
    """

    orders: int
    duplicates: int
    lost: int
    ghosts: int
    unknown: int
    unsettled: int
    deals_equal: bool
    positions_equal: bool
    stops_equal: bool

    @property
    def holds(self) -> bool:
        """Whether nothing was lost, doubled or invented."""
        return not (self.duplicates or self.lost or self.ghosts or self.unsettled) and (
            self.deals_equal and self.positions_equal and self.stops_equal
        )

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self) | {"holds": self.holds}


def verdict(ledger: Ledger, truth: Truth, grid: float) -> Verdict:
    """Compare; `grid` is the largest difference of two prices that are one."""
    intents = {row.client_order_id: row for row in _rows(ledger, order_intents)}
    booked = {row.fill_id for row in _rows(ledger, fills)}
    ours = {row.position_id: row for row in _rows(ledger, positions) if row.state == "open"}
    known = [name for name in truth.orders if name.startswith(OURS)]
    lost = sum(truth.filled_units.get(name, 0) != row.filled_units for name, row in intents.items() if row.state != "UNKNOWN")
    alive = {name for name, row in intents.items() if row.filled_units > 0}
    return Verdict(
        orders=sum(row.attempts > 0 for row in intents.values()),
        duplicates=sum(truth.orders[name] - 1 for name in known),
        lost=lost,
        ghosts=len(set(known) - set(intents)) + len(alive - set(known)),
        unknown=sum(row.state == "UNKNOWN" for row in intents.values()),
        unsettled=sum(row.state not in SETTLED for row in intents.values()),
        deals_equal=booked == set(truth.fill_ids),
        positions_equal={name: row.units - row.closed_units for name, row in ours.items()}
        == {name: held.units for name, held in truth.positions.items()},
        stops_equal=all(
            _same(row.stop_price, truth.positions[name].stop_price, grid)
            and _same(row.target_price, truth.positions[name].target_price, grid)
            for name, row in ours.items()
            if name in truth.positions
        ),
    )


def _same(ours: float | None, theirs: float | None, grid: float) -> bool:
    if ours is None or theirs is None:
        return ours == theirs
    return abs(ours - theirs) <= grid * max(1.0, abs(ours))


def _rows(ledger: Ledger, table: Table) -> list[Any]:
    with ledger.reading() as connection:
        return list(connection.execute(select(table)).all())
