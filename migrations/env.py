"""Alembic's entry: runs revisions on the connection that `fxgpt_core.registry.migration` (or a test) hands over."""

from alembic import context

from fxgpt_core.registry import artifact_tables, deployment_tables, gateway_tables, live_tables, tables

# Every module of tables adds itself to the one metadata when it is imported.
TABLE_MODULES = (tables, artifact_tables, deployment_tables, live_tables, gateway_tables)

connection = context.config.attributes.get("connection")
if connection is None:
    raise RuntimeError("no connection was handed over; migrate with `fxgpt setup`, not with the alembic command")

context.configure(connection=connection, target_metadata=tables.metadata, transaction_per_migration=False)
context.run_migrations()
