"""The ledger's tables of the gateway itself: closes, raw events, denials, equity by day, starts and wishes to be flat."""

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, String, Table, Text

from fxgpt_core.registry.tables import UtcDateTime, created_at, metadata

closes = Table(
    "closes",
    metadata,
    Column("close_id", String(64), primary_key=True),
    Column("account", String(100), nullable=False),
    Column("position_id", String(64), nullable=False),
    Column("symbol", String(20), nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("units_before", BigInteger, nullable=False),
    Column("reason", String(20), nullable=False),
    Column("state", String(20), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("sent_at", UtcDateTime),
    Column("order_id", String(64)),
    Column("detail", Text),
    created_at(),
    created_at("updated_at"),
    Index("idx_closes_account_state", "account", "state"),
    Index("idx_closes_position", "position_id"),
)

broker_events = Table(
    "broker_events",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("account", String(100), nullable=False),
    created_at("received_at"),
    Column("source", String(10), nullable=False),
    Column("kind", String(60), nullable=False),
    Column("frame", LargeBinary, nullable=False),
    Index("idx_broker_events_account", "account", "seq"),
)

guard_denials = Table(
    "guard_denials",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("account", String(100), nullable=False),
    Column("symbol", String(20), nullable=False),
    Column("signal_key", String(200), nullable=False),
    Column("client_order_id", String(64)),
    Column("guard", String(40), nullable=False),
    Column("found", Text, nullable=False),
    Column("allowed", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    created_at(),
    Index("idx_guard_denials_account", "account", "created_at"),
    Index("idx_guard_denials_signal", "signal_key"),
)

equity_marks = Table(
    "equity_marks",
    metadata,
    Column("account", String(100), primary_key=True),
    Column("fx_day", Integer, primary_key=True),
    *(Column(name, Float, nullable=False) for name in ("day_start_equity", "high_water", "lowest", "last_equity")),
    created_at("updated_at"),
)

gateway_starts = Table(
    "gateway_starts",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("account", String(100), nullable=False),
    Column("owner", String(200), nullable=False),
    created_at("started_at"),
    Column("ended_at", UtcDateTime),
    Column("reason", Text),
    Index("idx_gateway_starts_account", "account", "started_at"),
)

flatten_requests = Table(
    "flatten_requests",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("account", String(100), nullable=False),
    Column("asked_by", String(100), nullable=False),
    Column("reason", Text, nullable=False),
    created_at("asked_at"),
    Column("done_at", UtcDateTime),
    Column("detail", Text),
    Index("idx_flatten_requests_account", "account", "done_at"),
)
