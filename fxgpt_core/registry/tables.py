"""The ledger's tables of optimization, artifacts, lineage and deployment; times are stored as UTC without a zone.

Migrations make the tables. They name the condition of a partial index for both databases; here it is named for SQLite alone,
because naming it for PostgreSQL imports all its drivers, a tenth of the second that a trace may take.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.types import TypeDecorator

metadata = MetaData()


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, kept as UTC without a zone so that SQLite and PostgreSQL order it alike.

    Raises `ValueError` for a datetime without a zone.
    """

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; give an aware datetime")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        return None if value is None else value.replace(tzinfo=UTC)


def created_at(name: str = "created_at") -> Column[Any]:
    """A stamp the database sets when nothing else did."""
    return Column(name, UtcDateTime, nullable=False, server_default=func.current_timestamp())


def _run_columns() -> list[Column[Any]]:
    # Columns belong to one table, so the archive needs its own.
    return [
        Column("symbol", String(20), nullable=False),
        Column("timeframe", String(10), nullable=False),
        Column("optimization_method", String(20), nullable=False),
        Column("regime_mode", String(20), nullable=False),
        Column("start_date", UtcDateTime, nullable=False),
        Column("end_date", UtcDateTime, nullable=False),
        Column("n_trials", Integer, nullable=False),
        Column("status", String(20), nullable=False),
        Column("best_sharpe", Float),
        Column("best_max_drawdown", Float),
        Column("best_win_rate", Float),
        Column("best_profit_factor", Float),
        Column("total_duration_sec", Integer),
        created_at(),
        created_at("updated_at"),
        Column("notes", Text),
    ]


optimization_runs = Table(
    "optimization_runs",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run_uuid", String(36), nullable=False, unique=True),
    *_run_columns(),
    Index("idx_run_symbol_timeframe", "symbol", "timeframe"),
    Index("idx_run_status", "status"),
    Index("idx_run_created_at", text("created_at DESC")),
    sqlite_autoincrement=True,
)

optimization_runs_archive = Table(
    "optimization_runs_archive",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("run_uuid", String(36), nullable=False, unique=True),
    *_run_columns(),
    created_at("archived_at"),
    Index("idx_archive_symbol_timeframe", "symbol", "timeframe"),
)

optimization_parameters = Table(
    "optimization_parameters",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run_id", Integer, ForeignKey("optimization_runs.id", ondelete="CASCADE"), nullable=False),
    Column("trial_number", Integer, nullable=False),
    Column("regime", String(20)),
    Column("parameter_group", String(50), nullable=False),
    Column("parameter_name", String(100), nullable=False),
    Column("parameter_value", Text, nullable=False),
    Column("parameter_type", String(20), nullable=False),
    created_at(),
    UniqueConstraint("run_id", "trial_number", "regime", "parameter_group", "parameter_name", name="uq_params_trial"),
    Index("idx_params_run_trial", "run_id", "trial_number"),
    Index("idx_params_regime", "regime"),
    Index("idx_params_group", "parameter_group"),
    sqlite_autoincrement=True,
)

RESULT_COLUMNS = (
    "total_return",
    "total_return_pct",
    "sharpe_ratio",
    "sortino_ratio",
    "calmar_ratio",
    "max_drawdown",
    "max_drawdown_pct",
    "win_rate",
    "profit_factor",
    "total_trades",
    "winning_trades",
    "losing_trades",
    "avg_win",
    "avg_loss",
    "expectancy",
    "total_costs",
    "avg_holding_time_hrs",
    "objective_value",
)
COUNTS = frozenset({"total_trades", "winning_trades", "losing_trades"})

optimization_results = Table(
    "optimization_results",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run_id", Integer, ForeignKey("optimization_runs.id", ondelete="CASCADE"), nullable=False),
    Column("trial_number", Integer, nullable=False),
    Column("regime", String(20)),
    *(Column(name, Integer if name in COUNTS else Float, nullable=False) for name in RESULT_COLUMNS),
    Column("is_pareto_optimal", Boolean, server_default=text("FALSE")),
    created_at(),
    Index("idx_results_run_trial", "run_id", "trial_number"),
    Index("idx_results_sharpe", text("sharpe_ratio DESC")),
    Index("idx_results_drawdown", "max_drawdown_pct"),
    Index("idx_results_best", "run_id", "regime", text("sharpe_ratio DESC"), "trial_number", "max_drawdown_pct", "win_rate"),
    Index(
        "idx_results_pareto",
        "is_pareto_optimal",
        sqlite_where=text("is_pareto_optimal = TRUE"),
    ),
    sqlite_autoincrement=True,
)

