"""The ledger's tables of live trading: candles as received, decisions, signals, orders, fills, positions and the guards."""

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from fxgpt_core.registry.tables import UtcDateTime, created_at, metadata

live_candles = Table(
    "live_candles",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("symbol", String(20), nullable=False),
    Column("timeframe", String(10), nullable=False),
    Column("open_time_us", BigInteger, nullable=False),
    Column("known_at_us", BigInteger, nullable=False),
    *(Column(name, Float, nullable=False) for name in ("open", "high", "low", "close", "volume")),
    Column("spread", Float),
    Column("source", String(100), nullable=False),
    Column("sha256", String(64), nullable=False),
    created_at("received_at"),
    UniqueConstraint("symbol", "timeframe", "open_time_us", name="uq_live_candle"),
    Index("idx_live_candles_known_at", "symbol", "timeframe", "known_at_us"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("deployment_id", Integer, ForeignKey("deployment_configs.id"), nullable=False),
    Column("symbol", String(20), nullable=False),
    Column("timeframe", String(10), nullable=False),
    Column("known_at_us", BigInteger, nullable=False),
    Column("side", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("payload_json", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("dagster_run_id", String(64), nullable=False),
    created_at(),
    UniqueConstraint("deployment_id", "symbol", "timeframe", "known_at_us", name="uq_decision"),
)

signals = Table(
    "signals",
    metadata,
    Column("signal_key", String(200), primary_key=True),
    Column("decision_id", Integer, ForeignKey("decisions.id"), nullable=False),
    Column("side", Integer, nullable=False),
    Column("stop_distance", Float, nullable=False),
    Column("target_distance", Float, nullable=False),
    Column("risk_fraction", Float, nullable=False),
    Column("state", String(20), nullable=False),
    Column("reason", Text, nullable=False, default=""),
    created_at(),
    Index("idx_signals_state", "state"),
    Index("idx_signals_decision", "decision_id"),
)

order_intents = Table(
    "order_intents",
    metadata,
    Column("client_order_id", String(64), primary_key=True),
    Column("signal_key", String(200), ForeignKey("signals.signal_key"), nullable=False),
    Column("deployment_id", Integer, ForeignKey("deployment_configs.id"), nullable=False),
    Column("account", String(100), nullable=False),
    Column("broker", String(50), nullable=False),
    Column("symbol", String(20), nullable=False),
    Column("side", Integer, nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("stop_price", Float),
    Column("target_price", Float),
    Column("state", String(20), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("sent_at", UtcDateTime),
    Column("order_id", String(64)),
    Column("position_id", String(64)),
    Column("reason", Text),
    created_at(),
    created_at("updated_at"),
    Column("order_type", String(20), nullable=False, server_default="market"),
    Column("retry", Integer, nullable=False, server_default="0"),
    Column("filled_units", BigInteger, nullable=False, server_default="0"),
    Column("guards_json", Text),
    *(Column(name, Float) for name in ("stop_distance", "target_distance", "signal_price", "bid", "ask")),
    UniqueConstraint("signal_key", "retry", name="uq_order_intent"),
    Index("idx_order_intents_account_state", "account", "state"),
)

orders = Table(
    "orders",
    metadata,
    Column("order_id", String(64), primary_key=True),
    Column("client_order_id", String(64), nullable=False),
    Column("account", String(100), nullable=False),
    Column("symbol", String(20), nullable=False),
    Column("side", Integer, nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("state", String(20), nullable=False),
    created_at(),
    created_at("updated_at"),
    Index("idx_orders_client_order_id", "client_order_id"),
)

fills = Table(
    "fills",
    metadata,
    Column("fill_id", String(64), primary_key=True),
    Column("order_id", String(64)),
    Column("client_order_id", String(64), nullable=False),
    Column("position_id", String(64), nullable=False),
    Column("account", String(100), nullable=False),
    Column("symbol", String(20), nullable=False),
    Column("side", Integer, nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("price", Float, nullable=False),
    Column("commission", Float, nullable=False),
    Column("reason", String(20), nullable=False),
    Column("time_us", BigInteger, nullable=False),
    created_at(),
    Column("order_kind", String(20), nullable=False, server_default="market"),
    *(Column(name, Float, nullable=False, server_default="0") for name in ("spread_cost", "slippage", "impact", "swap", "fee")),
    *(Column(name, Float) for name in ("gross_profit", "balance", "bid", "ask")),
    Column("balance_version", BigInteger),
    Index("idx_fills_client_order_id", "client_order_id"),
    Index("idx_fills_account_time", "account", "time_us"),
)

positions = Table(
    "positions",
    metadata,
    Column("position_id", String(64), primary_key=True),
    Column("client_order_id", String(64), nullable=False),
    Column("account", String(100), nullable=False),
    Column("symbol", String(20), nullable=False),
    Column("side", Integer, nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("entry_price", Float, nullable=False),
    Column("entry_time_us", BigInteger, nullable=False),
    Column("stop_price", Float),
    Column("target_price", Float),
    Column("state", String(20), nullable=False),
    Column("exit_price", Float),
    Column("exit_time_us", BigInteger),
    Column("exit_reason", String(20)),
    Column("closed_units", BigInteger, nullable=False, server_default="0"),
    Column("protected_at", UtcDateTime),
    Index("idx_positions_account_state", "account", "state"),
    Index("idx_positions_client_order_id", "client_order_id"),
)

trading_states = Table(
    "trading_states",
    metadata,
    Column("account", String(100), primary_key=True),
    Column("state", String(20), nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", String(100), nullable=False),
    created_at("updated_at"),
)

risk_events = Table(
    "risk_events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("account", String(100), nullable=False),
    Column("symbol", String(20)),
    Column("kind", String(50), nullable=False),
    Column("detail_json", Text, nullable=False),
    created_at(),
    Index("idx_risk_events_account", "account", "created_at"),
)

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("process", String(100), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("detail_json", Text, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("owner", String(200), nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("kind", String(50), nullable=False),
    Column("key", String(200), nullable=False, unique=True),
    Column("message", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    created_at(),
    Column("resolved_at", UtcDateTime),
)

gateway_cursors = Table(
    "gateway_cursors",
    metadata,
    Column("account", String(100), primary_key=True),
    Column("symbol", String(20), primary_key=True),
    Column("timeframe", String(10), primary_key=True),
    Column("played_open_time_us", BigInteger, nullable=False),
)
