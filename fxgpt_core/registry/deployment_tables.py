"""The ledger's tables of what lets a deployment trade: approvals, policies, pauses, and what each deployment stands on."""

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, String, Table, Text, text

from fxgpt_core.registry.tables import UtcDateTime, created_at, metadata

deployment_approvals = Table(
    "deployment_approvals",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("symbol", String(20), nullable=False),
    Column("timeframe", String(10), nullable=False),
    Column("parameter_set_id", String(64), ForeignKey("artifacts.id"), nullable=False),
    Column("verdict", String(10), nullable=False),
    Column("ground", String(10), nullable=False),
    Column("by", String(100), nullable=False),
    Column("reason", Text, nullable=False),
    Column("board_sha256", String(64), nullable=False),
    created_at(),
    Index("idx_approvals_parameter_set", "symbol", "timeframe", "parameter_set_id"),
)

deployment_policies = Table(
    "deployment_policies",
    metadata,
    Column("symbol", String(20), primary_key=True),
    Column("timeframe", String(10), primary_key=True),
    Column("policy", String(10), nullable=False),
    Column("minimum_improvement", Float, nullable=False),
    Column("by", String(100), nullable=False),
    Column("reason", Text, nullable=False),
    created_at("updated_at"),
)

# A pause belongs to the series: what is deployed meanwhile does not end it.
deployment_pauses = Table(
    "deployment_pauses",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("symbol", String(20), nullable=False),
    Column("timeframe", String(10), nullable=False),
    Column("paused_by", String(100), nullable=False),
    Column("reason", Text, nullable=False),
    created_at("paused_at"),
    Column("resumed_by", String(100)),
    Column("resume_reason", Text),
    Column("resumed_at", UtcDateTime),
    Index("uq_pause_open", "symbol", "timeframe", unique=True, sqlite_where=text("resumed_at IS NULL")),
)

deployment_grounds = Table(
    "deployment_grounds",
    metadata,
    Column("deployment_id", Integer, ForeignKey("deployment_configs.id"), primary_key=True, autoincrement=False),
    Column("approval_id", Integer, ForeignKey("deployment_approvals.id"), nullable=False),
    Column("regime_fallbacks_json", Text, nullable=False),
)