regime_parameters = Table(
    "regime_parameters",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("symbol", String(20), nullable=False),
    Column("timeframe", String(10), nullable=False),
    Column("regime", String(20), nullable=False),
    Column("optimization_run_id", Integer, nullable=False),
    Column("trial_number", Integer, nullable=False),
    Column("parameters_json", Text, nullable=False),
    Column("sharpe_ratio", Float, nullable=False),
    Column("max_drawdown_pct", Float, nullable=False),
    Column("win_rate", Float, nullable=False),
    Column("is_active", Boolean, server_default=text("FALSE")),
    Column("activated_at", UtcDateTime),
    Column("deactivated_at", UtcDateTime),
    created_at(),
    created_at("updated_at"),
    Index("idx_regime_params_active", "symbol", "timeframe", "regime", "is_active"),
    Index("idx_regime_params_sharpe", text("sharpe_ratio DESC")),
    Index("idx_regime_params_run", "optimization_run_id", "trial_number"),
    Index(
        "uq_regime_params_active",
        "symbol",
        "timeframe",
        "regime",
        unique=True,
        sqlite_where=text("is_active = TRUE"),
    ),
    sqlite_autoincrement=True,
)

deployment_configs = Table(
    "deployment_configs",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("symbol", String(20), nullable=False),
    Column("timeframe", String(10), nullable=False),
    Column("deployment_mode", String(20), nullable=False),
    Column("global_params_id", Integer, ForeignKey("regime_parameters.id")),
    Column("regime_params_mapping", Text),
    created_at("deployed_at"),
    Column("deployed_by", String(100)),
    Column("is_active", Boolean, server_default=text("TRUE")),
    Column("deactivated_at", UtcDateTime),
    Column("performance_metrics", Text),
    Column("notes", Text),
    Index("idx_deployment_active", "symbol", "timeframe", "is_active"),
    Index("idx_deployment_date", text("deployed_at DESC")),
    Index(
        "uq_deployment_active",
        "symbol",
        "timeframe",
        unique=True,
        sqlite_where=text("is_active = TRUE"),
    ),
    sqlite_autoincrement=True,
)

# The number of trials ever made deflates every later Sharpe ratio, so it must not shrink by deleting a run. Triggers see to it,
# and no foreign key: the run of a trial, a search, a stop or a proposal may have been archived (migration 0007).
trial_ledger = Table(
    "trial_ledger",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run_id", Integer, nullable=False),
    Column("trial_number", Integer, nullable=False),
    Column("fold", Integer, nullable=False),
    Column("phase", String(20), nullable=False),
    Column("seed", String(40), nullable=False),
    Column("params_sha256", String(64), nullable=False),
    Column("n_periods", Integer, nullable=False),
    Column("sharpe_per_period", Float, nullable=False),
    Column("objectives_json", Text, nullable=False),
    Column("test_json", Text),
    Column("state", String(20), nullable=False),
    created_at(),
    Column("genome", LargeBinary),
    Column("violation", Float, nullable=False, server_default=text("0")),
    UniqueConstraint("run_id", "trial_number", name="uq_trial_number"),
)

optimization_searches = Table(
    "optimization_searches",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run_id", Integer, nullable=False),
    Column("search", Integer, nullable=False),
    Column("phase", String(20), nullable=False),
    Column("regime", String(20), nullable=False),
    Column("engine", String(20), nullable=False),
    Column("first_number", Integer, nullable=False),
    Column("n_planned", Integer, nullable=False),
    Column("window_start", UtcDateTime, nullable=False),
    Column("window_end", UtcDateTime, nullable=False),
    Column("n_done", Integer, nullable=False),
    Column("hypervolume", Float),
    Column("reason", String(20)),
    Column("worker", String(200)),
    Column("heartbeat_at", UtcDateTime),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("population", Text),
    UniqueConstraint("run_id", "search", name="uq_search"),
    sqlite_autoincrement=True,
)

optimization_stops = Table(
    "optimization_stops",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run_id", Integer, nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("asked_by", String(100), nullable=False),
    Column("reason", Text, nullable=False),
    Index("idx_stops_run", "run_id"),
    sqlite_autoincrement=True,
)
