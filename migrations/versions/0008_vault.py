"""The vault's openings: who looked at the days that no search saw, for which set, and what they showed."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "vault_openings",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("symbol", sa.String(20), nullable=False),
        sa.Column("timeframe", sa.String(10), nullable=False),
        sa.Column("parameter_set_id", sa.String(64), sa.ForeignKey("artifacts.id"), nullable=False),
        sa.Column("params_sha256", sa.String(64), nullable=False),
        sa.Column("window_start", sa.DateTime(), nullable=False),
        sa.Column("window_end", sa.DateTime(), nullable=False),
        sa.Column("look", sa.Integer(), nullable=False),
        sa.Column("opened_by", sa.String(100), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(), nullable=False),
        sa.Column("result_json", sa.Text()),
        sa.UniqueConstraint("symbol", "timeframe", "params_sha256", "window_start", "window_end", name="uq_vault_opening"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Remove it, and with it how often each window was looked at; the lineage ledger still knows."""
    op.drop_table("vault_openings")
