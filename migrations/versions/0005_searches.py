"""Searches of a run, requests to stop one, and the genome of every trial, so that a search can go on from the ledger alone."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and columns; trials that are there have no genome, and cannot be gone on from."""
    op.add_column("trial_ledger", sa.Column("genome", sa.LargeBinary()))
    op.add_column("trial_ledger", sa.Column("violation", sa.Float(), nullable=False, server_default="0"))
    op.create_table(
        "optimization_searches",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("run_id", sa.Integer(), sa.ForeignKey("optimization_runs.id", ondelete="RESTRICT"), nullable=False),
        sa.Column("search", sa.Integer(), nullable=False),
        sa.Column("phase", sa.String(20), nullable=False),
        sa.Column("regime", sa.String(20), nullable=False),
        sa.Column("engine", sa.String(20), nullable=False),
        sa.Column("first_number", sa.Integer(), nullable=False),
        sa.Column("n_planned", sa.Integer(), nullable=False),
        sa.Column("window_start", sa.DateTime(), nullable=False),
        sa.Column("window_end", sa.DateTime(), nullable=False),
        sa.Column("n_done", sa.Integer(), nullable=False),
        sa.Column("hypervolume", sa.Float()),
        sa.Column("reason", sa.String(20)),
        sa.Column("worker", sa.String(200)),
        sa.Column("heartbeat_at", sa.DateTime()),
        sa.Column("started_at", sa.DateTime()),
        sa.Column("ended_at", sa.DateTime()),
        sa.Column("population", sa.Text()),
        sa.UniqueConstraint("run_id", "search", name="uq_search"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "optimization_stops",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("run_id", sa.Integer(), sa.ForeignKey("optimization_runs.id", ondelete="RESTRICT"), nullable=False),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.Column("asked_by", sa.String(100), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("idx_stops_run", "optimization_stops", ["run_id"])


def downgrade() -> None:
    """Remove them, and what was told in them."""
    op.drop_index("idx_stops_run", "optimization_stops")
    op.drop_table("optimization_stops")
    op.drop_table("optimization_searches")
    with op.batch_alter_table("trial_ledger") as table:
        table.drop_column("violation")
        table.drop_column("genome")
