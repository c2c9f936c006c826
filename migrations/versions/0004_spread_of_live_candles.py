"""Candles of the feed keep the spread where a provider tells it: paper trading pays it, as the backtest does."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the column; candles that are there tell none."""
    op.add_column("live_candles", sa.Column("spread", sa.Float()))


def downgrade() -> None:
    """Remove it, and what was told in it."""
    with op.batch_alter_table("live_candles") as table:
        table.drop_column("spread")
