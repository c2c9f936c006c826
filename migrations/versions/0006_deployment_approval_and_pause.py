"""What lets a deployment trade: approvals, policies, pauses, and the grounds of each deployment."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make them; deployments that are there stand on no approval, and stay as they are."""
    _make_approvals()
    _make_policies()
    _make_pauses()
    _make_grounds()


def downgrade() -> None:
    """Remove them, children before parents."""
    op.drop_table("deployment_grounds")
    op.drop_table("deployment_pauses")
    op.drop_table("deployment_policies")
    op.drop_table("deployment_approvals")


def _make_approvals() -> None:
    op.create_table(
        "deployment_approvals",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("symbol", sa.String(20), nullable=False),
        sa.Column("timeframe", sa.String(10), nullable=False),
        sa.Column("parameter_set_id", sa.String(64), sa.ForeignKey("artifacts.id"), nullable=False),
        sa.Column("verdict", sa.String(10), nullable=False),
        sa.Column("ground", sa.String(10), nullable=False),
        sa.Column("by", sa.String(100), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("board_sha256", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
    )
    op.create_index("idx_approvals_parameter_set", "deployment_approvals", ["symbol", "timeframe", "parameter_set_id"])


def _make_policies() -> None:
    op.create_table(
        "deployment_policies",
        sa.Column("symbol", sa.String(20), primary_key=True),
        sa.Column("timeframe", sa.String(10), primary_key=True),
        sa.Column("policy", sa.String(10), nullable=False),
        sa.Column("minimum_improvement", sa.Float(), nullable=False),
        sa.Column("by", sa.String(100), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
    )


def _make_pauses() -> None:
    op.create_table(
        "deployment_pauses",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("symbol", sa.String(20), nullable=False),
        sa.Column("timeframe", sa.String(10), nullable=False),
        sa.Column("paused_by", sa.String(100), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("paused_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
        sa.Column("resumed_by", sa.String(100)),
        sa.Column("resume_reason", sa.Text()),
        sa.Column("resumed_at", sa.DateTime()),
    )
    op.create_index(
        "uq_pause_open",
        "deployment_pauses",
        ["symbol", "timeframe"],
        unique=True,
        sqlite_where=sa.text("resumed_at IS NULL"),
        postgresql_where=sa.text("resumed_at IS NULL"),
    )


def _make_grounds() -> None:
    op.create_table(
        "deployment_grounds",
        sa.Column("deployment_id", sa.Integer(), sa.ForeignKey("deployment_configs.id"), primary_key=True, autoincrement=False),
        sa.Column("approval_id", sa.Integer(), sa.ForeignKey("deployment_approvals.id"), nullable=False),
        sa.Column("regime_fallbacks_json", sa.Text(), nullable=False),
    )
