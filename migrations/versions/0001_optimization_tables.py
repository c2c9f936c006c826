"""Optimization: runs with their archive, trials with parameters and results, what they proposed and what is deployed."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make them."""
    _make_runs()
    _make_parameters()
    _make_results()
    _make_regime_parameters()
    _make_deployments()
    _make_trial_ledger()


def downgrade() -> None:
    """Remove them, children before parents."""
    op.drop_table("trial_ledger")
    op.drop_table("deployment_configs")
    op.drop_table("regime_parameters")
    op.drop_table("optimization_results")
    op.drop_table("optimization_parameters")
    op.drop_table("optimization_runs_archive")
    op.drop_table("optimization_runs")


def _make_runs() -> None:
    op.create_table(
        "optimization_runs",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("run_uuid", sa.String(36), nullable=False, unique=True),
        sa.Column("symbol", sa.String(20), nullable=False),
        sa.Column("timeframe", sa.String(10), nullable=False),
        sa.Column("optimization_method", sa.String(20), nullable=False),
        sa.Column("regime_mode", sa.String(20), nullable=False),
        sa.Column("start_date", sa.DateTime(), nullable=False),
        sa.Column("end_date", sa.DateTime(), nullable=False),
        sa.Column("n_trials", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("best_sharpe", sa.Float()),
        sa.Column("best_max_drawdown", sa.Float()),
        sa.Column("best_win_rate", sa.Float()),
        sa.Column("best_profit_factor", sa.Float()),
        sa.Column("total_duration_sec", sa.Integer()),
        sa.Column("created_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
        sa.Column("updated_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
        sa.Column("notes", sa.Text()),
        sqlite_autoincrement=True,
    )
    op.create_index("idx_run_created_at", "optimization_runs", [sa.text("created_at DESC")])
    op.create_index("idx_run_status", "optimization_runs", ["status"])
    op.create_index("idx_run_symbol_timeframe", "optimization_runs", ["symbol", "timeframe"])
    op.create_table(
        "optimization_runs_archive",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("run_uuid", sa.String(36), nullable=False, unique=True),
        sa.Column("symbol", sa.String(20), nullable=False),
        sa.Column("timeframe", sa.String(10), nullable=False),
        sa.Column("optimization_method", sa.String(20), nullable=False),
        sa.Column("regime_mode", sa.String(20), nullable=False),
        sa.Column("start_date", sa.DateTime(), nullable=False),
        sa.Column("end_date", sa.DateTime(), nullable=False),
        sa.Column("n_trials", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("best_sharpe", sa.Float()),
        sa.Column("best_max_drawdown", sa.Float()),
        sa.Column("best_win_rate", sa.Float()),
        sa.Column("best_profit_factor", sa.Float()),
        sa.Column("total_duration_sec", sa.Integer()),
        sa.Column("created_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
        sa.Column("updated_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
        sa.Column("notes", sa.Text()),
        sa.Column("archived_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
    )
    op.create_index("idx_archive_symbol_timeframe", "optimization_runs_archive", ["symbol", "timeframe"])


def _make_parameters() -> None:
    op.create_table(
        "optimization_parameters",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("run_id", sa.Integer(), sa.ForeignKey("optimization_runs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("trial_number", sa.Integer(), nullable=False),
        sa.Column("regime", sa.String(20)),
        sa.Column("parameter_group", sa.String(50), nullable=False),
        sa.Column("parameter_name", sa.String(100), nullable=False),
        sa.Column("parameter_value", sa.Text(), nullable=False),
        sa.Column("parameter_type", sa.String(20), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
        sa.UniqueConstraint("run_id", "trial_number", "regime", "parameter_group", "parameter_name", name="uq_params_trial"),
        sqlite_autoincrement=True,
    )
    op.create_index("idx_params_group", "optimization_parameters", ["parameter_group"])
    op.create_index("idx_params_regime", "optimization_parameters", ["regime"])
    op.create_index("idx_params_run_trial", "optimization_parameters", ["run_id", "trial_number"])


def _make_results() -> None:
    op.create_table(
        "optimization_results",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("run_id", sa.Integer(), sa.ForeignKey("optimization_runs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("trial_number", sa.Integer(), nullable=False),
        sa.Column("regime", sa.String(20)),
        sa.Column("total_return", sa.Float(), nullable=False),
        sa.Column("total_return_pct", sa.Float(), nullable=False),
        sa.Column("sharpe_ratio", sa.Float(), nullable=False),
        sa.Column("sortino_ratio", sa.Float(), nullable=False),
        sa.Column("calmar_ratio", sa.Float(), nullable=False),
        sa.Column("max_drawdown", sa.Float(), nullable=False),
        sa.Column("max_drawdown_pct", sa.Float(), nullable=False),
        sa.Column("win_rate", sa.Float(), nullable=False),
        sa.Column("profit_factor", sa.Float(), nullable=False),
        sa.Column("total_trades", sa.Integer(), nullable=False),
        sa.Column("winning_trades", sa.Integer(), nullable=False),
        sa.Column("losing_trades", sa.Integer(), nullable=False),
        sa.Column("avg_win", sa.Float(), nullable=False),
        sa.Column("avg_loss", sa.Float(), nullable=False),
        sa.Column("expectancy", sa.Float(), nullable=False),
        sa.Column("total_costs", sa.Float(), nullable=False),
        sa.Column("avg_holding_time_hrs", sa.Float(), nullable=False),
        sa.Column("objective_value", sa.Float(), nullable=False),
        sa.Column("is_pareto_optimal", sa.Boolean(), server_default=sa.text("FALSE")),
        sa.Column("created_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
        sqlite_autoincrement=True,
    )
    op.create_index("idx_results_drawdown", "optimization_results", ["max_drawdown_pct"])
    op.create_index(
        "idx_results_pareto",
        "optimization_results",
        ["is_pareto_optimal"],
        sqlite_where=sa.text("is_pareto_optimal = TRUE"),
        postgresql_where=sa.text("is_pareto_optimal = TRUE"),
    )
    op.create_index("idx_results_run_trial", "optimization_results", ["run_id", "trial_number"])
    op.create_index("idx_results_sharpe", "optimization_results", [sa.text("sharpe_ratio DESC")])


def _make_regime_parameters() -> None:
    op.create_table(
        "regime_parameters",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("symbol", sa.String(20), nullable=False),
        sa.Column("timeframe", sa.String(10), nullable=False),
        sa.Column("regime", sa.String(20), nullable=False),
        sa.Column("optimization_run_id", sa.Integer(), sa.ForeignKey("optimization_runs.id"), nullable=False),
        sa.Column("trial_number", sa.Integer(), nullable=False),
        sa.Column("parameters_json", sa.Text(), nullable=False),
        sa.Column("sharpe_ratio", sa.Float(), nullable=False),
        sa.Column("max_drawdown_pct", sa.Float(), nullable=False),
        sa.Column("win_rate", sa.Float(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("FALSE")),
        sa.Column("activated_at", sa.DateTime()),
        sa.Column("deactivated_at", sa.DateTime()),
        sa.Column("created_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
        sa.Column("updated_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
        sqlite_autoincrement=True,
    )
    op.create_index("idx_regime_params_active", "regime_parameters", ["symbol", "timeframe", "regime", "is_active"])
    op.create_index("idx_regime_params_sharpe", "regime_parameters", [sa.text("sharpe_ratio DESC")])
    op.create_index(
        "uq_regime_params_active",
        "regime_parameters",
        ["symbol", "timeframe", "regime"],
        unique=True,
        sqlite_where=sa.text("is_active = TRUE"),
        postgresql_where=sa.text("is_active = TRUE"),
    )


def _make_deployments() -> None:
    op.create_table(
        "deployment_configs",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("symbol", sa.String(20), nullable=False),
        sa.Column("timeframe", sa.String(10), nullable=False),
        sa.Column("deployment_mode", sa.String(20), nullable=False),
        sa.Column("global_params_id", sa.Integer(), sa.ForeignKey("regime_parameters.id")),
        sa.Column("regime_params_mapping", sa.Text()),
        sa.Column("deployed_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
        sa.Column("deployed_by", sa.String(100)),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("TRUE")),
        sa.Column("deactivated_at", sa.DateTime()),
        sa.Column("performance_metrics", sa.Text()),
        sa.Column("notes", sa.Text()),
        sqlite_autoincrement=True,
    )
    op.create_index("idx_deployment_active", "deployment_configs", ["symbol", "timeframe", "is_active"])
    op.create_index("idx_deployment_date", "deployment_configs", [sa.text("deployed_at DESC")])
    op.create_index(
        "uq_deployment_active",
        "deployment_configs",
        ["symbol", "timeframe"],
        unique=True,
        sqlite_where=sa.text("is_active = TRUE"),
        postgresql_where=sa.text("is_active = TRUE"),
    )


def _make_trial_ledger() -> None:
    op.create_table(
        "trial_ledger",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("run_id", sa.Integer(), sa.ForeignKey("optimization_runs.id", ondelete="RESTRICT"), nullable=False),
        sa.Column("trial_number", sa.Integer(), nullable=False),
        sa.Column("fold", sa.Integer(), nullable=False),
        sa.Column("phase", sa.String(20), nullable=False),
        sa.Column("seed", sa.String(40), nullable=False),
        sa.Column("params_sha256", sa.String(64), nullable=False),
        sa.Column("n_periods", sa.Integer(), nullable=False),
        sa.Column("sharpe_per_period", sa.Float(), nullable=False),
        sa.Column("objectives_json", sa.Text(), nullable=False),
        sa.Column("test_json", sa.Text()),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
        sa.UniqueConstraint("run_id", "trial_number", name="uq_trial_number"),
    )
