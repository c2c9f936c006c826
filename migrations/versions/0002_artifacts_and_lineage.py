"""Lineage: what was made of what, the append-only chain of facts, and the evidence a deployment rests on."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SQLITE_NO_UPDATE = """
CREATE TRIGGER lineage_ledger_no_update BEFORE UPDATE ON lineage_ledger
BEGIN SELECT RAISE(ABORT, 'lineage_ledger is append-only'); END
"""
SQLITE_NO_DELETE = """
CREATE TRIGGER lineage_ledger_no_delete BEFORE DELETE ON lineage_ledger
BEGIN SELECT RAISE(ABORT, 'lineage_ledger is append-only'); END
"""
POSTGRES_FUNCTION = """
CREATE FUNCTION lineage_ledger_append_only() RETURNS trigger AS $$
BEGIN RAISE EXCEPTION 'lineage_ledger is append-only'; END
$$ LANGUAGE plpgsql
"""
POSTGRES_TRIGGER = """
CREATE TRIGGER lineage_ledger_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON lineage_ledger
FOR EACH STATEMENT EXECUTE FUNCTION lineage_ledger_append_only()
"""


def upgrade() -> None:
    """Make them."""
    _make_artifacts()
    _make_edges()
    _make_lineage_ledger()
    _make_gate_results()
    _make_deployment_evidence()
    _forbid_changes()


def downgrade() -> None:
    """Remove them, children before parents."""
    _allow_changes()
    op.drop_table("deployment_evidence")
    op.drop_table("gate_results")
    op.drop_table("lineage_ledger")
    op.drop_table("artifact_heads")
    op.drop_table("artifact_inputs")
    op.drop_table("artifacts")


def _make_artifacts() -> None:
    op.create_table(
        "artifacts",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("asset", sa.String(100), nullable=False),
        sa.Column("symbol", sa.String(20), nullable=False),
        sa.Column("timeframe", sa.String(10), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("recipe_sha256", sa.String(64), nullable=False),
        sa.Column("rows", sa.BigInteger()),
        sa.Column("code_sha256", sa.String(64), nullable=False),
        sa.Column("commit_sha", sa.String(64), nullable=False),
        sa.Column("dirty_sha256", sa.String(64)),
        sa.Column("lock_sha256", sa.String(64), nullable=False),
        sa.Column("settings_json", sa.Text(), nullable=False),
        sa.Column("seed", sa.String(40)),
        sa.Column("summary_json", sa.Text(), nullable=False),
        sa.Column("dagster_run_id", sa.String(64), nullable=False),
        sa.Column("mlflow_run_id", sa.String(64)),
        sa.Column("model_name", sa.String(256)),
        sa.Column("model_version", sa.String(20)),
        sa.Column("created_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
    )
    op.create_index("idx_artifacts_partition", "artifacts", ["asset", "symbol", "timeframe", "created_at"])
    op.create_index("idx_artifacts_recipe", "artifacts", ["recipe_sha256"])


def _make_edges() -> None:
    op.create_table(
        "artifact_inputs",
        sa.Column("child_id", sa.String(64), sa.ForeignKey("artifacts.id"), primary_key=True),
        sa.Column("parent_id", sa.String(64), sa.ForeignKey("artifacts.id"), primary_key=True),
        sa.Column("role", sa.String(100), primary_key=True),
        sa.Column("sha256", sa.String(64), nullable=False),
    )
    op.create_index("idx_artifact_inputs_parent", "artifact_inputs", ["parent_id"])
    op.create_table(
        "artifact_heads",
        sa.Column("asset", sa.String(100), primary_key=True),
        sa.Column("symbol", sa.String(20), primary_key=True),
        sa.Column("timeframe", sa.String(10), primary_key=True),
        sa.Column("artifact_id", sa.String(64), sa.ForeignKey("artifacts.id"), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
    )


def _make_lineage_ledger() -> None:
    op.create_table(
        "lineage_ledger",
        sa.Column("seq", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("created_at", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(50), nullable=False),
        sa.Column("payload_json", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
    )


def _make_gate_results() -> None:
    op.create_table(
        "gate_results",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("parameter_set_id", sa.String(64), sa.ForeignKey("artifacts.id"), nullable=False),
        sa.Column("gate", sa.String(100), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("limit_value", sa.Float(), nullable=False),
        sa.Column("comparison", sa.String(5), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
    )
    op.create_index("uq_gate_results_gate", "gate_results", ["parameter_set_id", "gate"], unique=True)


def _make_deployment_evidence() -> None:
    op.create_table(
        "deployment_evidence",
        sa.Column("deployment_id", sa.Integer(), sa.ForeignKey("deployment_configs.id"), primary_key=True, autoincrement=False),
        sa.Column("broker", sa.String(50), nullable=False),
        sa.Column("parameter_set_id", sa.String(64), sa.ForeignKey("artifacts.id"), nullable=False),
        sa.Column("params_sha256", sa.String(64), nullable=False),
        sa.Column("model_id", sa.String(64), sa.ForeignKey("artifacts.id"), nullable=False),
        sa.Column("calibration_id", sa.String(64), sa.ForeignKey("artifacts.id"), nullable=False),
        sa.Column("validation_id", sa.String(64), sa.ForeignKey("artifacts.id"), nullable=False),
        sa.Column("override_reason", sa.Text()),
        sa.Column("previous_id", sa.Integer(), sa.ForeignKey("deployment_configs.id")),
        sa.Column("commit_sha", sa.String(64), nullable=False),
        sa.Column("dirty_sha256", sa.String(64)),
        sa.Column("lock_sha256", sa.String(64), nullable=False),
        sa.Column("dagster_run_id", sa.String(64), nullable=False),
        sa.Column("activated_at", sa.DateTime(), nullable=False),
    )


def _forbid_changes() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(POSTGRES_FUNCTION)
        op.execute(POSTGRES_TRIGGER)
    else:
        op.execute(SQLITE_NO_UPDATE)
        op.execute(SQLITE_NO_DELETE)


def _allow_changes() -> None:
    # The triggers go with the table; only PostgreSQL's function outlives it.
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER lineage_ledger_append_only ON lineage_ledger")
        op.execute("DROP FUNCTION lineage_ledger_append_only()")
