"""What the ledger says was decided, ordered and filled for one symbol and timeframe."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from fxgpt_core import content_hash

if TYPE_CHECKING:
    from sqlalchemy import Select, Table

    from fxgpt_core.registry.ledger import Ledger

Row = Mapping[str, Any]

DECISION_COLUMNS = ("id", "deployment_id", "known_at_us", "side", "reason", "sha256", "dagster_run_id")
ORDER_COLUMNS = (
    *("client_order_id", "signal_key", "deployment_id", "account", "symbol", "side", "units"),
    *("order_type", "retry", "filled_units", "signal_price", "stop_price", "target_price", "state", "order_id", "position_id"),
    "reason",
)
FILL_COLUMNS = (
    *("fill_id", "client_order_id", "position_id", "side", "units", "price", "commission", "spread_cost", "slippage", "impact"),
    *("swap", "fee", "reason", "time_us"),
)


@dataclass(frozen=True)
class Traded:
    """Rows as plain values: decisions with a side first given, orders, fills."""

    decisions: Sequence[Row]
    orders: Sequence[Row]
    fills: Sequence[Row]

    @property
    def counts(self) -> dict[str, int]:
        """How many of each, and how many decisions wanted to trade."""
        return {
            "decisions": len(self.decisions),
            "signals": sum(row["side"] != 0 for row in self.decisions),
            "orders": len(self.orders),
            "fills": len(self.fills),
        }

    @property
    def sha256(self) -> str:
        """Content hash of all rows."""
        return content_hash.of_json(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """All rows."""
        return {name: [dict(row) for row in rows] for name, rows in asdict(self).items()}


def traded(ledger: "Ledger", symbol: str, timeframe: str) -> Traded:
    """Everything of the deployments of a symbol and timeframe, oldest first."""
    from sqlalchemy import select

    from fxgpt_core.registry.live_tables import decisions, fills, order_intents
    from fxgpt_core.registry.tables import deployment_configs

    deployed = deployment_configs.c
    ids = select(deployed.id).where(deployed.symbol == symbol, deployed.timeframe == timeframe)
    intents = order_intents.c
    own = select(intents.client_order_id).where(intents.deployment_id.in_(ids))
    decided = _columns(decisions, DECISION_COLUMNS).where(decisions.c.deployment_id.in_(ids))
    ordered = _columns(order_intents, ORDER_COLUMNS).where(intents.deployment_id.in_(ids))
    filled = _columns(fills, FILL_COLUMNS).where(fills.c.client_order_id.in_(own))
    return Traded(
        decisions=_rows(ledger, decided.order_by(decisions.c.deployment_id, decisions.c.known_at_us)),
        orders=_rows(ledger, ordered.order_by(intents.created_at, intents.client_order_id)),
        fills=_rows(ledger, filled.order_by(fills.c.time_us, fills.c.fill_id)),
    )


def _columns(table: "Table", names: Sequence[str]) -> "Select[Any]":
    from sqlalchemy import select

    return select(*(table.c[name] for name in names))


def _rows(ledger: "Ledger", asked: "Select[Any]") -> list[dict[str, Any]]:
    with ledger.reading() as connection:
        return [dict(row._mapping) for row in connection.execute(asked)]
