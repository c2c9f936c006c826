"""Looks into the vault besides its opening: the verb that played the days, and no stored parameter set where it had none."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is there was looked at by `vault`."""
    with op.batch_alter_table("vault_openings") as table:
        table.add_column(sa.Column("verb", sa.String(20), nullable=False, server_default=sa.text("'vault'")))
        table.alter_column("parameter_set_id", existing_type=sa.String(64), nullable=True)


def downgrade() -> None:
    """Looks of no stored set cannot be kept; the lineage ledger still knows them."""
    op.execute("DELETE FROM vault_openings WHERE parameter_set_id IS NULL")
    with op.batch_alter_table("vault_openings") as table:
        table.alter_column("parameter_set_id", existing_type=sa.String(64), nullable=False)
        table.drop_column("verb")
