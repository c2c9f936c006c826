"""Live trading: candles as received, decisions, signals, orders, fills, positions, guards and heartbeats."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make them."""
    _make_candles()
    _make_decisions()
    _make_order_intents()
    _make_orders()
    _make_fills()
    _make_positions()
    _make_guards()
    _make_processes()


def downgrade() -> None:
    """Remove them, children before parents."""
    op.drop_table("gateway_cursors")
    op.drop_table("alerts")
    op.drop_table("leases")
    op.drop_table("heartbeats")
    op.drop_table("risk_events")
    op.drop_table("trading_states")
    op.drop_table("positions")
    op.drop_table("fills")
    op.drop_table("orders")
    op.drop_table("order_intents")
    op.drop_table("signals")
    op.drop_table("decisions")
    op.drop_table("live_candles")


def _make_candles() -> None:
    op.create_table(
        "live_candles",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("symbol", sa.String(20), nullable=False),
        sa.Column("timeframe", sa.String(10), nullable=False),
        sa.Column("open_time_us", sa.BigInteger(), nullable=False),
        sa.Column("known_at_us", sa.BigInteger(), nullable=False),
        sa.Column("open", sa.Float(), nullable=False),
        sa.Column("high", sa.Float(), nullable=False),
        sa.Column("low", sa.Float(), nullable=False),
        sa.Column("close", sa.Float(), nullable=False),
        sa.Column("volume", sa.Float(), nullable=False),
        sa.Column("source", sa.String(100), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("received_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
        sa.UniqueConstraint("symbol", "timeframe", "open_time_us", name="uq_live_candle"),
    )
    op.create_index("idx_live_candles_known_at", "live_candles", ["symbol", "timeframe", "known_at_us"])


def _make_decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("deployment_id", sa.Integer(), sa.ForeignKey("deployment_configs.id"), nullable=False),
        sa.Column("symbol", sa.String(20), nullable=False),
        sa.Column("timeframe", sa.String(10), nullable=False),
        sa.Column("known_at_us", sa.BigInteger(), nullable=False),
        sa.Column("side", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("payload_json", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("dagster_run_id", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
        sa.UniqueConstraint("deployment_id", "symbol", "timeframe", "known_at_us", name="uq_decision"),
    )
    op.create_table(
        "signals",
        sa.Column("signal_key", sa.String(200), primary_key=True),
        sa.Column("decision_id", sa.Integer(), sa.ForeignKey("decisions.id"), nullable=False),
        sa.Column("side", sa.Integer(), nullable=False),
        sa.Column("stop_distance", sa.Float(), nullable=False),
        sa.Column("target_distance", sa.Float(), nullable=False),
        sa.Column("risk_fraction", sa.Float(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
    )
    op.create_index("idx_signals_decision", "signals", ["decision_id"])
    op.create_index("idx_signals_state", "signals", ["state"])


def _make_order_intents() -> None:
    op.create_table(
        "order_intents",
        sa.Column("client_order_id", sa.String(64), primary_key=True),
        sa.Column("signal_key", sa.String(200), sa.ForeignKey("signals.signal_key"), nullable=False, unique=True),
        sa.Column("deployment_id", sa.Integer(), sa.ForeignKey("deployment_configs.id"), nullable=False),
        sa.Column("account", sa.String(100), nullable=False),
        sa.Column("broker", sa.String(50), nullable=False),
        sa.Column("symbol", sa.String(20), nullable=False),
        sa.Column("side", sa.Integer(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("stop_price", sa.Float()),
        sa.Column("target_price", sa.Float()),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("sent_at", sa.DateTime()),
        sa.Column("order_id", sa.String(64)),
        sa.Column("position_id", sa.String(64)),
        sa.Column("reason", sa.Text()),
        sa.Column("created_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
        sa.Column("updated_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
    )
    op.create_index("idx_order_intents_account_state", "order_intents", ["account", "state"])


def _make_orders() -> None:
    op.create_table(
        "orders",
        sa.Column("order_id", sa.String(64), primary_key=True),
        sa.Column("client_order_id", sa.String(64), nullable=False),
        sa.Column("account", sa.String(100), nullable=False),
        sa.Column("symbol", sa.String(20), nullable=False),
        sa.Column("side", sa.Integer(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
        sa.Column("updated_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
    )
    op.create_index("idx_orders_client_order_id", "orders", ["client_order_id"])


def _make_fills() -> None:
    op.create_table(
        "fills",
        sa.Column("fill_id", sa.String(64), primary_key=True),
        sa.Column("order_id", sa.String(64)),
        sa.Column("client_order_id", sa.String(64), nullable=False),
        sa.Column("position_id", sa.String(64), nullable=False),
        sa.Column("account", sa.String(100), nullable=False),
        sa.Column("symbol", sa.String(20), nullable=False),
        sa.Column("side", sa.Integer(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.Float(), nullable=False),
        sa.Column("commission", sa.Float(), nullable=False),
        sa.Column("reason", sa.String(20), nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
    )
    op.create_index("idx_fills_account_time", "fills", ["account", "time_us"])
    op.create_index("idx_fills_client_order_id", "fills", ["client_order_id"])


def _make_positions() -> None:
    op.create_table(
        "positions",
        sa.Column("position_id", sa.String(64), primary_key=True),
        sa.Column("client_order_id", sa.String(64), nullable=False),
        sa.Column("account", sa.String(100), nullable=False),
        sa.Column("symbol", sa.String(20), nullable=False),
        sa.Column("side", sa.Integer(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("entry_price", sa.Float(), nullable=False),
        sa.Column("entry_time_us", sa.BigInteger(), nullable=False),
        sa.Column("stop_price", sa.Float()),
        sa.Column("target_price", sa.Float()),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("exit_price", sa.Float()),
        sa.Column("exit_time_us", sa.BigInteger()),
        sa.Column("exit_reason", sa.String(20)),
    )
    op.create_index("idx_positions_account_state", "positions", ["account", "state"])
    op.create_index("idx_positions_client_order_id", "positions", ["client_order_id"])


def _make_guards() -> None:
    op.create_table(
        "trading_states",
        sa.Column("account", sa.String(100), primary_key=True),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.String(100), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
    )
    op.create_table(
        "risk_events",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("account", sa.String(100), nullable=False),
        sa.Column("symbol", sa.String(20)),
        sa.Column("kind", sa.String(50), nullable=False),
        sa.Column("detail_json", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
    )
    op.create_index("idx_risk_events_account", "risk_events", ["account", "created_at"])


def _make_processes() -> None:
    op.create_table(
        "heartbeats",
        sa.Column("process", sa.String(100), primary_key=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("detail_json", sa.Text(), nullable=False),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(50), nullable=False),
        sa.Column("key", sa.String(200), nullable=False, unique=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
        sa.Column("resolved_at", sa.DateTime()),
    )
    op.create_table(
        "gateway_cursors",
        sa.Column("account", sa.String(100), primary_key=True),
        sa.Column("symbol", sa.String(20), primary_key=True),
        sa.Column("timeframe", sa.String(10), primary_key=True),
        sa.Column("played_open_time_us", sa.BigInteger(), nullable=False),
    )
