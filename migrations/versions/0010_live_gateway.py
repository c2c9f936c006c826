"""The gateway of any broker: what orders and fills were worth, closes, raw events, denials, equity by day, starts, flattening."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

INTENT_COLUMNS = ("stop_distance", "target_distance", "signal_price", "bid", "ask")
COST_COLUMNS = ("spread_cost", "slippage", "impact", "swap", "fee")
MONEY_COLUMNS = ("gross_profit", "balance", "bid", "ask")
EQUITY_COLUMNS = ("day_start_equity", "high_water", "lowest", "last_equity")
NEW_TABLES = ("closes", "broker_events", "guard_denials", "equity_marks", "gateway_starts", "flatten_requests")


def upgrade() -> None:
    """Orders that are there were market orders, sent once; what their fills cost besides commission was not kept."""
    _change_intents()
    _change_fills()
    with op.batch_alter_table("positions") as table:
        table.add_column(sa.Column("closed_units", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
        table.add_column(sa.Column("protected_at", sa.DateTime()))
    op.execute("UPDATE positions SET closed_units = units WHERE state <> 'open'")
    _make_closes()
    _make_events()
    _make_denials()
    _make_equity_marks()
    _move_day_starts()
    _make_requests()


def downgrade() -> None:
    """Of a signal that was sent twice the second, smaller order cannot be kept; the lineage ledger still knows it."""
    for name in NEW_TABLES:
        op.drop_table(name)
    with op.batch_alter_table("positions") as table:
        table.drop_column("protected_at")
        table.drop_column("closed_units")
    with op.batch_alter_table("fills") as table:
        for name in ("order_kind", *COST_COLUMNS, *MONEY_COLUMNS, "balance_version"):
            table.drop_column(name)
    op.execute("DELETE FROM order_intents WHERE retry > 0")
    with op.batch_alter_table("order_intents") as table:
        table.drop_constraint("uq_order_intent", type_="unique")
        table.create_unique_constraint("order_intents_signal_key_key", ["signal_key"])
        for name in ("order_type", "retry", "filled_units", "guards_json", *INTENT_COLUMNS):
            table.drop_column(name)


def _change_intents() -> None:
    # SQLite keeps the constraint without a name, PostgreSQL names it as the convention does.
    named = {"uq": "%(table_name)s_%(column_0_name)s_key"}
    with op.batch_alter_table("order_intents", naming_convention=named) as table:
        table.add_column(sa.Column("order_type", sa.String(20), nullable=False, server_default=sa.text("'market'")))
        table.add_column(sa.Column("retry", sa.Integer(), nullable=False, server_default=sa.text("0")))
        table.add_column(sa.Column("filled_units", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
        table.add_column(sa.Column("guards_json", sa.Text()))
        for name in INTENT_COLUMNS:
            table.add_column(sa.Column(name, sa.Float()))
        table.drop_constraint("order_intents_signal_key_key", type_="unique")
        table.create_unique_constraint("uq_order_intent", ["signal_key", "retry"])
    op.execute("UPDATE order_intents SET filled_units = units WHERE state = 'FILLED'")


def _change_fills() -> None:
    with op.batch_alter_table("fills") as table:
        table.add_column(sa.Column("order_kind", sa.String(20), nullable=False, server_default=sa.text("'market'")))
        for name in COST_COLUMNS:
            table.add_column(sa.Column(name, sa.Float(), nullable=False, server_default=sa.text("0")))
        for name in MONEY_COLUMNS:
            table.add_column(sa.Column(name, sa.Float()))
        table.add_column(sa.Column("balance_version", sa.BigInteger()))


def _stamp(name: str = "created_at") -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp())


def _make_closes() -> None:
    op.create_table(
        "closes",
        sa.Column("close_id", sa.String(64), primary_key=True),
        sa.Column("account", sa.String(100), nullable=False),
        sa.Column("position_id", sa.String(64), nullable=False),
        sa.Column("symbol", sa.String(20), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("units_before", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("sent_at", sa.DateTime()),
        sa.Column("order_id", sa.String(64)),
        sa.Column("detail", sa.Text()),
        _stamp(),
        _stamp("updated_at"),
    )
    op.create_index("idx_closes_account_state", "closes", ["account", "state"])
    op.create_index("idx_closes_position", "closes", ["position_id"])


def _make_events() -> None:
    op.create_table(
        "broker_events",
        sa.Column("seq", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("account", sa.String(100), nullable=False),
        sa.Column("received_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
        sa.Column("source", sa.String(10), nullable=False),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("frame", sa.LargeBinary(), nullable=False),
    )
    op.create_index("idx_broker_events_account", "broker_events", ["account", "seq"])


def _make_denials() -> None:
    op.create_table(
        "guard_denials",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("account", sa.String(100), nullable=False),
        sa.Column("symbol", sa.String(20), nullable=False),
        sa.Column("signal_key", sa.String(200), nullable=False),
        sa.Column("client_order_id", sa.String(64)),
        sa.Column("guard", sa.String(40), nullable=False),
        sa.Column("found", sa.Text(), nullable=False),
        sa.Column("allowed", sa.Text(), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        _stamp(),
    )
    op.create_index("idx_guard_denials_account", "guard_denials", ["account", "created_at"])
    op.create_index("idx_guard_denials_signal", "guard_denials", ["signal_key"])


def _make_equity_marks() -> None:
    op.create_table(
        "equity_marks",
        sa.Column("account", sa.String(100), primary_key=True),
        sa.Column("fx_day", sa.Integer(), primary_key=True),
        *(sa.Column(name, sa.Float(), nullable=False) for name in EQUITY_COLUMNS),
        _stamp("updated_at"),
    )  # fmt: skip


def _move_day_starts() -> None:
    """The day that an account has begun stays begun: its loss is measured from the same equity after the migration."""
    rows = op.get_bind().execute(
        sa.text("SELECT account, detail_json FROM risk_events WHERE kind = 'fx_day_started' ORDER BY id")
    )
    latest = {account: json.loads(detail) for account, detail in rows}
    marks = sa.table("equity_marks", *map(sa.column, ("account", "fx_day", *EQUITY_COLUMNS)))
    for account, detail in latest.items():
        equity = dict.fromkeys(EQUITY_COLUMNS, float(detail["equity"]))
        op.execute(sa.insert(marks).values(account=account, fx_day=int(detail["fx_day"]), **equity))


def _make_requests() -> None:
    op.create_table(
        "gateway_starts",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("account", sa.String(100), nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        _stamp("started_at"),
        sa.Column("ended_at", sa.DateTime()),
        sa.Column("reason", sa.Text()),
    )
    op.create_index("idx_gateway_starts_account", "gateway_starts", ["account", "started_at"])
    op.create_table(
        "flatten_requests",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("account", sa.String(100), nullable=False),
        sa.Column("asked_by", sa.String(100), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        _stamp("asked_at"),
        sa.Column("done_at", sa.DateTime()),
        sa.Column("detail", sa.Text()),
    )
    op.create_index("idx_flatten_requests_account", "flatten_requests", ["account", "done_at"])
